import { ConfigurationError, isWebhookError } from "./errors.ts";
import type { VideoJob } from "./job.ts";
import { checkOptionNames } from "./option-names.ts";
import { type Authenticate, createAuthenticate, type SecretSource } from "./signature/authenticate.ts";
import type { SignatureScheme } from "./signature/scheme.ts";
import { checkMaxAge } from "./signature/secret.ts";

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The part of a zod schema that the pipeline uses, so that the core runs without zod. */
export interface EventSchema<Event = unknown> {
  /** Holds a body against the schema, synchronously and without an exception for what does not fit. */
  safeParse(body: unknown):
    | { readonly success: true; readonly data: Event }
    | {
        readonly success: false;
        readonly error: { readonly issues: readonly { readonly code?: string | undefined; readonly path: readonly PropertyKey[] }[] };
      };
}

/** What a schema yields. */
export type OutputOf<Schema> = Schema extends EventSchema<infer Event> ? Event : never;

/** One schema per event type. */
export type EventSchemas<Events extends object> = { readonly [Type in keyof Events]: EventSchema<Events[Type]> };

/** How a delivery is authenticated: exactly one of `secret`, `token`, `unsigned`, or `secret` and `token` together. */
export type AuthenticationOptions =
  | {
      /** As the provider shows it, several while rotating, or a function per delivery. `undefined` throws at construction. */
      readonly secret: SecretSource | undefined;
      /**
       * Must hold as well as the signature.
       * @default no token is asked for
       */
      readonly token?: string | undefined;
      readonly unsigned?: never;
    }
  | {
      /** At least 16 characters, compared in constant time with the query parameter `token` of the request URL. */
      readonly token: string | undefined;
      readonly secret?: never;
      readonly unsigned?: never;
    }
  | {
      /** Accepts every delivery without authentication. */
      readonly unsigned: true;
      readonly secret?: never;
      readonly token?: never;
    };

/** Options that every provider takes beside those of {@link AuthenticationOptions}. */
export interface EndpointOptions {
  /**
   * Replaces the list of header names in which the signature is looked for.
   * @default those of the provider
   */
  readonly header?: string | readonly string[] | undefined;
  /**
   * Identity of this endpoint. It is part of every dedupe key, so that two endpoints never collide.
   * @default "default"
   */
  readonly endpoint?: string | undefined;
}

/** Options of a provider factory. */
export type ProviderOptions = AuthenticationOptions & EndpointOptions;

/** The names of all of these, and of {@link MaxAgeOptions}. */
export const providerOptions = ["secret", "token", "unsigned", "header", "endpoint", "maxAgeSeconds"] as const;

/** The option of providers whose signature covers a timestamp. */
export interface MaxAgeOptions {
  /**
   * Refuses deliveries whose signed timestamp is further away than this many seconds, in either direction.
   * @default 300 for Standard Webhooks, otherwise no limit
   */
  readonly maxAgeSeconds?: number | undefined;
}

/**
 * A provider as data and a few small functions. The core asks it everything it has to know and never looks at its name.
 * The functions get only what the signature and the schema have let through; if one throws, the delivery ends as `configuration`.
 */
