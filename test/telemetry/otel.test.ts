import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { context, diag, metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Histogram } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter, type RouterOptions } from "../../src/router.ts";
import { Discard, RetryLater } from "../../src/signals.ts";
import { observeInbox, openTelemetry } from "../../src/telemetry/otel.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { type Recording, record } from "./recording.ts";

const RECEIVE = "receive heygen";
const PROCESS = "process heygen avatar_video.success";
const ID = "heygen/default/avatar_video.success/v";

function setUp(options: RouterOptions = {}) {
  const recording = record();
  const router = createRouter(heygen({ secret }), { telemetry: recording.telemetry, logger: silent, ...options });
  return { ...recording, router };
}

/** A router that only stores, and what it has stored. */
function storing(recording: Recording) {
  const stored: InboxEvent[] = [];
  const accept = async (event: InboxEvent) => {
    stored.push(event);
    return { duplicate: false };
  };
  return { stored, router: createRouter(heygen({ secret }), { telemetry: recording.telemetry, inbox: { accept }, logger: silent }) };
}

const parentOf = ({ parentSpanContext }: ReadableSpan): string | undefined => parentSpanContext?.spanId;
const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const traceparentOf = (span: ReadableSpan): string => `00-${traceOf(span)}-${idOf(span)}-01`;
/** Everything that leaves the process. */
const exported = ({ name, attributes, events, status, links }: ReadableSpan): unknown => ({ name, attributes, events, status, links });

