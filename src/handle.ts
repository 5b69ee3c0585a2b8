import type { HandlerContext } from "./context.ts";
import { createContext } from "./context.ts";
import { type DispatchResult, dispatch, handlersFor, handlersForUnknown } from "./dispatch.ts";
import type { IdempotencyStore } from "./idempotency/store.ts";
import type { InboxEvent } from "./inbox/intake.ts";
import { jobOf, type Pipeline, parseObject, schemaOf, UNREADABLE, validate } from "./receive.ts";
import type { Refusal } from "./refusal.ts";
import type { Journey } from "./report.ts";

/** What a worker tells about an attempt. */
export interface HandleOptions {
  /** 1 for the first. */
  readonly attempt: number;
  /** Aborted when the attempt has lost its claim, takes too long, or the worker shuts down. */
  readonly signal: AbortSignal;
  /**
   * Keeps the states of jobs, for `context.stale`.
   * @default no event is stale
   */
  readonly observe?: IdempotencyStore["observe"];
}

/** How the handlers of a stored event ended. */
export type HandledResult =
  | DispatchResult
  /** The job had come further before, and `staleEvents` is `"skip"`. */
  | { readonly result: "stale" }
  /** The payload does not fit the schema of its type, where `reason` names fields only, or cannot be read at all. */
  | { readonly result: "payload_invalid"; readonly reason: string };

/** How long states of jobs are kept. */
const SEEN_MS = 7 * 86_400_000;

/** Runs the handlers for an event that was verified and stored before. Never rejects; failures are reported as those of deliveries are. */
export async function handle(pipeline: Pipeline, stored: InboxEvent, options: HandleOptions): Promise<HandledResult> {
  const { provider, handlers, reporter } = pipeline;
  const { id } = stored;
  const journey: Journey = { startedAt: pipeline.clock(), id };
  if (stored.type !== UNREADABLE) journey.type = stored.type;
  const refuse = (refusal: Refusal, reason: string): HandledResult => {
    // Its sender was answered 200.
    journey.stored = true;
    reporter.refuse(journey, refusal, true);
    return { result: "payload_invalid", reason };
  };
  try {
    const parsed = parseObject(stored.rawBody);
    if (typeof parsed === "string") return refuse({ refused: parsed, length: stored.rawBody.length }, parsed);
    // This version may find a type where the one that stored the event found none.
    const type = stored.type === UNREADABLE ? provider.eventType(parsed.body) : stored.type;
    if (typeof type !== "string" || type === "") return refuse({ refused: "event_type_missing" }, "event_type_missing");
    journey.type = type;

    const schema = schemaOf(pipeline, type);
    const validated = schema && validate(schema, parsed.body);
    if (validated?.issues !== undefined) {
      return refuse({ refused: "payload_invalid", issues: validated.issues }, validated.issues);
    }
    const event = validated?.event as never;
    const context = createContext({
      provider: provider.name,
      endpoint: provider.endpoint,
      type,
      id,
      attempt: options.attempt,
      receivedAt: stored.receivedAt,
      rawBody: stored.rawBody,
      headers: stored.headers,
      authenticity: stored.authenticity,
      signal: options.signal,
      toJob: () => (validated ? provider.toJob(event, type as never) : undefined),
    });
    context.stale = await isStale(pipeline, context, options.observe);
    if (context.stale && pipeline.skipsStale) {
      reporter.end(journey, "stale", true);
      return { result: "stale" };
    }
    const runs = validated ? handlersFor(handlers, event, context) : handlersForUnknown(handlers, type, parsed.body);
    const end = await dispatch(runs, context);
    report(pipeline, journey, end);
    return end;
  } catch (cause) {
    reporter.refuse(journey, { refused: "configuration", cause }, true);
    return { result: "handler_failed", cause };
  }
}

async function isStale(pipeline: Pipeline, context: HandlerContext, observe: IdempotencyStore["observe"]): Promise<boolean> {
  const job = observe && jobOf(pipeline, context);
  return job !== undefined && observe !== undefined && (await observe(job.key, job.state, { ttlMs: SEEN_MS }));
}

function report({ reporter }: Pipeline, journey: Journey, end: DispatchResult): void {
  if (end.result === "discarded") journey.reason = end.reason;
  if (end.result === "handler_failed") reporter.refuse(journey, { refused: "handler_failed", cause: end.cause }, true);
  else if (end.result === "retry_later")
    reporter.refuse(journey, { refused: "retry_later", cause: end.cause, seconds: end.afterSeconds }, true);
  else reporter.end(journey, end.result, true);
}
