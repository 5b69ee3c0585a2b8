import {
  type AnyWebhookError,
  ConfigurationError,
  DeliveryError,
  type DeliveryErrorCode,
  HandlerError,
  type HandlerErrorCode,
  StoreError,
  type StoreErrorCode,
  VerificationError,
  type VerificationErrorCode,
  type WebhookErrorCode,
} from "./errors.ts";

/**
 * A failed step, as data. Steps return it instead of throwing, because building an `Error` costs as much as three
 * verifications; the error is made only when somebody listens.
 */
export interface Refusal {
  readonly refused: WebhookErrorCode;
  /** Names of the headers that were looked at, or of the one that was found. */
  readonly headers?: readonly string[];
  /** Characters or bytes of what was found. */
  readonly length?: number;
  /** How far a clock is off, in seconds. */
  readonly seconds?: number;
  /** A sentence with the line to change, for `body_already_parsed` and `configuration`. */
  readonly hint?: string;
  /** Paths and issue codes of a failed schema. */
  readonly issues?: string;
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

const size = (refusal: Refusal, unit: string): string => (refusal.length === undefined ? "" : ` of ${refusal.length} ${unit}`);
const named = (refusal: Refusal): string => refusal.headers?.map((name) => `"${name}"`).join(", ") ?? "none";
const caused = (refusal: Refusal): string => (refusal.cause instanceof Error ? ` (${refusal.cause.name})` : "");

const verification: Readonly<Record<VerificationErrorCode, (refusal: Refusal) => string>> = {
  signature_missing: (refusal) =>
    `The delivery has no signature: looked for the header ${named(refusal)}. Check that the provider signs deliveries to this endpoint and that no proxy removes the header; for unsigned callbacks use the option token.`,
  signature_malformed: (refusal) =>
    `The value${size(refusal, "characters")} of the header ${named(refusal)} does not have the form that the scheme requires. Check that the endpoint uses the scheme of this provider and that the header arrives once.`,
  signature_mismatch: (refusal) =>
    `No secret matches the signature in the header ${named(refusal)} over a body${size(refusal, "bytes")}. Usual causes: the body was parsed or changed before it was verified, or the secret belongs to another endpoint.`,
  timestamp_too_old: (refusal) =>
    `The signed timestamp is ${refusal.seconds} seconds in the past, more than maxAgeSeconds allows. The delivery was held up or replayed, or the clock of this machine is fast.`,
  timestamp_too_new: (refusal) =>
    `The signed timestamp is ${refusal.seconds} seconds in the future, more than maxAgeSeconds allows. The clock of this machine is slow, or the timestamp is not in seconds.`,
  timestamp_malformed: () =>
    "The delivery has no readable signed timestamp, and maxAgeSeconds requires one. Check the sender, or remove maxAgeSeconds where the provider sends none.",
  token_mismatch: () => "The request URL does not carry the configured token exactly once. Register the URL with ?token=… as configured.",
  secret_missing: () =>
    "The secret function returned nothing for this delivery, so it was refused. Return the secret of the tenant that the URL names.",
};

const delivery: Readonly<Record<DeliveryErrorCode, (refusal: Refusal) => string>> = {
  method_not_allowed: () => "Only POST and OPTIONS are answered. Register this URL for POST deliveries.",
  body_too_large: () =>
    "The body is larger than maxBodyBytes, and reading was stopped. Raise maxBodyBytes if the provider really sends this much.",
  body_incomplete: () => "The sender closed the connection before the body was complete. It will usually try again.",
  body_not_utf8: (refusal) =>
    `The authentic body${size(refusal, "bytes")} is not UTF-8. It may be compressed; ask the provider for plain JSON.`,
  body_not_json: (refusal) =>
    `The authentic body${size(refusal, "bytes")} is not JSON. Check that this URL is registered for webhooks of this provider.`,
  body_not_object: (refusal) =>
    `The authentic body${size(refusal, "bytes")} is JSON, but not an object, so it is no event of this provider.`,
  event_type_missing: () =>
    "The authentic body names no event type in the place where this provider puts it. Check that the endpoint belongs to this provider.",
  payload_invalid: (refusal) =>
    `The authentic payload does not fit the schema of its type: ${refusal.issues}. The provider may have changed its format; look for a newer version of this library.`,
};

const handling: Readonly<Record<HandlerErrorCode, (refusal: Refusal, place: RefusalPlace) => string>> = {
  handler_failed: (refusal, place) =>
    `A handler for ${place.type} failed${caused(refusal)}; the error is the cause. The event may be delivered again.`,
  retry_later: (refusal, place) => `A handler for ${place.type} asked to run again in ${refusal.seconds} seconds.`,
  deadline_exceeded: (_refusal, place) =>
    `The handlers for ${place.type} did not end before the deadline; they go on, and the sender was asked to retry. Move slow work out of the handler.`,
};

const storing: Readonly<Record<StoreErrorCode, (refusal: Refusal) => string>> = {
  store_unavailable: (refusal) => `The idempotency store failed${caused(refusal)}; the error is the cause. The sender was asked to retry.`,
  in_progress: () => "The same event is being handled by another run; the sender was asked to retry.",
};

const lookup = <Code extends string, Value>(table: Readonly<Record<Code, Value>>, code: string): Value | undefined =>
  Object.hasOwn(table, code) ? table[code as Code] : undefined;

/** Builds the error that `onError` receives for a refusal. */
export function toError(refusal: Refusal, place: RefusalPlace): AnyWebhookError {
  const code = refusal.refused;
  const options = {
    provider: place.provider,
    deliveryId: place.deliveryId,
    ...("cause" in refusal ? { cause: refusal.cause } : undefined),
  };
  const verify = lookup(verification, code);
  if (verify) return new VerificationError(code, verify(refusal), options) as VerificationError;
  const deliver = lookup(delivery, code);
  if (deliver) return new DeliveryError(code, deliver(refusal), options) as DeliveryError;
  const handle = lookup(handling, code);
  if (handle) return new HandlerError(code, handle(refusal, place), options) as HandlerError;
  const store = lookup(storing, code);
  if (store) return new StoreError(code, store(refusal), options) as StoreError;
  const hint = refusal.hint ?? `The receiver failed outside of the handlers${caused(refusal)}; the error is the cause.`;
  return new ConfigurationError(hint, { ...options, code: code === "body_already_parsed" ? code : "configuration" });
}