describe("a delivery", () => {
  it("is a span, in which the run of its handlers is one, in which the spans of handlers are", async () => {
    const { router, span, spans, tracerProvider } = setUp();
    router.onAny(async () => {
      await undefined;
      tracerProvider.getTracer("application").startSpan("save").end();
    });
    await router.receive(await signed(success("v")));
    expect(spans().map(({ name }) => name)).toEqual(["save", PROCESS, RECEIVE]);
    const [receive, process] = [span(RECEIVE), span(PROCESS)];
    expect(parentOf(receive)).toBeUndefined();
    expect(parentOf(process)).toBe(idOf(receive));
    expect(parentOf(span("save"))).toBe(idOf(process));
    expect(spans().map(traceOf)).toEqual([traceOf(receive), traceOf(receive), traceOf(receive)]);
    expect([receive.kind, process.kind]).toEqual([SpanKind.CONSUMER, SpanKind.CONSUMER]);
    expect(receive.instrumentationScope.name).toBe("video-webhooks");
    expect(receive.attributes).toEqual({
      "messaging.system": "heygen",
      "messaging.operation.name": "receive",
      "messaging.destination.name": "default",
      "messaging.message.id": ID,
      "video_webhooks.event.type": "avatar_video.success",
      "video_webhooks.outcome": "processed",
      "http.response.status_code": 200,
    });
    expect(process.attributes).toEqual({
      "messaging.system": "heygen",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "default",
      "messaging.message.id": ID,
      "video_webhooks.event.type": "avatar_video.success",
      "video_webhooks.attempt": 1,
      "video_webhooks.outcome": "processed",
    });
    expect([receive.status.code, process.status.code]).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
  });

  it.each([
    ["with a store", {}],
    ["without a store", { idempotency: false }],
  ] as const)("has the same spans whether handlers end at once or later: %s", async (_name, options) => {
    const { router, spans } = setUp(options);
    router.on("avatar_video.success", () => undefined).on("avatar_video.fail", () => new Promise((resolve) => setImmediate(resolve)));
    await router.receive(await signed(success("v")));
    await router.receive(await signed('{"event_type":"avatar_video.fail","event_data":{"video_id":"v"}}'));
    expect(spans().map(({ name }) => name)).toEqual([PROCESS, RECEIVE, "process heygen avatar_video.fail", RECEIVE]);
  });

  it("is inside of the span that is active, such as that of the HTTP server", async () => {
    const { router, span, tracerProvider } = setUp();
    const server = tracerProvider.getTracer("http").startSpan("POST /webhooks/heygen", { kind: SpanKind.SERVER });
    await context.with(trace.setSpan(context.active(), server), async () => router.receive(await signed(success("v"))));
    expect(parentOf(span(RECEIVE))).toBe(server.spanContext().spanId);
  });

  it("is not inside of a span that its sender names, since its headers are not signed", async () => {
    const { router, span } = setUp();
    const delivery = await signed(success("v"));
    await router.receive({ ...delivery, headers: { ...delivery.headers, traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } });
    expect(parentOf(span(RECEIVE))).toBeUndefined();
    expect(span(RECEIVE).links).toEqual([]);
  });

  it("that reaches no handler is one span", async () => {
    const { router, spans } = setUp();
    await router.receive(await signed(success("v")));
    expect(spans().map(({ name, attributes }) => [name, attributes["video_webhooks.outcome"]])).toEqual([[RECEIVE, "ignored"]]);
  });

  it("that is forged has its reason, and is no error, since anybody can cause it", async () => {
    const { router, span } = setUp();
    await router.receive(await signed(success("v"), { headers: { signature: "0".repeat(64) } }));
    expect(span(RECEIVE).attributes).toEqual({
      "messaging.system": "heygen",
      "messaging.operation.name": "receive",
      "messaging.destination.name": "default",
      "video_webhooks.outcome": "unauthenticated",
      "video_webhooks.reason": "signature_mismatch",
      "http.response.status_code": 401,
    });
    expect(span(RECEIVE).status.code).toBe(SpanStatusCode.UNSET);
  });

  it("that fails is an error, and the run of its handlers names the class of what was thrown", async () => {
    const { router, span } = setUp();
    router.onAny(() => {
      throw new RangeError("a text that may quote the payload");
    });
    await router.receive(await signed(success("v")));
    expect(span(RECEIVE)).toMatchObject({ attributes: { "error.type": "handler_failed" }, status: { code: SpanStatusCode.ERROR } });
    expect(span(PROCESS)).toMatchObject({ attributes: { "error.type": "RangeError" }, status: { code: SpanStatusCode.ERROR } });
    expect(span(PROCESS).events).toEqual([]);
  });

  it.each([
    ["retry_later", new RetryLater({ afterSeconds: 5 })],
    ["discarded", new Discard("a reason of the application")],
  ])("is no error when a handler asks for it: %s", async (outcome, thrown) => {
    const { router, span } = setUp();
    router.onAny(() => {
      throw thrown;
    });
    await router.receive(await signed(success("v")));
    for (const name of [RECEIVE, PROCESS]) {
      expect(span(name).attributes["video_webhooks.outcome"]).toBe(outcome);
      expect(span(name).attributes["error.type"]).toBeUndefined();
      expect(span(name).status.code).toBe(SpanStatusCode.UNSET);
    }
  });

  it("ends at the deadline, and the run of its handlers when they do", async () => {
    const { router, spans, span } = setUp({ deadlineMs: 20 });
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    router.onAny(() => opened);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "deadline_exceeded" });
    expect(spans().map(({ name }) => name)).toEqual([RECEIVE]);
    expect(span(RECEIVE).attributes["error.type"]).toBe("deadline_exceeded");
    open();
    await vi.waitFor(() => expect(span(PROCESS).attributes["video_webhooks.outcome"]).toBe("processed"));
    expect(parentOf(span(PROCESS))).toBe(idOf(span(RECEIVE)));
  });

  it("of an unknown type is shown as such, and its span is named as every other of that kind", async () => {
    const { router, span } = setUp();
    router.onUnknown(() => undefined);
    await router.receive(await signed(`{"event_type":"${"new.".repeat(100)}"}`));
    expect(span("process heygen").attributes["video_webhooks.event.type"]).toBe("new.".repeat(50));
    expect(span(RECEIVE).attributes["video_webhooks.outcome"]).toBe("unknown");
  });

  it("is told apart from an event that was fetched, which was not answered", async () => {
    const { router, span } = setUp();
    router.onAny(() => undefined);
    await router.recover({ body: JSON.parse(success("v")) });
    expect(parentOf(span(PROCESS))).toBe(idOf(span("recover heygen")));
    expect(span("recover heygen").attributes["messaging.operation.name"]).toBe("recover");
    expect(span("recover heygen").attributes["http.response.status_code"]).toBeUndefined();
  });

  it("ends when the recovery of an event is refused for a mistake of the developer", async () => {
    const { router, span, metrics: measured } = setUp({ idempotency: false });
    await expect(router.recover({ body: JSON.parse(success("v")), mustRemember: true })).rejects.toThrow(/remembers no events/);
    expect(span("recover heygen").attributes["error.type"]).toBe("configuration");
    expect(await measured()).toEqual({});
  });

  it("that a queue of the application has brought is a run inside of the span that is active", async () => {
    const { router, span, tracerProvider } = setUp();
    router.onAny(() => undefined);
    const job = tracerProvider.getTracer("queue").startSpan("job");
    await context.with(trace.setSpan(context.active(), job), () =>
      router.dispatch(JSON.parse(success("v")), { type: "avatar_video.success", id: "v", attempt: 3 }),
    );
    expect(parentOf(span(PROCESS))).toBe(job.spanContext().spanId);
    expect(span(PROCESS).attributes).toMatchObject({ "messaging.message.id": "v", "video_webhooks.attempt": 3 });
  });
});

