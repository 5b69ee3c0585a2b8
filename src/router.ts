import { type FetchHandler, fetchHandler } from "./adapters/fetch.ts";
import { createClaims } from "./claim.ts";
import { createContext, type HandlerContext } from "./context.ts";
import type { Delivery } from "./delivery.ts";
import { type AnyHandler, type DispatchResult, dispatch, type HandlerTable, handlersFor, handlersForUnknown } from "./dispatch.ts";
import { ConfigurationError } from "./errors.ts";
import { type HandledResult, type HandleOptions, handle } from "./handle.ts";
import { createMemoryStore } from "./idempotency/memory.ts";
import type { IdempotencyStore } from "./idempotency/store.ts";
import type { InboxEvent, InboxIntake } from "./inbox/intake.ts";
import type { VideoJob, VideoJobStatus } from "./job.ts";
import type { Logger } from "./log.ts";
import { checkOptionNames } from "./option-names.ts";
import type { Outcome } from "./outcome.ts";
import { type EventFor, type EventPattern, expandPatterns, type KnownPattern, type TypesOf, unknownType } from "./pattern.ts";
import { isPromiseLike } from "./promise.ts";
import type { Provider } from "./provider.ts";
import { escapePart, type KnownSchema, type Pipeline, receive } from "./receive.ts";
import { type Recovery, recover } from "./recover.ts";
import { createReporter, type ErrorHandler } from "./report.ts";
import { createEnclose, type Telemetry } from "./telemetry.ts";

/** Handles events; whatever it returns is awaited, and its value is not used. */
export type EventHandler<Event, Type extends string = string> = (event: Event, context: HandlerContext<Type>) => unknown;

/** Handles the normalised job of any provider. */
export type JobHandler = (job: VideoJob, context: HandlerContext) => unknown;

/** A verified event of a type that the provider does not declare, with its body as it was parsed. */
export interface UnknownEvent {
  /** As the provider spells it. */
  readonly type: string;
  /** The parsed body, which no schema has seen. */
  readonly body: unknown;
}

/** What {@link Router.dispatch} has to be told; everything else has a default. */
export type DispatchContext<Type extends string = string> = Pick<HandlerContext<Type>, "type" | "id"> &
  Partial<Omit<HandlerContext<Type>, "provider" | "endpoint" | "job">>;

/** What the routers of all providers have in common: for code that handles several of them. */
export interface AnyRouter {
  /** Whose deliveries it takes, and at which endpoint. */
  readonly provider: { readonly name: string; readonly endpoint: string };
  /** Registers a handler for jobs; see {@link Router.onJob}. */
  onJob(status: VideoJobStatus | readonly VideoJobStatus[] | "*", handler: JobHandler): this;
  /** Registers a handler for events of types that the provider does not declare; see {@link Router.onUnknown}. */
  onUnknown(handler: EventHandler<UnknownEvent>): this;
  /** Registers a listener for every refusal and failure; see {@link Router.onError}. */
  onError(handler: ErrorHandler): this;
  /** Takes a delivery through the whole pipeline; see {@link Router.receive}. */
  receive(delivery: Delivery): Promise<Outcome>;
  /** Takes an event that your own code fetched from the provider's API; see {@link Router.recover}. */
  recover(recovery: Recovery): Promise<Outcome>;
  /** Runs the handlers for an event of the inbox, as its workers do. Never rejects; failures reach `onError`. */
  handle(event: InboxEvent, options: HandleOptions): Promise<HandledResult>;
  /** Answers a `Request`; see {@link Router.fetch}. */
  readonly fetch: FetchHandler;
}

