import { ConfigurationError } from "../errors.ts";
import type { HandledResult, HandleOptions } from "../handle.ts";
import { type Logger, nameOfThrown } from "../log.ts";
import type { InboxEvent } from "./intake.ts";
import { backoff, type CompletePolicy } from "./retry-policy.ts";
import type { AttemptEnd, ClaimedEvent, InboxStore } from "./store.ts";

/** What a worker needs of a router. */
export interface InboxRouter {
  readonly provider: { readonly name: string; readonly endpoint: string };
  handle(event: InboxEvent, options: HandleOptions): Promise<HandledResult>;
}

/** Something that went wrong in a worker, apart from handlers: those are reported to the `onError` of their router. */
export interface WorkerProblem {
  /**
   * - `store_failed`: the inbox could not be asked; the worker tries again.
   * - `claim_lost`: an attempt ended after its lease, and another one may have run. What it did is not recorded twice.
   * - `router_missing`: events are due for which no router is registered. They stay where they are.
   */
  readonly problem: "store_failed" | "claim_lost" | "router_missing";
  /** `provider/endpoint`, for `router_missing`. */
  readonly source?: string;
  /** The dedupe key, for `claim_lost`. */
  readonly id?: string;
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
  /** Hears of what is no failure of a handler. What it throws goes no further. */
  readonly onProblem?: ((problem: WorkerProblem) => unknown) | undefined;
  /** Gets a line for each of these problems. */
  readonly logger?: Logger | undefined;
}

/** How a worker is stopped. */
export interface StopOptions {
  /**
   * How long running handlers may go on, in milliseconds. Beyond it `context.signal` is aborted, and their events are given back without
   * using up an attempt.
   * @default 30000
   */
  readonly graceMs?: number | undefined;
}

/** Works off an inbox. */
export interface InboxWorker {
  /** Claims nothing more and resolves when all running handlers have ended, or were given back. Safe to call again. */
  stop(options?: StopOptions): Promise<void>;
  /** Resolves when nothing is due any more, for tests and scripts. */
  idle(): Promise<void>;
}

