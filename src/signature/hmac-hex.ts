import { headerValue } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import { equalHex, hmacHexDigest, hmacKey } from "./hmac.ts";
import type { SignatureScheme } from "./scheme.ts";
import { checkSecret } from "./secret.ts";

/** Which spelling of a hex signature is accepted: with the prefix `sha256=`, or bare. */
export type HexFormat = "sha256=" | "hex";

const PREFIX = "sha256=";
const DIGITS = 64;

/**
 * Finds the 64 hex digits in a header value.
 *
 * @returns where they start, or -1 when the value has any other form
 */
export function hexDigitsStart(value: string, format: HexFormat | undefined): number {
  let start: number;
  if (value.length === DIGITS && format !== PREFIX) start = 0;
  else if (value.length === PREFIX.length + DIGITS && format !== "hex" && value.startsWith(PREFIX)) start = PREFIX.length;
  else return -1;
  for (let index = start; index < value.length; index++) if (!isHexDigit(value.charCodeAt(index))) return -1;
  return start;
}

function isHexDigit(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66;
}

/** Options of {@link hmacHex}. */
export interface HmacHexOptions {
  /** Names to look for, in this order: the first header that is present and well formed decides. */
  readonly headers: readonly string[];
  /**
   * Accept only this spelling.
   * @default both
   */
  readonly format?: HexFormat;
}

/**
 * The scheme "HMAC-SHA256 over the raw body, as hex": `sha256=` + 64 hex digits or the bare digits, in either letter case. The
 * secret is used whole, as UTF-8; nothing is stripped from it.
 *
 * @throws {@link ConfigurationError} for an empty list of headers or a name that is none
 *
 * @example
 * ```ts
 * import { hmacHex } from "video-webhooks";
 *
 * const signature = hmacHex({ headers: ["x-clipforge-signature"], format: "sha256=" });
 * ```
 */
export function hmacHex(options: HmacHexOptions): SignatureScheme {
  const headers = toHeaderNames(options.headers);
  const { format } = options;
  return {
    name: "hmac-sha256-hex",
    headers,
    check(secret) {
      checkSecret(secret);
      const key = hmacKey(secret);
      return function checkHmacHex(source, rawBody) {
        let found: string | undefined;
        let length = 0;
        for (const name of headers) {
          const value = headerValue(source, name);
          if (value === undefined) continue;
          const start = typeof value === "string" ? hexDigitsStart(value, format) : -1;
          if (start >= 0) {
            return equalHex(hmacHexDigest(key, rawBody), value as string, start)
              ? match
              : { refused: "signature_mismatch", headers: [name], length: rawBody.length };
          }
          found = name;
          length = value.length;
        }
        return found === undefined
          ? { refused: "signature_missing", headers }
          : { refused: "signature_malformed", headers: [found], length };
      };
    },
    withHeaders: (names) => hmacHex({ ...options, headers: names }),
  };
}

// The body is all that this scheme signs, so there is nothing more to report.
const match = { matched: true } as const;

/** Checks header names and brings them to lower case. */
export function toHeaderNames(names: readonly string[]): readonly string[] {
  if (!Array.isArray(names as unknown) || names.length === 0)
    throw new ConfigurationError("At least one header name is needed to find a signature.");
  for (const name of names) {
    // RFC 9110, section 5.1: a field name is a token.
    if (typeof name !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw new ConfigurationError("A signature header name has characters that no HTTP header can have.");
    }
  }
  return names.map((name) => name.toLowerCase());
}
