import {
  type Attributes,
  type BatchObservableResult,
  type Context,
  type Counter,
  context,
  type Histogram,
  isSpanContextValid,
  type Link,
  type Meter,
  metrics,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { InboxState, InboxStats } from "../inbox/store.ts";
import { nameOfThrown } from "../log.ts";
import type { Outcome } from "../outcome.ts";
import type { Telemetry, TelemetryEnd, TelemetryRun, TelemetrySource } from "../telemetry.ts";

export type { Telemetry } from "../telemetry.ts";

/** Where spans are made: the `TracerProvider` of OpenTelemetry. */
export interface SpanSource {
  /** Makes what starts spans. */
  getTracer(name: string): object;
}

/** Where metrics are made: the `MeterProvider` of OpenTelemetry. */
export interface MetricSource {
  /** Makes what counts and measures. */
  getMeter(name: string): object;
}

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /**
   * Where spans are made.
   * @default the provider that is registered globally
   */
  readonly tracerProvider?: SpanSource | undefined;
  /**
   * Where metrics are made.
   * @default the provider that is registered globally when the first delivery ends
   */
  readonly meterProvider?: MetricSource | undefined;
}

/** Options of {@link observeInbox}. */
export interface ObserveInboxOptions {
  /**
   * Tells several inboxes apart, as `video_webhooks.inbox.name`.
   * @default none
   */
  readonly name?: string | undefined;
  /**
   * Where metrics are made.
   * @default the provider that is registered globally at the time of the call
   */
  readonly meterProvider?: MetricSource | undefined;
}

/** What {@link observeInbox} needs of an inbox. */
export interface ObservableInbox {
  /** As an inbox has it; called whenever metrics are collected. */
  stats(): Promise<Pick<InboxStats, "states" | "oldestDueMs">>;
}

/** The name of the instrumentation. */
const SCOPE = "video-webhooks";

/** Stands for an event type that the provider does not declare: such a type is text from outside, of which there may be any number. */
const OTHER = "_OTHER";

/** Asked for by the application or by another run, so no error, although the sender gets a 503. */
const expected: ReadonlySet<string> = new Set(["retry_later", "in_progress"]);

