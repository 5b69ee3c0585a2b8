import type { KonProEventType } from "../providers/konpro.ts";
import { createApi } from "./api.ts";
import { type CallOptions, type ClientOptions, checkCredential } from "./client-options.ts";
import type { CreatedEndpoint, ScopedEndpointSettings } from "./endpoint.ts";
import { createV1Endpoints, type V1Endpoints } from "./v1-endpoints.ts";

/** Options of {@link createKonProClient}. */
export interface KonProClientOptions extends ClientOptions {
  /** `undefined` throws at construction. */
  readonly apiKey: string | undefined;
}

/** The names that an endpoint of KonPro can ask for: its events, and the names in the samples of its pages. */
export type KonProEndpointEvent =
  | KonProEventType
  | "video.created"
  | "video.updated"
  | "video.completed"
  | "avatar.generated"
  | "avatar.updated"
  | "avatar.deleted";

/** Names that KonPro's pages about registration have in their samples, and that its tables of events have not. */
export const konproSampleEvents: readonly Exclude<KonProEndpointEvent, KonProEventType>[] = [
  "video.created",
  "video.updated",
  "video.completed",
  "avatar.generated",
  "avatar.updated",
  "avatar.deleted",
];

/** Manages KonPro's endpoints, which can be limited to one resource. */
export interface KonProClient extends V1Endpoints<KonProEndpointEvent> {
  /** Registers an endpoint, as {@link V1Endpoints.create} does. */
  create(settings: ScopedEndpointSettings<KonProEndpointEvent> & CallOptions): Promise<CreatedEndpoint>;
}

/**
 * Makes a client for the webhook endpoints of KonPro's API. KonPro allows 100 calls per minute.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 * @see https://docs.konpro.ai/api/add-webhook-endpoint and its neighbours (stored copies, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createKonProClient } from "video-webhooks/endpoints";
 *
 * const client = createKonProClient({ apiKey: "an-api-key" });
 * const register = () => client.create({ url: "https://app.example.com/webhooks/konpro" });
 * ```
 */
export function createKonProClient(options: KonProClientOptions): KonProClient {
  const secret = checkCredential("apiKey", options.apiKey, "KonPro");
  const credential = { header: "x-api-key", value: secret, secret };
  // Its pages show endpoints without a code, and 100 elsewhere.
  const successCodes = [100, 200, 201];
  const description = { provider: "konpro", title: "KonPro", baseUrl: "https://api.konpro.ai", credential, successCodes };
  // An empty list is what its pages say for all.
  return createV1Endpoints(createApi(description, options), { allEvents: [], takesEntityId: true });
}
