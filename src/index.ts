export type { FetchHandler } from "./adapters/fetch.ts";
export type { ReadBody } from "./body.ts";
export type { DeliveryHeaders, HandlerContext } from "./context.ts";
export type { Delivery, HeaderReader, HeaderSource, Receiver, WaitUntil } from "./delivery.ts";
export type { DispatchResult } from "./dispatch.ts";
export {
  type AnyWebhookError,
  ConfigurationError,
  type ConfigurationErrorCode,
  DeliveryError,
  type DeliveryErrorCode,
  HandlerError,
  type HandlerErrorCode,
  isWebhookError,
  StoreError,
  type StoreErrorCode,
  VerificationError,
  type VerificationErrorCode,
  WebhookError,
  type WebhookErrorCode,
  type WebhookErrorOptions,
} from "./errors.ts";
export type { HandledResult, HandleOptions } from "./handle.ts";
export type { Claim, ClaimOptions, IdempotencyStore, JobState } from "./idempotency/store.ts";
export type { AcceptOptions, InboxEvent, InboxIntake } from "./inbox/intake.ts";
export {
  toVideoJob,
  type VideoJob,
  type VideoJobKind,
  type VideoJobOutput,
  type VideoJobOutputParts,
  type VideoJobParts,
  type VideoJobStatus,
} from "./job.ts";
export type { Logger } from "./log.ts";
export { type Answer, type Outcome, type OutcomeResult, toAnswer } from "./outcome.ts";
export type { EventFor, EventPattern, FamilyOf, KnownPattern, TypesOf } from "./pattern.ts";
export {
  type AuthenticationOptions,
  defineProvider,
  type EndpointOptions,
  type EventSchema,
  type EventSchemas,
  type EventsOf,
  type JsonObject,
  lazyEvents,
  type MaxAgeOptions,
  type OutputOf,
  type Provider,
  type ProviderDefinition,
  type ProviderFactory,
  type ProviderOptions,
} from "./provider.ts";
export type { Recovery } from "./recover.ts";
export type { Refusal } from "./refusal.ts";
export type { ErrorContext, ErrorHandler } from "./report.ts";
export {
  type AnyRouter,
  createRouter,
  type DispatchContext,
  type EventHandler,
  type JobHandler,
  type Router,
  type RouterOptions,
  type UnknownEvent,
} from "./router.ts";
export { Discard, RetryLater, type RetryLaterOptions } from "./signals.ts";
export type { Authenticate, Authenticated, Authenticity, SecretAnswer, SecretRequest, SecretSource } from "./signature/authenticate.ts";
export { type HexFormat, type HmacHexOptions, hmacHex } from "./signature/hmac-hex.ts";
export type { SignatureCheck, SignatureMatch, SignatureScheme } from "./signature/scheme.ts";
export { type StandardWebhooksOptions, standardWebhooks } from "./signature/standard-webhooks.ts";
export type { Telemetry, TelemetryEnd, TelemetryRun, TelemetrySource } from "./telemetry.ts";
export { type VerifyOptions, verify } from "./verify.ts";
