import type { HeaderSource } from "../delivery.ts";
import type { Refusal } from "../refusal.ts";

/** What a scheme found in a delivery that holds. Everything in it is covered by the signature. */
export interface SignatureMatch {
  /** Says so expressly: anything else that a check returns, such as a forgotten promise, refuses the delivery. */
  readonly matched: true;
  /** The id of the message, where the scheme signs one. */
  readonly id?: string;
  /** Unix seconds, where the scheme signs a time. */
  readonly timestampSeconds?: number;
}

/** Checks one delivery against one secret. It never throws for anything a sender can send. */
export type SignatureCheck = (headers: HeaderSource, rawBody: Uint8Array) => SignatureMatch | Refusal;

/**
 * A way of signing deliveries. Implement it for a provider whose scheme is neither {@link hmacHex} nor
 * {@link standardWebhooks}: compare in constant time, work on the bytes, accept one form only.
 */
export interface SignatureScheme {
  /** For documentation and diagnosis, such as `"hmac-sha256-hex"`. */
  readonly name: string;
  /** The headers that are read, in lower case. */
  readonly headers: readonly string[];
  /** How far a `timestampSeconds` of this scheme may be away, unless the endpoint says otherwise; absent: any distance. */
  readonly maxAgeSeconds?: number;
  /**
   * Prepares a secret, once.
   *
   * @throws {@link ConfigurationError} when the scheme cannot use it
   */
  check(secret: string): SignatureCheck;
  /** The same scheme reading other headers; absent where the scheme fixes their names. */
  withHeaders?(headers: readonly string[]): SignatureScheme;
}
