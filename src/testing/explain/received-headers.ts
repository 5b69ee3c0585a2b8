import { type HeaderSource, headerValue } from "../../delivery.ts";

/** The headers of a delivery by lower case name, with every value that arrived. */
export type ReceivedHeaders = ReadonlyMap<string, readonly string[]>;

const MOST_HEADERS = 200;
const MOST_CHARACTERS = 8192;

/**
 * Lists headers, of any source.
 *
 * @param known names to ask a reader for that does not tell its own
 */
export function receivedHeaders(source: HeaderSource, known: readonly string[]): ReceivedHeaders {
  const found = new Map<string, string[]>();
  const add = (name: unknown, value: unknown): void => {
    if (typeof name !== "string" || found.size >= MOST_HEADERS) return;
    const values = (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === "string");
    const key = name.toLowerCase();
    const short = values.filter((each) => each.length <= MOST_CHARACTERS);
    if (short.length > 0) found.set(key, [...(found.get(key) ?? []), ...short]);
  };
  if (typeof source !== "object" || source === null) return found;
  if (Symbol.iterator in source) {
    for (const entry of source as unknown as Iterable<unknown>) if (Array.isArray(entry)) add(entry[0], entry[1]);
  } else if (typeof source.get === "function") {
    for (const name of new Set(known)) add(name, source.get(name));
  } else {
    for (const [name, value] of Object.entries(source)) add(name, value);
  }
  return found;
}

/** Those of some headers that arrived, but that the check cannot find in the form in which the headers were given. */
export function unreadableHeaders(source: HeaderSource, headers: ReceivedHeaders, names: readonly string[]): readonly string[] {
  return names.filter((name) => headers.has(name) && headerValue(source, name) === undefined);
}

/** The length that was announced, where there is one that is a number. */
export function announcedLength(headers: ReceivedHeaders): number | undefined {
  const [value, ...more] = headers.get("content-length") ?? [];
  return value !== undefined && more.length === 0 && /^[0-9]{1,15}$/.test(value) ? Number(value) : undefined;
}

/** A digest in a header, whatever surrounds it. */
export interface Sighting {
  readonly header: string;
  /** The 32 bytes as canonical base64; of `folded` ones the letters as they are. */
  readonly digest: string;
  readonly encoding: "hex" | "base64" | "URL-safe base64";
  /** Base64 that has lost its upper or its lower case letters. */
  readonly folded: boolean;
  /** What stands before it, such as `sha256=`. */
  readonly prefix: string;
  /** What is wrapped around the value. */
  readonly wrap: "white space" | "quotes" | undefined;
  /** Whether the header arrived more than once, or its value is a list with commas. */
  readonly repeated: boolean;
}

/** The beginning of a digest in a header that holds nothing else. */
export interface Fragment {
  readonly header: string;
  readonly prefix: string;
  readonly digits: string;
  readonly encoding: "hex" | "base64";
}

const MOST_SIGHTINGS = 40;

// 32 bytes as hex, as base64, or as base64 for URLs; nothing that goes on before or behind.
const digestForm =
  /(?<![A-Za-z0-9+/])(?:[0-9A-Fa-f]{64}(?![A-Za-z0-9+/=_-])|[A-Za-z0-9+/]{43}(?:=(?!=)|(?![A-Za-z0-9+/=_-])))|(?<![\w-])[\w-]{43}(?:=(?!=)|(?![\w=+/-]))/g;

/** Finds what could be a digest of HMAC-SHA256 in any header. */
export function sightingsIn(headers: ReceivedHeaders): readonly Sighting[] {
  const found: Sighting[] = [];
  for (const [header, values] of headers) {
    for (const value of values) {
      const { core, wrap } = unwrap(value);
      const matched = [...core.matchAll(digestForm)];
      // A repeated header may have been joined with commas, which never follow a digest otherwise.
      const repeated = values.length > 1 || matched.some(({ 0: digits, index }) => /^\s*,/.test(core.slice(index + digits.length)));
      let end = 0;
      for (const { 0: digits, index } of matched) {
        if (found.length >= MOST_SIGHTINGS) return found;
        const prefix = prefixOf(core.slice(end, index), end > 0);
        end = index + digits.length;
        found.push({ header, prefix, wrap, repeated, ...read(digits) });
      }
    }
  }
  return found;
}

/** Reads the beginning of a digest out of each header. */
export function fragmentsIn(headers: ReceivedHeaders): readonly Fragment[] {
  const found: Fragment[] = [];
  for (const [header, [value = ""]] of headers) {
    const { core } = unwrap(value);
    const [, prefix = "", digits = ""] = /^((?:[A-Za-z0-9]{1,8}[=,])*)([A-Za-z0-9+/]+)=?$/.exec(core) ?? [];
    if (/^[0-9A-Fa-f]{16,63}$/.test(digits)) found.push({ header, prefix, digits: digits.toLowerCase(), encoding: "hex" });
    if (/^[A-Za-z0-9+/]{12,42}$/.test(digits)) found.push({ header, prefix, digits, encoding: "base64" });
  }
  return found;
}

/** Takes white space and quotes off a value. */
export function unwrap(value: string): { readonly core: string; readonly wrap: Sighting["wrap"] } {
  const trimmed = value.trim();
  const unquoted = /^(["'])(.*)\1$/.exec(trimmed)?.[2]?.trim();
  if (unquoted !== undefined) return { core: unquoted, wrap: "quotes" };
  return { core: trimmed, wrap: trimmed === value ? undefined : "white space" };
}

/** What stands between the digest before, or the beginning, and a digest. */
function prefixOf(before: string, isFurther: boolean): string {
  const text = isFurther ? before.replace(/^[\s,;]+/, "") : before;
  // The last part: of "t=1700000000,v1=" that is "v1=", but "v1," is one.
  return /(?:^|[\s;]|,(?=[A-Za-z0-9]+=$))([^\s;]*)$/.exec(text)?.[1] ?? text;
}

function read(digits: string): Pick<Sighting, "digest" | "encoding" | "folded"> {
  if (/^[0-9A-Fa-f]{64}$/.test(digits)) {
    const bytes = (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
    return { digest: btoa(String.fromCharCode(...bytes)), encoding: "hex", folded: false };
  }
  const isUrlSafe = /[-_]/.test(digits) || !digits.endsWith("=");
  const digest = `${digits.replace(/=$/, "").replaceAll("-", "+").replaceAll("_", "/")}=`;
  const folded = !/[a-z]/.test(digits) || !/[A-Z]/.test(digits);
  return { digest, encoding: isUrlSafe ? "URL-safe base64" : "base64", folded };
}
