import { afterEach, describe, expect, it, vi } from "vitest";
import type { AnyWebhookError } from "../src/errors.ts";
import { createMemoryStore } from "../src/idempotency/memory.ts";
import type { IdempotencyStore } from "../src/idempotency/store.ts";
import { heygen } from "../src/providers/heygen.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { RetryLater } from "../src/signals.ts";
import { secret, signed, success } from "./suites/deliveries.ts";

function setUp(options: RouterOptions = {}) {
  const errors: AnyWebhookError[] = [];
  const router = createRouter(heygen({ secret }), options).onError((error) => errors.push(error));
  return { router, errors };
}

/** Handlers that end when the test says so. */
function gate() {
  const open: ((error?: Error) => void)[] = [];
  const run = vi.fn(
    () =>
      new Promise<void>((resolve, reject) => {
        open.push((error) => (error ? reject(error) : resolve()));
      }),
  );
  return { run, open };
}

const never = (): Promise<never> => new Promise(() => undefined);

afterEach(() => {
  vi.useRealTimers();
});

describe("duplicates in one process while the first runs", () => {
  it("P33: wait for it, and are duplicates when it succeeded", async () => {
    const { router } = setUp();
    const { run, open } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    const answers = Promise.all(Array.from({ length: 8 }, () => router.receive(delivery)));
    await vi.waitFor(() => expect(open).toHaveLength(1), { timeout: 10_000 });
    open[0]?.();
    expect((await answers).map(({ result }) => result).sort()).toEqual([...Array(7).fill("duplicate"), "processed"]);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("ask the store once", async () => {
    const store = createMemoryStore();
    const claim = vi.fn(store.claim);
    const { router } = setUp({ idempotency: { ...store, claim } });
    router.onAny(() => new Promise((resolve) => setTimeout(resolve, 5)));
    const delivery = await signed(success("v"));
    await Promise.all(Array.from({ length: 8 }, () => router.receive(delivery)));
    expect(claim).toHaveBeenCalledTimes(1);
  });

  it("are asked to come again when it failed, and then run", async () => {
    const { router, errors } = setUp();
    const { run, open } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    const answers = Promise.all(Array.from({ length: 3 }, () => router.receive(delivery)));
    await vi.waitFor(() => expect(open).toHaveLength(1), { timeout: 10_000 });
    open[0]?.(new Error("out of disk"));
    expect(await answers).toMatchObject([
      { result: "handler_failed", status: 500 },
      { result: "in_progress", status: 503, retryAfterSeconds: 5 },
      { result: "in_progress", status: 503, retryAfterSeconds: 5 },
    ]);
    expect(errors.filter(({ code }) => code === "handler_failed")).toHaveLength(1);
    const again = router.receive(delivery);
    await vi.waitFor(() => expect(open).toHaveLength(2), { timeout: 10_000 });
    open[1]?.();
    expect(await again).toMatchObject({ result: "processed" });
  });

  it("are asked to come again when it wants to be run again", async () => {
    const { router } = setUp();
    const { run, open } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    const answers = Promise.all([router.receive(delivery), router.receive(delivery)]);
    await vi.waitFor(() => expect(open).toHaveLength(1), { timeout: 10_000 });
    open[0]?.(new RetryLater({ afterSeconds: 40 }));
    expect(await answers).toMatchObject([
      { result: "retry_later", retryAfterSeconds: 40 },
      { result: "in_progress", retryAfterSeconds: 40 },
    ]);
  });

  it("wait no longer than their own deadline, and hear how long the lease still holds", async () => {
    vi.useFakeTimers();
    const { router } = setUp({ deadlineMs: 10_000 });
    const { run } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    const first = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(4000);
    const second = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(6000);
    expect(await first).toMatchObject({ result: "deadline_exceeded" });
    await vi.advanceTimersByTimeAsync(4000);
    // The lease of a minute was prolonged at the deadline, four seconds ago.
    expect(await second).toMatchObject({ result: "in_progress", status: 503, retryAfterSeconds: 56 });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("hear what the first heard when the store is down, and another body does not wait", async () => {
    const store = createMemoryStore();
    const { router } = setUp({ idempotency: { ...store, claim: () => Promise.reject(new Error("down")) } });
    router.onAny(() => undefined);
    const delivery = await signed(success("v"));
    const outcomes = await Promise.all([router.receive(delivery), router.receive(delivery)]);
    expect(outcomes.map(({ result }) => result)).toEqual(["store_unavailable", "store_unavailable"]);

    const healthy = setUp();
    const { run, open } = gate();
    healthy.router.onAny(run);
    const pending = ["a", "b"].map(async (title) => healthy.router.receive(await signed(success("v", { title }))));
    await vi.waitFor(() => expect(open).toHaveLength(2), { timeout: 10_000 });
    for (const finish of open) finish();
    expect((await Promise.all(pending)).map(({ result }) => result)).toEqual(["processed", "processed"]);
  });

  it("ask the store again once this process has lost the claim", async () => {
    const store = createMemoryStore();
    const states = ["claimed", "completed"];
    const claim: IdempotencyStore["claim"] = async (...given) =>
      states.shift() === "claimed" ? store.claim(...given) : { state: "completed" };
    const { router } = setUp({ deadlineMs: 20, idempotency: { ...store, claim, extend: async () => false } });
    const { run, open } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "deadline_exceeded" });
    await vi.waitFor(async () => expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" }), { timeout: 10_000 });
    open[0]?.();
    expect(run).toHaveBeenCalledTimes(1);
  });
});

describe("what duplicates hear that waited", () => {
  it("P50: is never 200 for an event that was not handled, or not recorded", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    const hanging = setUp({ idempotency: { ...store, claim: never } });
    hanging.router.onAny(() => undefined);
    const delivery = await signed(success("v"));
    const claimed = Promise.all([hanging.router.receive(delivery), hanging.router.receive(delivery)]);
    await vi.advanceTimersByTimeAsync(1450);
    expect((await claimed).map(({ result }) => result)).toEqual(["store_unavailable", "store_unavailable"]);

    const forgetful = setUp({ idempotency: { ...store, complete: () => Promise.reject(new Error("down")) } });
    forgetful.router.onAny(() => undefined);
    const recorded = Promise.all([forgetful.router.receive(delivery), forgetful.router.receive(delivery)]);
    await vi.advanceTimersByTimeAsync(1450);
    expect((await recorded).map(({ result }) => result)).toEqual(["store_unavailable", "store_unavailable"]);
  });

  it("comes when the event is free again, not before", async () => {
    const store = createMemoryStore();
    const order: string[] = [];
    const release: IdempotencyStore["release"] = async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push("released");
      return store.release(...given);
    };
    const { router } = setUp({ idempotency: { ...store, release } });
    router.onAny(() => Promise.reject(new Error("failed")));
    const delivery = await signed(success("v"));
    const first = router.receive(delivery);
    await router.receive(delivery);
    order.push("told");
    await first;
    expect(order).toEqual(["released", "told"]);
  });
});

describe("a lease", () => {
  /** A store that answers as told for one operation. */
  const odd = (changes: Partial<IdempotencyStore>): IdempotencyStore => ({ ...createMemoryStore(), ...changes });

  it("is a minute, or twice the deadline if that is longer", async () => {
    for (const [deadlineMs, leaseMs] of [
      [5000, 60_000],
      [45_000, 90_000],
    ] as const) {
      const claim = vi.fn(async () => ({ state: "completed" as const }));
      const { router } = setUp({ deadlineMs, idempotency: odd({ claim }) });
      router.onAny(() => undefined);
      await router.receive(await signed(success("v")));
      expect(claim).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ leaseMs }));
    }
  });

  it("that ends while it cannot be extended aborts the signal, and the next delivery asks the store", async () => {
    vi.useFakeTimers();
    const claim = vi.fn(createMemoryStore().claim).mockImplementation(async () => ({ state: "completed" }));
    claim.mockImplementationOnce(async () => ({ state: "claimed", token: "1" }));
    const { router } = setUp({ deadlineMs: 100, idempotency: odd({ claim, extend: never }) });
    let signal: AbortSignal | undefined;
    router.onAny((_event, context) => {
      signal = context.signal;
      return never();
    });
    const delivery = await signed(success("v"));
    const first = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(200);
    expect(await first).toMatchObject({ result: "deadline_exceeded" });
    await vi.advanceTimersByTimeAsync(50_000);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(signal?.aborted).toBe(true);
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
  });

  it("that was lost does not end the wait of those who came after", async () => {
    const tokens = ["1", "2"];
    const claim = vi.fn(async () => ({ state: "claimed" as const, token: tokens.shift() ?? "3" }));
    const extend = vi.fn(async () => true).mockResolvedValueOnce(false);
    const { router } = setUp({ deadlineMs: 300, idempotency: odd({ claim, extend, complete: async () => true }) });
    const { run, open } = gate();
    router.onAny(run);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "deadline_exceeded" });
    const second = router.receive(delivery);
    await vi.waitFor(() => expect(open).toHaveLength(2), { interval: 2, timeout: 10_000 });
    open[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    const third = router.receive(delivery);
    open[1]?.();
    expect([(await second).result, (await third).result]).toEqual(["processed", "duplicate"]);
    expect(claim).toHaveBeenCalledTimes(2);
  });

  it("is not taken for lost when it is extended between the record of the event and its answer", async () => {
    const store = createMemoryStore();
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let extended: Promise<boolean> | undefined;
    const complete: IdempotencyStore["complete"] = async (...given) => {
      const done = await store.complete(...given);
      await answered;
      return done;
    };
    const extend: IdempotencyStore["extend"] = (...given) => {
      extended = store.extend(...given);
      return extended;
    };
    vi.useFakeTimers();
    const { router } = setUp({ deadlineMs: 20, idempotency: { ...store, complete, extend } });
    let signal: AbortSignal | undefined;
    const { run, open } = gate();
    router.onAny((_event, context) => {
      signal = context.signal;
      return run();
    });
    const delivery = await signed(success("v"));
    const first = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(30);
    await first;
    // The next turn to extend is 20 seconds after the deadline.
    await vi.advanceTimersByTimeAsync(19_500);
    open[0]?.();
    await vi.advanceTimersByTimeAsync(600);
    expect(await extended).toBe(false);
    expect(signal?.aborted).toBe(false);
    answer();
  });
});

