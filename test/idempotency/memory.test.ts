import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createMemoryStore, type MemoryStoreOptions } from "../../src/idempotency/memory.ts";
import type { Claim } from "../../src/idempotency/store.ts";

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
  it("P33: gives an event to exactly one of many claimants", async () => {
    const { store } = setUp();
    const claims = await Promise.all(Array.from({ length: 100 }, () => store.claim("k", lease)));
    expect(claims.filter(({ state }) => state === "claimed")).toHaveLength(1);
    expect(claims.filter(({ state }) => state === "in_progress")).toHaveLength(99);
  });

  it("says how long a claim still holds", async () => {
    const { store, time } = setUp();
    await store.claim("k", lease);
    time.now = 400;
    expect(await store.claim("k", lease)).toEqual({ state: "in_progress", retryAfterMs: 600 });
  });

  it("remembers what is completed, until its time is over", async () => {
    const { store, time } = setUp();
    const token = tokenOf(await store.claim("k", lease));
    expect(await store.complete("k", token, { ttlMs: 10_000 })).toBe(true);
    time.now = 9999;
    expect(await store.claim("k", lease)).toEqual({ state: "completed" });
    time.now = 10_000;
    expect(await store.claim("k", lease)).toMatchObject({ state: "claimed" });
  });

  it("P32: hands a released event to the next claimant", async () => {
    const { store } = setUp();
    expect(await store.release("k", tokenOf(await store.claim("k", lease)))).toBe(true);
    expect(await store.claim("k", lease)).toMatchObject({ state: "claimed" });
  });

  it("P34: hands an event over when its lease is over, and the old token changes nothing any more", async () => {
    const { store, time } = setUp();
    const stale = tokenOf(await store.claim("k", lease));
    time.now = 1000;
    const fresh = tokenOf(await store.claim("k", lease));
    expect(fresh).not.toBe(stale);
    expect(await store.extend("k", stale, 5000)).toBe(false);
    expect(await store.release("k", stale)).toBe(false);
    expect(await store.complete("k", stale, { ttlMs: 10_000 })).toBe(false);
    expect(await store.claim("k", lease)).toMatchObject({ state: "in_progress" });
    expect(await store.complete("k", fresh, { ttlMs: 10_000 })).toBe(true);
  });

  it("lets a holder finish late as long as nobody took over", async () => {
    const { store, time } = setUp();
    const token = tokenOf(await store.claim("k", lease));
    time.now = 5000;
    expect(await store.complete("k", token, { ttlMs: 10_000 })).toBe(true);
  });

  it("extends a lease from now on", async () => {
    const { store, time } = setUp();
    const token = tokenOf(await store.claim("k", lease));
    time.now = 900;
    expect(await store.extend("k", token, 1000)).toBe(true);
    time.now = 1800;
    expect(await store.claim("k", lease)).toEqual({ state: "in_progress", retryAfterMs: 100 });
  });

  it("keeps two bodies under one key apart", async () => {
    const { store } = setUp();
    const first = tokenOf(await store.claim("k", lease));
    const second = tokenOf(await store.claim("k", { ...lease, fingerprint: "g" }));
    await store.complete("k", first, { ttlMs: 10_000 });
    expect(await store.claim("k", lease)).toEqual({ state: "completed" });
    expect(await store.claim("k", { ...lease, fingerprint: "g" })).toMatchObject({ state: "in_progress" });
    expect(await store.complete("k", second, { ttlMs: 10_000 })).toBe(true);
  });

  it("knows nothing of unknown keys and tokens", async () => {
    const { store } = setUp();
    const token = tokenOf(await store.claim("k", lease));
    for (const [key, given] of [
      ["other", token],
      ["k", ""],
      ["k", "1"],
      ["k", "9.f"],
      ["constructor", token],
    ] as const) {
      expect(await store.extend(key, given, 1)).toBe(false);
      expect(await store.complete(key, given, { ttlMs: 1 })).toBe(false);
      expect(await store.release(key, given)).toBe(false);
    }
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
