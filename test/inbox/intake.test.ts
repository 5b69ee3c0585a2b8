import { describe, expect, it, vi } from "vitest";
import type { AnyWebhookError } from "../../src/errors.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { defineProvider } from "../../src/provider.ts";
import { heygen, heygenEvents } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { createRouter, type RouterOptions } from "../../src/router.ts";
import { Discard, RetryLater } from "../../src/signals.ts";
import { hmacHex } from "../../src/signature/hmac-hex.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { signHex, standardHeaders, toBytes } from "../suites/signer.ts";

function setUp(options: RouterOptions = {}) {
  const stored: InboxEvent[] = [];
  const errors: AnyWebhookError[] = [];
  const accept = vi.fn(async (event: InboxEvent) => {
    const duplicate = stored.some(({ id, fingerprint }) => id === event.id && fingerprint === event.fingerprint);
    if (!duplicate) stored.push(event);
    return { duplicate };
  });
  const router = createRouter(heygen({ secret }), { inbox: { accept }, ...options }).onError((error) => errors.push(error));
  return { router, stored, errors, accept };
}

describe("a router with an inbox", () => {
  it("P50: stores the event before the sender gets its answer, and runs no handler", async () => {
    const { router, stored } = setUp({ clock: () => 1_700_000_000_000 });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toEqual({
      result: "accepted",
      status: 200,
      type: "avatar_video.success",
      id: "heygen/default/avatar_video.success/v",
    });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
    expect(handler).not.toHaveBeenCalled();
    expect(stored).toEqual([
      {
        provider: "heygen",
        endpoint: "default",
        type: "avatar_video.success",
        id: "heygen/default/avatar_video.success/v",
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        rawBody: delivery.body,
        headers: {},
        authenticity: { method: "signature", secretIndex: 0 },
        receivedAt: 1_700_000_000_000,
      },
    ]);
  });

  it("stores an event that no handler here is for, since the worker may be elsewhere, and another body under the same id", async () => {
    const { router, stored } = setUp();
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "accepted" });
    expect(await router.receive(await signed(success("v", { title: "t" })))).toMatchObject({ result: "accepted" });
    expect(stored).toHaveLength(2);
  });

  it("stores what is authentic but of an unknown type or another form, and answers 200", async () => {
    const { router, stored, errors } = setUp();
    expect(await router.receive(await signed('{"event_type":"brand.new"}'))).toMatchObject({ result: "accepted", status: 200 });
    const invalid = await signed('{"event_type":"avatar_video.success","event_data":{"video_id":{}}}');
    expect(await router.receive(invalid)).toMatchObject({ result: "payload_invalid", status: 200 });
    expect(await router.receive(invalid)).toMatchObject({ result: "duplicate", status: 200 });
    expect(stored.map(({ type }) => type)).toEqual(["brand.new", "avatar_video.success"]);
    expect(errors.map(({ code }) => code)).toEqual(["payload_invalid"]);
  });

  it("stores no signature, cookie or credential of the sender", async () => {
    const { router, stored } = setUp();
    const delivery = await signed(success("v"));
    const { signature } = delivery.headers as { signature: string };
    const more = { Cookie: "a=b", authorization: "Bearer t", "X-Api-Key": "k", "User-Agent": "u", "x-trace": ["1", "2"] };
    await router.receive({ ...delivery, headers: { Signature: signature, ...more } });
    const other = await signed(success("w"));
    const { signature: second } = other.headers as { signature: string };
    await router.receive({ ...other, headers: new Headers({ signature: second, "user-agent": "u" }) });
    expect(stored.map(({ headers }) => headers)).toEqual([{ "user-agent": "u", "x-trace": "1, 2" }, { "user-agent": "u" }]);
  });

  it("P39: touches it neither for probes nor for what is not authentic", async () => {
    const { router, accept } = setUp();
    await router.receive({ method: "OPTIONS", url: "/", headers: {}, body: "" });
    await router.receive({ ...(await signed(success("v"))), headers: { signature: "0".repeat(64) } });
    const open = createRouter(heygen({ unsigned: true }), { inbox: { accept } }).onError(() => undefined);
    expect(await open.receive({ method: "POST", url: "/", headers: {}, body: "not json" })).toMatchObject({ status: 400 });
    expect(accept).not.toHaveBeenCalled();
  });

  it.each([
    ["body_not_json", "not json"],
    ["body_not_utf8", Uint8Array.of(0x7b, 0xff, 0x7d)],
    ["body_not_object", "[1]"],
    ["event_type_missing", '{"data":1}'],
  ])("stores what is authentic but cannot be read: %s", async (result, body) => {
    const { router, stored, errors } = setUp();
    const delivery = await signed(body);
    const { id } = await router.receive(delivery);
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200, id });
    expect(stored).toMatchObject([{ type: "(unreadable)", id, rawBody: delivery.body, authenticity: { method: "signature" } }]);
    expect(errors.map(({ code }) => code)).toEqual([result]);
    const other = setUp();
    expect(await other.router.receive(delivery)).toEqual({ result, status: 200, id });
    const failing = setUp({ inbox: { accept: () => Promise.reject(new Error("disk full")) } });
    expect(await failing.router.receive(delivery)).toMatchObject({ result: "store_unavailable", status: 503 });
    expect(await createRouter(heygen({ secret })).receive(delivery)).toMatchObject({ result, status: 400 });
  });

  it("stores it under the id that a header signs, and for a token", async () => {
    const { accept, stored } = setUp();
    const key = `whsec_${btoa("twenty-four bytes of key")}`;
    const headers = await standardHeaders(key, { id: "msg_1", timestamp: Math.floor(Date.now() / 1000) }, "not json");
    const delivery = { method: "POST", url: "/", headers, body: "not json" };
    expect(await createRouter(kling({ secret: key }), { inbox: { accept } }).receive(delivery)).toMatchObject({
      result: "body_not_json",
      status: 200,
      id: "kling/default/msg_1",
    });
    const token = createRouter(heygen({ token: "a-token-of-the-tests" }), { inbox: { accept } });
    const outcome = await token.receive({ method: "POST", url: "/?token=a-token-of-the-tests", headers: {}, body: "not json" });
    expect(outcome).toMatchObject({ result: "body_not_json", status: 200 });
    expect(stored.map(({ authenticity }) => authenticity.method)).toEqual(["signature", "token"]);
  });

  it("P18: refuses a body of nothing, whoever vouches for it, since no version will read that", async () => {
    const { router, accept, errors } = setUp();
    expect(await router.receive(await signed(""))).toEqual({ result: "body_not_json", status: 400 });
    const token = createRouter(heygen({ token: "a-token-of-the-tests" }), { inbox: { accept } }).onError(() => undefined);
    const outcome = await token.receive({ method: "POST", url: "/?token=a-token-of-the-tests", headers: {}, body: new Uint8Array() });
    expect(outcome).toEqual({ result: "body_not_json", status: 400 });
    expect([accept.mock.calls, errors.map(({ code }) => code)]).toEqual([[], ["body_not_json"]]);
  });

  it("refuses it where its age would have to be in its body", async () => {
    const { accept } = setUp();
    const router = createRouter(videopilot({ secret, maxAgeSeconds: 60 }), { inbox: { accept } });
    for (const [body, expected] of [
      ["not json", { result: "body_not_json", status: 400 }],
      ['{"a":1}', { result: "unauthenticated", status: 401 }],
    ] as const) {
      const headers = { "x-videopilot-signature": `sha256=${await signHex(secret, body)}` };
      expect(await router.receive({ method: "POST", url: "/", headers, body })).toMatchObject(expected);
    }
    expect(accept).not.toHaveBeenCalled();
  });

  it("makes it a dead letter, and finds its type where a later version knows it", async () => {
    const { router, stored, errors } = setUp();
    await router.receive(await signed("not json"));
    await router.receive(await signed('{"kind":"clip.done"}'));
    const [text, typeless] = stored as [InboxEvent, InboxEvent];
    const options = { attempt: 1, signal: new AbortController().signal };
    expect(await router.handle(text, options)).toEqual({ result: "payload_invalid", reason: "body_not_json" });
    expect(await router.handle(typeless, options)).toEqual({ result: "payload_invalid", reason: "event_type_missing" });
    expect(errors.map(({ code }) => code)).toEqual(["body_not_json", "event_type_missing", "body_not_json", "event_type_missing"]);
    const later = createRouter(
      defineProvider({
        name: "heygen",
        signature: hmacHex({ headers: ["signature"] }),
        events: heygenEvents,
        eventType: ({ kind }) => (typeof kind === "string" ? kind : undefined),
        dedupeKey: () => undefined,
        toJob: () => undefined,
        ackDeadlineMs: 5000,
      })({ secret }),
    );
    const unknown = vi.fn();
    later.onUnknown(unknown);
    expect(await later.handle(typeless, options)).toEqual({ result: "processed" });
    expect(unknown).toHaveBeenCalledWith({ type: "clip.done", body: { kind: "clip.done" } }, expect.objectContaining({ id: typeless.id }));
  });

  it("answers 503 when it fails, or misses the deadline", async () => {
    const failing = setUp({ inbox: { accept: () => Promise.reject(new Error("disk full")) } });
    expect(await failing.router.receive(await signed(success("v")))).toMatchObject({
      result: "store_unavailable",
      status: 503,
      retryAfterSeconds: 5,
    });
    expect(failing.errors[0]).toMatchObject({ code: "store_unavailable", cause: expect.objectContaining({ message: "disk full" }) });
    const slow = setUp({ deadlineMs: 20, inbox: { accept: () => new Promise(() => undefined) } });
    expect(await slow.router.receive(await signed(success("v")))).toMatchObject({ result: "store_unavailable", status: 503 });
    const throwing = setUp({
      inbox: {
        accept: () => {
          throw new Error("broken");
        },
      },
    });
    expect(await throwing.router.receive(await signed(success("v")))).toMatchObject({ result: "store_unavailable", status: 503 });
  });

  it("does not reject for headers that fail when they are read, and keeps those that are named like members of objects", async () => {
    const { accept, stored } = setUp();
    const router = createRouter(heygen({ unsigned: true }), { inbox: { accept } }).onError(() => undefined);
    const get = (): never => {
      throw new Error("gone");
    };
    const delivery = { method: "POST", url: "/", body: success("v") };
    expect(await router.receive({ ...delivery, headers: { get } })).toMatchObject({ result: "configuration", status: 500 });
    await router.receive({ ...delivery, headers: { constructor: "c" } as never });
    expect(stored.map(({ headers }) => headers)).toEqual([{ constructor: "c" }]);
  });

  it("refuses an idempotency store beside it, and what is no inbox", () => {
    expect(() => setUp({ idempotency: { claim: vi.fn(), extend: vi.fn(), complete: vi.fn(), release: vi.fn() } })).toThrow(
      /duplicates itself/,
    );
    expect(() => setUp({ inbox: {} as never })).toThrow(/accept/);
  });
});