describe("what cannot be recorded at first", () => {
  it("is recorded when the store is back, without another delivery", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    let down = true;
    const complete: IdempotencyStore["complete"] = async (...given) => {
      if (down) throw new Error("down");
      return store.complete(...given);
    };
    const { router } = setUp({ idempotency: { ...store, complete } });
    router.onAny(() => undefined);
    const delivery = await signed(success("v"));
    const answer = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "store_unavailable" });
    await vi.advanceTimersByTimeAsync(6000);
    down = false;
    await vi.advanceTimersByTimeAsync(6000);
    // Another process, with the same store.
    const elsewhere = setUp({ idempotency: store });
    const handler = vi.fn();
    elsewhere.router.onAny(handler);
    expect(await elsewhere.router.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(handler).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("nor given back is freed when the store is back, long before the lease ends", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    let down = true;
    const release: IdempotencyStore["release"] = async (...given) => {
      if (down) throw new Error("down");
      return store.release(...given);
    };
    const { router } = setUp({ idempotency: { ...store, release } });
    let fails = true;
    router.onAny(() => {
      if (fails) throw new Error("first time");
    });
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "handler_failed" });
    fails = false;
    expect(await router.receive(delivery)).toMatchObject({ result: "in_progress" });
    down = false;
    await vi.advanceTimersByTimeAsync(5100);
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts as handled when another process has recorded it meanwhile", async () => {
    const store = createMemoryStore();
    const claim = vi.fn(store.claim).mockImplementation(async () => ({ state: "completed" }));
    claim.mockImplementationOnce(store.claim);
    const { router } = setUp({ idempotency: { ...store, claim, complete: async () => false } });
    router.onAny(() => undefined);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "processed" });
  });
});

