import { ConfigurationError } from "../errors.ts";
import type { HandledResult, HandleOptions } from "../handle.ts";
import { type Logger, nameOfThrown } from "../log.ts";
import { checkOptionNames } from "../option-names.ts";
import { toReason } from "../signals.ts";
import type { InboxEvent } from "./intake.ts";
import { backoff, type CompletePolicy } from "./retry-policy.ts";
import type { AttemptEnd, ClaimedEvent, InboxStore } from "./store.ts";

/** What a worker needs of a router. */
export interface InboxRouter {
  /** Whose events it takes, and of which endpoint. */
  readonly provider: { readonly name: string; readonly endpoint: string };
  /** Runs the handlers for a stored event, and resolves to how that ended. */
  handle(event: InboxEvent, options: HandleOptions): Promise<HandledResult>;
}

/**
 * Something that went wrong in a worker. What handlers throw is reported to the `onError` of their router instead, and an event whose last
 * attempt died with its process is found by `stats()` and `list()`, since nobody was left to tell.
 */
export interface WorkerProblem {
  /**
   * - `store_failed`: the inbox could not be asked; the worker tries again.
   * - `claim_lost`: an attempt ended after its lease, and another one may have run. What it did is not recorded twice. In BullMQ it is also
   *   reported when the failure of an attempt was recorded, and Redis went away before it said so.
   * - `timed_out`: handlers took longer than `timeoutMs`, and the attempt has failed.
   * - `router_missing`: events have been due for a while for which this worker has no router. They stay where they are.
   */
  readonly problem: "store_failed" | "claim_lost" | "timed_out" | "router_missing";
  /** `provider/endpoint`, for `router_missing`. */
  readonly source?: string;
  /** The dedupe key, for what concerns one event. */
  readonly id?: string;
  /** What was thrown. */
  readonly cause?: unknown;
}

/** Options of {@link Inbox.work}. */
export interface WorkOptions {
  /**
   * How many events are handled at once.
   * @default 8
   */
  readonly concurrency?: number | undefined;
  /**
   * How long a claim holds unless it is extended, in milliseconds: after a crash, the event is taken again then.
   * @default 60000
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long handlers may take, in milliseconds. Beyond it `context.signal` is aborted and the attempt has failed; handlers that do not
   * listen to the signal go on beside the next attempt.
   * @default 900000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How often the inbox is asked for events that other processes have stored, or that are due again, in milliseconds.
   * @default 500
   */
  readonly pollMs?: number | undefined;
  /**
   * How long events may be due for which this worker has no router, before it says so: another worker may have it. In milliseconds.
   * @default 60000
   */
  readonly missingAfterMs?: number | undefined;
  /**
   * Hears of what is no failure of a handler. What it throws goes no further.
   * @default nobody is told
   */
  readonly onProblem?: ((problem: WorkerProblem) => unknown) | undefined;
  /**
   * Gets a line for each of these problems.
   * @default nothing is logged
   */
  readonly logger?: Logger | undefined;
}

/** How a worker is stopped. */
export interface StopOptions {
  /**
   * How long running handlers may go on, in milliseconds; `Infinity` waits for all of them. Beyond it `context.signal` is aborted, and their
   * events are given back without using up an attempt.
   * @default 30000
   */
  readonly graceMs?: number | undefined;
}

/** Works off an inbox. */
export interface InboxWorker {
  /**
   * Claims nothing more and resolves when all running handlers have ended, or were given back. May be called again, also to wait less long.
   *
   * @throws {@link ConfigurationError} for a `graceMs` that is no time
   */
  stop(options?: StopOptions): Promise<void>;
  /** Resolves when nothing is due any more, for tests and scripts. */
  idle(): Promise<void>;
}

/** One attempt. */
interface Run {
  readonly claimed: ClaimedEvent;
  /** Aborts the signal of the handlers and waits for them no longer. */
  cut(reason: Error): void;
  /** Aborts the signal only: what the handlers come to still counts if nobody else has the event. */
  warn(reason: Error): void;
  readonly signal: AbortSignal;
  /** Resolves with the reason when it was cut. */
  readonly wasCut: Promise<Error>;
}

