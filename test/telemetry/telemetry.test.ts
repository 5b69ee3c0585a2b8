import { type ContextManager, context } from "@opentelemetry/api";
import { type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { openTelemetry } from "../../src/telemetry/otel.ts";
import type { Telemetry } from "../../src/telemetry.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { record } from "./recording.ts";

const fail = (): never => {
  throw new Error("Telemetry failed.");
};

/** Telemetry that does the same wherever it is called. */
const everywhere = (around: (work: () => Promise<unknown>) => unknown): Telemetry => ({
  receive: (_source, _operation, work) => around(work),
  process: (_source, _run, work) => around(work),
});

/** Telemetry of OpenTelemetry whose spans fail. */
const withProcessor = (changes: Partial<SpanProcessor>): Telemetry => {
  const processor = {
    onStart: () => undefined,
    onEnd: () => undefined,
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  return openTelemetry({ tracerProvider: new TracerProvider({ spanProcessors: [{ ...processor, ...changes }] }) });
};

const broken: readonly [string, () => Telemetry][] = [
  ["throws before it calls the work", () => everywhere(fail)],
  [
    "throws undefined",
    () =>
      everywhere(() => {
        throw undefined;
      }),
  ],
  [
    "throws after it has called the work",
    () =>
      everywhere((work) => {
        void work();
        fail();
      }),
  ],
  ["rejects when the work has ended", () => everywhere((work) => work().then(fail))],
  ["never calls the work", () => everywhere(() => undefined)],
  ["never settles", () => everywhere(() => new Promise(() => undefined))],
  ["calls the work twice", () => everywhere((work) => Promise.all([work(), work()]))],
  [
    "calls the work later",
    () =>
      everywhere(async (work) => {
        await undefined;
        return work();
      }),
  ],
  ["returns something strange", () => everywhere(() => new Proxy({}, { get: fail }))],
  ["has a span processor that throws at the start", () => withProcessor({ onStart: fail })],
  ["has a span processor that throws at the end", () => withProcessor({ onEnd: fail })],
  ["has a tracer that throws", () => openTelemetry({ tracerProvider: { getTracer: () => ({ startSpan: fail }) } })],
  ["has a tracer whose spans can nothing", () => openTelemetry({ tracerProvider: { getTracer: () => ({ startSpan: () => ({}) }) } })],
  ["has a meter provider that throws", () => openTelemetry({ meterProvider: { getMeter: fail } })],
  ["has a meter that throws", () => openTelemetry({ meterProvider: { getMeter: () => ({ createCounter: fail, createHistogram: fail }) } })],
];

describe.each(broken)("telemetry that %s", (_name, telemetryOf) => {
  const rejected = (): readonly unknown[] => {
    const reasons: unknown[] = [];
    const note = (reason: unknown): void => void reasons.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    return reasons;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it.each([
    ["with a store", {}],
    ["without a store", { idempotency: false }],
  ] as const)("harms no delivery: %s", async (_options, options) => {
    const reasons = rejected();
    const handler = vi.fn();
    const router = createRouter(heygen({ secret }), { telemetry: telemetryOf(), ...options }).onAny(handler);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "processed", status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
    expect(await router.receive(await signed(success("w"), { headers: {} }))).toMatchObject({ result: "unauthenticated" });
    expect(await router.recover({ body: JSON.parse(success("x")) })).toMatchObject({ result: "processed" });
    expect(await router.dispatch(JSON.parse(success("y")), { type: "avatar_video.success", id: "y" })).toEqual({ result: "processed" });
    expect(handler).toHaveBeenCalledTimes(3);
    await settle();
    expect(reasons).toEqual([]);
  });

  it("harms no event of an inbox", async () => {
    const reasons = rejected();
    const stored: InboxEvent[] = [];
    const accept = async (event: InboxEvent) => {
      stored.push(event);
      return { duplicate: false };
    };
    const handler = vi.fn(async (): Promise<void> => undefined);
    const router = createRouter(heygen({ secret }), { telemetry: telemetryOf(), inbox: { accept } }).onAny(handler);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "accepted" });
    const controller = new AbortController();
    const options = { attempt: 1, signal: controller.signal };
    expect(await router.handle(stored[0] as InboxEvent, options)).toEqual({ result: "processed" });
    handler.mockImplementation(async () => controller.abort(new Error("Too late.")));
    expect(await router.handle(stored[0] as InboxEvent, options)).toEqual({ result: "processed" });
    expect(handler).toHaveBeenCalledTimes(2);
    await settle();
    expect(reasons).toEqual([]);
  });
});

describe("telemetry", () => {
  it.each(["throws", "returns nothing"])("harms no delivery when the context manager %s", async (how) => {
    const { telemetry, spans } = record();
    context.disable();
    const none = { active: fail, enable: fail, disable: () => undefined, bind: fail, with: how === "throws" ? fail : () => undefined };
    context.setGlobalContextManager(none as unknown as ContextManager);
    const handler = vi.fn();
    const router = createRouter(heygen({ secret }), { telemetry }).onAny(handler);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "processed" });
    expect(handler).toHaveBeenCalledTimes(1);
    expect(spans()).toEqual([]);
  });

  it("hears how everything ended, and whether the provider declares the type", async () => {
    const heard: unknown[] = [];
    const router = createRouter(heygen({ secret, endpoint: "e" }), {
      telemetry: {
        receive: async ({ name, endpoint }, operation, work) => heard.push([name, endpoint, operation, (await work()).result]),
        process: async ({ events }, { type, id, attempt, stored }, work) =>
          heard.push([Object.hasOwn(events, type), type, id, attempt, stored, (await work()).result]),
      },
    }).onAny(() => undefined);
    await router.receive(await signed(success("v")));
    expect(heard).toEqual([
      [true, "avatar_video.success", "heygen/e/avatar_video.success/v", 1, undefined, "processed"],
      ["heygen", "e", "receive", "processed"],
    ]);
  });

  it.each([{}, { receive: () => undefined }, "otel", null])("is refused when it has not all methods: %j", (telemetry) => {
    expect(() => createRouter(heygen({ secret }), { telemetry: telemetry as unknown as Telemetry })).toThrow(
      /The option telemetry must have/,
    );
  });
});
