import { isBytes } from "../body.ts";
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
import { type InboxRouter, type InboxWorker, type StopOptions, startWorker, type WorkOptions } from "./worker.ts";

/** Which page of a list. */
export interface ListOptions extends InboxFilter {
  /**
   * At most 1,000.
   * @default 50
   */
  readonly limit?: number | undefined;
  /**
   * `next` of the page before.
   * @default the first page
   */
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
  /**
   * The entries that fit, the newest first, without payloads.
   *
   * @throws {@link ConfigurationError} for a condition that is none
   */
  list(options?: ListOptions): Promise<InboxPage>;
  /** An entry with its history, and with its payload if asked for. `undefined` if there is none. */
  get(entry: string, options?: { readonly payload?: boolean }): Promise<InboxEntryDetails | undefined>;
  /**
   * Lets events that are done or dead be handled again, from their first attempt on. Many are changed in steps, each of which is all or
   * nothing (SQLite 1,000 events, pg-boss 100, BullMQ 1), so that deliveries go on meanwhile; after a crash, call it again for the rest.
   *
   * @returns how many there were
   * @throws {@link ConfigurationError} for a condition that is none, or for none at all
   */
  replay(which: string | readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /**
   * Makes events that wait dead, so that they are not handled. In steps, as `replay` does.
   *
   * @returns how many there were
   * @throws {@link ConfigurationError} for a condition that is none, or for none at all
   */
  discard(which: string | readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /** Counts what is stored, by state, and how it went. */
  stats(): Promise<InboxStats>;
  /**
   * Deletes handled events, and dead letters if asked to. A duplicate of a deleted event is a new one. In steps, as `replay` does (SQLite
   * 200 events).
   *
   * @returns how many there were
   * @throws {@link ConfigurationError} for what is no number of days
   */
  prune(options: PruneOptions): Promise<number>;
  /**
   * Whether the store can be written to right now, for the health check of a server; answers within 1.5 seconds. `ready` says whether it
   * should get deliveries, `live` whether it can get better by itself. While {@link Inbox.close} waits for handlers, both stay as they are.
   */
  health(): Promise<InboxHealth>;
  /**
   * Stops the workers that were started here and still run, and closes what was opened. Safe to call again, also to wait less long.
   *
   * @throws {@link ConfigurationError} for a `graceMs` that is no time
   */
  close(options?: StopOptions): Promise<void>;
}

/** Entries that a store is given at once; SQLite takes 32,766 values in a statement. */
const CHUNK = 10_000;

/**
 * Makes an inbox of what keeps its events; for those who write a store. `inboxStoreCases` of `video-webhooks/testing` are its tests.
 *
 * @param retries the policy that the store was made with
 * @throws {@link ConfigurationError} for numbers that cannot work
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { createInbox } from "video-webhooks/inbox";
 * import { openMyStore } from "./my-store.js";
 *
 * const policy = { attempts: 5, backoffMs: 1000, maxBackoffMs: 900_000 };
 * const inbox = createInbox(await openMyStore(policy), policy);
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { inbox });
 * const worker = inbox.work(router);
 * ```
 */
export function createInbox(store: InboxStore, retries: RetryPolicy = {}): Inbox {
  const policy = completePolicy(retries);
  const workers = new Set<InboxWorker>();
  let closing: Promise<void> | undefined;

  async function changeAll(
    which: string | readonly string[] | InboxFilter,
    operation: "replay" | "discard",
    intervention: Intervention,
  ): Promise<number> {
    const selected = checkSelection(which, operation);
    const checked = checkIntervention(intervention, operation);
    if (!isList(selected)) return store[operation](selected, checked);
    const entries = [...new Set(selected)];
    let changed = 0;
    for (let from = 0; from < entries.length; from += CHUNK) changed += await store[operation](entries.slice(from, from + CHUNK), checked);
    return changed;
  }

  return {
    async accept(event: InboxEvent, options?: AcceptOptions) {
      checkEvent(event);
      return store.put(event, options);
    },
    work(routers, options) {
      if (closing) throw new ConfigurationError("The inbox is closed.");
      const running = startWorker(store, policy, Array.isArray(routers) ? routers : [routers as InboxRouter], options);
      const worker: InboxWorker = {
        ...running,
        stop: (how) => running.stop(how).then(() => void workers.delete(worker)),
      };
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
      return changeAll(which, "replay", intervention);
    },
    async discard(which, intervention) {
      return changeAll(which, "discard", intervention);
    },
    stats: () => store.stats(),
    async prune(options) {
      return store.prune(checkPruning(options));
    },
    health: () => store.health(),
    async close({ graceMs }: StopOptions = {}) {
      if (graceMs !== undefined && !(graceMs >= 0)) {
        throw new ConfigurationError("The option graceMs of close() must be a number of milliseconds, zero or more.");
      }
      // Also when it is called again, which may end the grace sooner.
      const stopped = Promise.all([...workers].map((worker) => worker.stop({ graceMs })));
      closing ??= stopped.then(() => store.close());
      await Promise.all([stopped, closing]);
    },
  };
}

const textsOfEvents = ["provider", "endpoint", "type", "id", "fingerprint"] as const;

/** Stores keep events together, so one that none could keep must not get so far. */
function checkEvent(event: InboxEvent): void {
  const refuse = (what: string): never => {
    throw new ConfigurationError(`accept() needs an event as routers make it: ${what}.`);
  };
  if (typeof event !== "object" || event === null) refuse("it is none");
  for (const name of textsOfEvents) if (typeof event[name] !== "string") refuse(`${name} is no text`);
  if (!isBytes(event.rawBody)) refuse("rawBody is no Uint8Array");
  for (const name of ["headers", "authenticity"] as const) {
    if (typeof event[name] !== "object" || event[name] === null) refuse(`${name} is no object`);
  }
  if (!Number.isFinite(event.receivedAt)) refuse("receivedAt is no number of milliseconds");
}

const states: readonly InboxState[] = ["received", "processing", "retry", "done", "dead"];
const texts: readonly string[] = ["provider", "endpoint", "type", "id"];
const times: readonly string[] = ["receivedAfter", "receivedBefore"];
const conditions: readonly string[] = ["state", ...texts, ...times];

/** A typo must not turn an operation on some events into one on all, and neither must a value that a store takes for none. */
function checkFilter(filter: InboxFilter): InboxFilter {
  if (typeof filter !== "object" || filter === null)
    throw new ConfigurationError('Conditions must be an object, such as { state: "dead" }.');
  for (const [name, value] of Object.entries(filter)) {
    if (!conditions.includes(name)) throw new ConfigurationError(`There is no condition "${name}". There are ${conditions.join(", ")}.`);
    if (value === undefined) continue;
    if (name === "state") checkStates([value].flat());
    if (texts.includes(name) && typeof value !== "string") throw new ConfigurationError(`The condition ${name} must be a text.`);
    if (times.includes(name) && !(value instanceof Date && Number.isFinite(value.getTime()))) {
      throw new ConfigurationError(`The condition ${name} must be a Date with a valid time.`);
    }
  }
  return filter;
}

function checkStates(wanted: readonly unknown[]): void {
  for (const state of wanted) {
    if (states.includes(state as InboxState)) continue;
    throw new ConfigurationError(`There is no state "${String(state)}". The states are ${states.join(", ")}.`);
  }
}

function checkSelection(which: string | readonly string[] | InboxFilter, operation: string): readonly string[] | InboxFilter {
  if (typeof which === "string") return [which];
  if (isList(which)) {
    if (which.every((entry) => typeof entry === "string")) return which;
    throw new ConfigurationError(`The entries of ${operation}() must be texts, as list() gives them.`);
  }
  const filter = checkFilter(which);
  if (Object.values(filter).some((condition) => condition !== undefined)) return filter;
  throw new ConfigurationError(`${operation}() of everything needs a condition that says so, such as { state: ["done", "dead"] }.`);
}

function isList(which: string | readonly string[] | InboxFilter): which is readonly string[] {
  return Array.isArray(which);
}

function checkIntervention(intervention: Intervention, operation: string): Intervention {
  for (const name of ["by", "reason"] as const) {
    const value = intervention?.[name];
    if (typeof value === "string" && value.trim() !== "") continue;
    throw new ConfigurationError(`${operation}() needs to know who does it and why: { by, reason }.`);
  }
  return { by: intervention.by.slice(0, 200), reason: intervention.reason.slice(0, 500) };
}

const agesOfPruning: readonly string[] = ["olderThanDays", "deadOlderThanDays"];

function checkPruning(options: PruneOptions): PruneOptions {
  if (options?.olderThanDays === undefined) throw new ConfigurationError("prune() needs the option olderThanDays.");
  for (const [name, days] of Object.entries(options) as [string, unknown][]) {
    if (name === "onProgress") {
      if (days === undefined || typeof days === "function") continue;
      throw new ConfigurationError("The option onProgress of prune() must be a function.");
    }
    if (!agesOfPruning.includes(name)) {
      throw new ConfigurationError(`prune() has no option "${name}". There are ${agesOfPruning.join(", ")}, onProgress.`);
    }
    if (days === undefined || (typeof days === "number" && days >= 0)) continue;
    throw new ConfigurationError(`The option ${name} of prune() must be a number of days, 0 or more.`);
  }
  return options;
}