describe("a run by a worker", () => {
  const options = () => ({ attempt: 1, signal: new AbortController().signal });

  it("is a trace of its own, with a link to the span of its delivery, through an inbox in SQLite", async () => {
    const recording = record();
    const { telemetry, span, spans, tracerProvider } = recording;
    const folder = mkdtempSync(path.join(tmpdir(), "otel-"));
    const inbox = await openSqliteInbox({ path: path.join(folder, "inbox.db"), backoffMs: 1 });
    onTestFinished(async () => {
      await inbox.close();
      rmSync(folder, { recursive: true });
    });
    const router = createRouter(heygen({ secret }), { inbox, telemetry, logger: silent }).onAny((_event, { attempt }) => {
      tracerProvider.getTracer("application").startSpan(`save ${attempt}`).end();
      if (attempt === 1) throw new Error("At the first time.");
    });
    const worker = inbox.work(router, { pollMs: 10 });
    // The worker is woken by the delivery, in whose context it would otherwise go on.
    await router.receive(await signed(success("v")));
    await vi.waitFor(() => expect(spans()).toHaveLength(5), { timeout: 10_000 });
    await worker.stop();

    const receive = span(RECEIVE);
    const runs = spans().filter(({ name }) => name === PROCESS);
    expect(runs.map(({ attributes }) => [attributes["video_webhooks.attempt"], attributes["video_webhooks.outcome"]])).toEqual([
      [1, "handler_failed"],
      [2, "processed"],
    ]);
    for (const [index, run] of runs.entries()) {
      expect(parentOf(run)).toBeUndefined();
      expect(traceOf(run)).not.toBe(traceOf(receive));
      expect(run.links.map((link) => link.context)).toEqual([
        { traceId: traceOf(receive), spanId: idOf(receive), traceFlags: 1, isRemote: true },
      ]);
      expect(parentOf(span(`save ${index + 1}`))).toBe(idOf(run));
    }
    expect(new Set(runs.map(traceOf)).size).toBe(2);
    const { entries } = await inbox.list();
    const details = await inbox.get(entries[0]?.entry ?? "", { payload: true });
    expect(details?.headers?.traceparent).toBe(traceparentOf(receive));

    const measured = (await recording.metrics())["video_webhooks.inbox.attempts"];
    const sums = measured?.series.map(({ attributes, value }) => [attributes["video_webhooks.outcome"], (value as Histogram).sum]);
    expect(sums).toEqual([
      ["handler_failed", 1],
      ["processed", 2],
    ]);
  });

  it("is led to its delivery, whatever span the sender named", async () => {
    const recording = record();
    const { router, stored } = storing(recording);
    const delivery = await signed(success("v"));
    await router.receive({ ...delivery, headers: { ...delivery.headers, Traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` } });
    expect(stored[0]?.headers).toEqual({ traceparent: traceparentOf(recording.span(RECEIVE)) });
  });

  it("is led to an event that was fetched", async () => {
    const recording = record();
    const { router, stored } = storing(recording);
    await router.recover({ body: JSON.parse(success("v")) });
    expect(stored[0]?.headers).toEqual({ traceparent: traceparentOf(recording.span("recover heygen")) });
  });

  it.each([
    ["none", undefined],
    ["an empty one", ""],
    ["one of zeros", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`],
    ["one of another version", `01-${"a".repeat(32)}-${"b".repeat(16)}-01-more`],
    ["several", `00-${"a".repeat(32)}-${"b".repeat(16)}-01, 00-${"c".repeat(32)}-${"d".repeat(16)}-01`],
  ])("has no link when the stored headers hold no traceparent that could be one: %s", async (_name, traceparent) => {
    const recording = record();
    const { router, stored } = storing(recording);
    await router.receive(await signed(success("v")));
    const event = { ...(stored[0] as InboxEvent), headers: traceparent === undefined ? {} : { traceparent } };
    expect(await router.handle(event, options())).toEqual({ result: "ignored" });
    expect(recording.span(PROCESS).links).toEqual([]);
    expect(recording.span(PROCESS).attributes["video_webhooks.outcome"]).toBe("ignored");
  });

  it("of an event that does not fit its schema is an error", async () => {
    const recording = record();
    const { router, stored } = storing(recording);
    await router.receive(await signed('{"event_type":"avatar_video.success","event_data":{"video_id":7}}'));
    expect(recording.span(RECEIVE).attributes).toMatchObject({
      "video_webhooks.outcome": "payload_invalid",
      "http.response.status_code": 200,
    });
    await router.handle(stored[0] as InboxEvent, options());
    expect(recording.span(PROCESS).attributes["error.type"]).toBe("payload_invalid");
  });

  it("ends when it is aborted, since handlers that hang would never be seen", async () => {
    const recording = record();
    const { router, stored } = storing(recording);
    let open: (() => void) | undefined;
    router.onAny(
      () =>
        new Promise<void>((resolve) => {
          open = resolve;
        }),
    );
    await router.receive(await signed(success("v")));
    const controller = new AbortController();
    const handling = router.handle(stored[0] as InboxEvent, { attempt: 2, signal: controller.signal });
    await vi.waitFor(() => expect(open).toBeDefined());
    const reason = new Error("It took too long.");
    reason.name = "TimeoutError";
    controller.abort(reason);
    expect(recording.span(PROCESS)).toMatchObject({
      attributes: { "video_webhooks.outcome": "aborted", "error.type": "TimeoutError" },
      status: { code: SpanStatusCode.ERROR },
    });
    open?.();
    expect(await handling).toEqual({ result: "processed" });
    const { series } = (await recording.metrics())["messaging.process.duration"] ?? { series: [] };
    expect(series.map(({ attributes, value }) => [attributes["video_webhooks.outcome"], (value as Histogram).count])).toEqual([
      ["aborted", 1],
    ]);
  });
});

describe("metrics", () => {
  it("count deliveries by provider, outcome and type, and measure them in seconds", async () => {
    const { router, metrics: measured } = setUp();
    router.onAny(() => undefined);
    await router.receive(await signed(success("v")));
    await router.receive(await signed(success("v")));
    await router.receive(await signed(success("w")));
    await router.receive(await signed(success("w"), { headers: {} }));
    await router.receive(await signed(success("w"), { method: "OPTIONS" }));
    const { "video_webhooks.deliveries": deliveries, "video_webhooks.delivery.duration": duration, ...others } = await measured();
    const common = { "messaging.system": "heygen", "messaging.operation.name": "receive" };
    const typed = { ...common, "video_webhooks.event.type": "avatar_video.success" };
    expect(deliveries).toEqual({
      unit: "{delivery}",
      series: [
        { attributes: { ...typed, "video_webhooks.outcome": "processed" }, value: 2 },
        { attributes: { ...typed, "video_webhooks.outcome": "duplicate" }, value: 1 },
        { attributes: { ...common, "video_webhooks.outcome": "unauthenticated", "video_webhooks.reason": "signature_missing" }, value: 1 },
        { attributes: { ...common, "video_webhooks.outcome": "validation" }, value: 1 },
      ],
    });
    expect(duration?.unit).toBe("s");
    expect(duration?.series.map(({ attributes }) => attributes)).toEqual(deliveries?.series.map(({ attributes }) => attributes));
    // In-process, each takes milliseconds; a duration in milliseconds would be far above a second.
    for (const { value } of duration?.series ?? []) expect((value as Histogram).max).toBeLessThan(2);
    expect(Object.keys(others)).toEqual(["messaging.process.duration"]);
    expect(others["messaging.process.duration"]).toMatchObject({
      unit: "s",
      series: [
        {
          attributes: { ...typed, "messaging.operation.name": "process", "video_webhooks.outcome": "processed" },
          value: { count: 2, buckets: { boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] } },
        },
      ],
    });
  });

  it("have one series for all types that the provider does not declare, and for all classes of errors", async () => {
    const { router, metrics: measured } = setUp({ idempotency: false });
    router.onUnknown(({ type }) => {
      const error = new Error(type);
      error.name = `${type}Error`;
      throw error;
    });
    for (let index = 0; index < 20; index++) await router.receive(await signed(`{"event_type":"new.${index}"}`));
    await router.receive(await signed('{"event_type":"constructor"}'));
    const found = await measured();
    expect(found["video_webhooks.deliveries"]?.series).toEqual([
      {
        attributes: {
          "messaging.system": "heygen",
          "messaging.operation.name": "receive",
          "video_webhooks.event.type": "_OTHER",
          "video_webhooks.outcome": "handler_failed",
          "error.type": "handler_failed",
        },
        value: 21,
      },
    ]);
    expect(found["messaging.process.duration"]?.series).toHaveLength(1);
    expect(found["messaging.process.duration"]?.series[0]?.attributes["error.type"]).toBe("handler_failed");
  });

  it("have no series for each event or endpoint", async () => {
    const recording = record();
    for (const endpoint of ["a", "b"]) {
      const router = createRouter(heygen({ secret, endpoint }), { telemetry: recording.telemetry }).onAny(() => undefined);
      for (const video of ["v", "w"]) await router.receive(await signed(success(video)));
    }
    for (const { series } of Object.values(await recording.metrics())) expect(series).toHaveLength(1);
    expect(recording.spans().map(({ attributes }) => attributes["messaging.destination.name"])).toEqual([
      "a",
      "a",
      "a",
      "a",
      "b",
      "b",
      "b",
      "b",
    ]);
  });
});

describe("P46: what is exported", () => {
  it("holds no secret, signature, payload, message, reason or header", async () => {
    const marked = "MARKER";
    const recording = record();
    const router = createRouter(heygen({ secret, token: `${marked}-token-of-the-endpoint` }), {
      telemetry: recording.telemetry,
      idempotency: false,
      logger: silent,
    });
    const thrown = [
      new Error(`${marked}-message`),
      new Discard(`${marked}-reason`),
      new RetryLater({ afterSeconds: 1, cause: `${marked}-cause` }),
    ];
    router.onAny(() => {
      throw thrown.shift();
    });
    const body = success("v", { title: `${marked}-title`, url: `https://files.example.test/${marked}.mp4` });
    const delivery = await signed(body, { url: `/webhooks/heygen?token=${marked}-token-of-the-endpoint` });
    const { signature } = delivery.headers as { readonly signature: string };
    const headers = { ...delivery.headers, "user-agent": `${marked}-agent`, tracestate: `${marked}=1` };
    for (let count = 0; count < 4; count++) await router.receive({ ...delivery, headers });
    await router.receive({ ...delivery, headers: { ...headers, signature: `${marked}-signature` } });
    await router.receive({ ...delivery, url: `/webhooks/heygen?token=${marked}-token-of-another-one` });
    await router.receive(await signed(`{"event_type":"avatar_video.success","${marked}`, { url: delivery.url }));
    expect(recording.spans().length).toBeGreaterThanOrEqual(11);
    const text = JSON.stringify([recording.spans().map(exported), await recording.metrics()]);
    expect(text).toContain("handler_failed");
    for (const hidden of [marked, signature, secret]) expect(text).not.toContain(hidden);
  });
});

describe("observeInbox", () => {
  const states = { received: 3, processing: 2, retry: 1, done: 40, dead: 5 };

  it("reports how many events there are by state, and for how long the oldest has waited, until it is stopped", async () => {
    const { meterProvider, metrics: measured } = record();
    const stats = vi.fn(async () => ({ states, oldestDueMs: 1500 }));
    const stop = observeInbox({ stats }, { meterProvider, name: "main" });
    const name = { "video_webhooks.inbox.name": "main" };
    expect(await measured()).toEqual({
      "video_webhooks.inbox.events": {
        unit: "{event}",
        series: Object.entries(states).map(([state, value]) => ({ attributes: { ...name, "video_webhooks.inbox.state": state }, value })),
      },
      "video_webhooks.inbox.oldest_due_age": { unit: "s", series: [{ attributes: name, value: 1.5 }] },
    });
    expect(stats).toHaveBeenCalledTimes(1);
    stop();
    await measured();
    expect(stats).toHaveBeenCalledTimes(1);
  });

  it("reports an age of 0 when nothing is due, so that an alarm ends", async () => {
    const { meterProvider, metrics: measured } = record();
    observeInbox({ stats: async () => ({ states, oldestDueMs: undefined }) }, { meterProvider });
    expect((await measured())["video_webhooks.inbox.oldest_due_age"]?.series).toEqual([{ attributes: {}, value: 0 }]);
  });

  it("leaves a gap when the inbox cannot be asked, says so to the SDK, and leaves all other metrics as they are", async () => {
    const { meterProvider, metrics: measured, router } = setUp();
    const problems: unknown[] = [];
    const note = (...problem: unknown[]): void => void problems.push(problem);
    diag.setLogger({ error: note, warn: note, info: note, debug: note, verbose: note });
    onTestFinished(() => diag.disable());
    observeInbox({ stats: () => Promise.reject(new Error("The disk is gone.")) }, { meterProvider });
    await router.receive(await signed(success("v")));
    const found = await measured();
    expect(found["video_webhooks.inbox.events"]).toBeUndefined();
    expect(found["video_webhooks.deliveries"]?.series).toHaveLength(1);
    expect(problems.length).toBeGreaterThan(0);
  });

  it("takes every inbox", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "otel-"));
    const { meterProvider, metrics: measured } = record();
    const inbox = await openSqliteInbox({ path: path.join(folder, "inbox.db") });
    const stop = observeInbox(inbox, { meterProvider });
    await createRouter(heygen({ secret }), { inbox }).receive(await signed(success("v")));
    const counted = (await measured())["video_webhooks.inbox.events"]?.series.map(({ attributes, value }) => [
      attributes["video_webhooks.inbox.state"],
      value,
    ]);
    expect(Object.fromEntries(counted ?? [])).toEqual({ received: 1, processing: 0, retry: 0, done: 0, dead: 0 });
    stop();
    await inbox.close();
    rmSync(folder, { recursive: true });
  });
});

