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
const hexExpected = new Uint8Array(64);
const hexGiven = new Uint8Array(64);
const base64Expected = new Uint8Array(44);
const base64Given = new Uint8Array(44);

// Sets the bit that separates "A" from "a"; digits have it set already.
const LOWER_CASE = 0x20;

/**
 * Compares 64 hex digits in constant time, in either letter case. The caller has checked length and alphabet, so no character that is
 * not ASCII gets here (pitfall P2).
 *
 * @param start where the digits begin in `given`
 */
export function equalHex(expected: string, given: string, start: number): boolean {
  if (expected.length !== 64 || given.length - start !== 64) return false;
  for (let index = 0; index < 64; index++) {
    hexExpected[index] = expected.charCodeAt(index);
    hexGiven[index] = given.charCodeAt(start + index) | LOWER_CASE;
  }
  return crypto.timingSafeEqual(hexExpected, hexGiven);
}

/**
 * Compares 44 base64 characters in constant time. The caller has checked length and alphabet.
 *
 * @param start where the characters begin in `given`
 */
export function equalBase64(expected: string, given: string, start: number): boolean {
  if (expected.length !== 44 || given.length - start !== 44) return false;
  for (let index = 0; index < 44; index++) {
    base64Expected[index] = expected.charCodeAt(index);
    base64Given[index] = given.charCodeAt(start + index);
  }
  return crypto.timingSafeEqual(base64Expected, base64Given);
}

/** Compares texts of any length in constant time, by their digests. */
export function equalTexts(left: string, right: string): boolean {
  return equalHex(sha256Hex(left), sha256Hex(right), 0);
}