/** Seconds, as the semantic conventions give them for `messaging.process.duration`. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

interface Instruments {
  readonly deliveries: Counter;
  readonly deliveryDuration: Histogram;
  readonly processDuration: Histogram;
  readonly attempts: Histogram;
}

/**
 * Makes spans and metrics of what routers do, for their option `telemetry`; one is enough for all routers. Set the SDK of OpenTelemetry up
 * before the first delivery; without one, nothing is recorded and everything else works as before.
 *
 * A delivery is a span `receive heygen`, and the run of its handlers is a span `process heygen avatar_video.success`, in whose context the
 * handlers run. A run by a worker of an inbox has a trace of its own, with a link to the span of its delivery. Attributes hold no secret, no
 * signature and nothing of a payload but the event type and the dedupe key. What fails in OpenTelemetry never harms a delivery.
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { openTelemetry } from "video-webhooks/otel";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { telemetry: openTelemetry() });
 * ```
 *
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ (checked 2026-11-21)
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const tracer = (options.tracerProvider ?? trace).getTracer(SCOPE) as Tracer;
  let instruments: Instruments | undefined;

  /** Not before something is to be measured: unlike a tracer, a meter does nothing for ever if it is asked for before the SDK is there. */
  function measure(): Instruments {
    instruments ??= createInstruments((options.meterProvider ?? metrics).getMeter(SCOPE) as Meter);
    return instruments;
  }

  function endReceive(started: Started, source: TelemetrySource, operation: string, outcome: Outcome): void {
    const { result, status, type, id } = outcome;
    const tags: Attributes = { "messaging.system": source.name, "video_webhooks.outcome": result };
    if (type !== undefined) tags["video_webhooks.event.type"] = knownType(source, type);
    // The reason of a Discard is the application's own text.
    if (result === "unauthenticated" && outcome.reason !== undefined) tags["video_webhooks.reason"] = outcome.reason;
    // A 4xx is the sender's, and anybody can cause one.
    if (status >= 500 && !expected.has(result)) tags["error.type"] = result;
    const details: Attributes = { ...tags };
    if (type !== undefined) details["video_webhooks.event.type"] = shown(type);
    if (id !== undefined) details["messaging.message.id"] = id;
    // Nobody was answered what was fetched.
    if (operation === "receive") details["http.response.status_code"] = status;
    const seconds = end(started, details);
    const { deliveries, deliveryDuration } = measure();
    const counted = { ...tags, "messaging.operation.name": operation };
    deliveries.add(1, counted, started.inside);
    deliveryDuration.record(seconds, counted, started.inside);
  }

  function endProcess(started: Started, source: TelemetrySource, run: TelemetryRun, result: string, failure: unknown): void {
    const isFailure = result === "handler_failed" || result === "payload_invalid" || result === "aborted";
    const tags: Attributes = {
      "messaging.system": source.name,
      "messaging.operation.name": "process",
      "video_webhooks.event.type": knownType(source, run.type),
      "video_webhooks.outcome": result,
    };
    if (isFailure) tags["error.type"] = result;
    const details: Attributes = { "video_webhooks.outcome": result };
    // The class only: a message or a stack may quote the payload. Names of classes are too many for metrics.
    if (isFailure) details["error.type"] = failure === undefined ? result : nameOfThrown(failure);
    const seconds = end(started, details);
    const { processDuration, attempts } = measure();
    processDuration.record(seconds, tags, started.inside);
    if (run.stored) attempts.record(run.attempt, tags, started.inside);
  }

  return {
    receive(source, operation, work) {
      const started = start(tracer, `${operation} ${source.name}`, context.active(), {
        "messaging.system": source.name,
        "messaging.operation.name": operation,
        "messaging.destination.name": source.endpoint,
      });
      const { inside, span } = started;
      return context.with(inside, work, undefined, toTraceparent(span.spanContext())).then(
        (outcome) => endReceive(started, source, operation, outcome),
        () => void end(started, { "video_webhooks.outcome": "configuration", "error.type": "configuration" }),
      );
    },

    process(source, run, work) {
      const { type, stored } = run;
      const known = knownType(source, type);
      // A worker may have been woken in the context of any delivery, which would become the parent.
      const outside = stored ? ROOT_CONTEXT : context.active();
      const attributes: Attributes = {
        "messaging.system": source.name,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": source.endpoint,
        "messaging.message.id": run.id,
        "video_webhooks.event.type": shown(type),
        "video_webhooks.attempt": run.attempt,
      };
      const name = known === OTHER ? `process ${source.name}` : `process ${source.name} ${known}`;
      const started = start(tracer, name, outside, attributes, linksTo(stored?.headers.traceparent));
      // Elsewhere it is made when it is asked for.
      const signal = stored && run.signal;
      let ended = false;
      const finish = (result: string, failure: unknown): void => {
        if (ended) return;
        ended = true;
        endProcess(started, source, run, result, failure);
      };
      const abandon = (): void => {
        try {
          finish("aborted", signal?.reason);
        } catch {
          // What a listener throws ends the process.
        }
      };
      // Handlers that do not listen may never end, and then nobody would see what has hung.
      signal?.addEventListener("abort", abandon, { once: true });
      return context.with(started.inside, work).then(({ result, cause }: TelemetryEnd) => {
        signal?.removeEventListener("abort", abandon);
        finish(result, cause);
      });
    },
  };
}

