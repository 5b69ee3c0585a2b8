// Signs as the providers do, through WebCrypto: nothing of the library and not the primitives it uses.

const encoder = new TextEncoder();

async function hmac(key: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/** The raw body as bytes of their own. */
export function toBytes(body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof body === "string" ? encoder.encode(body) : new Uint8Array(body);
}

/** HMAC-SHA256 over the body as 64 lower case hex digits; the secret is used whole. */
export async function signHex(secret: string | Uint8Array, body: string | Uint8Array): Promise<string> {
  const digest = await hmac(toBytes(secret), toBytes(body));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The three headers of Standard Webhooks; `secret` is `whsec_` and base64. */
export async function signStandardWebhooks(
  secret: string,
  message: { readonly id: string; readonly timestamp: number | string; readonly body: string | Uint8Array },
): Promise<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>> {
  const key = Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0));
  const prefix = encoder.encode(`${message.id}.${message.timestamp}.`);
  const body = toBytes(message.body);
  const data = new Uint8Array(prefix.length + body.length);
  data.set(prefix);
  data.set(body, prefix.length);
  const digest = await hmac(key, data);
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(message.timestamp),
    "webhook-signature": `v1,${btoa(String.fromCharCode(...digest))}`,
  };
}

/** {@link signStandardWebhooks} with the body apart. */
export function standardHeaders(
  secret: string,
  message: { readonly id: string; readonly timestamp: number | string },
  body: string | Uint8Array,
): Promise<Record<string, string>> {
  return signStandardWebhooks(secret, { id: message.id, timestamp: message.timestamp, body });
}