describe("without the SDK of OpenTelemetry", () => {
  it("everything works as before, and nothing is added to what is stored", async () => {
    const stored: InboxEvent[] = [];
    const accept = async (event: InboxEvent) => {
      stored.push(event);
      return { duplicate: false };
    };
    const telemetry = openTelemetry();
    const router = createRouter(heygen({ secret }), { telemetry, inbox: { accept } }).onAny(() => undefined);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "accepted" });
    expect(stored[0]?.headers).toEqual({});
    const signal = new AbortController().signal;
    expect(await router.handle(stored[0] as InboxEvent, { attempt: 1, signal })).toEqual({ result: "processed" });
    observeInbox({ stats: () => Promise.reject(new Error("Nobody asks.")) })();
  });

  it("nothing is missed that comes after it was set up globally", async () => {
    const telemetry = openTelemetry();
    const router = createRouter(heygen({ secret }), { telemetry }).onAny(() => undefined);
    const { tracerProvider, meterProvider, spans, metrics: measured } = record();
    trace.setGlobalTracerProvider(tracerProvider);
    metrics.setGlobalMeterProvider(meterProvider);
    onTestFinished(() => {
      trace.disable();
      metrics.disable();
    });
    await router.receive(await signed(success("v")));
    expect(spans().map(({ name }) => name)).toEqual([PROCESS, RECEIVE]);
    expect(Object.keys(await measured())).toEqual(expect.arrayContaining(["video_webhooks.deliveries", "messaging.process.duration"]));
  });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
