import { type HeaderSource, headerValue } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import type { Refusal } from "../refusal.ts";
import { equalBase64, hmacBase64Digest, hmacKey } from "./hmac.ts";
import type { SignatureScheme } from "./scheme.ts";
import { checkMaxAge, checkSecret } from "./secret.ts";

const ID = "webhook-id";
const TIMESTAMP = "webhook-timestamp";
const SIGNATURE = "webhook-signature";
const SECRET_PREFIX = "whsec_";

/** Signatures beyond this number are not looked at (pitfall P21). */
const MOST_SIGNATURES = 10;

// No dots: they would shift the boundaries in `id.timestamp.body` (pitfall P42).
const idForm = /^[A-Za-z0-9_-]{1,256}$/;
// Fifteen digits stay within the safe integers (pitfall P25).
const timestampForm = /^(?:0|[1-9][0-9]{0,14})$/;
const signatureForm = /^v1,[A-Za-z0-9+/]{43}=$/;
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Options of {@link standardWebhooks}. */
export interface StandardWebhooksOptions {
  /**
   * How old, or how far ahead, a delivery may be, in seconds. An endpoint's own `maxAgeSeconds` goes first.
   * @default 300
   */
  readonly maxAgeSeconds?: number;
}

/**
 * Whether a secret has the form of Standard Webhooks: `whsec_` and strict base64.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function isStandardWebhooksSecret(secret: string): boolean {
  return secret.length > SECRET_PREFIX.length && secret.startsWith(SECRET_PREFIX) && base64Form.test(secret.slice(SECRET_PREFIX.length));
}

/**
 * The scheme of Standard Webhooks: base64 HMAC-SHA256 over `id.timestamp.body`, in a list of space-separated signatures of which
 * only `v1` counts. The secret is `whsec_` and base64; the decoded bytes are the key.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { standardWebhooks } from "video-webhooks";
 *
 * const signature = standardWebhooks({ maxAgeSeconds: 600 });
 * ```
 */
export function standardWebhooks(options: StandardWebhooksOptions = {}): SignatureScheme {
  const { maxAgeSeconds = 300 } = options;
  checkMaxAge(maxAgeSeconds);
  const headers = [ID, TIMESTAMP, SIGNATURE];
  return {
    name: "standard-webhooks",
    headers,
    maxAgeSeconds,
    check(secret) {
      const key = hmacKey(decodeSecret(secret));
      return function checkStandardWebhooks(source, rawBody) {
        const id = single(source, ID);
        if (typeof id === "object") return id;
        const timestamp = single(source, TIMESTAMP);
        if (typeof timestamp === "object") return timestamp;
        const signatures = single(source, SIGNATURE);
        if (typeof signatures === "object") return signatures;
        if (!idForm.test(id)) return { refused: "signature_malformed", headers: [ID], length: id.length };
        if (!timestampForm.test(timestamp)) return { refused: "timestamp_malformed", headers: [TIMESTAMP] };
        const candidates = readSignatures(signatures);
        if (candidates === undefined) return { refused: "signature_malformed", headers: [SIGNATURE], length: signatures.length };
        const digest = hmacBase64Digest(key, `${id}.${timestamp}.`, rawBody);
        for (const candidate of candidates) {
          if (equalBase64(digest, candidate, 3)) return { matched: true, id, timestampSeconds: Number(timestamp) };
        }
        return { refused: "signature_mismatch", headers: [SIGNATURE], length: rawBody.length };
      };
    },
  };
}

function single(source: HeaderSource, name: string): string | Refusal {
  const value = headerValue(source, name);
  if (value === undefined) return { refused: "signature_missing", headers: [name] };
  return typeof value === "string" ? value : { refused: "signature_malformed", headers: [name], length: value.length };
}

/**
 * The `v1` signatures of a list, at most ten. Other versions are passed over, as the specification asks; a `v1` entry of the wrong
 * form, and the commas that a repeated header leaves behind (pitfall P20), make the whole list malformed.
 */
function readSignatures(list: string): readonly string[] | undefined {
  const found: string[] = [];
  for (const entry of list.split(" ", MOST_SIGNATURES)) {
    if (signatureForm.test(entry)) found.push(entry);
    else if (entry.startsWith("v1,") || entry.endsWith(",")) return undefined;
  }
  return found.length === 0 ? undefined : found;
}

function decodeSecret(secret: string): Uint8Array {
  checkSecret(secret);
  if (!isStandardWebhooksSecret(secret)) {
    throw new ConfigurationError(
      `A Standard Webhooks secret is "${SECRET_PREFIX}" followed by base64, but the given one is not. Copy it whole, as the provider shows it.`,
    );
  }
  const key = Uint8Array.from(atob(secret.slice(SECRET_PREFIX.length)), (character) => character.charCodeAt(0));
  if (key.every((byte) => byte === 0)) {
    throw new ConfigurationError("The secret decodes to zero bytes only, which equals no key at all.");
  }
  return key;
}
