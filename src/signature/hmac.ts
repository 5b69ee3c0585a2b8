import crypto from "node:crypto";

/** A secret prepared for HMAC-SHA256, so that a delivery costs two hashes and no key set-up. */
export interface HmacKey {
  /** The key as RFC 2104 mixes it into the inner hash. */
  readonly inner: Uint8Array;
  /** The key as RFC 2104 mixes it into the outer hash, with room behind it for the inner digest. */
  readonly outer: Uint8Array;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** Prepares the bytes of a secret. Callers have checked that they are not empty. */
export function hmacKey(secret: string | Uint8Array): HmacKey {
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  const key = bytes.length > BLOCK_BYTES ? crypto.createHash("sha256").update(bytes).digest() : bytes;
  const inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  const outer = new Uint8Array(BLOCK_BYTES + DIGEST_BYTES).fill(0x5c);
  for (const [index, byte] of key.entries()) {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  return { inner, outer };
}

// createHmac makes a stream for every message, which takes longer than hashing a usual body does. The two hashes that RFC 2104 defines
// HMAC by, each in one call, are the same function in half the time; hmac.test.ts holds them against createHmac. Filling the buffer and
// hashing it are synchronous, so that one buffer serves all deliveries. Longer bodies and texts are hashed where they are.
const message = new Uint8Array(16_384);

function hmac(key: HmacKey, prefix: string, body: Uint8Array | string, encoding: "hex" | "base64"): string {
  const start = BLOCK_BYTES + prefix.length;
  let digest: string;
  if (typeof body === "string" || start + body.length > message.length) {
    digest = crypto.createHash("sha256").update(key.inner).update(prefix).update(body).digest("binary");
  } else {
    message.set(key.inner);
    writeAscii(message, prefix, BLOCK_BYTES);
    message.set(body, start);
    digest = crypto.hash("sha256", message.subarray(0, start + body.length), "binary");
  }
  writeAscii(key.outer, digest, BLOCK_BYTES);
  return crypto.hash("sha256", key.outer, encoding);
}

/** Writes characters as one byte each: ASCII, or the "binary" form of a digest. */
function writeAscii(target: Uint8Array, text: string, at: number): void {
  for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index);
}

/** HMAC-SHA256 over bytes or a text as UTF-8, as 64 lower case hex digits. */
export function hmacHexDigest(key: HmacKey, body: Uint8Array | string): string {
  return hmac(key, "", body, "hex");
}

/** HMAC-SHA256 over an ASCII prefix and bytes, as 44 base64 characters. The parts are never joined as text. */
export function hmacBase64Digest(key: HmacKey, prefix: string, body: Uint8Array): string {
  return hmac(key, prefix, body, "base64");
}

/** SHA-256 as 64 lower case hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return crypto.hash("sha256", data, "hex");
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
