import type { HandlerContext } from "./context.ts";
import type { VideoJob, VideoJobStatus } from "./job.ts";
import { follow, isPromiseLike } from "./promise.ts";
import { isDiscard, isRetryLater, toReason } from "./signals.ts";
import type { Enclose } from "./telemetry.ts";

/** A handler with its types erased; registration has checked them. */
export type AnyHandler = (subject: never, context: never) => unknown;

/** The handlers of a router. Maps, so that an event named `constructor` finds nothing (pitfall P22). */
export interface HandlerTable {
  readonly byType: Map<string, readonly AnyHandler[]>;
  readonly byStatus: Map<VideoJobStatus, readonly AnyHandler[]>;
  any: readonly AnyHandler[];
  unknown: readonly AnyHandler[];
}

/** How the handlers of one event ended, together. */
export type DispatchResult =
  | { readonly result: "processed" }
  /** No handler is registered for the event. */
  | { readonly result: "ignored" }
  /** A handler threw `Discard`, and none failed. */
  | { readonly result: "discarded"; readonly reason: string }
  /** A handler threw `RetryLater`, and none failed otherwise. */
  | { readonly result: "retry_later"; readonly afterSeconds: number; readonly cause: unknown }
  /** `cause` is what a handler threw, or an `AggregateError` of several. */
  | { readonly result: "handler_failed"; readonly cause: unknown };

interface Run {
  readonly handler: AnyHandler;
  readonly subject: unknown;
}

const none: readonly AnyHandler[] = [];

/** The handlers that an event concerns; for job handlers the subject is the job. */
export function handlersFor(table: HandlerTable, event: unknown, context: HandlerContext): readonly Run[] {
  const runs: Run[] = [];
  for (const handler of table.byType.get(context.type) ?? none) runs.push({ handler, subject: event });
  for (const handler of table.any) runs.push({ handler, subject: event });
  if (table.byStatus.size > 0) {
    const job: VideoJob | undefined = context.job;
    if (job) for (const handler of table.byStatus.get(job.status) ?? none) runs.push({ handler, subject: job });
  }
  return runs;
}

/** The handlers for an event whose type the provider does not declare. */
export function handlersForUnknown(table: HandlerTable, type: string, body: unknown): readonly Run[] {
  return table.unknown.map((handler) => ({ handler, subject: { type, body } }));
}

/** Handlers that were started. */
export interface Running {
  /** There as soon as all of them have ended. */
  result: DispatchResult | undefined;
  /** Settles with the result, and never rejects. */
  ended(): Promise<DispatchResult>;
}

/** Starts handlers, which run concurrently. Never throws, whatever some of them throw. */
export function start(runs: readonly Run[], context: HandlerContext, enclose?: Enclose): Running {
  if (enclose === undefined || runs.length === 0) return startAll(runs, context);
  let running: Running | undefined;
  void enclose("process", context, async () => {
    running = startAll(runs, context);
    return running.result ?? running.ended();
  });
  // The work has started, so it is set.
  return running as unknown as Running;
}

function startAll(runs: readonly Run[], context: HandlerContext): Running {
  const thrown: unknown[] = [];
  // One more than handlers that have not ended, until all have started.
  let open = 1;
  let tell: ((result: DispatchResult) => void) | undefined;
  let ending: Promise<DispatchResult> | undefined;
  const running: Running = {
    result: undefined,
    // Made when it is asked for, since most handlers end before.
    ended() {
      ending ??= new Promise((resolve) => {
        if (running.result === undefined) tell = resolve;
        else resolve(running.result);
      });
      return ending;
    },
  };
  const fail = (error: unknown): void => {
    thrown.push(error);
  };
  const done = (): void => {
    if (--open > 0) return;
    try {
      running.result = sum(runs, thrown);
    } catch {
      // What was thrown throws itself when it is looked at (pitfall P48).
      running.result = { result: "handler_failed", cause: thrown[0] };
    }
    tell?.(running.result);
  };
  for (const { handler, subject } of runs) {
    try {
      const returned = handler(subject as never, context as never);
      if (!isPromiseLike(returned)) continue;
      open++;
      follow(returned, fail, done);
    } catch (error) {
      thrown.push(error);
    }
  }
  done();
  return running;
}

/** Runs handlers and waits for all of them. Never rejects. */
export function dispatch(runs: readonly Run[], context: HandlerContext, enclose?: Enclose): Promise<DispatchResult> {
  return start(runs, context, enclose).ended();
}

/** A real failure outweighs a wish to retry, and that outweighs a discard. */
function sum(runs: readonly Run[], thrown: readonly unknown[]): DispatchResult {
  if (thrown.length === 0) return { result: runs.length === 0 ? "ignored" : "processed" };
  const failures = thrown.filter((error) => !isRetryLater(error) && !isDiscard(error));
  if (failures.length > 0) {
    const cause = failures.length === 1 ? failures[0] : new AggregateError(failures, `${failures.length} handlers failed`);
    return { result: "handler_failed", cause };
  }
  const [first, ...others] = thrown.filter(isRetryLater);
  if (first) {
    const latest = others.reduce((late, other) => (other.afterSeconds > late.afterSeconds ? other : late), first);
    return { result: "retry_later", afterSeconds: latest.afterSeconds, cause: latest };
  }
  return { result: "discarded", reason: toReason(thrown.find(isDiscard)?.reason) };
}
