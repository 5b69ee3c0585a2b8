import { ConfigurationError } from "../errors.ts";
import { hmacBase64Digest, hmacHexDigest, hmacKey } from "../signature/hmac.ts";
import { checkSecret } from "../signature/secret.ts";
import { isStandardWebhooksSecret } from "../signature/standard-webhooks.ts";

/** Where {@link signHmacHex} puts the signature. */
export interface SignHmacHexOptions {
  /** The name of the header. */
  readonly header: string;
  /**
   * What stands before the 64 digits, such as `"sha256="`.
   * @default ""
   */
  readonly prefix?: string | undefined;
}

/**
 * Signs a body as a sender does that uses HMAC-SHA256 over the raw body, as lower case hex: HeyGen, and with the prefix `sha256=`
 * VideoPilot. The secret is used whole.
 *
 * @returns the one header that such a sender adds
 * @throws {@link ConfigurationError} for a secret that no endpoint could have
 *
 * @example
 * ```ts
 * import { signHmacHex } from "video-webhooks/testing";
 *
 * const body = JSON.stringify({ kind: "clip.done", clip: "c_1" });
 * const headers = signHmacHex(body, "a-long-secret", { header: "x-clipforge-signature", prefix: "sha256=" });
 * console.log(Object.keys(headers));
 * ```
 */
export function signHmacHex(rawBody: Uint8Array | string, secret: string, options: SignHmacHexOptions): Record<string, string> {
  checkSecret(secret);
  const { header, prefix = "" } = options;
  return { [header]: prefix + hmacHexDigest(hmacKey(secret), rawBody) };
}

/** What {@link signStandardWebhooks} signs beside the body. */
export interface SignStandardWebhooksOptions {
  /** The id of the message, the same for each attempt to deliver it. */
  readonly id: string;
  /**
   * Unix seconds.
   * @default now
   */
  readonly timestamp?: number | undefined;
}

/** The headers of {@link signStandardWebhooks}. */
export type StandardWebhooksHeaders = Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>;

/**
 * Signs a body by Standard Webhooks, as Kling does. Id and time are signed as they are given, sensible or not, so that a test can send
 * what a receiver has to refuse.
 *
 * @returns the three headers that such a sender adds
 * @throws {@link ConfigurationError} for a secret that is not `whsec_` and base64
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * @example
 * ```ts
 * import { signStandardWebhooks } from "video-webhooks/testing";
 *
 * const headers = signStandardWebhooks("{}", "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=", { id: "msg_1" });
 * console.log(headers["webhook-id"]);
 * ```
 */
export function signStandardWebhooks(
  rawBody: Uint8Array | string,
  secret: string,
  options: SignStandardWebhooksOptions,
): StandardWebhooksHeaders {
  checkSecret(secret);
  if (!isStandardWebhooksSecret(secret)) {
    throw new ConfigurationError('Standard Webhooks needs a secret of "whsec_" followed by base64, but the given one is not.');
  }
  const { id, timestamp = Math.floor(Date.now() / 1000) } = options;
  const key = hmacKey(Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0)));
  const bytes = typeof rawBody === "string" ? new TextEncoder().encode(rawBody) : rawBody;
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${hmacBase64Digest(key, `${id}.${timestamp}.`, bytes)}`,
  };
}
