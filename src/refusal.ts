import {
  type AnyWebhookError,
  ConfigurationError,
  DeliveryError,
  HandlerError,
  StoreError,
  VerificationError,
  type WebhookErrorCode,
} from "./errors.ts";
import { nameOfThrown, plain } from "./log.ts";

/**
 * A failed step, as data. Steps return it instead of throwing, because building an `Error` costs as much as three
 * verifications; the error is made only when somebody listens.
 */
export interface Refusal {
  /** Which check failed. */
  readonly refused: WebhookErrorCode;
  /** Names of the headers that were looked at, or of the one that was found. */
  readonly headers?: readonly string[];
  /** Characters or bytes of what was found. */
  readonly length?: number;
  /** How far a clock is off, or how long to wait. */
  readonly seconds?: number;
  /** A sentence with the line to change, for `body_already_parsed` and `configuration`. */
  readonly hint?: string;
  /** Paths and issue codes of a failed schema. */
  readonly issues?: string;
  /** What was thrown, by a secret function or a platform. */
  readonly cause?: unknown;
}

/** Whether a step ended in a refusal. Not for values that a sender shapes. */
export function isRefusal(value: object): value is Refusal {
  return "refused" in value;
}

/** Where a refusal happened. */
export interface RefusalPlace {
  readonly provider: string;
  readonly deliveryId?: string | undefined;
  readonly type?: string | undefined;
}

type ErrorClass = new (code: never, message: string, options: RefusalPlace & { readonly cause?: unknown }) => AnyWebhookError;

// One clause for all that it can look into.
const EXPLAIN = "explain() of video-webhooks/testing looks for the cause.";

// The class of each code, and its message: what failed, what was found, what to do. $names stand for the facts of a refusal.
const rows: Readonly<Partial<Record<WebhookErrorCode, readonly [ErrorClass, string]>>> = {
  signature_missing: [
    VerificationError,
    `No signature: looked for $headers. The provider does not sign this delivery, or a proxy removes the header. For unsigned callbacks use token. ${EXPLAIN}`,
  ],
  signature_malformed: [
    VerificationError,
    `The value of $headers ($length characters) is no signature of this scheme. Check the scheme, and that the header arrives once. ${EXPLAIN}`,
  ],
  signature_mismatch: [
    VerificationError,
    `No secret matches the signature in $headers over a body of $length bytes. Usual causes: the body was parsed or changed before, or the secret belongs to another endpoint. ${EXPLAIN}`,
  ],
  timestamp_too_old: [
    VerificationError,
    `The signed time is $seconds seconds ago, beyond maxAgeSeconds: delayed, replayed, or the clock here is fast. ${EXPLAIN}`,
  ],
  timestamp_too_new: [
    VerificationError,
    `The signed time is $seconds seconds ahead, beyond maxAgeSeconds: not in seconds, or the clock here is slow. ${EXPLAIN}`,
  ],
  timestamp_malformed: [
    VerificationError,
    `No readable signed time, which maxAgeSeconds requires. Remove maxAgeSeconds if the provider sends none. ${EXPLAIN}`,
  ],
  token_mismatch: [VerificationError, `The request URL does not carry the token exactly once. Register the URL with ?token=… ${EXPLAIN}`],
  secret_missing: [
    VerificationError,
    "The secret function returned nothing for this delivery. Return the secret of the tenant that the URL names.",
  ],
  method_not_allowed: [DeliveryError, "Only POST and OPTIONS are answered. Register this URL for POST."],
  body_too_large: [DeliveryError, "The body is larger than maxBodyBytes. Raise it if the provider really sends this much."],
  body_incomplete: [DeliveryError, "The body did not arrive whole: the sender left, or took more than 30 seconds. It usually tries again."],
  body_not_utf8: [
    DeliveryError,
    "The authentic body of $length bytes is not UTF-8. It may be compressed; ask the provider for plain JSON.",
  ],
  body_not_json: [DeliveryError, "The authentic body of $length bytes is not JSON. Check what this URL is registered for."],
  body_not_object: [DeliveryError, "The authentic body of $length bytes is no JSON object. Check what this URL is registered for."],
  event_type_missing: [
    DeliveryError,
    "The authentic body names no event type where this provider puts it. Check what this URL is registered for.",
  ],
  payload_invalid: [
    DeliveryError,
    "The authentic payload does not fit the schema of $type: $issues. Look for a newer version of video-webhooks.",
  ],
  handler_failed: [HandlerError, "A handler for $type failed ($cause). The error is the cause; the event may be delivered again."],
  retry_later: [HandlerError, "A handler for $type asked to run again in $seconds seconds."],
  deadline_exceeded: [
    HandlerError,
    "The handlers for $type missed the deadline and go on; the sender was asked to retry. Move slow work out of the handler.",
  ],
  store_unavailable: [
    StoreError,
    "The idempotency store or the inbox failed ($cause). The error is the cause; the event may be delivered or recovered again.",
  ],
  in_progress: [StoreError, "The same event is being handled by another run; the sender was asked to retry."],
};

/** Builds the error that `onError` receives for a refusal. */
export function toError(refusal: Refusal, place: RefusalPlace): AnyWebhookError {
  const { refused, hint, headers, length, seconds, issues, cause } = refusal;
  const options = { ...place, ...("cause" in refusal && { cause }) };
  const row = rows[refused];
  if (row === undefined || hint !== undefined) {
    const message = hint ?? `The receiver failed outside of the handlers (${nameOfThrown(cause)}). The error is the cause.`;
    return new ConfigurationError(message, { ...options, code: refused === "body_already_parsed" ? refused : "configuration" });
  }
  const [Class, text] = row;
  const quoted = headers?.map((name) => `"${name}"`).join(", ");
  const facts: Readonly<Record<string, unknown>> = {
    headers: quoted,
    length,
    seconds,
    issues,
    type: plain(place.type ?? ""),
    cause: nameOfThrown(cause),
  };
  // A function, since a replacement text would give the characters of a fact a meaning (pitfall P15).
  return new Class(
    refused as never,
    text.replace(/\$(\w+)/g, (_name, fact: string) => String(facts[fact])),
    options,
  );
}