/**
 * Reports how many events an inbox holds in each state, and for how long the oldest that is due has waited, whenever metrics are collected.
 * Once per inbox and process; every process reports the same numbers, so take their maximum and not their sum.
 *
 * @returns a function that stops it; call it before the inbox is closed
 *
 * @example
 * ```ts
 * import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
 * import { observeInbox } from "video-webhooks/otel";
 *
 * const inbox = await openSqliteInbox({ path: "webhooks.db" });
 * const stopObserving = observeInbox(inbox);
 * stopObserving();
 * await inbox.close();
 * ```
 */
export function observeInbox(inbox: ObservableInbox, options: ObserveInboxOptions = {}): () => void {
  const meter = (options.meterProvider ?? metrics).getMeter(SCOPE) as Meter;
  // Gauges, since a sum over processes would count each event several times.
  const events = meter.createObservableGauge("video_webhooks.inbox.events", {
    unit: "{event}",
    description: "Events in the inbox, by state.",
  });
  const oldest = meter.createObservableGauge("video_webhooks.inbox.oldest_due_age", {
    unit: "s",
    description: "For how long the oldest event that is due has been waiting; 0 when none is.",
  });
  const tags: Attributes = options.name === undefined ? {} : { "video_webhooks.inbox.name": options.name };

  /** A store that fails leaves a gap; the SDK reports what this rejects with. */
  async function observe(result: BatchObservableResult): Promise<void> {
    const { states, oldestDueMs = 0 } = await inbox.stats();
    for (const state of Object.keys(states) as InboxState[]) {
      result.observe(events, states[state], { ...tags, "video_webhooks.inbox.state": state });
    }
    result.observe(oldest, oldestDueMs / 1000, tags);
  }

  meter.addBatchObservableCallback(observe, [events, oldest]);
  return function stopObserving() {
    meter.removeBatchObservableCallback(observe, [events, oldest]);
  };
}

function createInstruments(meter: Meter): Instruments {
  return {
    deliveries: meter.createCounter("video_webhooks.deliveries", {
      unit: "{delivery}",
      description: "Deliveries that were answered, forged ones and probes included.",
    }),
    deliveryDuration: meter.createHistogram("video_webhooks.delivery.duration", {
      unit: "s",
      description: "Time until a delivery was answered.",
      advice: { explicitBucketBoundaries: DURATIONS },
    }),
    processDuration: meter.createHistogram("messaging.process.duration", {
      unit: "s",
      description: "Duration of processing operation.",
      advice: { explicitBucketBoundaries: DURATIONS },
    }),
    attempts: meter.createHistogram("video_webhooks.inbox.attempts", {
      unit: "{attempt}",
      description: "Which attempt at its event each run of an inbox was.",
      advice: { explicitBucketBoundaries: [1, 2, 3, 4, 5, 6, 7, 8, 12, 16] },
    }),
  };
}

/** A span that has started. */
interface Started {
  readonly span: Span;
  /** For what happens inside of it. */
  readonly inside: Context;
  readonly startedAt: number;
}

/** A push by the provider is a CONSUMER, as is the run of handlers; `receive` as an operation type is for pulls only, so it is left out. */
function start(tracer: Tracer, name: string, outside: Context, attributes: Attributes, links: Link[] = []): Started {
  const span = tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes, links }, outside);
  return { span, inside: trace.setSpan(outside, span), startedAt: performance.now() };
}

/** Ends a span, and tells the seconds that it took. */
function end({ span, startedAt }: Started, attributes: Attributes): number {
  const seconds = (performance.now() - startedAt) / 1000;
  span.setAttributes(attributes);
  if (attributes["error.type"] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
  return seconds;
}

function knownType(source: TelemetrySource, type: string): string {
  return Object.hasOwn(source.events, type) ? type : OTHER;
}

const shown = (type: string): string => type.slice(0, 200);

/** As W3C Trace Context has it, and whatever propagator the application uses: only workers of this library read it. */
function toTraceparent(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

function linksTo(traceparent: string | undefined): Link[] {
  const [, traceId = "", spanId = "", flags = ""] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? [];
  const found: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(found) ? [{ context: found }] : [];
}
