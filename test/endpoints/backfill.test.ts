import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HandlerContext } from "../../src/context.ts";
import {
  type BackfillOptions,
  backfill,
  createHeyGenClient,
  type HeyGenClient,
  type HeyGenHistoryEvent,
} from "../../src/endpoints/index.ts";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { createRouter, type RouterOptions } from "../../src/router.ts";
import { secret, signed } from "../suites/deliveries.ts";
import { type FakeHeyGen, startFakeHeyGen } from "./fake-heygen.ts";

let fake: FakeHeyGen;
let client: HeyGenClient;
beforeEach(async () => {
  fake = await startFakeHeyGen();
  client = createHeyGenClient({ apiKey: fake.apiKey, baseUrl: fake.url, backoffMs: 0 });
});
afterEach(() => fake.close());

const day = (number: number): Date => new Date(Date.UTC(2026, 10, number));
const since = day(10);

/** An entry of the history; one event per day of November. */
const entry = (number: number, more: object = {}) => ({
  event_id: `evt_${number}`,
  event_type: "avatar_video.success",
  event_data: { video_id: `v${number}`, url: `https://files.example.test/${number}.mp4?sig=history` },
  created_at: day(number).toISOString(),
  ...more,
});

/** The same event as HeyGen delivered it: other bytes, and in older deliveries no id. */
function deliveryOf(number: number, withId: boolean): string {
  const { event_id, created_at, event_type } = entry(number);
  const event_data = { url: `https://files.example.test/${number}.mp4?sig=delivery`, video_id: `v${number}` };
  return JSON.stringify(withId ? { event_id, created_at, event_type, event_data } : { event_type, event_data });
}

function setUp(options: RouterOptions = {}) {
  const seen: string[] = [];
  const methods = new Set<string>();
  const errors: string[] = [];
  const router = createRouter(heygen({ secret }), options)
    .on("avatar_video.success", ({ event_data }, context: HandlerContext) => {
      seen.push(event_data.video_id);
      methods.add(context.authenticity.method);
      if (event_data.callback_id === "fail") throw new Error("out of disk");
    })
    .onError(({ code }) => errors.push(code));
  const run = (more: Partial<BackfillOptions> = {}) => backfill(router, client, { since, ...more });
  return { router, seen, methods, errors, run };
}

const nothing = { read: 0, recovered: 0, known: 0, ignored: 0, unknown: 0, failed: 0, aborted: false };

