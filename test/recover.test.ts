import { describe, expect, it, vi } from "vitest";
import type { HandlerContext } from "../src/context.ts";
import type { AnyWebhookError } from "../src/errors.ts";
import { createMemoryStore } from "../src/idempotency/memory.ts";
import type { IdempotencyStore } from "../src/idempotency/store.ts";
import type { AcceptOptions, InboxEvent } from "../src/inbox/intake.ts";
import { heygen } from "../src/providers/heygen.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { Discard, RetryLater } from "../src/signals.ts";
import { secret, signed } from "./suites/deliveries.ts";

const bodyOf = (video: string, more: object = {}) => ({
  event_type: "avatar_video.success",
  event_data: { video_id: video, url: "https://files.example.test/v.mp4" },
  ...more,
});
const keyOf = (video: string): string => `heygen/default/avatar_video.success/${video}`;

function setUp(options: RouterOptions = {}) {
  const errors: AnyWebhookError[] = [];
  const contexts: HandlerContext[] = [];
  const handler = vi.fn((_event: unknown, context: HandlerContext): unknown => contexts.push(context));
  const router = createRouter(heygen({ secret }), options)
    .onError((error) => errors.push(error))
    .onAny(handler);
  return { router, errors, contexts, handler };
}

/** The store in memory, with all that is asked of it. */
function watched(changes: Partial<IdempotencyStore> = {}) {
  const claims: string[] = [];
  const held = new Set<string>();
  const store = createMemoryStore();
  const idempotency: IdempotencyStore = {
    ...store,
    async claim(key, options) {
      claims.push(key);
      const claim = await store.claim(key, options);
      if (claim.state === "claimed") held.add(claim.token);
      return claim;
    },
    async complete(key, token, options) {
      held.delete(token);
      return store.complete(key, token, options);
    },
    async release(key, token) {
      held.delete(token);
      return store.release(key, token);
    },
    ...changes,
  };
  return { idempotency, claims, held };
}

