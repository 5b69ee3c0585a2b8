import type { Outcome } from "./outcome.ts";

/** The provider of a router, as far as telemetry is concerned. */
export interface TelemetrySource {
  /** The name of the provider. */
  readonly name: string;
  /** The identity of the endpoint. */
  readonly endpoint: string;
  /** Its keys are the event types that the provider declares. Any other type is text that came in from outside. */
  readonly events: object;
}

/** A run of all handlers of one event. */
export interface TelemetryRun {
  /** The event type. */
  readonly type: string;
  /** The dedupe key, as in `context.id`. */
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
  /**
   * Only when a worker of an inbox has started the run, for a delivery that ended before: `traceparent` among its headers is what
   * {@link Telemetry.receive} gave then, or unsigned text from outside if it gave nothing.
   */
  readonly stored?: { readonly headers: Readonly<Record<string, string>> };
  /** Aborted when the run may no longer count, although handlers may go on. Of use for stored runs only. */
  readonly signal: AbortSignal;
}

/** How a run of handlers ended. */
export interface TelemetryEnd {
  /** How the run ended, such as `processed` or `handler_failed`. */
  readonly result: string;
  /** What a handler threw. It may quote the payload. */
  readonly cause?: unknown;
}

/**
 * Follows what a router does; `openTelemetry()` of `video-webhooks/otel` makes one. Each method is called where something starts, and has to
 * call `work` at once, which does it. The promise of `work` tells how it ended; it rejects only where a router that recovers an event does,
 * for a mistake of the developer. The router uses nothing that a method returns: if it throws, rejects, or does not call `work`, the work is
 * done all the same, and once.
 */
export interface Telemetry {
  /** A delivery, or with `"recover"` an event that was fetched. `traceparent` is kept with an event that goes into an inbox. */
  receive(source: TelemetrySource, operation: "receive" | "recover", work: (traceparent?: string) => Promise<Outcome>): unknown;
  /** A run of handlers. */
  process(source: TelemetrySource, run: TelemetryRun, work: () => Promise<TelemetryEnd>): unknown;
}

/** Does work inside of what telemetry puts around it. */
export interface Enclose {
  <Result extends Outcome>(
    method: "receive",
    operation: "receive" | "recover",
    work: (traceparent?: string) => Promise<Result>,
  ): Promise<Result>;
  <Result extends TelemetryEnd>(method: "process", run: TelemetryRun, work: () => Promise<Result>): Promise<Result>;
}

/** Binds telemetry to a router. Whatever the telemetry does, the work starts at once, is done once, and its result counts. */
export function createEnclose(telemetry: Telemetry, source: TelemetrySource): Enclose {
  return function enclose<Result>(
    method: keyof Telemetry,
    subject: unknown,
    work: (traceparent?: string) => Promise<Result>,
  ): Promise<Result> {
    let working: Promise<Result> | undefined;
    const once = (traceparent?: string): Promise<Result> => (working ??= work(traceparent));
    try {
      Promise.resolve(telemetry[method](source, subject as never, once as never)).catch(() => undefined);
    } catch {
      // Telemetry that fails must not cost a delivery, and there is nowhere left to say so.
    }
    return once();
  };
}