/** Routes the deliveries of one provider at one endpoint. All methods work detached from the object, and `on…` return the router. */
export interface Router<Name extends string, Events extends object> extends AnyRouter {
  /** The provider, bound to its endpoint. */
  readonly provider: Provider<Name, Events>;
  /**
   * Registers a handler for one event type, several, or a family such as `"avatar_video.*"`.
   *
   * @throws {@link ConfigurationError} for a type that the provider does not declare
   */
  on<const Pattern extends EventPattern<Events> | (string & {})>(
    type: (Pattern | readonly Pattern[]) & KnownPattern<Name, Events, Pattern>,
    handler: EventHandler<EventFor<Events, Pattern>, TypesOf<Events, Pattern> & string>,
  ): this;
  /** Registers a handler for every event type that the provider declares. */
  onAny(handler: EventHandler<Events[keyof Events], keyof Events & string>): this;
  /** Registers a handler for verified events of other types, which providers add without notice. */
  onUnknown(handler: EventHandler<UnknownEvent>): this;
  /** Registers a handler for jobs in one status, several, or every one (`"*"`). The same handler fits every provider's router. */
  onJob(status: VideoJobStatus | readonly VideoJobStatus[] | "*", handler: JobHandler): this;
  /** Registers a listener for every refusal and failure, also after the sender was answered. */
  onError(handler: ErrorHandler): this;
  /** Removes a handler that was registered with {@link Router.on} for these types. */
  off<const Pattern extends EventPattern<Events> | (string & {})>(
    type: (Pattern | readonly Pattern[]) & KnownPattern<Name, Events, Pattern>,
    handler: EventHandler<EventFor<Events, Pattern>, TypesOf<Events, Pattern> & string>,
  ): this;
  /** Takes a delivery through the whole pipeline. Adapters call it; it never rejects. */
  receive(delivery: Delivery): Promise<Outcome>;
  /**
   * Takes an event that no delivery brought, through the pipeline from its type on: your own code fetched it from the provider's API over
   * an authenticated connection. **Never pass it what came in over HTTP from outside**, since nothing here checks where it comes from.
   * `context.authenticity.method` is `"api"`, and `context.rawBody` is the body as it was written here.
   *
   * The event counts as seen (`"duplicate"`) when its dedupe key is known, whatever body it came with. Without an inbox and an idempotency
   * store nothing is known; with `"in_progress"` it is left to the run that has it. Keys that only a signed header tells (Standard Webhooks)
   * cannot be known from a body. Handlers may take as long as they need. The outcome's `status` has no meaning here. It never
   * rejects, but for what `mustRemember` says.
   *
   * @example
   * ```ts
   * import { createRouter } from "video-webhooks";
   * import { heygen } from "video-webhooks/heygen";
   *
   * const router = createRouter(heygen({ secret: "a-long-secret" }));
   * const body = { event_type: "avatar_video.success", event_data: { video_id: "a1b2" } };
   * const { result } = await router.recover({ body });
   * ```
   */
  recover(recovery: Recovery): Promise<Outcome>;
  /**
   * Runs the handlers for an event that was verified before, as a queue worker does. It never rejects, and tells nobody but its caller
   * how they ended.
   */
  dispatch<Type extends keyof Events & string>(event: Events[Type], context: DispatchContext<Type>): Promise<DispatchResult>;
  dispatch<Type extends string>(
    event: UnknownEvent & { readonly type: Type },
    context: DispatchContext<NoInfer<Type>> & (Type extends keyof Events ? never : unknown),
  ): Promise<DispatchResult>;
  /** The adapter for everything Fetch-shaped: Workers, Deno, Bun, route handlers. */
  readonly fetch: FetchHandler;
}