describe("router.recover", () => {
  it("runs the handlers with an event that nobody delivered, and says where it comes from", async () => {
    const { router, contexts, handler } = setUp({ clock: () => 1_700_000_000_000 });
    const body = bodyOf("v", { created_at: "2026-01-02T03:04:05Z" });
    expect(await router.recover({ body })).toEqual({ result: "processed", status: 200, type: "avatar_video.success", id: keyOf("v") });
    expect(handler.mock.calls[0]?.[0]).toEqual(body);
    const [context] = contexts;
    expect(context).toMatchObject({ id: keyOf("v"), attempt: 1, authenticity: { method: "api" }, stale: false });
    expect(context?.receivedAt.getTime()).toBe(1_700_000_000_000);
    expect(JSON.parse(new TextDecoder().decode(context?.rawBody))).toEqual(body);
    expect([context?.headers.get("signature"), context?.job?.status]).toEqual([undefined, "succeeded"]);
    const receivedAt = new Date("2026-02-02T00:00:00Z");
    await router.recover({ body: bodyOf("w"), receivedAt });
    expect(contexts[1]?.receivedAt).toEqual(receivedAt);
  });

  it("takes an event for seen when its key is known, whatever its body was", async () => {
    const { idempotency, held } = watched();
    const { router, handler } = setUp({ idempotency });
    await router.receive(await signed(` ${JSON.stringify(bodyOf("v"))}`));
    expect(await router.recover({ body: bodyOf("v") })).toMatchObject({ result: "duplicate", id: keyOf("v") });
    expect(await router.recover({ body: bodyOf("v", { created_at: "2026-01-01T00:00:00Z" }) })).toMatchObject({ result: "duplicate" });
    await router.recover({ body: bodyOf("w") });
    expect(await router.recover({ body: bodyOf("w") })).toMatchObject({ result: "duplicate" });
    expect(handler).toHaveBeenCalledTimes(2);
    expect(held.size).toBe(0);
  });

  it("takes it for seen under the key of any variant, and lets go of all that it asked for", async () => {
    const { idempotency, claims, held } = watched();
    const { router, handler } = setUp({ idempotency });
    await router.receive(await signed(JSON.stringify(bodyOf("v"))));
    const [body, variants] = [bodyOf("v", { event_id: "evt_1" }), [bodyOf("v")]];
    expect(await router.recover({ body, variants })).toMatchObject({ result: "duplicate", id: "heygen/default/evt_1" });
    expect(handler).toHaveBeenCalledTimes(1);
    // What was only asked for must not stand in the way of anything.
    const other = {
      body: bodyOf("w", { event_id: "evt_2" }),
      variants: [bodyOf("w"), bodyOf("w"), { event_type: 7 }, { event_type: "x" }],
    };
    expect(await router.recover(other)).toMatchObject({ result: "processed", id: "heygen/default/evt_2" });
    expect(await router.receive(await signed(JSON.stringify(bodyOf("w"))))).toMatchObject({ result: "processed" });
    expect(claims).toContain(keyOf("w"));
    expect(held.size).toBe(0);
  });

  it("recovers an event whose delivery failed, and not one that is under way", async () => {
    const { idempotency, held } = watched();
    const { router, handler, errors } = setUp({ idempotency });
    handler.mockImplementationOnce(() => {
      throw new Error("out of disk");
    });
    await router.receive(await signed(JSON.stringify(bodyOf("v"))));
    expect(await router.recover({ body: bodyOf("v") })).toMatchObject({ result: "processed" });
    errors.length = 0;

    let finish = (): void => undefined;
    handler.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    const running = router.receive(await signed(JSON.stringify(bodyOf("w", { a: 1 }))));
    await vi.waitUntil(() => handler.mock.calls.length === 3, { timeout: 10_000 });
    expect(await router.recover({ body: bodyOf("w") })).toMatchObject({ result: "duplicate" });
    finish();
    await running;
    expect(errors).toEqual([]);
    expect(held.size).toBe(0);
  });

  it("leaves alone what another process has, without calling it a failure", async () => {
    const { idempotency } = watched({ claim: async () => ({ state: "in_progress", retryAfterMs: 1000 }) });
    const { router, handler, errors } = setUp({ idempotency });
    expect(await router.recover({ body: bodyOf("v") })).toMatchObject({ result: "in_progress" });
    expect([handler.mock.calls, errors]).toEqual([[], []]);
  });

  it("reports handlers that fail, and lets the next run try again", async () => {
    const { idempotency, held } = watched();
    const { router, handler, errors } = setUp({ idempotency });
    const thrown = new Error("out of disk");
    handler
      .mockImplementationOnce(() => Promise.reject(thrown))
      .mockImplementationOnce(() => {
        throw new RetryLater();
      })
      .mockImplementationOnce(() => {
        throw new Discard("not ours");
      });
    const results: string[] = [];
    for (let run = 0; run < 4; run++) results.push((await router.recover({ body: bodyOf("v") })).result);
    expect(results).toEqual(["handler_failed", "retry_later", "discarded", "duplicate"]);
    expect(errors.map(({ code, cause }) => [code, cause === thrown])).toEqual([
      ["handler_failed", true],
      ["retry_later", false],
    ]);
    expect(held.size).toBe(0);
  });

  it("waits for handlers as long as they take, and keeps its claim meanwhile", async () => {
    const extend = vi.fn(async () => true);
    const { idempotency } = watched({ extend });
    const { router, handler } = setUp({ idempotency, deadlineMs: 5 });
    let finish = (): void => undefined;
    handler.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    const recovering = router.recover({ body: bodyOf("v") });
    await vi.waitUntil(() => extend.mock.calls.length > 0, { timeout: 10_000 });
    finish();
    expect(await recovering).toMatchObject({ result: "processed" });
  });

  it("does with the rest as with a delivery", async () => {
    const { router, errors, handler } = setUp({ maxBodyBytes: 1000 });
    const results: string[] = [];
    const circle: Record<string, unknown> = { event_type: "x" };
    circle.circle = circle;
    for (const body of [
      {},
      { event_type: "brand.new" },
      { event_type: "avatar_video.success", event_data: {} },
      bodyOf("x".repeat(1000)),
      [1],
      undefined,
      circle,
    ]) {
      results.push((await router.recover({ body: body as never })).result);
    }
    expect(results).toEqual([
      "event_type_missing",
      "unknown",
      "payload_invalid",
      "body_too_large",
      "body_not_object",
      "body_not_json",
      "configuration",
    ]);
    expect(errors.map(({ code }) => code)).toEqual(results.filter((result) => result !== "unknown"));
    const unknown = vi.fn();
    router.onUnknown(unknown);
    expect(await router.recover({ body: { event_type: "brand.new" } })).toMatchObject({ result: "unknown" });
    expect(unknown).toHaveBeenCalledWith({ type: "brand.new", body: { event_type: "brand.new" } }, expect.anything());
    expect(handler).not.toHaveBeenCalled();
    expect(await createRouter(heygen({ secret })).recover({ body: bodyOf("v") })).toMatchObject({ result: "ignored" });
    expect(await router.recover(undefined as never)).toMatchObject({ result: "configuration" });
  });

  it("marks an event that is behind its job, or skips it", async () => {
    const done = bodyOf("v", { event_id: "2", created_at: "2026-01-02T00:00:00Z" });
    const late = bodyOf("v", { event_id: "1", created_at: "2026-01-01T00:00:00Z" });
    const { router, contexts } = setUp();
    await router.recover({ body: done });
    expect(await router.recover({ body: late })).toMatchObject({ result: "processed" });
    expect(contexts.map(({ stale }) => stale)).toEqual([false, true]);
    const skipping = setUp({ staleEvents: "skip" });
    await skipping.router.recover({ body: done });
    expect(await skipping.router.recover({ body: late })).toMatchObject({ result: "stale" });
    expect(skipping.handler).toHaveBeenCalledTimes(1);
  });

  it("ends as store_unavailable where the store cannot say whether the event is known, and runs nothing", async () => {
    const { idempotency } = watched({ claim: () => Promise.reject(new Error("down")) });
    const { router, handler, errors } = setUp({ idempotency });
    expect(await router.recover({ body: bodyOf("v"), variants: [bodyOf("w")] })).toMatchObject({ result: "store_unavailable" });
    expect(handler).not.toHaveBeenCalled();
    expect(errors.map(({ code }) => code)).toEqual(["store_unavailable"]);
  });

  it("runs every time where nothing is remembered", async () => {
    const { router, handler } = setUp({ idempotency: false });
    for (let run = 0; run < 2; run++) expect(await router.recover({ body: bodyOf("v") })).toMatchObject({ result: "processed" });
    expect(handler).toHaveBeenCalledTimes(2);
  });

  it("does not run where nothing is remembered and it must be", async () => {
    const { router, handler, errors } = setUp({ idempotency: false });
    await expect(router.recover({ body: bodyOf("v"), mustRemember: true })).rejects.toMatchObject({
      name: "ConfigurationError",
      provider: "heygen",
    });
    expect([handler.mock.calls, errors]).toEqual([[], []]);
    const { idempotency } = watched();
    for (const options of [{}, { idempotency }, { inbox: { accept: async () => ({ duplicate: false }) } }] as RouterOptions[]) {
      const { result } = await setUp(options).router.recover({ body: bodyOf("v"), mustRemember: true });
      expect(result).toMatch(/processed|accepted/);
    }
  });

  it("stores the event in the inbox, unless it knows one of its keys", async () => {
    const stored: { readonly event: InboxEvent; readonly options: AcceptOptions | undefined }[] = [];
    const accept = async (event: InboxEvent, options?: AcceptOptions) => {
      stored.push({ event, options });
      return { duplicate: event.id.endsWith("/known") };
    };
    const { router, handler, errors } = setUp({ inbox: { accept }, clock: () => 1_700_000_000_000 });
    const body = bodyOf("v", { event_id: "evt_1" });
    expect(await router.recover({ body, variants: [bodyOf("v")] })).toMatchObject({ result: "accepted", id: "heygen/default/evt_1" });
    expect(stored[0]).toEqual({
      event: {
        provider: "heygen",
        endpoint: "default",
        type: "avatar_video.success",
        id: "heygen/default/evt_1",
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        rawBody: new TextEncoder().encode(JSON.stringify(body)),
        headers: {},
        authenticity: { method: "api" },
        receivedAt: 1_700_000_000_000,
      },
      options: { unlessKnown: ["heygen/default/evt_1", keyOf("v")] },
    });
    expect(await router.recover({ body: bodyOf("v", { event_id: "known" }) })).toMatchObject({ result: "duplicate" });
    expect(await router.recover({ body: { event_type: "brand.new" } })).toMatchObject({ result: "accepted" });
    const invalid = { event_type: "avatar_video.success", event_data: {} };
    expect(await router.recover({ body: invalid })).toMatchObject({ result: "payload_invalid", status: 200 });
    expect(errors.map(({ code }) => code)).toEqual(["payload_invalid"]);
    expect(stored).toHaveLength(4);
    expect(handler).not.toHaveBeenCalled();
  });

  it("hands a delivery to the inbox as before, without a condition", async () => {
    const accept = vi.fn(async (_event: InboxEvent, _options?: AcceptOptions) => ({ duplicate: false }));
    const { router } = setUp({ inbox: { accept } });
    await router.receive(await signed(JSON.stringify(bodyOf("v"))));
    expect(accept.mock.calls[0]?.[1]).toBeUndefined();
  });
});
