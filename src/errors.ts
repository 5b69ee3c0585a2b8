import { type OutcomeResult, statusOf } from "./outcome.ts";

/** Why a delivery is not authentic. The sender always sees the same 401. */
export type VerificationErrorCode =
  | "signature_missing"
  | "signature_malformed"
  | "signature_mismatch"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "timestamp_malformed"
  | "token_mismatch"
  | "secret_missing";

/** Why a delivery cannot be turned into an event. */
export type DeliveryErrorCode =
  | "method_not_allowed"
  | "body_too_large"
  | "body_incomplete"
  | "body_not_utf8"
  | "body_not_json"
  | "body_not_object"
  | "event_type_missing"
  | "payload_invalid";

/** Why an event was not handled. */
export type HandlerErrorCode = "handler_failed" | "retry_later" | "deadline_exceeded";

/** Why the idempotency store stopped an event from being handled. */
export type StoreErrorCode = "store_unavailable" | "in_progress";

/** What only the developer of the receiver can mend. */
export type ConfigurationErrorCode = "configuration" | "body_already_parsed" | "secret_missing";

/** Every value of `error.code`. */
export type WebhookErrorCode = VerificationErrorCode | DeliveryErrorCode | HandlerErrorCode | StoreErrorCode | ConfigurationErrorCode;

/** What an error says beside its message. */
export interface WebhookErrorOptions {
  /**
   * The provider's name, where it is known.
   * @default none
   */
  readonly provider?: string | undefined;
  /**
   * The dedupe key of the event, where it is known.
   * @default none
   */
  readonly deliveryId?: string | undefined;
  /**
   * What was thrown, by a handler, a store or a secret function.
   * @default none
   */
  readonly cause?: unknown;
}

// A registered symbol, since `instanceof` fails between the ESM and the CommonJS copy of a package (pitfall P55).
const brand: unique symbol = Symbol.for("video-webhooks.error") as never;

const verificationCodes: ReadonlySet<string> = new Set<VerificationErrorCode>([
  "signature_missing",
  "signature_malformed",
  "signature_mismatch",
  "timestamp_too_old",
  "timestamp_too_new",
  "timestamp_malformed",
  "token_mismatch",
  "secret_missing",
]);

/** The outcome that a failed check leads to. */
export function resultOf(code: WebhookErrorCode): OutcomeResult {
  return verificationCodes.has(code) ? "unauthenticated" : (code as OutcomeResult);
}

/**
 * Base of every error of this library. Messages contain lengths, types and header names, never a secret, a signature or a
 * payload. Test with {@link isWebhookError} rather than `instanceof`.
 */
export class WebhookError extends Error {
  /** The name of its class, as a literal, so that a union of errors narrows on it. */
  override readonly name: string = "WebhookError";
  /** A stable fact in lower snake case. */
  readonly code: WebhookErrorCode;
  /** The HTTP status that the sender sees for it. */
  readonly status: number;
  /** The name of the provider, where it is known. */
  readonly provider?: string;
  /** The dedupe key of the event, as in `context.id`, where it is known. */
  readonly deliveryId?: string;

  constructor(code: WebhookErrorCode, message: string, options: WebhookErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = statusOf(resultOf(code));
    if (options.provider !== undefined) this.provider = options.provider;
    if (options.deliveryId !== undefined) this.deliveryId = options.deliveryId;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** The delivery is not authentic, not fresh, or carries nothing to check. */
export class VerificationError extends WebhookError {
  override readonly name = "VerificationError";
  declare readonly code: VerificationErrorCode;
}

/** The delivery is not an event of this provider. */
export class DeliveryError extends WebhookError {
  override readonly name = "DeliveryError";
  declare readonly code: DeliveryErrorCode;
}

/** A handler failed; `cause` is what it threw, or an `AggregateError` when several did. */
export class HandlerError extends WebhookError {
  override readonly name = "HandlerError";
  declare readonly code: HandlerErrorCode;
}

/** The idempotency store or the inbox failed or holds the event for another run. */
export class StoreError extends WebhookError {
  override readonly name = "StoreError";
  declare readonly code: StoreErrorCode;
}

/** The receiver is set up wrongly; the message names the line to change. */
export class ConfigurationError extends WebhookError {
  override readonly name = "ConfigurationError";
  declare readonly code: ConfigurationErrorCode;
  override readonly status = 500;

  constructor(message: string, options: WebhookErrorOptions & { readonly code?: ConfigurationErrorCode } = {}) {
    super(options.code ?? "configuration", message, options);
  }
}

/** The classes above as a union that narrows on `name` and `code`. */
export type AnyWebhookError = VerificationError | DeliveryError | HandlerError | StoreError | ConfigurationError;

/**
 * Whether a value is an error of this library, also one of another copy of it.
 *
 * @example
 * ```ts
 * import { isWebhookError } from "video-webhooks";
 *
 * function report(error: unknown): string {
 *   return isWebhookError(error) ? error.code : "not ours";
 * }
 * ```
 */
export function isWebhookError(value: unknown): value is AnyWebhookError {
  return typeof value === "object" && value !== null && (value as { [brand]?: unknown })[brand] === true;
}
