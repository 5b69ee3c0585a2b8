import { isBytes } from "./body.ts";
import { ConfigurationError } from "./errors.ts";
import { equalHex, type HmacKey, hmacHexDigest, hmacKey } from "./signature/hmac.ts";
import { type HexFormat, hexDigitsStart } from "./signature/hmac-hex.ts";
import { checkSecret, toSecrets } from "./signature/secret.ts";

/** Options of {@link verify}. */
export interface VerifyOptions {
  /**
   * Accept only this spelling of the signature.
   * @default both
   */
  readonly scheme?: HexFormat;
}

/**
 * Checks an HMAC-SHA256 signature over a raw body in constant time: `sha256=` and 64 hex digits, or the bare digits, in upper or
 * lower case.
 *
 * It is synchronous on purpose: `if (verify(…))` on a forgotten promise would always be true.
 *
 * @param rawBody the bytes as they arrived, or their text; never a parsed object
 * @param header the value of the signature header; absent or repeated means not signed
 * @param secret the secret as the provider shows it; several while rotating
 * @returns `false` for anything a sender can get wrong; it never throws for that
 * @throws {@link ConfigurationError} for an empty or blank secret, and for a body that was parsed already
 *
 * @example
 * ```ts
 * import { verify } from "video-webhooks";
 *
 * const rawBody = '{"event":"render.completed"}';
 * const genuine = verify(rawBody, "sha256=00", "a-secret"); // false: too short
 * ```
 */
export function verify(
  rawBody: string | Uint8Array,
  header: string | readonly string[] | null | undefined,
  secret: string | readonly string[],
  options?: VerifyOptions,
): boolean {
  const body = toBody(rawBody);
  const format = toFormat(options?.scheme);
  const keys = typeof secret === "string" ? [keyOf(secret)] : toSecrets(secret).map(keyOf);
  const value: unknown = Array.isArray(header) && header.length === 1 ? header[0] : header;
  if (typeof value !== "string" || body === undefined) return false;
  const start = hexDigitsStart(value, format);
  if (start < 0) return false;
  for (const key of keys) if (equalHex(hmacHexDigest(key, body), value, start)) return true;
  return false;
}

function toBody(rawBody: unknown): string | Uint8Array | undefined {
  // Lone surrogates have no UTF-8 form: different texts would share one signature (pitfall P12).
  if (typeof rawBody === "string") return rawBody.isWellFormed() ? rawBody : undefined;
  if (isBytes(rawBody)) return rawBody;
  const found = Object.prototype.toString.call(rawBody).slice(8, -1);
  throw new ConfigurationError(
    `verify() needs the raw body as a string or Uint8Array, but got ${found}. Pass the bytes that arrived, from before any JSON parser: in Express mount express.raw({ type: "*/*" }) on this route, elsewhere use new Uint8Array(await request.arrayBuffer()).`,
    { code: "body_already_parsed" },
  );
}

function toFormat(scheme: unknown): HexFormat | undefined {
  if (scheme === undefined || scheme === "sha256=" || scheme === "hex") return scheme;
  throw new ConfigurationError('The option scheme of verify() is "sha256=" or "hex". Leave it out to accept both.');
}

/** Prepared keys; an application has a handful of secrets, so a full map means that they are made up per call. */
const MOST_KEYS = 1000;
const prepared = new Map<string, HmacKey>();

function keyOf(secret: string): HmacKey {
  let key = prepared.get(secret);
  if (key === undefined) {
    checkSecret(secret);
    if (prepared.size >= MOST_KEYS) prepared.clear();
    key = hmacKey(secret);
    prepared.set(secret, key);
  }
  return key;
}
