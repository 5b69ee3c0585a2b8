import * as z from "zod";
import { ConfigurationError } from "../errors.ts";
import { isRecord, type Text, text } from "../providers/fields.ts";
import type { HeyGenEventType } from "../providers/heygen.ts";
import { type ApiDescription, createApi, toIdempotencyKey } from "./api.ts";
import { type CallOptions, type ClientOptions, checkCredential, type WriteOptions } from "./client-options.ts";
import {
  anyAnswer,
  type CreatedEndpoint,
  checkEndpointId,
  checkEvents,
  type EndpointChanges,
  type EventTypeInfo,
  endpointAnswer,
  endpointsAnswer,
  eventTypesAnswer,
  inData,
  listIn,
  type RotatedSecret,
  type ScopedEndpointSettings,
  toEndpoint,
  type WebhookEndpoint,
  withSecret,
} from "./endpoint.ts";
import { type Page, type PageOptions, through } from "./pages.ts";

/** The credential of a client for HeyGen: an API key, or the access token of OAuth. `undefined` throws at construction. */
export type HeyGenCredential =
  | { readonly apiKey: string | undefined; readonly accessToken?: never }
  | { readonly accessToken: string | undefined; readonly apiKey?: never };

/** Options of {@link createHeyGenClient}. */
export type HeyGenClientOptions = ClientOptions & HeyGenCredential;

/** An event of HeyGen's history, in HeyGen's own names: it is the body of its delivery, which `router.recover` takes. */
export interface HeyGenHistoryEvent {
  /** One that the library knows, or a newer one. */
  readonly event_type: string;
  /** The payload, which no schema has seen. */
  readonly event_data?: unknown;
  /** Where HeyGen gives one. */
  readonly event_id?: Text;
  /** ISO 8601. */
  readonly created_at?: Text;
  readonly [field: string]: unknown;
}

/** Which events of the history. */
export interface HistoryFilter {
  /**
   * Events of one type.
   * @default all types
   */
  readonly eventType?: HeyGenEventType | undefined;
  /** Instead of `eventType`, a type that this version of the library does not know. Nothing checks its spelling. */
  readonly otherEventType?: string | undefined;
  /**
   * Events of one resource.
   * @default all resources
   */
  readonly entityId?: string | undefined;
}

/** Manages HeyGen's endpoints (v3). Every method rejects with an `EndpointError`, or a `ConfigurationError` for what it was given. */
export interface HeyGenClient {
  /** Registers an endpoint, and brings its secret, which HeyGen shows only now. HeyGen may ask the URL by OPTIONS first. */
  create(settings: ScopedEndpointSettings<HeyGenEventType> & WriteOptions): Promise<CreatedEndpoint>;
  /** A page of the endpoints. */
  list(options?: PageOptions & CallOptions): Promise<Page<WebhookEndpoint>>;
  /** All endpoints, page by page. */
  listAll(options?: PageOptions & CallOptions): AsyncIterable<WebhookEndpoint>;
  /** Changes the URL or the events of an endpoint. */
  update(id: string, changes: EndpointChanges<HeyGenEventType> & WriteOptions): Promise<WebhookEndpoint>;
  /** Deletes an endpoint: HeyGen sends nothing to it any more. */
  delete(id: string, options?: WriteOptions): Promise<void>;
  /**
   * Replaces the secret. HeyGen invalidates the old one at once: deliveries fail until the receiver has the new one, and HeyGen repeats them.
   */
  rotateSecret(id: string, options?: WriteOptions): Promise<RotatedSecret>;
  /** The event types that an endpoint can ask for, as the API lists them. */
  eventTypes(options?: CallOptions): Promise<readonly EventTypeInfo[]>;
  /** A page of the history of events. */
  events(options?: HistoryFilter & PageOptions & CallOptions): Promise<Page<HeyGenHistoryEvent>>;
  /** The whole history of events, page by page, in HeyGen's order. */
  allEvents(options?: HistoryFilter & PageOptions & CallOptions): AsyncIterable<HeyGenHistoryEvent>;
}

const historyEvent: z.ZodType<HeyGenHistoryEvent> = z.looseObject({
  event_type: z.string(),
  event_data: z.unknown(),
  event_id: text(),
  created_at: text(),
});

const secretAnswer: z.ZodType<{ secret: string }> = inData(z.looseObject({ secret: z.string().min(1) }));

/** A page: the list, whether there is more, and how to ask for it. */
function pageOf<Item>(list: z.ZodType<Item[]>): z.ZodType<Page<Item>> {
  const more = z.looseObject({ has_more: z.boolean().nullish(), next_token: text() });
  const split = (body: unknown): unknown => {
    const around = isRecord(body) ? body : {};
    return { items: body, more: isRecord(around.data) ? around.data : around };
  };
  return z
    .preprocess(split, z.object({ items: list, more }))
    .refine(({ more: { has_more, next_token } }) => has_more !== true || Boolean(next_token), {
      // The rest would be lost without a word.
      path: ["next_token"],
    })
    .transform(({ items, more: { has_more, next_token } }): Page<Item> => {
      return has_more === false || !next_token ? { items } : { items, nextToken: next_token };
    });
}

