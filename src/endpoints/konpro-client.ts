import { createApi } from "./api.ts";
import { type ClientOptions, checkCredential } from "./client-options.ts";
import { createV1Endpoints, type V1Endpoints } from "./v1-endpoints.ts";

/** Options of {@link createKonProClient}. */
export interface KonProClientOptions extends ClientOptions {
  /** `undefined` throws at construction. */
  readonly apiKey: string | undefined;
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
export function createKonProClient(options: KonProClientOptions): V1Endpoints {
  const secret = checkCredential("apiKey", options.apiKey, "KonPro");
  const credential = { header: "x-api-key", value: secret, secret };
  // Its pages show endpoints without a code, and 100 elsewhere.
  const successCodes = [100, 200, 201];
  return createV1Endpoints(
    createApi({ provider: "konpro", title: "KonPro", baseUrl: "https://api.konpro.ai", credential, successCodes }, options),
  );
}
