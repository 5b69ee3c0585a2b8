// Signs as the providers do, through WebCrypto and without the library, so that the receiver is checked by something else than itself.

const encoder = new TextEncoder();

async function hmac(key: Uint8Array<ArrayBuffer>, data: string): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(data)));
}

/** HMAC-SHA256 of a body as hex, the secret used whole: HeyGen, KonPro, and behind `sha256=` VideoPilot. */
export async function hexSignature(secret: string, body: string): Promise<string> {
  const digest = await hmac(encoder.encode(secret), body);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The headers of Standard Webhooks: Kling. The secret is `whsec_` and base64. */
export async function standardWebhooksHeaders(secret: string, body: string): Promise<Record<string, string>> {
  const key = Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0));
  const id = `msg_${crypto.randomUUID()}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const digest = await hmac(key, `${id}.${timestamp}.${body}`);
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${btoa(String.fromCharCode(...digest))}` };
}
