import * as z from "zod";
import { ConfigurationError } from "../errors.ts";
import { text } from "../providers/fields.ts";
import type { KlingEventType } from "../providers/kling.ts";
import { createApi } from "./api.ts";
import { type CallOptions, type ClientOptions, checkCredential } from "./client-options.ts";
import { type CreatedEndpoint, checkEvents, inData, withSecret } from "./endpoint.ts";

/** Options of {@link createKlingClient}. */
export interface KlingClientOptions extends ClientOptions {
  /** Sent as a bearer token: the API key, or a JWT made of access key and secret key. `undefined` throws at construction. */
  readonly apiKey: string | undefined;
}

/** The names that guides of others register with Kling. The types `task.*` are made from callbacks, and nothing can be registered for them. */
export type KlingEndpointEvent = Extract<KlingEventType, `video.${string}`>;

/** What is registered with Kling: at least one event type. */
export interface KlingEndpointSettings extends CallOptions {
  /** `https:` only; checked before the call. */
  readonly url: string;
  /** Such as `video.completed`. */
  readonly events?: readonly KlingEndpointEvent[] | undefined;
  /** Names that this library does not know. Nothing checks their spelling. */
  readonly otherEvents?: readonly string[] | undefined;
  /**
   * Whether Kling sends to it.
   * @default true
   */
  readonly active?: boolean | undefined;
}

/** Registers webhooks with Kling by a call that Kling does not document. */
export interface KlingClient {
  /** Registers an endpoint. Rejects with an `EndpointError`, or a `ConfigurationError` for what it was given. */
  create(settings: KlingEndpointSettings): Promise<CreatedEndpoint>;
}

interface RawWebhook {
  id: string | number;
  secret: string;
  url?: string | null | undefined;
  events?: string[] | null | undefined;
}

const webhookAnswer: z.ZodType<RawWebhook> = inData(
  z.looseObject({
    id: z.union([z.string().min(1), z.number()]),
    secret: z.string().min(1),
    url: text(),
    events: z.array(z.string()).nullish(),
  }),
);

/**
 * Makes a client for a call that **Kling does not document**: `POST /v1/webhooks`, as guides of others describe it. Kling's own pages know no
 * registration at all; each task names its `callback_url`, and the secret is made in Kling's console. Expect `not_found`. There is no call to
 * list, change or delete what was registered.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 * @see https://kling.ai/document-api/api/get-started/callbacks for what Kling documents (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createKlingClient } from "video-webhooks/endpoints";
 *
 * const client = createKlingClient({ apiKey: "an-api-key" });
 * const register = () => client.create({ url: "https://app.example.com/webhooks/kling", events: ["video.completed", "video.failed"] });
 * ```
 */
export function createKlingClient(options: KlingClientOptions): KlingClient {
  const secret = checkCredential("apiKey", options.apiKey, "Kling");
  const credential = { header: "authorization", value: `Bearer ${secret}`, secret };
  const description = {
    provider: "kling",
    title: "Kling",
    baseUrl: "https://api.klingai.com",
    credential,
    successCodes: [0, 200],
    canList: false,
  };
  const api = createApi(description, options);
  return {
    async create({ url, events: known, otherEvents, active = true, signal }) {
      const { provider } = api;
      const isEmpty = (types: unknown): boolean => types === undefined || (Array.isArray(types) && types.length === 0);
      const events = isEmpty(known) && isEmpty(otherEvents) ? null : checkEvents({ events: known, otherEvents }, provider);
      if (!events) throw new ConfigurationError("The option events must name at least one event type.", { provider });
      const json = { url: api.checkUrl(url), events, active };
      const call = { operation: "create", method: "POST", path: "/v1/webhooks", json, schema: webhookAnswer } as const;
      const made = await api.call({ ...call, makesAnother: true, signal });
      return withSecret({ id: String(made.id), url: made.url ?? url, events: made.events ?? events }, made.secret);
    },
  };
}