describe("backfill", () => {
  it("hands over what was missed, the oldest first, through the handlers of the router", async () => {
    fake.history.push(entry(13), entry(12), entry(11), entry(10), entry(9));
    const { seen, methods, errors, run } = setUp();
    expect(await run()).toEqual({ ...nothing, read: 4, recovered: 4 });
    expect(seen).toEqual(["v10", "v11", "v12", "v13"]);
    expect([...methods]).toEqual(["api"]);
    expect(errors).toEqual([]);
    expect(await run()).toEqual({ ...nothing, read: 4, known: 4 });
    expect(seen).toHaveLength(4);
  });

  it.each([true, false])("knows what was delivered, with an id in the body: %s", async (withId) => {
    fake.history.push(entry(12), entry(11), entry(10));
    const { router, seen, run } = setUp();
    for (const number of [10, 12])
      expect(await router.receive(await signed(deliveryOf(number, withId)))).toMatchObject({ result: "processed" });
    expect(await run()).toEqual({ ...nothing, read: 3, recovered: 1, known: 2 });
    expect(seen).toEqual(["v10", "v12", "v11"]);
  });

  it("recovers both of two events about one video, when neither came", async () => {
    fake.history.push(entry(12, { event_data: entry(11).event_data }), entry(11));
    const { seen, run } = setUp();
    expect(await run()).toMatchObject({ recovered: 2 });
    expect(seen).toEqual(["v11", "v11"]);
  });

  it("stores what was missed in the inbox, once, and its workers handle it", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "backfill-"));
    const inbox = await openSqliteInbox({ path: path.join(folder, "inbox.db") });
    try {
      fake.history.push(entry(13), entry(12), entry(11), entry(10));
      const { router, seen, methods, run } = setUp({ inbox });
      await router.receive(await signed(deliveryOf(10, true)));
      await router.receive(await signed(deliveryOf(12, false)));
      expect(await run({ concurrency: 3 })).toEqual({ ...nothing, read: 4, recovered: 2, known: 2 });
      expect(await run()).toEqual({ ...nothing, read: 4, known: 4 });
      expect(seen).toEqual([]);
      const worker = inbox.work(router);
      await worker.idle();
      await worker.stop();
      expect(seen.sort()).toEqual(["v10", "v11", "v12", "v13"]);
      expect([...methods].sort()).toEqual(["api", "signature"]);
      expect(await run()).toMatchObject({ known: 4 });
    } finally {
      await inbox.close();
      rmSync(folder, { recursive: true });
    }
  });

  it("counts and reports what fails, and goes on; another run tries it again", async () => {
    const failing = entry(11, { event_data: { video_id: "v11", callback_id: "fail" } });
    const invalid = entry(12, { event_data: {} });
    fake.history.push(entry(15), entry(14, { event_type: "brand.new" }), entry(13, { event_type: "avatar_video.fail" }), invalid, failing);
    const { seen, errors, run } = setUp();
    expect(await run()).toEqual({ ...nothing, read: 5, recovered: 1, ignored: 1, unknown: 1, failed: 2 });
    expect(errors).toEqual(["handler_failed", "payload_invalid"]);
    expect(await run()).toMatchObject({ known: 1, failed: 2 });
    expect(seen).toEqual(["v11", "v15", "v11"]);
  });

  it("tells of each event, whatever the listener does", async () => {
    fake.history.push(entry(11), entry(10));
    const { run } = setUp();
    const onEvent = vi.fn((_event: HeyGenHistoryEvent, { result }: { readonly result: string }) => {
      if (result === "processed") throw new Error("listener");
      return Promise.reject(new Error("listener"));
    });
    expect(await run({ onEvent })).toMatchObject({ recovered: 2 });
    expect(await run({ onEvent })).toMatchObject({ known: 2 });
    expect(onEvent.mock.calls.map(([event, { result }]) => [event.event_id, result])).toEqual([
      ["evt_10", "processed"],
      ["evt_11", "processed"],
      ["evt_10", "duplicate"],
      ["evt_11", "duplicate"],
    ]);
  });

  it("takes only the time that is asked for, its beginning included and its end not, and one type", async () => {
    fake.history.push(entry(13), entry(12, { event_type: "avatar_video.fail" }), entry(11), entry(10), entry(9));
    const { seen, run } = setUp();
    expect(await run({ until: day(13), eventType: "avatar_video.success" })).toMatchObject({ read: 2 });
    expect(seen).toEqual(["v10", "v11"]);
  });

  it("stops reading where the newest come first and the rest is older, and nowhere else", async () => {
    const old = Array.from({ length: 250 }, (_, index) => entry(1, { event_id: `old_${index}` }));
    fake.history.push(entry(11), ...old);
    const { run } = setUp();
    expect(await run()).toMatchObject({ read: 1 });
    expect(fake.requests).toHaveLength(2);
    fake.requests.length = 0;
    fake.history.reverse();
    expect(await run()).toMatchObject({ read: 1, known: 1 });
    expect(fake.requests).toHaveLength(6);
  });

  it("keeps the order of equals, and takes an event without a readable time last", async () => {
    const at = { created_at: day(11).toISOString() };
    const odd = entry(30, { created_at: "yesterday" });
    fake.history.push(entry(12), entry(3, at), odd, entry(2, at), entry(1, at), entry(10));
    const { seen, run } = setUp();
    await run();
    expect(seen).toEqual(["v10", "v1", "v2", "v3", "v12", "v30"]);
  });

  it("stops between two events when it is aborted, and while it reads", async () => {
    fake.history.push(entry(12), entry(11), entry(10));
    const { seen, run } = setUp();
    const controller = new AbortController();
    expect(await run({ signal: controller.signal, onEvent: () => controller.abort() })).toEqual({
      ...nothing,
      read: 3,
      recovered: 1,
      aborted: true,
    });
    expect(seen).toEqual(["v10"]);
    expect(await run({ signal: AbortSignal.abort() })).toEqual({ ...nothing, aborted: true });
    const reading = new AbortController();
    fake.mishaps.push({ stall: "body" });
    const stalled = run({ signal: reading.signal });
    await vi.waitUntil(() => fake.mishaps.length === 0, { timeout: 10_000 });
    reading.abort();
    expect(await stalled).toEqual({ ...nothing, aborted: true });
  });

  it("hands over nothing when the history cannot be read whole, or is too long", async () => {
    for (let number = 0; number < 60; number++) fake.history.push(entry(10, { event_id: `evt_${number}` }));
    const { seen, run } = setUp();
    const firstPage = { body: { data: fake.history.slice(0, 50), has_more: true, next_token: "page-50" } };
    fake.mishaps.push(firstPage, { status: 404 });
    await expect(run()).rejects.toMatchObject({ name: "EndpointError", code: "not_found" });
    await expect(run({ maxEvents: 59 })).rejects.toMatchObject({ name: "ConfigurationError", message: expect.stringContaining("59") });
    expect(seen).toEqual([]);
    expect(await run({ maxEvents: 60 })).toMatchObject({ read: 60 });
  });

  it("recovers again what only another store remembers", async () => {
    fake.history.push(entry(11));
    const idempotency = createMemoryStore();
    await setUp({ idempotency }).run();
    expect(await setUp({ idempotency }).run()).toMatchObject({ known: 1 });
    expect(await setUp().run()).toMatchObject({ recovered: 1 });
  });

  it("hands over nothing to a router that remembers nothing, and so would handle everything again", async () => {
    fake.history.push(entry(11), entry(10));
    const { seen, errors, run } = setUp({ idempotency: false });
    for (const concurrency of [1, 2]) {
      await expect(run({ concurrency })).rejects.toMatchObject({
        name: "ConfigurationError",
        message: expect.stringMatching(/remembers no events.*inbox/),
      });
    }
    expect([seen, errors]).toEqual([[], []]);
  });

  it("does not recognise what was delivered of a type that this library does not know", async () => {
    const unknown = { event_type: "brand.new", event_data: { video_id: "v" }, event_id: "evt_1", created_at: day(11).toISOString() };
    fake.history.push(unknown);
    const { router, run } = setUp();
    const onUnknown = vi.fn();
    router.onUnknown(onUnknown);
    await router.receive(await signed(JSON.stringify({ ...unknown, event_data: { video_id: "v", url: "u" } })));
    expect(await run()).toMatchObject({ read: 1, unknown: 1 });
    expect(onUnknown).toHaveBeenCalledTimes(2);
    expect(await run()).toMatchObject({ read: 1, known: 1 });
  });

  it("refuses what cannot work before it asks for anything", async () => {
    const { router, run } = setUp();
    for (const options of [{ since: "2026-01-01" }, { since: new Date("x") }, { until: since }, { concurrency: 0 }, { maxEvents: 1.5 }]) {
      await expect(run(options as never), JSON.stringify(options)).rejects.toMatchObject({ name: "ConfigurationError" });
    }
    await expect(backfill(createRouter(konpro({ unsigned: true })) as never, client, { since })).rejects.toThrow(/router of HeyGen/);
    await expect(backfill({} as typeof router, client, { since })).rejects.toThrow(/router of HeyGen/);
    expect(fake.requests).toHaveLength(0);
  });
});
