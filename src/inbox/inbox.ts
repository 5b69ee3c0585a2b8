import { ConfigurationError } from "../errors.ts";
import type { AcceptOptions, InboxEvent, InboxIntake } from "./intake.ts";
import { completePolicy, type RetryPolicy } from "./retry-policy.ts";
import type {
  InboxEntryDetails,
  InboxFilter,
  InboxHealth,
  InboxPage,
  InboxState,
  InboxStats,
  InboxStore,
  Intervention,
  PruneOptions,
} from "./store.ts";
import { type InboxRouter, type InboxWorker, startWorker, type WorkOptions } from "./worker.ts";

/** Which page of a list. */
export interface ListOptions extends InboxFilter {
  /**
   * At most 1,000.
   * @default 50
   */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

/**
 * Keeps verified deliveries until they have been handled. What was acknowledged is on disk; handlers run at least once, and each event is
 * completed once. An effect happens exactly once only if the handler is idempotent on `context.id`.
 */
export interface Inbox extends InboxIntake {
  /**
   * Starts to handle events with the handlers of these routers. Several workers, also in other processes, share the work. An event of a
   * router that is not among them stays where it is.
   *
   * @throws {@link ConfigurationError} for what is no router
   */
  work(routers: InboxRouter | readonly InboxRouter[], options?: WorkOptions): InboxWorker;
  /** The entries that fit, the newest first, without payloads. */
  list(options?: ListOptions): Promise<InboxPage>;
  /** An entry with its history, and with its payload if asked for. `undefined` if there is none. */
  get(entry: string, options?: { readonly payload?: boolean }): Promise<InboxEntryDetails | undefined>;
  /**
   * Lets events that are done or dead be handled again, from their first attempt on.
   *
   * @returns how many there were
   */
  replay(which: string | readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /**
   * Makes events that wait dead, so that they are not handled.
   *
   * @returns how many there were
   */
  discard(which: string | readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  stats(): Promise<InboxStats>;
  /**
   * Deletes handled events, and dead letters if asked to. A duplicate of a deleted event is a new one.
   *
   * @returns how many there were
   */
  prune(options: PruneOptions): Promise<number>;
  health(): Promise<InboxHealth>;
  /** Stops the workers that were started here, and closes what was opened. */
  close(): Promise<void>;
}

/** Makes an inbox of what keeps its events; for those who write a store. */
export function createInbox(store: InboxStore, retries: RetryPolicy = {}): Inbox {
  const policy = completePolicy(retries);
  const workers = new Set<InboxWorker>();
  let closing: Promise<void> | undefined;
  return {
    accept: (event: InboxEvent, options?: AcceptOptions) => store.put(event, options),
    work(routers, options) {
      if (closing) throw new ConfigurationError("The inbox is closed.");
      const worker = startWorker(store, policy, Array.isArray(routers) ? routers : [routers as InboxRouter], options);
      workers.add(worker);
      return worker;
    },
    async list({ limit = 50, after, ...filter }: ListOptions = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        throw new ConfigurationError("The option limit of list() must be a whole number from 1 to 1000.");
      }
      return store.list(checkFilter(filter), { limit, after });
    },
    get: (entry, { payload = false } = {}) => store.get(entry, { payload }),
    async replay(which, intervention) {
      return store.replay(checkSelection(which, "replay"), checkIntervention(intervention, "replay"));
    },
    async discard(which, intervention) {
      return store.discard(checkSelection(which, "discard"), checkIntervention(intervention, "discard"));
    },
    stats: () => store.stats(),
    async prune(options) {
      for (const [name, days] of Object.entries(options)) {
        if (days !== undefined && !(days >= 0)) throw new ConfigurationError(`The option ${name} of prune() must be a number of days.`);
      }
      if (options.olderThanDays === undefined) throw new ConfigurationError("prune() needs the option olderThanDays.");
      return store.prune(options);
    },
    health: () => store.health(),
    close() {
      closing ??= (async () => {
        await Promise.all([...workers].map((worker) => worker.stop()));
        await store.close();
      })();
      return closing;
    },
  };
}

const states: readonly InboxState[] = ["received", "processing", "retry", "done", "dead"];
const conditions = ["state", "provider", "endpoint", "type", "id", "receivedAfter", "receivedBefore"];

/** A typo must not turn an operation on some events into one on all. */
function checkFilter(filter: InboxFilter): InboxFilter {
  for (const name of Object.keys(filter)) {
    if (!conditions.includes(name)) throw new ConfigurationError(`There is no condition "${name}". There are ${conditions.join(", ")}.`);
  }
  for (const state of [filter.state ?? []].flat()) {
    if (!states.includes(state)) throw new ConfigurationError(`There is no state "${state}". The states are ${states.join(", ")}.`);
  }
  return filter;
}

function checkSelection(which: string | readonly string[] | InboxFilter, operation: string): readonly string[] | InboxFilter {
  if (typeof which === "string") return [which];
  if (Array.isArray(which)) return which;
  const filter = checkFilter(which as InboxFilter);
  if (Object.values(filter).some((condition) => condition !== undefined)) return filter;
  throw new ConfigurationError(`${operation}() of everything needs a condition that says so, such as { state: ["done", "dead"] }.`);
}

function checkIntervention(intervention: Intervention, operation: string): Intervention {
  for (const name of ["by", "reason"] as const) {
    const value = intervention?.[name];
    if (typeof value === "string" && value.trim() !== "") continue;
    throw new ConfigurationError(`${operation}() needs to know who does it and why: { by, reason }.`);
  }
  return { by: intervention.by.slice(0, 200), reason: intervention.reason.slice(0, 500) };
}
