import type { WaitUntil } from "./delivery.ts";
import type { AnyWebhookError } from "./errors.ts";
import { resultOf } from "./errors.ts";
import { type Logger, logDelivery, nameOfThrown } from "./log.ts";
import { type Outcome, type OutcomeResult, statusOf } from "./outcome.ts";
import { follow, isPromiseLike, keepAlive } from "./promise.ts";
import { type Refusal, toError } from "./refusal.ts";

/** What is known of a delivery so far. */
export interface Journey {
  startedAt: number;
  type?: string;
  id?: string;
  /** Of a `Discard`. */
  reason?: string;
  otherBody?: boolean;
  /** Whether the event is in the inbox, so that the sender need not come again. */
  stored?: boolean;
  /** Of the delivery. */
  waitUntil?: WaitUntil | undefined;
  /** What telemetry calls the delivery. */
  readonly traceparent?: string | undefined;
}

/** Where a failure happened, for `onError`. */
export interface ErrorContext {
  /** The name of the provider. */
  readonly provider: string;
  /** The identity of the endpoint. */
  readonly endpoint: string;
  /** How the delivery ended. */
  readonly result: OutcomeResult;
  /** The event type, once the delivery is authentic and names one. */
  readonly type?: string | undefined;
  /** The dedupe key, as in `context.id`, where it is known. */
  readonly id?: string | undefined;
  /** Whether the sender had its answer before this happened. */
  readonly afterAnswer: boolean;
}

/** Hears of every failure and refusal. What it throws is logged and goes no further. */
export type ErrorHandler = (error: AnyWebhookError, context: ErrorContext) => unknown;

/** Options of {@link createReporter}. */
export interface ReporterOptions {
  readonly provider: string;
  readonly endpoint: string;
  readonly errorHandlers: readonly ErrorHandler[];
  readonly logger: Logger | undefined;
  readonly clock: () => number;
}

/** Turns the end of a delivery into its outcome, one log line and, for failures, one error. */
export interface Reporter {
  end(journey: Journey, result: OutcomeResult, late?: boolean): Outcome;
  refuse(journey: Journey, refusal: Refusal, late?: boolean): Outcome;
}

const ignore = (): void => undefined;

/** Makes the reporter of a router. */
export function createReporter(options: ReporterOptions): Reporter {
  const { provider, endpoint, errorHandlers, logger, clock } = options;

  function write(journey: Journey, outcome: Outcome, late: boolean, error?: string): void {
    if (logger === undefined) return;
    try {
      const written = logDelivery(logger, { provider, outcome, milliseconds: clock() - journey.startedAt, late, error });
      if (isPromiseLike(written)) follow(written, ignore, ignore);
    } catch {
      // A logger that fails must not cost a delivery, and there is nowhere left to say so.
    }
  }

  function tell(handler: ErrorHandler, error: AnyWebhookError, context: ErrorContext, waitUntil: WaitUntil | undefined): void {
    const failed = (thrown: unknown): void => {
      try {
        (logger ?? console).error(`webhook provider=${provider} onError=failed error=${nameOfThrown(thrown)}`);
      } catch {
        // A logger that fails must not cost a delivery, and there is nowhere left to say so.
      }
    };
    try {
      const returned = handler(error, context);
      if (isPromiseLike(returned)) keepAlive(waitUntil, Promise.resolve(returned).catch(failed), ignore);
    } catch (thrown) {
      failed(thrown);
    }
  }

  function end(journey: Journey, result: OutcomeResult, late = false): Outcome {
    const outcome = toOutcome(journey, result);
    write(journey, outcome, late);
    return outcome;
  }

  function refuse(journey: Journey, refusal: Refusal, late = false): Outcome {
    const outcome = toOutcome(journey, resultOf(refusal.refused), refusal);
    write(journey, outcome, late, "cause" in refusal ? nameOfThrown(refusal.cause) : undefined);
    // Nobody set up to listen, but a receiver that fails in silence cannot be mended.
    const unheard = errorHandlers.length === 0 && logger === undefined && outcome.status >= 500 && !expected.has(outcome.result);
    if (errorHandlers.length === 0 && !unheard) return outcome;
    const error = toError(refusal, { provider, deliveryId: journey.id, type: journey.type });
    if (unheard) console.error(`video-webhooks: ${error.message} Register router.onError() for the details.`);
    const { type, id } = journey;
    const context: ErrorContext = { provider, endpoint, result: outcome.result, type, id, afterAnswer: late };
    for (const handler of errorHandlers) tell(handler, error, context, journey.waitUntil);
    return outcome;
  }

  return { end, refuse };
}

function waitOf(refusal: Refusal | undefined): number {
  const seconds = refusal?.seconds;
  return seconds !== undefined && Number.isFinite(seconds) ? seconds : 5;
}

/** Failures that the application or another run asked for. */
const expected: ReadonlySet<OutcomeResult> = new Set<OutcomeResult>(["retry_later", "in_progress"]);

const MOST_RETRY_AFTER_SECONDS = 86_400;

function toOutcome(journey: Journey, result: OutcomeResult, refusal?: Refusal): Outcome {
  const outcome: { -readonly [Key in keyof Outcome]: Outcome[Key] } = { result, status: statusOf(result, journey.stored) };
  if (journey.type !== undefined) outcome.type = journey.type;
  if (journey.id !== undefined) outcome.id = journey.id;
  if (refusal !== undefined && result === "unauthenticated") outcome.reason = refusal.refused;
  else if (journey.reason !== undefined) outcome.reason = journey.reason;
  if (journey.otherBody) outcome.otherBody = true;
  if (outcome.status === 503) outcome.retryAfterSeconds = Math.min(Math.max(1, Math.ceil(waitOf(refusal))), MOST_RETRY_AFTER_SECONDS);
  return outcome;
}
