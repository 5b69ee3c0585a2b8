/** Why a call of a provider's API failed. */
export type EndpointErrorCode =
  /** The credential is missing, wrong, or may not do this. */
  | "unauthorized"
  /** There is no such endpoint. */
  | "not_found"
  /** The state of the resource does not allow it, or another call with this idempotency key is under way. */
  | "conflict"
  /** Too many calls; `retryAfterSeconds` says when the next is welcome, if the API does. */
  | "rate_limited"
  /** The API refuses what it was asked, such as a URL that does not answer its probe. */
  | "invalid_request"
  /** The API failed, or could not be reached. */
  | "unavailable"
  /** No answer came in time. */
  | "timeout"
  /** The signal was aborted; its reason is the `cause`. */
  | "aborted"
  /** What came is no answer of this API: a redirect, not JSON, too large, or without a field that must be there. */
  | "unexpected_answer";

/** What an {@link EndpointError} says beside its message. */
export interface EndpointErrorOptions {
  /** The provider's name. */
  readonly provider: string;
  /**
   * The HTTP status, where there was an answer.
   * @default none
   */
  readonly status?: number | undefined;
  /**
   * The provider's own code, as text.
   * @default none
   */
  readonly providerCode?: string | undefined;
  /**
   * The provider's own words, if they are short and repeat nothing that is secret.
   * @default none
   */
  readonly providerMessage?: string | undefined;
  /**
   * What the provider's support asks for.
   * @default none
   */
  readonly requestId?: string | undefined;
  /**
   * How long the API wants to be left alone.
   * @default none
   */
  readonly retryAfterSeconds?: number | undefined;
  /**
   * What was thrown below, where something was.
   * @default none
   */
  readonly cause?: unknown;
}

// A registered symbol, since `instanceof` fails between the ESM and the CommonJS copy of a package (pitfall P55).
const brand: unique symbol = Symbol.for("video-webhooks.endpoint-error") as never;

/**
 * A call of a provider's API failed. Neither the message nor a member contains the credential, a secret or the address of a webhook. Test
 * with {@link isEndpointError} rather than `instanceof`.
 */
export class EndpointError extends Error {
  /** A literal, to tell it from other errors. */
  override readonly name = "EndpointError";
  /** A stable fact in lower snake case. */
  readonly code: EndpointErrorCode;
  /** The provider's name. */
  readonly provider: string;
  /** The HTTP status, where there was an answer. */
  declare readonly status?: number;
  /** The provider's own code, as text. */
  declare readonly providerCode?: string;
  /** The provider's own words, if they are short and repeat nothing that is secret. */
  declare readonly providerMessage?: string;
  /** What the provider's support asks for. */
  declare readonly requestId?: string;
  /** How long the API wants to be left alone. */
  declare readonly retryAfterSeconds?: number;

  constructor(code: EndpointErrorCode, message: string, options: EndpointErrorOptions) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.provider = options.provider;
    if (options.status !== undefined) this.status = options.status;
    if (options.providerCode !== undefined) this.providerCode = options.providerCode;
    if (options.providerMessage !== undefined) this.providerMessage = options.providerMessage;
    if (options.requestId !== undefined) this.requestId = options.requestId;
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether a value is an {@link EndpointError}, also one of another copy of this library.
 *
 * @example
 * ```ts
 * import { createHeyGenClient, isEndpointError } from "video-webhooks/endpoints";
 *
 * const client = createHeyGenClient({ apiKey: "an-api-key" });
 * try {
 *   await client.delete("ep_1");
 * } catch (error) {
 *   if (!isEndpointError(error) || error.code !== "not_found") throw error;
 * }
 * ```
 */
export function isEndpointError(value: unknown): value is EndpointError {
  return typeof value === "object" && value !== null && (value as { [brand]?: unknown })[brand] === true;
}