/** Starts a worker. */
export function startWorker(
  store: InboxStore,
  policy: CompletePolicy,
  routers: readonly InboxRouter[],
  options: WorkOptions = {},
): InboxWorker {
  const { concurrency = 8, leaseMs = 60_000, timeoutMs = 900_000, pollMs = 500, missingAfterMs = 60_000, onProblem, logger } = options;
  const times = ["concurrency", "leaseMs", "timeoutMs", "pollMs", "missingAfterMs"];
  checkOptionNames("work()", options, [...times, "onProblem", "logger"]);
  for (const [name, value] of Object.entries({ concurrency, leaseMs, timeoutMs, pollMs, missingAfterMs })) {
    if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) continue;
    throw new ConfigurationError(`The option ${name} of work() must be a whole number above zero, and below 2147483648.`);
  }
  const bySource = new Map<string, InboxRouter>();
  for (const router of routers) {
    if (typeof router?.handle !== "function") throw new ConfigurationError("work() needs an array of routers.");
    const source = sourceOf(router.provider.name, router.provider.endpoint);
    if (bySource.has(source)) {
      throw new ConfigurationError(
        `work() got two routers of ${source}. Register all handlers on one, or give each an endpoint of its own.`,
      );
    }
    bySource.set(source, router);
  }
  if (bySource.size === 0) throw new ConfigurationError("work() needs at least one router.");
  const sources = [...bySource.keys()];

  const runs = new Map<Run, Promise<void>>();
  const waiting: (() => void)[] = [];
  const dueSince = new Map<string, number>();
  let stopping: Promise<void> | undefined;
  let stopped = false;
  let graceIsOver = false;
  let handling = 0;
  let claiming = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lookedForMissingAt = Number.NEGATIVE_INFINITY;

  function report(problem: WorkerProblem): void {
    const { problem: name, source, id, cause } = problem;
    const details = [source && ` source=${source}`, id && ` id=${id}`, cause !== undefined && ` error=${nameOfThrown(cause)}`];
    notify(() => logger?.warn(`webhook worker problem=${name}${details.filter(Boolean).join("")}`));
    notify(() => onProblem?.(problem));
  }

  /** An attempt that is only being recorded leaves its place to the next one, unless too many of them wait for a slow store. */
  const room = (): number => Math.min(concurrency - handling, 2 * concurrency - runs.size);

  /** Claims as many events as there is room for, and comes back when there is room again. */
  async function fill(): Promise<void> {
    if (claiming) {
      again = true;
      return;
    }
    claiming = true;
    let found = 0;
    try {
      do {
        // Handlers that end together make room together.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        again = false;
        const limit = room();
        if (stopped || limit <= 0) break;
        const claimed = await store.claim({ sources, limit, leaseMs });
        found = claimed.length;
        for (const each of claimed) begin(each);
        // A full batch means that there may be more.
      } while (again || found > 0);
      if (found === 0 && runs.size === 0 && !stopped) for (const resolve of waiting.splice(0)) resolve();
    } catch (cause) {
      report({ problem: "store_failed", cause });
    } finally {
      claiming = false;
    }
  }

  async function poll(): Promise<void> {
    await fill();
    const now = performance.now();
    if (now - lookedForMissingAt >= missingAfterMs / 2) {
      lookedForMissingAt = now;
      await reportMissing(now);
    }
    if (!stopped) timer = setTimeout(() => void poll(), pollMs);
  }

  /** Another worker may have the router, and then they are not due for long. */
  async function reportMissing(now: number): Promise<void> {
    try {
      const missing = (await store.dueSources()).filter((source) => !bySource.has(source));
      for (const source of dueSince.keys()) if (!missing.includes(source)) dueSince.delete(source);
      for (const source of missing) {
        const since = dueSince.get(source) ?? now;
        dueSince.set(source, since);
        if (now - since < missingAfterMs) continue;
        // Once, until they were taken by somebody.
        dueSince.set(source, Number.POSITIVE_INFINITY);
        report({ problem: "router_missing", source });
      }
    } catch (cause) {
      report({ problem: "store_failed", cause });
    }
  }

  function begin(claimed: ClaimedEvent): void {
    const run = createRun(claimed);
    const ended = perform(run).finally(() => {
      const wasFull = runs.size === 2 * concurrency;
      runs.delete(run);
      if (wasFull || waiting.length > 0) void fill();
    });
    runs.set(run, ended);
    // Nobody else waits for it before the worker is stopped.
    ended.catch(() => undefined);
  }

  async function perform(run: Run): Promise<void> {
    const { claimed } = run;
    const { event, attempt } = claimed;
    if (stopped) {
      await giveBack(claimed);
      return;
    }
    const router = bySource.get(sourceOf(event.provider, event.endpoint)) as InboxRouter;
    const startedAt = performance.now();
    const stopExtending = keepExtending(run);
    const timeout = setTimeout(() => {
      run.cut(new TimeoutError(timeoutMs));
      report({ problem: "timed_out", id: event.id });
    }, timeoutMs);
    try {
      handling++;
      const handled = await Promise.race([handle(router, run), run.wasCut]);
      handling--;
      clearTimeout(timeout);
      if (handled instanceof ShutdownError) {
        await giveBack(claimed);
        return;
      }
      // Whoever has lost the claim must not decide what becomes of the event; the store checks that as well.
      const result: HandledResult = handled instanceof Error ? { result: "handler_failed", cause: handled } : handled;
      const settling = settle(claimed, endOf(result, attempt, performance.now() - startedAt));
      // Asked for in the same turn, so that a store can write down the end of this attempt and the next claim together.
      void fill();
      if (!(await settling)) report({ problem: "claim_lost", id: event.id });
    } finally {
      stopExtending();
      clearTimeout(timeout);
    }
  }

  /** A router of this library never rejects; one that wraps it may, and then the attempt has failed. */
  async function handle(router: InboxRouter, { claimed, signal }: Run): Promise<HandledResult> {
    try {
      const handled: unknown = await router.handle(claimed.event, { attempt: claimed.attempt, signal, observe: store.observe });
      if (typeof handled === "object" && handled !== null) return handled as HandledResult;
      throw new TypeError("handle() of the router must resolve to how the handlers ended.");
    } catch (cause) {
      return { result: "handler_failed", cause };
    }
  }

  function endOf(handled: HandledResult, attempt: number, milliseconds: number): AttemptEnd {
    switch (handled.result) {
      case "processed":
      case "ignored":
      case "stale":
        return { state: "done", result: handled.result, milliseconds };
      case "discarded":
        return { state: "dead", result: "discarded", milliseconds, reason: cut(handled.reason) };
      case "payload_invalid":
        return { state: "dead", result: "payload_invalid", milliseconds, reason: cut(handled.reason) };
      default: {
        const reason = reasonOf(handled.cause);
        if (attempt >= policy.attempts) return { state: "dead", result: handled.result, milliseconds, reason };
        const afterMs = handled.result === "retry_later" ? handled.afterSeconds * 1000 : backoff(policy, attempt);
        return { state: "retry", result: handled.result, milliseconds, reason, afterMs };
      }
    }
  }

  /** Until the store takes it down, as long as the claim holds: handlers that have succeeded must not run again for a short outage. */
  async function settle(claimed: ClaimedEvent, end: AttemptEnd): Promise<boolean> {
    for (let wait = 50; ; wait = Math.min(wait * 2, 5000)) {
      try {
        return (await store.settle(claimed, end)) || (wait > 50 && (await wasSettled(claimed, end)));
      } catch (cause) {
        report({ problem: "store_failed", id: claimed.event.id, cause });
        // The lease ends by itself, and the event is handled again.
        if (graceIsOver) return true;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** Whether an attempt is on record with this end: its answer may have been lost on the way, and then the claim was not. */
  async function wasSettled({ entry, attempt }: ClaimedEvent, { result, milliseconds }: AttemptEnd): Promise<boolean> {
    const details = await store.get(entry, { payload: false });
    // No two attempts take the same time to the last digit.
    return (
      details?.history.some((line) => line.attempt === attempt && line.result === result && line.milliseconds === milliseconds) ?? false
    );
  }

  async function giveBack(claimed: ClaimedEvent): Promise<void> {
    try {
      await store.release(claimed);
    } catch (cause) {
      // The lease ends by itself.
      report({ problem: "store_failed", id: claimed.event.id, cause });
    }
  }

  /** Prolongs the lease until told otherwise. When it could not be, others may have the event, and the handlers hear of it. */
  function keepExtending(run: Run): () => void {
    const { claimed } = run;
    let endsAt = performance.now() + leaseMs;
    const extend = async (): Promise<void> => {
      const askedAt = performance.now();
      if (askedAt >= endsAt) run.warn(new Error("The lease on this event ended while the inbox did not answer; another run may start."));
      try {
        if (await store.extend(claimed, leaseMs)) endsAt = askedAt + leaseMs;
        else run.cut(new Error("The claim on this event was lost; another run may have started."));
      } catch (cause) {
        // The store may be back at the next turn, well before the lease ends.
        report({ problem: "store_failed", id: claimed.event.id, cause });
      }
    };
    const interval = setInterval(() => void extend(), leaseMs / 3);
    return () => clearInterval(interval);
  }

  function endGrace(): void {
    graceIsOver = true;
    for (const run of runs.keys()) run.cut(new ShutdownError());
  }

  async function drain(): Promise<void> {
    // A claim may have been on its way, and brings another run.
    while (claiming || runs.size > 0) {
      await Promise.allSettled(runs.values());
      if (!claiming) continue;
      // A store that never answers keeps nobody waiting for longer than the handlers may take.
      if (graceIsOver && runs.size === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const resolve of waiting.splice(0)) resolve();
  }

  const stopListening = store.onPut(() => void fill());
  void poll();

  return {
    async stop({ graceMs = 30_000 }: StopOptions = {}): Promise<void> {
      if (!(graceMs >= 0)) throw new ConfigurationError("The option graceMs of stop() must be a number of milliseconds, zero or more.");
      stopped = true;
      clearTimeout(timer);
      stopListening();
      const grace = graceMs < 2 ** 31 ? setTimeout(endGrace, graceMs) : undefined;
      stopping ??= drain();
      await stopping.finally(() => clearTimeout(grace));
    },
    async idle(): Promise<void> {
      if (stopped) return;
      const idle = new Promise<void>((resolve) => waiting.push(resolve));
      void fill();
      await idle;
    },
  };
}

function createRun(claimed: ClaimedEvent): Run {
  const controller = new AbortController();
  let resolve: (reason: Error) => void;
  const wasCut = new Promise<Error>((fulfil) => {
    resolve = fulfil;
  });
  const warn = (reason: Error): void => controller.abort(reason);
  return {
    claimed,
    signal: controller.signal,
    wasCut,
    warn,
    cut(reason) {
      warn(reason);
      resolve(reason);
    },
  };
}

/** Tells a listener; what it throws, or rejects with, must not stop the worker. */
function notify(tell: () => unknown): void {
  try {
    Promise.resolve(tell()).catch(() => undefined);
  } catch {
    // As above.
  }
}

/** The key under which a router is found. Names of providers have no slash. */
export function sourceOf(provider: string, endpoint: string): string {
  return `${provider}/${endpoint}`;
}

class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  constructor(milliseconds: number) {
    super(`The handlers took longer than ${milliseconds} ms.`);
  }
}

class ShutdownError extends Error {
  override readonly name = "ShutdownError";
  constructor() {
    super("The worker is shutting down.");
  }
}

/** What an operator reads beside a dead letter. It stays in the store, where the payload is as well. */
function reasonOf(cause: unknown): string {
  try {
    if (cause instanceof AggregateError) return cut(cause.errors.map(reasonOf).join("; "));
    return cut(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
  } catch {
    return nameOfThrown(cause);
  }
}

/** A store that cannot keep a reason would be asked to for ever, so it gets a text, also from a router of somebody else. */
function cut(reason: unknown): string {
  const text = toReason(reason);
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
