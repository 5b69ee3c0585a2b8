import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createMemoryStore, type MemoryStoreOptions } from "../../src/idempotency/memory.ts";
import type { Claim } from "../../src/idempotency/store.ts";
import { idempotencyStoreCases } from "../../src/testing/index.ts";
import { registerCases } from "../suites/servers.ts";

const lease = { fingerprint: "f", leaseMs: 1000, ttlMs: 10_000 };

function setUp(options: MemoryStoreOptions = {}) {
  const time = { now: 0 };
  return { time, store: createMemoryStore({ clock: () => time.now, ...options }) };
}

function tokenOf(claim: Claim): string {
  if (claim.state !== "claimed") throw new Error(`expected a claim, got ${claim.state}`);
  return claim.token;
}

describe("createMemoryStore", () => {
  const shared = setUp();
  registerCases(
    it,
    idempotencyStoreCases({
      open: () => shared.store,
      advance: (milliseconds) => {
        shared.time.now += milliseconds;
      },
    }),
  );

  it("says how long a claim still holds, to the millisecond", async () => {
    const { store, time } = setUp();
    await store.claim("k", lease);
    time.now = 400;
    expect(await store.claim("k", lease)).toEqual({ state: "in_progress", retryAfterMs: 600 });
    time.now = 999;
    expect(await store.claim("k", lease)).toEqual({ state: "in_progress", retryAfterMs: 1 });
    time.now = 1000;
    expect(await store.claim("k", lease)).toMatchObject({ state: "claimed" });
  });

  it("no longer speaks of another body that was forgotten or given back", async () => {
    const { store, time } = setUp();
    const other = { ...lease, fingerprint: "g" };
    await store.complete("k", tokenOf(await store.claim("k", lease)), { ttlMs: 100 });
    expect(await store.claim("k", other)).toMatchObject({ state: "claimed", otherBody: true });
    time.now = 20_000;
    expect(await store.claim("k", lease)).toMatchObject({ state: "claimed", otherBody: false });
    await store.release("k", tokenOf(await store.claim("k2", lease)));
    const given = tokenOf(await store.claim("k3", lease));
    await store.release("k3", given);
    expect(await store.claim("k3", other)).toMatchObject({ state: "claimed", otherBody: false });
  });

  it("forgets the jobs that were seen longest ago beyond maxEntries", async () => {
    const { store } = setUp({ maxEntries: 3 });
    const see = (job: string, rank: number) => store.observe?.(job, { rank, at: undefined }, { ttlMs: 10_000 });
    for (const job of ["a", "b", "c"]) await see(job, 2);
    await see("a", 2);
    await see("d", 2);
    expect([await see("a", 1), await see("d", 1), await see("c", 1)]).toEqual([true, true, true]);
    expect(await see("b", 1)).toBe(false);
  });

  it("forgets the oldest beyond maxEntries, and never a claim that is held", async () => {
    const { store } = setUp({ maxEntries: 3 });
    const held = tokenOf(await store.claim("held", lease));
    for (const key of ["a", "b", "c", "d"]) await store.complete(key, tokenOf(await store.claim(key, lease)), { ttlMs: 10_000 });
    expect(await store.claim("d", lease)).toEqual({ state: "completed" });
    expect(await store.claim("b", lease)).toEqual({ state: "completed" });
    expect(await store.claim("a", lease)).toMatchObject({ state: "claimed" });
    expect(await store.extend("held", held, 1)).toBe(true);
  });

  it("stays bounded over many events, in time that does not grow with them", async () => {
    const { store, time } = setUp({ maxEntries: 1000 });
    const run = async (count: number) => {
      const start = performance.now();
      for (let index = 0; index < count; index++) {
        time.now++;
        await store.complete(`k${index}`, tokenOf(await store.claim(`k${index}`, lease)), { ttlMs: 1e9 });
      }
      return (performance.now() - start) / count;
    };
    await run(5000);
    const before = process.memoryUsage().heapUsed;
    const perEvent = await run(100_000);
    expect(perEvent).toBeLessThan(0.2);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(30_000_000);
  });

  it("takes about as long for each event when it is full as before", async () => {
    const maxEntries = 40_000;
    const { store } = setUp({ maxEntries });
    const run = async (first: number, count: number) => {
      const start = performance.now();
      for (let index = first; index < first + count; index++) {
        await store.observe?.(`j${index}`, { rank: 2, at: undefined }, { ttlMs: 1e9 });
        await store.complete(`k${index}`, tokenOf(await store.claim(`k${index}`, lease)), { ttlMs: 1e9 });
      }
      return (performance.now() - start) / count;
    };
    const filling = await run(0, maxEntries);
    const full = await run(maxEntries, maxEntries * 0.75);
    // Passing over what was forgotten before, each time, makes it more than ten times as long.
    expect(full / filling).toBeLessThan(5);
  });

  it("sweeps claims that nobody settles", async () => {
    const { store, time } = setUp();
    const abandoned = tokenOf(await store.claim("k", lease));
    time.now = 10_000;
    await store.claim("other", lease);
    expect(await store.extend("k", abandoned, 1)).toBe(false);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses maxEntries %j", (maxEntries) => {
    expect(() => createMemoryStore({ maxEntries })).toThrow(ConfigurationError);
  });
});
