import { describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../src/errors.ts";
import { createMemoryStore } from "../src/idempotency/memory.ts";
import { defineProvider } from "../src/provider.ts";
import { kling } from "../src/providers/kling.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { hmacHex } from "../src/signature/hmac-hex.ts";

function setUp(options: RouterOptions = {}, endpoint = "default") {
  const handled: [type: string, stale: boolean][] = [];
  const router = createRouter(videopilot({ unsigned: true, endpoint }), options).onAny((_event, { type, stale }) => {
    handled.push([type, stale]);
  });
  const send = (event: string, minute: number | undefined, id = "r") => {
    const timestamp = minute === undefined ? "soon" : new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString();
    const ids = event.startsWith("render.") ? { render_job_id: id } : { video_id: id };
    return router.receive({ method: "POST", url: "/", headers: {}, body: JSON.stringify({ event, timestamp, data: ids }) });
  };
  return { router, handled, send };
}

describe("context.stale", () => {
  it("is true for an earlier state of a job, whatever its time", async () => {
    const { handled, send } = setUp();
    await send("render.started", 0);
    await send("render.completed", 5);
    await send("render.started", 3);
    await send("render.started", 9);
    expect(handled).toEqual([
      ["render.started", false],
      ["render.completed", false],
      ["render.started", true],
      ["render.started", true],
    ]);
  });

  it("is true for an older event of the same state, and never for a further state", async () => {
    const { handled, send } = setUp();
    await send("video.media_ready", 5, "v");
    await send("video.script_ready", 4, "v");
    await send("video.script_ready", 6, "v");
    // The clocks of a provider differ, and a result must not be lost for that.
    await send("video.generation_failed", 1, "v");
    expect(handled.map(([, stale]) => stale)).toEqual([false, true, false, false]);
  });

  it("is false where the event does not say when", async () => {
    const { handled, send } = setUp();
    await send("render.completed", 5);
    await send("render.failed", undefined);
    expect(handled.map(([, stale]) => stale)).toEqual([false, false]);
  });

  it("is false for a redelivery after a failure", async () => {
    const { router, handled, send } = setUp();
    let fails = true;
    router.on("render.completed", () => {
      if (fails) throw new Error("first time");
    });
    expect((await send("render.completed", 5)).result).toBe("handler_failed");
    fails = false;
    expect((await send("render.completed", 5)).result).toBe("processed");
    expect(handled.map(([, stale]) => stale)).toEqual([false, false]);
  });

  it("tells apart jobs, endpoints, and numbers of different things", async () => {
    const idempotency = createMemoryStore();
    const first = setUp({ idempotency });
    const second = setUp({ idempotency }, "tenant-2");
    await first.send("render.completed", 5, "1");
    await first.send("render.started", 4, "2");
    await first.send("video.script_ready", 4, "1");
    await second.send("render.started", 4, "1");
    expect([...first.handled, ...second.handled].map(([, stale]) => stale)).toEqual([false, false, false, false]);
    await first.send("render.started", 4, "1");
    expect(first.handled.at(-1)).toEqual(["render.started", true]);
  });

  it("works for Kling, where what a task makes is not known until it is made", async () => {
    const seen: boolean[] = [];
    const router = createRouter(kling({ unsigned: true })).onAny((_event, context) => seen.push(context.stale));
    const send = (task_status: string, updated_at: number, task_result: object = {}) =>
      router.receive({
        method: "POST",
        url: "/",
        headers: {},
        body: JSON.stringify({ task_id: "t", task_status, created_at: 1_700_000_000_000, updated_at, task_result }),
      });
    await send("succeed", 1_700_000_009_000, { videos: [{ id: "v", url: "https://files.example.test/v.mp4", duration: "5" }] });
    await send("processing", 1_700_000_005_000);
    expect(seen).toEqual([false, true]);
  });

  it("is false without a store, and with one that keeps no states", async () => {
    const { observe: _without, ...plain } = createMemoryStore();
    for (const idempotency of [false, plain] as const) {
      const { handled, send } = setUp({ idempotency });
      await send("render.completed", 5);
      expect(await send("render.started", 3)).toMatchObject({ result: "processed" });
      expect(handled.map(([, stale]) => stale)).toEqual([false, false]);
    }
  });

  it("does not stand in the way of a provider that fails to make a job, or calls its status something else", async () => {
    for (const toJob of [
      () => {
        throw new Error("no job");
      },
      () => ({ provider: "odd", id: "1", kind: "video" as const, status: "exploded" as never, outputs: [] }),
      () => ({ provider: "odd", id: 1 as never, kind: "video" as const, status: "queued" as const, outputs: [] }),
    ]) {
      const odd = defineProvider({
        name: "odd",
        signature: hmacHex({ headers: ["x"] }),
        events: { e: { safeParse: (data: unknown) => ({ success: true as const, data }) } },
        eventType: () => "e",
        dedupeKey: () => undefined,
        toJob,
        ackDeadlineMs: 1000,
      });
      const store = createMemoryStore();
      const observe = vi.fn(store.observe);
      const router = createRouter(odd({ unsigned: true }), { idempotency: { ...store, observe } }).onAny(() => undefined);
      expect(await router.receive({ method: "POST", url: "/", headers: {}, body: "{}" })).toMatchObject({ result: "processed" });
      expect(observe).not.toHaveBeenCalled();
    }
  });

  it("is what dispatch is told", async () => {
    const { router, handled } = setUp();
    const event = { event: "render.started", timestamp: "2026-01-01T12:00:00Z", data: { render_job_id: "r" } } as const;
    await router.dispatch(event, { type: "render.started", id: "1" });
    await router.dispatch(event, { type: "render.started", id: "1", stale: true });
    expect(handled.map(([, stale]) => stale)).toEqual([false, true]);
  });
});

describe("staleEvents", () => {
  it('"skip" answers 200 without running the handlers, and knows the event from then on', async () => {
    const { handled, send } = setUp({ staleEvents: "skip" });
    await send("render.completed", 5);
    expect(await send("render.started", 3)).toMatchObject({ result: "stale", status: 200, type: "render.started" });
    expect(await send("render.started", 3)).toMatchObject({ result: "duplicate" });
    expect(handled).toEqual([["render.completed", false]]);
  });

  it('"skip" leaves out the redelivery of an event that failed and was overtaken meanwhile', async () => {
    const { router, handled, send } = setUp({ staleEvents: "skip" });
    router.on("render.started", () => {
      throw new Error("always");
    });
    expect(await send("render.started", 3)).toMatchObject({ result: "handler_failed" });
    await send("render.completed", 5);
    expect(await send("render.started", 3)).toMatchObject({ result: "stale" });
    expect(handled.at(-1)).toEqual(["render.completed", false]);
  });

  it('"skip" answers 200 also when the store fails to take that down', async () => {
    const store = createMemoryStore();
    let down = false;
    const complete: typeof store.complete = async (...given) => {
      if (down) throw new Error("down");
      return store.complete(...given);
    };
    const { handled, send } = setUp({ staleEvents: "skip", idempotency: { ...store, complete } });
    await send("render.completed", 5);
    down = true;
    expect(await send("render.started", 3)).toMatchObject({ result: "stale", status: 200 });
    expect(handled).toHaveLength(1);
  });

  it('"skip" answers by the deadline, whatever the store does', async () => {
    const store = createMemoryStore();
    let hangs = false;
    const complete: typeof store.complete = (...given) => (hangs ? new Promise(() => undefined) : store.complete(...given));
    const { send } = setUp({ staleEvents: "skip", deadlineMs: 50, idempotency: { ...store, complete } });
    await send("render.completed", 5);
    hangs = true;
    const startedAt = performance.now();
    expect(await send("render.started", 3)).toMatchObject({ result: "stale", status: 200 });
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it("is refused if it is something else, or nothing keeps the states of jobs", () => {
    expect(() => setUp({ staleEvents: "drop" as never })).toThrow(ConfigurationError);
    const { observe: _without, ...plain } = createMemoryStore();
    for (const idempotency of [false, plain] as const) expect(() => setUp({ idempotency, staleEvents: "skip" })).toThrow(/observe/);
  });
});
