import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { onTestFinished } from "vitest";
import { openTelemetry } from "../../src/telemetry/otel.ts";
import type { Telemetry } from "../../src/telemetry.ts";

/** One series of a metric. */
export interface Series {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number | Histogram;
}

/** The SDK of OpenTelemetry with exporters in memory. */
export interface Recording {
  readonly telemetry: Telemetry;
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** Spans in the order in which they ended. */
  spans(): readonly ReadableSpan[];
  /** The only span of this name. */
  span(name: string): ReadableSpan;
  /** What is measured now, by the names of metrics. */
  metrics(): Promise<Readonly<Record<string, { readonly unit: string; readonly series: readonly Series[] }>>>;
}

/** Sets the SDK up until the test has finished. */
export function record(): Recording {
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })] });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // It collects when it is told to; the interval is longer than any test.
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(async () => {
    context.disable();
    await tracerProvider.shutdown();
    await meterProvider.shutdown();
  });

  const spans = (): readonly ReadableSpan[] => spanExporter.getFinishedSpans();
  return {
    telemetry: openTelemetry({ tracerProvider, meterProvider }),
    tracerProvider,
    meterProvider,
    spans,
    span(name) {
      const [found, ...others] = spans().filter((span) => span.name === name);
      const names = spans().map((span) => span.name);
      if (found === undefined || others.length > 0) throw new Error(`There is not one span ${name}, but ${names.join(", ") || "none"}.`);
      return found;
    },
    async metrics() {
      metricExporter.reset();
      await reader.forceFlush();
      const found = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
      return Object.fromEntries(
        found.map(({ descriptor, dataPoints }) => {
          const series = (dataPoints as readonly DataPoint<number | Histogram>[]).map(({ attributes, value }) => ({ attributes, value }));
          return [descriptor.name, { unit: descriptor.unit, series }];
        }),
      );
    },
  };
}