/** Options of {@link createRouter}. */
export interface RouterOptions {
  /**
   * Recognises duplicates; `false` switches that off, and every delivery runs its handlers.
   * @default a store in memory for 100,000 events
   */
  readonly idempotency?: IdempotencyStore | false | undefined;
  /**
   * Stores every verified event before the sender gets its answer; `inbox.work(router)` runs the handlers. It recognises duplicates itself.
   * @default none; handlers run before the answer
   */
  readonly inbox?: InboxIntake | undefined;
  /**
   * What becomes of an event that is older than what was seen of its job before: `"deliver"` runs its handlers with `context.stale` set,
   * `"skip"` answers 200 without running them. Needs an idempotency store that keeps the states of jobs, as those of this library do.
   * @default "deliver"
   */
  readonly staleEvents?: "deliver" | "skip" | undefined;
  /**
   * Milliseconds after which the sender gets its answer even though handlers still run.
   * @default 90 % of what the provider waits
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Largest body, in bytes. Reading stops beyond it.
   * @default 1048576
   */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Gets one line per delivery; `console` and pino fit.
   * @default none; without a logger and without `onError`, failures of the receiver itself go to `console.error`
   */
  readonly logger?: Logger | undefined;
  /**
   * Follows deliveries and runs of handlers; `openTelemetry()` of `video-webhooks/otel` makes spans and metrics of them.
   * @default none
   */
  readonly telemetry?: Telemetry | undefined;
  /**
   * Milliseconds since 1970, for tests.
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
}

const routerOptions: readonly (keyof RouterOptions)[] = [
  "idempotency",
  "inbox",
  "staleEvents",
  "deadlineMs",
  "maxBodyBytes",
  "logger",
  "telemetry",
  "clock",
];

const DAY_MS = 86_400_000;
const statuses: readonly VideoJobStatus[] = ["queued", "processing", "succeeded", "failed", "cancelled"];

/**
 * Makes a router for the deliveries of one provider at one endpoint.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const router = createRouter(heygen({ secret: process.env.HEYGEN_WEBHOOK_SECRET }));
 * router.on("avatar_video.success", (event) => {
 *   console.log(event.event_data.video_id, event.event_data.url);
 * });
 * ```
 */
export function createRouter<Name extends string, Events extends object>(
  provider: Provider<Name, Events>,
  options: RouterOptions = {},
): Router<Name, Events> {
  if (typeof provider !== "object" || provider === null || typeof provider.authenticate !== "function") {
    throw new ConfigurationError("createRouter() needs a provider bound to a secret, such as heygen({ secret }), not the factory itself.");
  }
  checkOptionNames("createRouter()", options, routerOptions);
  const {
    telemetry,
    logger,
    clock = Date.now,
    maxBodyBytes = 1_048_576,
    deadlineMs = provider.ackDeadlineMs * 0.9,
    staleEvents = "deliver",
  } = options;
  // Timers overflow beyond 2^31 milliseconds and then fire at once.
  if (!(deadlineMs > 0 && deadlineMs < 2 ** 31))
    throw new ConfigurationError("The option deadlineMs must be a number of milliseconds above zero.");
  if (!Number.isInteger(maxBodyBytes) || maxBodyBytes < 1)
    throw new ConfigurationError("The option maxBodyBytes must be a whole number of bytes above zero.");

  if (staleEvents !== "deliver" && staleEvents !== "skip") {
    throw new ConfigurationError('The option staleEvents must be "deliver" or "skip".');
  }
  const keepsStates = options.idempotency === undefined || (options.idempotency !== false && options.idempotency.observe !== undefined);
  if (staleEvents === "skip" && !keepsStates) {
    throw new ConfigurationError('The option staleEvents: "skip" needs an idempotency store with the method observe.');
  }
  checkMethods("logger", logger, ["debug", "info", "warn", "error"]);
  checkMethods("telemetry", telemetry, ["receive", "process"]);
  checkMethods("inbox", options.inbox, ["accept"]);
  if (options.inbox && options.idempotency) {
    throw new ConfigurationError("An inbox recognises duplicates itself. Leave out the option idempotency.");
  }
  if (options.idempotency !== false) checkMethods("idempotency", options.idempotency, ["claim", "extend", "complete", "release"]);

  const table: HandlerTable = { byType: new Map(), byStatus: new Map(), any: [], unknown: [] };
  const errorHandlers: ErrorHandler[] = [];
  const { name, endpoint } = provider;
  const reporter = createReporter({ provider: name, endpoint, errorHandlers, logger, clock });
  const erased = provider as unknown as Provider<string, object>;
  const enclose = telemetry && createEnclose(telemetry, erased);
  const pipeline: Pipeline = {
    provider: erased,
    keyPrefix: `${name}/${escapePart(endpoint)}`,
    schemas: new Map<string, KnownSchema>(),
    handlers: table,
    claims: options.inbox ? undefined : toClaims(options.idempotency, erased, deadlineMs, clock),
    inbox: options.inbox,
    skipsStale: staleEvents === "skip",
    reporter,
    enclose,
    deadlineMs,
    maxBodyBytes,
    clock,
  };

  const router: Router<Name, Events> = {
    provider,
    on(type, handler) {
      checkHandler(handler);
      for (const each of expandPatterns(erased, type)) add(table.byType, each, handler as AnyHandler);
      return router;
    },
    onAny(handler) {
      checkHandler(handler);
      table.any = [...table.any, handler as AnyHandler];
      return router;
    },
    onUnknown(handler) {
      checkHandler(handler);
      table.unknown = [...table.unknown, handler as AnyHandler];
      return router;
    },
    onJob(status, handler) {
      checkHandler(handler);
      for (const each of toStatuses(status)) add(table.byStatus, each, handler as AnyHandler);
      return router;
    },
    onError(handler) {
      checkHandler(handler);
      errorHandlers.push(handler);
      return router;
    },
    off(type, handler) {
      for (const each of expandPatterns(erased, type)) {
        const left = table.byType.get(each)?.filter((registered) => registered !== (handler as AnyHandler));
        if (left) table.byType.set(each, left);
      }
      return router;
    },
    receive: enclose
      ? (delivery) => enclose("receive", "receive", (traceparent) => receive(pipeline, delivery, traceparent))
      : (delivery) => receive(pipeline, delivery),
    recover: enclose
      ? (recovery) => enclose("receive", "recover", (traceparent) => recover(pipeline, recovery, traceparent))
      : (recovery) => recover(pipeline, recovery),
    handle: enclose
      ? (event, given) => enclose("process", { ...event, ...given, stored: event }, () => handle(pipeline, event, given))
      : (event, given) => handle(pipeline, event, given),
    async dispatch(event: unknown, given: DispatchContext): Promise<DispatchResult> {
      try {
        const known = Object.hasOwn(provider.events, given.type);
        if (!known && !(isUnknownEvent(event) && event.type === given.type)) {
          throw unknownType(name, given.type, Object.keys(provider.events));
        }
        const context = createContext({
          type: given.type,
          id: given.id,
          attempt: given.attempt ?? 1,
          rawBody: given.rawBody ?? new Uint8Array(),
          authenticity: given.authenticity ?? { method: "none" },
          signal: given.signal,
          stale: given.stale,
          headers: given.headers ?? {},
          receivedAt: given.receivedAt === undefined ? clock() : new Date(given.receivedAt).getTime(),
          provider: name,
          endpoint,
          toJob: () => (known ? erased.toJob(event as never, given.type as never) : undefined),
        });
        const runs = known ? handlersFor(table, event, context) : handlersForUnknown(table, given.type, (event as UnknownEvent).body);
        return await dispatch(runs, context, enclose);
      } catch (cause) {
        return { result: "handler_failed", cause };
      }
    },
    fetch: (request, ...platform) => answer(request, ...platform),
  };
  const answer = fetchHandler(router);
  return router;
}

function add<Key>(handlers: Map<Key, readonly AnyHandler[]>, key: Key, handler: AnyHandler): void {
  handlers.set(key, [...(handlers.get(key) ?? []), handler]);
}

function isUnknownEvent(event: unknown): event is UnknownEvent {
  return typeof event === "object" && event !== null && "type" in event && "body" in event;
}

function checkMethods(option: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined) return;
  if (isPromiseLike(value)) {
    throw new ConfigurationError(
      `The option ${option} is a promise. Wait for it first, as in const inbox = await openSqliteInbox(options).`,
    );
  }
  for (const method of methods) {
    if (typeof value === "object" && value !== null && typeof (value as Record<string, unknown>)[method] === "function") continue;
    throw new ConfigurationError(`The option ${option} must have the methods ${methods.join(", ")}, but ${method} is missing.`);
  }
}

