import type { HeyGenEventType } from "../providers/heygen.ts";
import { createApi } from "./api.ts";
import { describeHeyGen, type HeyGenClientOptions } from "./heygen-client.ts";
import { createV1Endpoints, type V1Endpoints } from "./v1-endpoints.ts";

/**
 * Makes a client for the webhook endpoints of HeyGen's API, version 1.
 *
 * @deprecated HeyGen has announced version 1 as supported until 2026-10-31, which has passed, so it may be switched off without notice. Use
 * `createHeyGenClient`. This is for endpoints that were registered by version 1, and the secrets that were not stored then.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 * @see https://docs.heygen.com/reference/add-a-webhook-endpoint (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createHeyGenV1Client } from "video-webhooks/endpoints";
 *
 * const client = createHeyGenV1Client({ apiKey: "an-api-key" });
 * const removeAll = async () => {
 *   for (const { id } of await client.list()) await client.delete(id);
 * };
 * ```
 */
export function createHeyGenV1Client(options: HeyGenClientOptions): V1Endpoints<HeyGenEventType> {
  // Its pages know url and events only, and show null for all of them.
  return createV1Endpoints(createApi(describeHeyGen(options), options), { allEvents: null, takesEntityId: false });
}
