import { sha256Hex } from "../signature/hmac.ts";
import { isStandardWebhooksSecret } from "../signature/standard-webhooks.ts";
import { signHmacHex, signStandardWebhooks } from "./sign.ts";

/** What is signed beside the body, where a scheme signs more. */
export interface SignedParts {
  readonly messageId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How a sender signs its deliveries. */
export interface Signing {
  /** The header that carries the signature, in lower case. */
  readonly signatureHeader: string;
  /** Whether a time is signed that is not part of the body. */
  readonly signsTime: boolean;
  sign(rawBody: Uint8Array, secret: string, parts: SignedParts): Record<string, string>;
}

/** HMAC-SHA256 over the raw body as hex, in a header. */
export function hexSigning(header: string, prefix?: string): Signing {
  return {
    signatureHeader: header.toLowerCase(),
    signsTime: false,
    sign: (rawBody, secret) => signHmacHex(rawBody, secret, { header: header.toLowerCase(), prefix }),
  };
}

/** Standard Webhooks. */
export const standardSigning: Signing = {
  signatureHeader: "webhook-signature",
  signsTime: true,
  sign: (rawBody, secret, { messageId, now }) =>
    signStandardWebhooks(rawBody, secret, { id: messageId, timestamp: Math.floor(now / 1000) }),
};

/** Another secret of the same form, so that it selects the same scheme. */
export function otherSecret(secret: string): string {
  const digest = sha256Hex(`other ${secret}`);
  return isStandardWebhooksSecret(secret) ? `whsec_${btoa(digest.slice(0, 32))}` : `whsec-of-another-endpoint-${digest.slice(0, 32)}`;
}
