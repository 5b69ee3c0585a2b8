import { ConfigurationError } from "../errors.ts";
import type { Api } from "./api.ts";
import type { CallOptions } from "./client-options.ts";
import {
  anyAnswer,
  type CreatedEndpoint,
  checkEndpointId,
  checkEvents,
  type EndpointChanges,
  type EndpointSettings,
  type EventTypeInfo,
  endpointAnswer,
  endpointsAnswer,
  eventTypesAnswer,
  type GivenEvents,
  type ScopedEndpointSettings,
  toEndpoint,
  type WebhookEndpoint,
  withSecret,
} from "./endpoint.ts";

/**
 * Manages endpoints by the calls that HeyGen's API had in version 1, and KonPro's has. Every method rejects with an `EndpointError`, or a
 * `ConfigurationError` for what it was given.
 */
export interface V1Endpoints<Type extends string> {
  /**
   * Registers an endpoint (`endpoint.add`). The API asks the URL by OPTIONS first, and waits one second. There is no idempotency key: after
   * a failure that leaves open whether it took effect, look with `list` before repeating it.
   */
  create(settings: EndpointSettings<Type> & CallOptions): Promise<CreatedEndpoint>;
  /** All endpoints (`endpoint.list`), without the secrets that the API shows with them. */
  list(options?: CallOptions): Promise<readonly WebhookEndpoint[]>;
  /** Changes an endpoint (`endpoint.update`). */
  update(id: string, changes: EndpointChanges<Type> & CallOptions): Promise<WebhookEndpoint>;
  /** Deletes an endpoint, and with it its secret (`endpoint.delete`). */
  delete(id: string, options?: CallOptions): Promise<void>;
  /** The types of events there are (`webhook.list`). */
  eventTypes(options?: CallOptions): Promise<readonly EventTypeInfo[]>;
  /** The secret of an endpoint, from the list. There is no other way to one that was not stored: this API cannot rotate secrets. */
  secretOf(id: string, options?: CallOptions): Promise<string>;
}

/** In what the two APIs differ. */
export interface V1Dialect {
  /** How it is told to deliver all events. */
  readonly allEvents: readonly [] | null;
  /** Whether an endpoint can be limited to one resource. */
  readonly takesEntityId: boolean;
}

/** {@link V1Endpoints} whose settings may have what only some of these APIs take. */
export interface AnyV1Endpoints<Type extends string> extends V1Endpoints<Type> {
  create(settings: ScopedEndpointSettings<Type> & CallOptions): Promise<CreatedEndpoint>;
}

/** Makes {@link V1Endpoints}. */
export function createV1Endpoints<Type extends string>(api: Api, { allEvents, takesEntityId }: V1Dialect): AnyV1Endpoints<Type> {
  const { provider } = api;
  const pathOf = (call: string): string => `/v1/webhook/${call}`;
  const eventsOf = (given: GivenEvents): readonly string[] | null | undefined => {
    const checked = checkEvents(given, provider);
    return checked === null ? allEvents : checked;
  };
  const listRaw = (operation: string, { signal }: CallOptions) =>
    api.call({ operation, method: "GET", path: pathOf("endpoint.list"), schema: endpointsAnswer, signal });

  return {
    async create({ url, entityId, signal, ...given }) {
      if (entityId !== undefined && !takesEntityId) {
        throw new ConfigurationError("This API has no option entityId: its endpoints get the events of every resource.", { provider });
      }
      const json = { url: api.checkUrl(url), events: eventsOf(given), entity_id: entityId };
      const created = await api.call({
        operation: "create",
        method: "POST",
        path: pathOf("endpoint.add"),
        json,
        schema: endpointAnswer,
        makesAnother: true,
        signal,
      });
      const { secret } = created;
      if (!secret) throw api.failure("create", "unexpected_answer", "was answered without a secret; the endpoint exists, see list()");
      return withSecret(toEndpoint(created), secret);
    },

    list: async (options = {}) => (await listRaw("list", options)).map(toEndpoint),

    async update(id, { url, signal, ...given }) {
      const changed = { url: url === undefined ? undefined : api.checkUrl(url), events: eventsOf(given) };
      if (changed.url === undefined && changed.events === undefined) {
        throw new ConfigurationError("update() needs something to change: url, events, or both.", { provider });
      }
      const json = { endpoint_id: checkEndpointId(id, provider), ...changed };
      const call = { operation: "update", method: "PATCH", path: pathOf("endpoint.update"), json, schema: endpointAnswer } as const;
      return toEndpoint(await api.call({ ...call, signal }));
    },

    async delete(id, { signal } = {}) {
      const query = { endpoint_id: checkEndpointId(id, provider) };
      await api.call({ operation: "delete", method: "DELETE", path: pathOf("endpoint.delete"), query, schema: anyAnswer, signal });
    },

    eventTypes: ({ signal } = {}) =>
      api.call({ operation: "eventTypes", method: "GET", path: pathOf("webhook.list"), schema: eventTypesAnswer, signal }),

    async secretOf(id, options = {}) {
      const wanted = checkEndpointId(id, provider);
      const found = (await listRaw("secretOf", options)).find(({ endpoint_id }) => endpoint_id === wanted);
      if (found === undefined) throw api.failure("secretOf", "not_found", "found no such endpoint");
      if (!found.secret) throw api.failure("secretOf", "unexpected_answer", "was answered without secrets");
      return found.secret;
    },
  };
}