describe("router.handle", () => {
  const signal = new AbortController().signal;
  const event = (body: string, more: Partial<InboxEvent> = {}): InboxEvent => ({
    provider: "heygen",
    endpoint: "default",
    type: JSON.parse(body).event_type,
    id: "heygen/default/x",
    fingerprint: "f",
    rawBody: toBytes(body),
    headers: { "user-agent": "u" },
    authenticity: { method: "signature", secretIndex: 1 },
    receivedAt: 1_700_000_000_000,
    ...more,
  });

  it("runs the handlers with everything that was known when the event arrived", async () => {
    const { router } = setUp();
    const seen: unknown[] = [];
    router.on("avatar_video.success", ({ event_data }, context) => {
      const { id, type, attempt, receivedAt, headers, authenticity, job, stale, signal: given } = context;
      seen.push(
        event_data.video_id,
        id,
        type,
        attempt,
        receivedAt,
        headers.get("User-Agent"),
        authenticity,
        job?.id,
        stale,
        given === signal,
      );
    });
    expect(await router.handle(event(success("v")), { attempt: 3, signal })).toEqual({ result: "processed" });
    expect(seen).toEqual([
      "v",
      "heygen/default/x",
      "avatar_video.success",
      3,
      new Date(1_700_000_000_000),
      "u",
      { method: "signature", secretIndex: 1 },
      "v",
      false,
      true,
    ]);
  });

  it("tells how they ended, and reports failures to onError as after an answer", async () => {
    const { router, errors } = setUp();
    const contexts: boolean[] = [];
    router.onError((_error, { afterAnswer }) => contexts.push(afterAnswer));
    expect(await router.handle(event(success("v")), { attempt: 1, signal })).toEqual({ result: "ignored" });
    let thrown: unknown;
    router.onAny(() => {
      throw thrown;
    });
    thrown = new Error("no");
    expect(await router.handle(event(success("v")), { attempt: 1, signal })).toEqual({ result: "handler_failed", cause: thrown });
    thrown = new RetryLater({ afterSeconds: 7 });
    expect(await router.handle(event(success("v")), { attempt: 1, signal })).toMatchObject({ result: "retry_later", afterSeconds: 7 });
    thrown = new Discard("no such order");
    expect(await router.handle(event(success("v")), { attempt: 1, signal })).toEqual({ result: "discarded", reason: "no such order" });
    expect(errors.map(({ code }) => code)).toEqual(["handler_failed", "retry_later"]);
    expect(contexts).toEqual([true, true]);
  });

  it("hands unknown events to onUnknown, and refuses what does not fit the schema", async () => {
    const { router } = setUp();
    const seen: unknown[] = [];
    router.onUnknown(({ type }) => seen.push(type));
    expect(await router.handle(event('{"event_type":"brand.new"}'), { attempt: 1, signal })).toEqual({ result: "processed" });
    expect(seen).toEqual(["brand.new"]);
    const invalid = '{"event_type":"avatar_video.success","event_data":{"video_id":{}}}';
    expect(await router.handle(event(invalid), { attempt: 1, signal })).toEqual({
      result: "payload_invalid",
      reason: expect.stringMatching(/^event_data\.video_id: /),
    });
  });

  it("does not reject for a body that was damaged, nor for a store of job states that fails", async () => {
    const { router } = setUp();
    router.onAny(() => undefined);
    expect(await router.handle(event(success("v"), { rawBody: toBytes("{") }), { attempt: 1, signal })).toMatchObject({
      result: "payload_invalid",
      reason: "body_not_json",
    });
    const observe = () => Promise.reject(new Error("down"));
    expect(await router.handle(event(success("v")), { attempt: 1, signal, observe })).toMatchObject({ result: "handler_failed" });
  });

  it("marks or leaves out events that are behind their job", async () => {
    const body = '{"event":"render.started","timestamp":"2026-01-01T12:00:00Z","data":{"render_job_id":"r"}}';
    const stored = event(body, { provider: "videopilot", type: "render.started" });
    const observe = vi.fn(async () => true);
    for (const [staleEvents, expected] of [
      ["deliver", "processed"],
      ["skip", "stale"],
    ] as const) {
      const seen: boolean[] = [];
      const router = createRouter(videopilot({ unsigned: true }), { inbox: { accept: vi.fn() }, staleEvents });
      router.onAny((_event, { stale }) => seen.push(stale));
      expect(await router.handle(stored, { attempt: 1, signal, observe })).toMatchObject({ result: expected });
      expect(seen).toEqual(staleEvents === "deliver" ? [true] : []);
    }
    expect(observe).toHaveBeenCalledWith("videopilot/default/render/r", { rank: 1, at: Date.UTC(2026, 0, 1, 12) }, { ttlMs: 604_800_000 });
  });
});
