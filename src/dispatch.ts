import type { HandlerContext } from "./context.ts";
import type { VideoJob, VideoJobStatus } from "./job.ts";
import { isDiscard, isRetryLater } from "./signals.ts";

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

/**
 * Runs handlers concurrently and waits for all of them, whatever some of them throw. The result is there at once when no handler
 * returned a promise; otherwise the promise does not reject.
 */
export function dispatch(runs: readonly Run[], context: HandlerContext): DispatchResult | Promise<DispatchResult> {
  if (runs.length === 0) return { result: "ignored" };
  const thrown: unknown[] = [];
  const pending: PromiseLike<unknown>[] = [];
  for (const { handler, subject } of runs) {
    try {
      const returned = handler(subject as never, context as never);
      if (isPromiseLike(returned)) pending.push(returned);
    } catch (error) {
      thrown.push(error);
    }
  }
  return pending.length === 0 ? sum(thrown) : settle(pending, thrown);
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

async function settle(pending: readonly PromiseLike<unknown>[], thrown: unknown[]): Promise<DispatchResult> {
  if (pending.length === 1) {
    // The usual case, without the promises that allSettled makes.
    try {
      await pending[0];
    } catch (error) {
      thrown.push(error);
    }
    return sum(thrown);
  }
  for (const end of await Promise.allSettled(pending)) if (end.status === "rejected") thrown.push(end.reason);
  return sum(thrown);
}

/** A real failure outweighs a wish to retry, and that outweighs a discard. */
function sum(thrown: readonly unknown[]): DispatchResult {
  if (thrown.length === 0) return { result: "processed" };
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
  return { result: "discarded", reason: thrown.find(isDiscard)?.reason ?? "" };
}