const endpointsPage = pageOf(endpointsAnswer);
const historyPage = pageOf(listIn(historyEvent, "events"));

/** HeyGen's API with a credential. */
export function describeHeyGen({ apiKey, accessToken }: HeyGenCredential): ApiDescription {
  const provider = "heygen";
  if (apiKey !== undefined && accessToken !== undefined) {
    throw new ConfigurationError("Pass one of the options apiKey and accessToken, not both.", { provider });
  }
  const [name, given] = accessToken === undefined ? (["apiKey", apiKey] as const) : (["accessToken", accessToken] as const);
  const secret = checkCredential(name, given, "HeyGen");
  const credential =
    name === "apiKey" ? { header: "x-api-key", value: secret, secret } : { header: "authorization", value: `Bearer ${secret}`, secret };
  return { provider, title: "HeyGen", baseUrl: "https://api.heygen.com", credential, successCodes: [100] };
}

/**
 * Makes a client for the webhook endpoints of HeyGen's API, version 3. Calls that change something carry an `Idempotency-Key`, so that they
 * can be repeated.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 * @see https://developers.heygen.com/docs/webhooks (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createHeyGenClient } from "video-webhooks/endpoints";
 *
 * async function register(): Promise<string> {
 *   const client = createHeyGenClient({ apiKey: process.env.HEYGEN_API_KEY });
 *   const { secret } = await client.create({ url: "https://app.example.com/webhooks/heygen", events: ["avatar_video.success"] });
 *   return secret;
 * }
 * ```
 */
export function createHeyGenClient(options: HeyGenClientOptions): HeyGenClient {
  const api = createApi(describeHeyGen(options), options);
  const { provider } = api;
  const endpoints = "/v3/webhooks/endpoints";
  const pathOf = (id: string): string => `${endpoints}/${checkEndpointId(id, provider)}`;
  const writing = ({ idempotencyKey, signal }: WriteOptions) => ({ idempotencyKey: toIdempotencyKey(idempotencyKey, provider), signal });
  const limitOf = (limit: number | undefined): number | undefined => {
    if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit <= 100)) return limit;
    throw new ConfigurationError("The option limit must be a whole number from 1 to 100.", { provider });
  };

  const client: HeyGenClient = {
    async create({ url, events, otherEvents, entityId, ...given }) {
      const json = { url: api.checkUrl(url), events: checkEvents({ events, otherEvents }, provider), entity_id: entityId };
      const schema = endpointAnswer.and(secretAnswer);
      const makesAnother = given.idempotencyKey === undefined;
      const call = { operation: "create", method: "POST", path: endpoints, json, schema, makesAnother } as const;
      const created = await api.call({ ...call, ...writing(given) });
      return withSecret(toEndpoint(created), created.secret);
    },

    async list({ limit, token, signal } = {}) {
      const query = { limit: limitOf(limit), token };
      const page = await api.call({ operation: "list", method: "GET", path: endpoints, query, schema: endpointsPage, signal });
      return { ...page, items: page.items.map(toEndpoint) };
    },

    listAll: ({ token: first, ...given } = {}) =>
      through(
        (token) => client.list({ ...given, token }),
        (what) => api.failure("list", "unexpected_answer", what),
        first,
      ),

    async update(id, { url, events, otherEvents, ...given }) {
      const json = { url: url === undefined ? undefined : api.checkUrl(url), events: checkEvents({ events, otherEvents }, provider) };
      if (json.url === undefined && json.events === undefined) {
        throw new ConfigurationError("update() needs something to change: url, events, or both.", { provider });
      }
      const call = { operation: "update", method: "PATCH", path: pathOf(id), json, schema: endpointAnswer } as const;
      return toEndpoint(await api.call({ ...call, ...writing(given) }));
    },

    async delete(id, given = {}) {
      await api.call({ operation: "delete", method: "DELETE", path: pathOf(id), schema: anyAnswer, ...writing(given) });
    },

    async rotateSecret(id, given = {}) {
      const path = `${pathOf(id)}/rotate-secret`;
      const { secret } = await api.call({ operation: "rotateSecret", method: "POST", path, schema: secretAnswer, ...writing(given) });
      return withSecret({ id }, secret);
    },

    eventTypes: ({ signal } = {}) =>
      api.call({ operation: "eventTypes", method: "GET", path: "/v3/webhooks/event-types", schema: eventTypesAnswer, signal }),

    async events({ eventType, otherEventType, entityId, limit, token, signal } = {}) {
      if (eventType !== undefined && otherEventType !== undefined) {
        throw new ConfigurationError("Pass one of the options eventType and otherEventType, not both.", { provider });
      }
      const query = { event_type: eventType ?? otherEventType, entity_id: entityId, limit: limitOf(limit), token };
      return api.call({ operation: "events", method: "GET", path: "/v3/webhooks/events", query, schema: historyPage, signal });
    },

    allEvents: ({ token: first, ...given } = {}) =>
      through(
        (token) => client.events({ ...given, token }),
        (what) => api.failure("events", "unexpected_answer", what),
        first,
      ),
  };
  return client;
}
