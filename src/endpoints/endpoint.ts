import * as z from "zod";
import { ConfigurationError } from "../errors.ts";
import { toDate } from "../job.ts";
import { isRecord, type Text, text } from "../providers/fields.ts";

/** A registered endpoint, without its secret: what an API tells of it in lists is left out, so that it can be printed. */
export interface WebhookEndpoint {
  /** Given by the provider. */
  readonly id: string;
  /** Where events are delivered to. It is as secret as a token in it. */
  readonly url: string;
  /** The event types that are delivered; `null` for all. */
  readonly events: readonly string[] | null;
  /** `enabled` or `disabled`. */
  readonly status?: string;
  /** By the clock of the provider. */
  readonly createdAt?: Date;
  /** Where the API tells it. */
  readonly username?: string;
}

/** An endpoint that was just registered. */
export interface CreatedEndpoint extends WebhookEndpoint {
  /**
   * What its deliveries are signed with: store it now. It is a text like any other, but not enumerable, so that neither `console.log`, nor
   * `JSON.stringify`, nor a copy by `{ ...endpoint }` takes it along.
   */
  readonly secret: string;
}

/** The new secret of an endpoint. */
export interface RotatedSecret {
  /** Of the endpoint. */
  readonly id: string;
  /** Store it now. Not enumerable, as in {@link CreatedEndpoint.secret}. */
  readonly secret: string;
}

/** A type of event that can be subscribed to. */
export interface EventTypeInfo {
  /** As `events` takes it. */
  readonly type: string;
  /** In the words of the provider. */
  readonly description?: string;
}

/** What is registered, with the names of the provider's events. */
export interface EndpointSettings<Type extends string> {
  /** `https:` only; checked before the call. */
  readonly url: string;
  /**
   * The event types to deliver; `null` for all.
   * @default all, unless `otherEvents` names some
   */
  readonly events?: readonly Type[] | null | undefined;
  /**
   * Event types to deliver as well that this version of the library does not know, or names that come from elsewhere. Nothing checks their
   * spelling; their deliveries reach `onUnknown`.
   * @default none
   */
  readonly otherEvents?: readonly string[] | undefined;
}

/** {@link EndpointSettings} of an API that can limit an endpoint to one resource. */
export interface ScopedEndpointSettings<Type extends string> extends EndpointSettings<Type> {
  /**
   * Delivers the events of one resource only, such as a project.
   * @default no limit
   */
  readonly entityId?: string | undefined;
}

/** What is changed of an endpoint. What is left out stays as it is. */
export interface EndpointChanges<Type extends string> {
  /** `https:` only; checked before the call. */
  readonly url?: string | undefined;
  /** Replaces the whole list, together with `otherEvents`; `null` for all. */
  readonly events?: readonly Type[] | null | undefined;
  /** As in {@link EndpointSettings.otherEvents}. */
  readonly otherEvents?: readonly string[] | undefined;
}

/** An endpoint as the APIs of HeyGen and KonPro write it. */
export interface RawEndpoint {
  endpoint_id: string;
  url: string;
  events?: string[] | null | undefined;
  status?: Text;
  created_at?: Text;
  username?: Text;
  secret?: Text;
}

const rawEndpoint: z.ZodType<RawEndpoint> = z.looseObject({
  endpoint_id: z.string().min(1),
  url: z.string(),
  events: z.array(z.string()).nullish(),
  status: text(),
  created_at: text(),
  username: text(),
  secret: text(),
});

/** Takes what is in `data`, or the answer itself where nothing is around it: pages of these APIs show both. */
export function inData<Result>(schema: z.ZodType<Result>): z.ZodType<Result> {
  return z.preprocess((body) => (isRecord(body) && isRecord(body.data) ? body.data : body), schema);
}

/** Takes the list of an answer: in `data`, in one of these members, in one of these inside of `data`, or the answer itself. */
export function listIn<Item>(item: z.ZodType<Item>, ...names: readonly string[]): z.ZodType<Item[]> {
  const find = (body: unknown): unknown => {
    if (!isRecord(body)) return body;
    const places = [body.data, ...names.map((name) => body[name])];
    if (isRecord(body.data)) for (const name of names) places.push(body.data[name]);
    return places.find(Array.isArray);
  };
  return z.preprocess(find, z.array(item));
}

/** One endpoint. */
export const endpointAnswer: z.ZodType<RawEndpoint> = inData(rawEndpoint);

/** A list of endpoints; KonPro's table calls it `endpoints`, its sample `data`. */
export const endpointsAnswer: z.ZodType<RawEndpoint[]> = listIn(rawEndpoint, "endpoints");

/** Anything: that the call succeeded is all there is to know. */
export const anyAnswer: z.ZodType<unknown> = z.unknown();

const eventType = z.union([
  z.string().transform((type): EventTypeInfo => ({ type })),
  z
    .looseObject({ event_type: z.string(), description: text() })
    .transform(({ event_type: type, description }): EventTypeInfo => (description ? { type, description } : { type })),
]);

/** A list of event types, as names or with descriptions. */
export const eventTypesAnswer: z.ZodType<EventTypeInfo[]> = listIn(eventType, "events", "webhooks", "event_types");

/** An endpoint as this library shows it. */
export function toEndpoint({ endpoint_id, url, events, status, created_at, username }: RawEndpoint): WebhookEndpoint {
  const createdAt = toDate(created_at);
  return {
    id: endpoint_id,
    url,
    // An empty list is another way to say all.
    events: events && events.length > 0 ? events : null,
    ...(status && { status }),
    ...(createdAt && { createdAt }),
    ...(username && { username }),
  };
}

/** Adds a secret that has to be asked for. */
export function withSecret<Target extends object>(target: Target, secret: string): Target & { readonly secret: string } {
  return Object.defineProperty(target, "secret", { value: secret }) as Target & { readonly secret: string };
}

/**
 * Checks the id of an endpoint, which becomes a part of an address.
 *
 * @throws {@link ConfigurationError} for what is none
 */
export function checkEndpointId(id: unknown, provider: string): string {
  if (typeof id === "string" && /^[\w-][\w.:-]{0,199}$/.test(id)) return id;
  throw new ConfigurationError("The id of an endpoint must be letters, digits and _ . : - characters, as list() shows it.", { provider });
}

/** The event types of settings or changes, before they are checked. */
export interface GivenEvents {
  readonly events?: unknown;
  readonly otherEvents?: unknown;
}

/**
 * Checks the lists of event types, and makes one of them. An empty one is refused, since these APIs take it for all of them.
 *
 * @throws {@link ConfigurationError} for what is none
 */
export function checkEvents({ events, otherEvents }: GivenEvents, provider: string): readonly string[] | null | undefined {
  for (const [name, types] of Object.entries({ events, otherEvents })) {
    if (types === undefined || (types === null && name === "events")) continue;
    if (Array.isArray(types) && types.every((type) => typeof type === "string" && type !== "")) continue;
    throw new ConfigurationError(`The option ${name} must be an array of event types.`, { provider });
  }
  if (otherEvents === undefined && (events === undefined || events === null)) return events;
  if (events === null) {
    throw new ConfigurationError("The option events is null, which is all events, so leave out otherEvents.", { provider });
  }
  const types = [...new Set([...((events as string[] | undefined) ?? []), ...((otherEvents as string[] | undefined) ?? [])])];
  if (types.length > 0) return types;
  throw new ConfigurationError("The list of events is empty, which the API takes for all events. Pass events: null for all.", { provider });
}