it.each([undefined, null, "claimed", {}, { state: "maybe" }])(
  "a store that answers a claim with %j is unavailable, each time",
  async (answer) => {
    const claim = vi.fn(async () => answer as never);
    const { router } = setUp({ idempotency: { ...createMemoryStore(), claim } });
    router.onAny(() => undefined);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable" });
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable" });
    expect(claim).toHaveBeenCalledTimes(2);
  },
);

describe("a store that hangs", () => {
  it("at the claim: 503 within 1.5 s, and nothing runs", async () => {
    vi.useFakeTimers();
    const handler = vi.fn();
    const { router, errors } = setUp({ idempotency: { ...createMemoryStore(), claim: never } });
    router.onAny(handler);
    const answer = router.receive(await signed(success("v")));
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "store_unavailable", status: 503, retryAfterSeconds: 5 });
    expect(errors[0]).toMatchObject({ code: "store_unavailable", cause: expect.objectContaining({ name: "TimeoutError" }) });
    expect(handler).not.toHaveBeenCalled();
  });

  it("at the claim, for a sender that waits for even less: 503 at the deadline", async () => {
    vi.useFakeTimers();
    const { router } = setUp({ deadlineMs: 300, idempotency: { ...createMemoryStore(), claim: never } });
    router.onAny(() => undefined);
    const answer = router.receive(await signed(success("v")));
    await vi.advanceTimersByTimeAsync(310);
    expect(await answer).toMatchObject({ result: "store_unavailable" });
  });

  it("P35: after the handler: 503 within 1.5 s, and the redelivery is recorded without another run", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    const complete = vi.fn(store.complete).mockImplementationOnce(never);
    const { router } = setUp({ idempotency: { ...store, complete } });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    const answer = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "store_unavailable", status: 503 });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("after a handler that failed: 500 within 1.5 s", async () => {
    vi.useFakeTimers();
    const { router } = setUp({ idempotency: { ...createMemoryStore(), release: never } });
    router.onAny(() => Promise.reject(new Error("failed")));
    const answer = router.receive(await signed(success("v")));
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "handler_failed", status: 500 });
  });

  it("and answers after all: the claim is given back, for which the platform is asked to wait", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    let answerNow = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      answerNow = resolve;
    });
    const release = vi.fn(store.release);
    const claim = vi.fn(store.claim).mockImplementationOnce(async (...given) => {
      await slow;
      return store.claim(...given);
    });
    const { router } = setUp({ idempotency: { ...store, claim, release } });
    router.onAny(() => undefined);
    const kept: Promise<unknown>[] = [];
    const delivery = await signed(success("v"), { waitUntil: (promise) => kept.push(promise) });
    const answer = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "store_unavailable" });
    expect(kept).toHaveLength(1);
    answerNow();
    await kept[0];
    expect(release).toHaveBeenCalledTimes(1);
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });

  it("at the state of the job: 503, nothing runs, and the claim is given back", async () => {
    vi.useFakeTimers();
    const store = createMemoryStore();
    const observe = vi.fn(store.observe).mockImplementationOnce(never);
    const { router } = setUp({ idempotency: { ...store, observe } });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    const answer = router.receive(delivery);
    await vi.advanceTimersByTimeAsync(1450);
    expect(await answer).toMatchObject({ result: "store_unavailable" });
    await vi.advanceTimersByTimeAsync(10);
    expect(handler).not.toHaveBeenCalled();
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });

  it("or fails at the state of the job: 503, nothing runs, and the claim is given back", async () => {
    const store = createMemoryStore();
    const observe = vi.fn(store.observe).mockRejectedValueOnce(new Error("down"));
    const handler = vi.fn();
    const { router, errors } = setUp({ idempotency: { ...store, observe } });
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable", status: 503 });
    expect(errors[0]?.cause).toMatchObject({ message: "down" });
    expect(handler).not.toHaveBeenCalled();
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });
});