function checkHandler(handler: unknown): void {
  if (typeof handler === "function") return;
  throw new ConfigurationError(`A handler must be a function, but is of type ${typeof handler}.`);
}

function toStatuses(status: VideoJobStatus | readonly VideoJobStatus[] | "*"): ReadonlySet<VideoJobStatus> {
  if (status === "*") return new Set(statuses);
  const chosen = new Set(typeof status === "string" ? [status] : status);
  if (chosen.size === 0) throw new ConfigurationError("The list of job statuses is empty, so the handler would never run.");
  for (const each of chosen) {
    if (!statuses.includes(each)) {
      throw new ConfigurationError(`There is no job status "${each}". The statuses are ${statuses.join(", ")}, and "*" for all.`);
    }
  }
  return chosen;
}

function toClaims(
  idempotency: IdempotencyStore | false | undefined,
  provider: Provider<string, object>,
  deadlineMs: number,
  clock: () => number,
): ReturnType<typeof createClaims> | undefined {
  if (idempotency === false) return undefined;
  // Duplicates must be remembered for longer than a capture could be replayed (pitfall P26).
  const replayableMs = (provider.maxAgeSeconds ?? provider.signature.maxAgeSeconds ?? 0) * 2000;
  return createClaims({
    store: idempotency ?? createMemoryStore({ clock }),
    // Extending starts at the deadline, so the lease has to hold until well after it.
    leaseMs: Math.max(60_000, deadlineMs * 2),
    ttlMs: Math.max(7 * DAY_MS, replayableMs + DAY_MS),
  });
}
