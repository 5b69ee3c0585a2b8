import { type HmacKey, hmacKey } from "../../signature/hmac.ts";
import { isStandardWebhooksSecret } from "../../signature/standard-webhooks.ts";
import type { Mistake } from "./finding.ts";
import { MOST_SECRET_CHARACTERS, repairsOf } from "./secret-repairs.ts";
import type { Family } from "./signing-forms.ts";

/** How a key is made from the text of a secret. */
type KeyUse =
  | "text"
  /** `whsec_` removed and the rest decoded, as Standard Webhooks does. */
  | "decoded"
  | "base64"
  | "url_safe"
  | "hex"
  | "prefixed"
  | "unprefixed"
  | "as_base64"
  | "as_hex"
  | "lower"
  | "upper";

/** A key that the sender may have used, and how it came from the secrets that are known. */
export interface KeyForm {
  readonly key: HmacKey;
  readonly use: KeyUse;
  /** What had to be mended in the text first. */
  readonly repairs: readonly Mistake[];
  /** Whether one of the two usual ways was used on a secret as it was given. */
  readonly plain: boolean;
}

const PREFIX = "whsec_";
const MOST_OTHERS = 50;
/** Shorter secrets may be part of any name by chance. */
const LEAST_HIDDEN = 8;

/** The keys that the sender may have used, those of the secrets as given first. */
export function keyForms(secrets: readonly string[], others: Readonly<Record<string, string>>): readonly KeyForm[] {
  const found = new Map<string, KeyForm>();
  const add = (bytes: Uint8Array | undefined, use: KeyUse, repairs: readonly Mistake[], plain = false): void => {
    if (bytes === undefined || bytes.length === 0) return;
    const name = bytes.join();
    if (!found.has(name)) found.set(name, { key: hmacKey(bytes), use, repairs, plain });
  };
  const addUsual = (text: string, repairs: readonly Mistake[], plain: boolean): void => {
    add(encoder.encode(text), "text", repairs, plain);
    if (isStandardWebhooksSecret(text)) add(fromBase64(text.slice(PREFIX.length)), "decoded", repairs, plain);
  };

  for (const secret of secrets) addUsual(secret, [], true);
  const known = [...secrets, ...Object.values(others)].filter((each) => typeof each === "string" && each.length >= LEAST_HIDDEN);
  for (const [index, [name, secret]] of Object.entries(others).entries()) {
    if (index >= MOST_OTHERS || typeof secret !== "string") continue;
    // A name is the developer's own, but may hold anything if name and secret were confused.
    const isName = /^[\w./ -]{1,200}$/.test(name) && !known.some((each) => name.includes(each));
    const shown = isName ? `"${name}"` : `number ${index + 1} of otherSecrets`;
    const mistake: Mistake = { code: "secret_other_endpoint", facts: { name: shown } };
    for (const { text, repairs } of repairsOf(secret)) addUsual(text, [mistake, ...repairs], repairs.length === 0);
  }
  for (const secret of secrets) for (const { text, repairs } of repairsOf(secret)) addUsual(text, repairs, false);
  for (const secret of secrets) {
    if (secret.length > MOST_SECRET_CHARACTERS) continue;
    for (const { text, repairs } of repairsOf(secret)) {
      const rest = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : undefined;
      if (rest === undefined) add(encoder.encode(PREFIX + text), "prefixed", repairs);
      else add(encoder.encode(rest), "unprefixed", repairs);
      add(fromBase64(rest ?? text), rest === undefined ? "base64" : "url_safe", repairs);
      add(fromHex(rest ?? text), "hex", repairs);
      add(encoder.encode(toBase64(encoder.encode(text))), "as_base64", repairs);
      add(encoder.encode(toHex(encoder.encode(text))), "as_hex", repairs);
      add(encoder.encode(text.toLowerCase()), "lower", repairs);
      add(encoder.encode(text.toUpperCase()), "upper", repairs);
    }
    const mistake: Mistake = { code: "secret_white_space", facts: { which: " of the sender, unlike this one," } };
    for (const end of ["\n", "\r\n"]) add(encoder.encode(secret + end), "text", [mistake]);
  }
  return [...found.values()];
}

/** What was done wrongly with a secret, if a scheme of this family holds under the key. */
export function keyMistakes({ use, repairs }: KeyForm, family: Family, provider: string): readonly Mistake[] {
  const mistake = family === "hex" ? asText(use, provider) : asBase64(use, provider);
  return mistake === undefined ? repairs : [...repairs, mistake];
}

function asText(use: KeyUse, provider: string): Mistake | undefined {
  if (use === "text") return undefined;
  if (use === "prefixed") return { code: "secret_prefix_stripped", facts: { provider } };
  if (use === "unprefixed") return { code: "secret_prefix_kept" };
  if (use === "hex") return { code: "secret_decoded", facts: { encoding: "hex", provider } };
  if (use === "decoded" || use === "base64" || use === "url_safe")
    return { code: "secret_decoded", facts: { encoding: "base64", provider } };
  return otherwise(use);
}

function asBase64(use: KeyUse, provider: string): Mistake | undefined {
  if (use === "decoded") return undefined;
  if (use === "base64") return { code: "secret_prefix_stripped", facts: { provider } };
  if (use === "url_safe") return { code: "secret_url_safe" };
  if (use === "hex") return { code: "secret_decoded", facts: { encoding: "hex", provider } };
  if (use === "text" || use === "prefixed" || use === "unprefixed") return { code: "secret_not_decoded", facts: { provider } };
  return otherwise(use);
}

function otherwise(use: KeyUse): Mistake {
  if (use === "lower" || use === "upper") return { code: "secret_letter_case", facts: { form: use } };
  return { code: "secret_encoded", facts: { encoding: use === "as_hex" ? "hex" : "base64" } };
}

const encoder = new TextEncoder();

function fromBase64(text: string): Uint8Array | undefined {
  const digits = text
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/(?<!=)=+$/, "");
  if (digits.length < 8 || digits.length % 4 === 1 || !/^[A-Za-z0-9+/]+$/.test(digits)) return undefined;
  return Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
}

function fromHex(text: string): Uint8Array | undefined {
  if (text.length < 16 || !/^(?:[0-9a-f]{2})+$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Bytes as lower case hex digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