export interface ProviderDefinition<Name extends string, Events extends object> {
  /** Lower case letters, digits and dashes. */
  readonly name: Name;
  /** How deliveries are signed; a function where the options of an endpoint decide. */
  readonly signature: SignatureScheme | ((options: ProviderOptions) => SignatureScheme);
  /** Event type to schema. Getters are welcome ({@link lazyEvents}): a schema is only asked for when its first event arrives. */
  readonly events: EventSchemas<Events>;
  /** Reads the event type; `undefined` when the body names none. */
  eventType(body: JsonObject): string | undefined;
  /**
   * The parts that tell this event from every other one of this provider: an id of the event, or type, resource id, status and
   * time. Never the resource id alone (it would swallow the final event) and nothing that is not signed. `undefined`: the whole body.
   */
  dedupeKey(event: Events[keyof Events], type: keyof Events & string): readonly string[] | undefined;
  /** The normalised view; `undefined` when the event is about no job. */
  toJob(event: Events[keyof Events], type: keyof Events & string): VideoJob | undefined;
  /** How long the provider waits for an answer, in milliseconds. */
  readonly ackDeadlineMs: number;
  /**
   * Present when the provider probes the URL with OPTIONS at registration, and how long it then waits, in milliseconds. For people and
   * tools that register endpoints: a router answers OPTIONS at once in any case.
   */
  readonly validation?: { readonly withinMs: number };
  /** When the delivery was signed, in milliseconds since 1970, read from inside the signed body. Makes `maxAgeSeconds` available. */
  signedAt?(body: JsonObject): number | undefined;
}

/** A provider bound to one endpoint and its secret: what {@link createRouter} takes. It does not expose the secret. */
export interface Provider<Name extends string, Events extends object> extends Omit<ProviderDefinition<Name, Events>, "signature"> {
  /** How deliveries are signed, with the header names of this endpoint. */
  readonly signature: SignatureScheme;
  /** The identity of the endpoint, part of every dedupe key. */
  readonly endpoint: string;
  /** The limit that the endpoint sets, in seconds; `undefined` leaves it to the scheme. */
  readonly maxAgeSeconds: number | undefined;
  /** Checks what proves a delivery, and nothing else. */
  readonly authenticate: Authenticate;
}

/** Makes a provider for an endpoint, such as `heygen({ secret })`. */
export type ProviderFactory<Name extends string, Events extends object, Options extends object = ProviderOptions> = (
  options: Options,
) => Provider<Name, Events>;

/** The event types of a provider or of a factory. */
export type EventsOf<Source> =
  Source extends Provider<string, infer Events>
    ? Events
    : Source extends (options: never) => Provider<string, infer Events>
      ? Events
      : never;

/**
 * Makes a provider factory from a definition. The four built-in providers are made by it; `examples/fifth-provider.ts` shows a
 * complete one.
 *
 * @throws {@link ConfigurationError} for a definition that cannot work; the factory throws it for options that cannot
 *
 * @example
 * ```ts
 * import { createRouter, defineProvider, hmacHex } from "video-webhooks";
 * import * as z from "zod";
 *
 * const clipforge = defineProvider({
 *   name: "clipforge",
 *   signature: hmacHex({ headers: ["x-clipforge-signature"] }),
 *   events: { "clip.done": z.looseObject({ kind: z.literal("clip.done"), clip: z.string() }) },
 *   eventType: (body) => (typeof body.kind === "string" ? body.kind : undefined),
 *   dedupeKey: (event, type) => [type, event.clip],
 *   toJob: () => undefined,
 *   ackDeadlineMs: 10_000,
 * });
 *
 * const router = createRouter(clipforge({ secret: "a-long-secret" }));
 * router.on("clip.done", (event) => console.log(event.clip));
 * ```
 */
export function defineProvider<const Name extends string, Schemas extends Readonly<Record<string, EventSchema>>>(
  definition: ProviderDefinition<Name, { [Type in keyof Schemas]: OutputOf<Schemas[Type]> }> & { readonly events: Schemas },
): ProviderFactory<Name, { [Type in keyof Schemas]: OutputOf<Schemas[Type]> }, ProviderOptions & MaxAgeOptions> {
  checkDefinition(definition);
  return (options) => bindProvider(definition, options);
}