interface Run {
  readonly claimed: ClaimedEvent;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** Starts a worker. */
export function startWorker(
  store: InboxStore,
  policy: CompletePolicy,
  routers: readonly InboxRouter[],
  options: WorkOptions = {},
): InboxWorker {
  const { concurrency = 8, leaseMs = 60_000, timeoutMs = 900_000, pollMs = 500, onProblem, logger } = options;
  for (const [name, value] of Object.entries({ concurrency, leaseMs, timeoutMs, pollMs })) {
    if (!(value > 0 && value < 2 ** 31)) throw new ConfigurationError(`The option ${name} of work() must be a number above zero.`);
  }
  const bySource = new Map<string, InboxRouter>();
  for (const router of routers) {
    if (typeof router?.handle !== "function") throw new ConfigurationError("work() needs an array of routers.");
    bySource.set(sourceOf(router.provider.name, router.provider.endpoint), router);
  }
  if (bySource.size === 0) throw new ConfigurationError("work() needs at least one router.");
  const sources = [...bySource.keys()];

  const runs = new Set<Run>();
  const waiting: (() => void)[] = [];
  const reported = new Set<string>();
  let stopping: Promise<void> | undefined;
  let stopped = false;
  let handling = 0;
  let claiming = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pollsUntilReport = 0;

  function report(problem: WorkerProblem): void {
    try {
      const { problem: name, source, id, cause } = problem;
      const details = [source && ` source=${source}`, id && ` id=${id}`, cause !== undefined && ` error=${nameOfThrown(cause)}`];
      logger?.warn(`webhook worker problem=${name}${details.filter(Boolean).join("")}`);
      const returned = onProblem?.(problem);
      if (returned instanceof Promise) returned.catch(() => undefined);
    } catch {
      // A listener that fails must not stop the worker.
    }
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
    if (pollsUntilReport-- <= 0) {
      pollsUntilReport = 60;
      await reportMissing();
    }
    if (!stopped) timer = setTimeout(poll, pollMs);
  }

  async function reportMissing(): Promise<void> {
    try {
      for (const source of await store.dueSources()) {
        if (bySource.has(source) || reported.has(source)) continue;
        reported.add(source);
        report({ problem: "router_missing", source });
      }
    } catch (cause) {
      report({ problem: "store_failed", cause });
    }
  }

  function begin(claimed: ClaimedEvent): void {
    const controller = new AbortController();
    const ended = perform(claimed, controller).finally(() => {
      const wasFull = runs.size === 2 * concurrency;
      runs.delete(run);
      if (wasFull || waiting.length > 0) void fill();
    });
    const run: Run = { claimed, controller, ended };
    runs.add(run);
    // Nobody else waits for it before the worker is stopped.
    ended.catch(() => undefined);
  }

  async function perform(claimed: ClaimedEvent, controller: AbortController): Promise<void> {
    const { event, attempt } = claimed;
    if (stopped) {
      await giveBack(claimed);
      return;
    }
    const router = bySource.get(sourceOf(event.provider, event.endpoint)) as InboxRouter;
    const startedAt = performance.now();
    const extending = setInterval(() => void extend(claimed, controller), leaseMs / 3);
    const timeout = setTimeout(() => controller.abort(new TimeoutError(timeoutMs)), timeoutMs);
    try {
      const aborted = new Promise<HandledResult>((resolve) => {
        controller.signal.addEventListener("abort", () => resolve({ result: "handler_failed", cause: controller.signal.reason }));
      });
      handling++;
      const running = router.handle(event, { attempt, signal: controller.signal, observe: store.observe });
      const handled = await Promise.race([running, aborted]).finally(() => {
        handling--;
      });
      if (controller.signal.aborted && controller.signal.reason instanceof ShutdownError) {
        await giveBack(claimed);
        return;
      }
      // Whoever has lost the claim must not decide what becomes of the event; the store checks that as well.
      const settling = settle(claimed, endOf(handled, attempt, performance.now() - startedAt));
      // Asked for in the same turn, so that a store can write down the end of this attempt and the next claim together.
      void fill();
      if (!(await settling)) report({ problem: "claim_lost", id: event.id });
    } finally {
      clearInterval(extending);
      clearTimeout(timeout);
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
        return await store.settle(claimed, end);
      } catch (cause) {
        report({ problem: "store_failed", id: claimed.event.id, cause });
        if (stopped) return true;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  async function giveBack(claimed: ClaimedEvent): Promise<void> {
    try {
      await store.release(claimed);
    } catch (cause) {
      // The lease ends by itself.
      report({ problem: "store_failed", id: claimed.event.id, cause });
    }
  }

  async function extend(claimed: ClaimedEvent, controller: AbortController): Promise<void> {
    try {
      if (!(await store.extend(claimed, leaseMs)))
        controller.abort(new Error("The claim on this event was lost; another run may have started."));
    } catch (cause) {
      // The store may be back at the next turn, well before the lease ends.
      report({ problem: "store_failed", id: claimed.event.id, cause });
    }
  }

  const stopListening = store.onPut(() => void fill());
  void poll();

  return {
    stop({ graceMs = 30_000 }: StopOptions = {}): Promise<void> {
      stopping ??= (async () => {
        stopped = true;
        clearTimeout(timer);
        stopListening();
        const grace = setTimeout(() => {
          for (const { controller } of runs) controller.abort(new ShutdownError());
        }, graceMs);
        // A claim may have been on its way, and brings another run.
        while (claiming || runs.size > 0) {
          await Promise.allSettled([...runs].map(({ ended }) => ended));
          if (claiming) await new Promise((resolve) => setTimeout(resolve, 5));
        }
        clearTimeout(grace);
        for (const resolve of waiting.splice(0)) resolve();
      })();
      return stopping;
    },
    async idle(): Promise<void> {
      if (stopped) return;
      const idle = new Promise<void>((resolve) => waiting.push(resolve));
      void fill();
      await idle;
    },
  };
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

const cut = (text: string): string => (text.length > 500 ? `${text.slice(0, 500)}…` : text);
