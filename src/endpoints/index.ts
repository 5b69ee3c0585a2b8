// VideoPilot has no client: its endpoints are registered in its dashboard only.
export { type BackfillOptions, type BackfillResult, backfill, type RecoveringRouter } from "./backfill.ts";
export type { CallOptions, ClientOptions, EndpointFetch, WriteOptions } from "./client-options.ts";
export type {
  CreatedEndpoint,
  EndpointChanges,
  EndpointSettings,
  EventTypeInfo,
  RotatedSecret,
  ScopedEndpointSettings,
  WebhookEndpoint,
} from "./endpoint.ts";
export { EndpointError, type EndpointErrorCode, type EndpointErrorOptions, isEndpointError } from "./endpoint-error.ts";
export {
  createHeyGenClient,
  type HeyGenClient,
  type HeyGenClientOptions,
  type HeyGenCredential,
  type HeyGenHistoryEvent,
  type HistoryFilter,
} from "./heygen-client.ts";
export { createHeyGenV1Client } from "./heygen-v1-client.ts";
export {
  createKlingClient,
  type KlingClient,
  type KlingClientOptions,
  type KlingEndpointEvent,
  type KlingEndpointSettings,
} from "./kling-client.ts";
export { createKonProClient, type KonProClient, type KonProClientOptions, type KonProEndpointEvent } from "./konpro-client.ts";
export type { Page, PageOptions } from "./pages.ts";
export type { V1Endpoints } from "./v1-endpoints.ts";