function bindProvider<Name extends string, Events extends object>(
  definition: ProviderDefinition<Name, Events>,
  options: ProviderOptions & MaxAgeOptions,
): Provider<Name, Events> {
  if (typeof options !== "object" || options === null) {
    throw new ConfigurationError(`${definition.name}() needs options: ${definition.name}({ secret }).`, { provider: definition.name });
  }
  // One whose scheme depends on the options may have some of its own, and checks them itself.
  if (typeof definition.signature !== "function") checkOptionNames(`${definition.name}()`, options, providerOptions);
  const { header, endpoint = "default" } = options;
  if (typeof endpoint !== "string" || !/^[\x21-\x7e]{1,100}$/.test(endpoint)) {
    throw new ConfigurationError("The option endpoint must be 1 to 100 ASCII characters without spaces.", { provider: definition.name });
  }
  const scheme = typeof definition.signature === "function" ? definition.signature(options) : definition.signature;
  const signature = header === undefined ? scheme : withHeaders(definition.name, scheme, header);
  try {
    const maxAgeSeconds = toMaxAge(definition, signature, options);
    return { ...definition, signature, endpoint, maxAgeSeconds, authenticate: createAuthenticate(options, signature) };
  } catch (error) {
    // Several providers are often made side by side: say which one is meant.
    if (!isWebhookError(error) || error.name !== "ConfigurationError") throw error;
    throw new ConfigurationError(`${definition.name}(): ${error.message}`, { code: error.code, provider: definition.name });
  }
}

/**
 * Turns a map of functions into a map of their results, each made when it is first read. Building a zod schema costs about 0.2 ms,
 * and an application uses few of a provider's events.
 *
 * @example
 * ```ts
 * import { lazyEvents } from "video-webhooks";
 * import * as z from "zod";
 *
 * const events = lazyEvents({
 *   "clip.done": () => z.looseObject({ clip: z.string() }),
 * });
 * ```
 */
export function lazyEvents<Events extends object>(
  build: { readonly [Type in keyof Events]: () => Events[Type] },
): {
  readonly [Type in keyof Events]: Events[Type];
} {
  const events = {} as { [Type in keyof Events]: Events[Type] };
  for (const type of Object.keys(build) as (keyof Events)[]) {
    let built: Events[typeof type] | undefined;
    Object.defineProperty(events, type, {
      enumerable: true,
      get: () => {
        built ??= build[type]();
        return built;
      },
    });
  }
  return Object.freeze(events);
}

function checkDefinition(definition: ProviderDefinition<string, object>): void {
  if (!/^[a-z][a-z0-9-]{0,49}$/.test(definition.name)) {
    throw new ConfigurationError("The name of a provider must be lower case letters, digits and dashes, starting with a letter.");
  }
  if (Object.keys(definition.events).length === 0) {
    throw new ConfigurationError(`The provider ${definition.name} declares no events.`, { provider: definition.name });
  }
  if (!(definition.ackDeadlineMs > 0 && definition.ackDeadlineMs < 2 ** 31)) {
    throw new ConfigurationError(`The provider ${definition.name} needs ackDeadlineMs, a finite number of milliseconds above zero.`, {
      provider: definition.name,
    });
  }
}

function withHeaders(provider: string, scheme: SignatureScheme, header: string | readonly string[]): SignatureScheme {
  const changed = scheme.withHeaders?.(typeof header === "string" ? [header] : header);
  if (changed !== undefined) return changed;
  throw new ConfigurationError(
    `The option header does not apply to ${provider} with the scheme ${scheme.name}, which fixes its header names.`,
    { provider },
  );
}

function toMaxAge(
  definition: Pick<ProviderDefinition<string, object>, "name" | "signedAt">,
  signature: SignatureScheme,
  options: ProviderOptions & MaxAgeOptions,
): number | undefined {
  const { maxAgeSeconds } = options;
  if (maxAgeSeconds === undefined) return undefined;
  if (options.secret === undefined || (definition.signedAt === undefined && signature.maxAgeSeconds === undefined)) {
    throw new ConfigurationError(
      "The option maxAgeSeconds needs a signed timestamp: a secret, and a provider that signs a time. Remove it here; duplicates are recognised without it.",
      { provider: definition.name },
    );
  }
  checkMaxAge(maxAgeSeconds);
  return maxAgeSeconds;
}
