import { InvalidArgumentError } from "commander";
import { usageFailure } from "./failure.ts";
import { printable } from "./printable.ts";
import { type ProviderName, providerNames } from "./providers.ts";
import { didYouMean } from "./suggest.ts";

/** Reads a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Reads a number of days, which may have a fraction. */
export function days(text: string): number {
  const value = Number(text);
  if (/^[0-9]+(?:\.[0-9]+)?$/.test(text) && value <= 100_000) return value;
  throw new InvalidArgumentError("It must be a number of days.");
}

/** Reads the name of a provider. */
export function providerName(text: string): ProviderName {
  const found = providerNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw usageFailure(
    `There is no provider "${printable(text, 50)}".${didYouMean(text, providerNames)} The providers are ${providerNames.join(", ")}.`,
  );
}

/** Reads an address of HTTP. */
export function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.username !== "" || url.password !== "")) {
    throw usageFailure("A URL cannot have a user name or a password in it here: no request can be made to one. Leave them out.");
  }
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new InvalidArgumentError("It must be a URL such as http://localhost:3000/webhooks/heygen.");
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a moment: ISO 8601, or how long ago it is. */
export function moment(text: string): Date {
  const [, amount, unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(Date.now() - Number(amount) * (units[unit] ?? 0));
  const date = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)?$/.test(text) ? new Date(text) : undefined;
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError("It must be a time such as 2026-11-21T10:00:00Z, or how long ago: 30m, 12h, 7d.");
}

/** Reads the name of a header. */
export function headerName(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be the name of a header, such as x-signature.");
}

/** Collects an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The same for values that may also be separated by commas. */
export function collectList(text: string, before: readonly string[] = []): readonly string[] {
  const given = text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  // An empty list would mean all here, and nothing there.
  if (given.length === 0) throw new InvalidArgumentError("It must have at least one name.");
  return [...before, ...given];
}