it("a store that has missed its time is asked by few at once, until it answers in time", async () => {
  vi.useFakeTimers();
  const store = createMemoryStore();
  let hangs = true;
  const claim = vi.fn<IdempotencyStore["claim"]>((...given) => (hangs ? never() : store.claim(...given)));
  const { router } = setUp({ idempotency: { ...store, claim } });
  router.onAny(() => undefined);
  const deliveries = await Promise.all(Array.from({ length: 40 }, (_, index) => signed(success(`v${index}`))));
  const send = () => Promise.all(deliveries.map((delivery) => router.receive(delivery)));
  for (const expected of [40, 8]) {
    claim.mockClear();
    const answers = send();
    await vi.advanceTimersByTimeAsync(1450);
    expect((await answers).every(({ result }) => result === "store_unavailable")).toBe(true);
    expect(claim).toHaveBeenCalledTimes(expected);
  }
  hangs = false;
  for (let round = 0; round < 4; round++) await send();
  expect((await send()).every(({ result }) => result === "duplicate")).toBe(true);
});

describe("the same key with another body", () => {
  it("is an event of its own, and visible in the outcome and the log", async () => {
    const lines: [string, string][] = [];
    const logger = {
      debug: (line: string) => lines.push(["debug", line]),
      info: (line: string) => lines.push(["info", line]),
      warn: (line: string) => lines.push(["warn", line]),
      error: (line: string) => lines.push(["error", line]),
    };
    const { router } = setUp({ logger });
    const ids: string[] = [];
    router.onAny((_event, context) => ids.push(context.id));
    const first = await router.receive(await signed(success("v", { title: "one" })));
    const other = await router.receive(await signed(success("v", { title: "two" })));
    const again = await router.receive(await signed(success("v", { title: "two" })));
    expect(first).toEqual({ result: "processed", status: 200, type: "avatar_video.success", id: ids[0] });
    expect(other).toEqual({ ...first, otherBody: true });
    expect(again).toEqual({ ...first, result: "duplicate" });
    expect(ids[1]).toBe(ids[0]);
    expect(lines.map(([level, line]) => [level, /otherBody=true/.test(line)])).toEqual([
      ["info", false],
      ["warn", true],
      ["info", false],
    ]);
  });
});
