import crypto, { type KeyObject } from "node:crypto";

/** A secret prepared for HMAC-SHA256, so that a delivery costs one hash and no key set-up. */
export type HmacKey = KeyObject;

/** Prepares the bytes of a secret. Callers have checked that they are not empty. */
export function hmacKey(secret: string | Uint8Array): HmacKey {
  return typeof secret === "string" ? crypto.createSecretKey(secret, "utf8") : crypto.createSecretKey(secret);
}

/** HMAC-SHA256 over bytes, as 64 lower case hex digits: cheaper than a buffer in Node.js. */
export function hmacHexDigest(key: HmacKey, body: Uint8Array | string): string {
  return crypto.createHmac("sha256", key).update(body).digest("hex");
}

/** HMAC-SHA256 over a prefix and bytes, as 44 base64 characters. The parts are hashed in turn, never joined as text. */
export function hmacBase64Digest(key: HmacKey, prefix: string, body: Uint8Array): string {
  return crypto.createHmac("sha256", key).update(prefix).update(body).digest("base64");
}

/** SHA-256 as 64 lower case hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return crypto.createHash("sha256").update(data).digest("hex");
}

// Encoded digests are compared in reused bytes. From filling to comparing everything is synchronous, so that no other delivery
// comes in between.
const hex = { length: 64, given: new Uint8Array(64), expected: new Uint8Array(64) };
const base64 = { length: 44, given: new Uint8Array(44), expected: new Uint8Array(44) };

/**
 * Compares two encoded digests in constant time: 64 hex digits, or 44 base64 characters. The caller has checked length and
 * alphabet, so no character of `given` that is not ASCII gets here (pitfall P2).
 *
 * @param start where the digest begins in `given`
 */
export function equalDigests(expected: string, given: string, start = 0): boolean {
  const scratch = expected.length === hex.length ? hex : base64;
  const { length } = scratch;
  if (expected.length !== length || given.length - start !== length) return false;
  for (let index = 0; index < length; index++) {
    scratch.expected[index] = expected.charCodeAt(index);
    scratch.given[index] = given.charCodeAt(start + index);
  }
  // Senders may spell hex digits in upper case; base64 must not be touched.
  if (scratch === hex) for (let index = 0; index < length; index++) scratch.given[index] = lowerCase(hex.given[index] as number);
  return crypto.timingSafeEqual(scratch.expected, scratch.given);
}

// Sets the bit that separates "A" from "a"; digits have it set already.
const lowerCase = (code: number): number => code | 0x20;

/** Compares texts of any length in constant time, by their digests. */
export function equalTexts(left: string, right: string): boolean {
  return equalDigests(sha256Hex(left), sha256Hex(right));
}
