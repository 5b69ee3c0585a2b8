import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { HandledResult, HandleOptions } from "../../src/handle.ts";
import { createInbox, type Inbox } from "../../src/inbox/inbox.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { completePolicy } from "../../src/inbox/retry-policy.ts";
import type { SqliteDatabase } from "../../src/inbox/sqlite.ts";
import { migrate } from "../../src/inbox/sqlite-schema.ts";
import { createSqliteStore } from "../../src/inbox/sqlite-store.ts";
import { createWriter } from "../../src/inbox/sqlite-writer.ts";
import type { InboxState, InboxStore } from "../../src/inbox/store.ts";
import type { InboxRouter, WorkerProblem } from "../../src/inbox/worker.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { success } from "../suites/deliveries.ts";

interface Scene {
  readonly inbox: Inbox;
  /** How many transactions were begun. */
  transactions(): number;
  /** Lets time pass for the store. */
  pass(milliseconds: number): void;
  /** How many events are in each state that has any. */
  states(): Promise<Partial<Record<InboxState, number>>>;
}

/** A real store whose clock is ours, and of which a test may replace parts. */
async function newScene(attempts = 3, change: (store: InboxStore) => Partial<InboxStore> = () => ({})): Promise<Scene> {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-worker-"));
  const database = new DatabaseSync(path.join(folder, "inbox.db"), { timeout: 0 }) as SqliteDatabase;
  database.exec("PRAGMA journal_mode = WAL");
  let transactions = 0;
  const counting: SqliteDatabase = {
    prepare: (sql) => database.prepare(sql),
    exec(sql) {
      if (sql.startsWith("BEGIN")) transactions++;
      return database.exec(sql);
    },
    close: () => database.close(),
  };
  const writer = createWriter(counting);
  await writer.write(() => migrate(counting));
  let ahead = 0;
  const policy = completePolicy({ attempts, backoffMs: 1, maxBackoffMs: 1 });
  const store = createSqliteStore({ database: counting, writer, policy, clock: () => Date.now() + ahead });
  const inbox = createInbox({ ...store, ...change(store) }, policy);
  onTestFinished(async () => {
    await inbox.close();
    rmSync(folder, { recursive: true });
  });
  return {
    inbox,
    transactions: () => transactions,
    pass(milliseconds) {
      ahead += milliseconds;
    },
    async states() {
      const { states } = await inbox.stats();
      return Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0));
    },
  };
}

function eventOf(name: string): InboxEvent {
  return {
    provider: "heygen",
    endpoint: "default",
    type: "avatar_video.success",
    id: `heygen/default/avatar_video.success/${name}`,
    fingerprint: "a".repeat(64),
    rawBody: new TextEncoder().encode("{}"),
    headers: {},
    authenticity: { method: "none" },
    receivedAt: Date.now(),
  };
}

const accept = async (inbox: Inbox, amount: number): Promise<void> => {
  await Promise.all(Array.from({ length: amount }, (_, index) => inbox.accept(eventOf(`v${index}`))));
};

type Handle = (event: InboxEvent, options: HandleOptions) => HandledResult | Promise<HandledResult>;

function routerOf(handle: Handle, endpoint = "default"): InboxRouter {
  return { provider: { name: "heygen", endpoint }, handle: handle as InboxRouter["handle"] };
}

const processed: HandledResult = { result: "processed" };
const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const patience = { timeout: 10_000, interval: 5 };
/** Aborts what a handler waits for, as `fetch` does. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe("a worker", () => {
  it.each([
    { concurrency: 1.5 },
    { concurrency: 0 },
    { leaseMs: 2500.5 },
    { timeoutMs: Number.NaN },
    { pollMs: 2 ** 31 },
    { missingAfterMs: -1 },
  ])("refuses numbers that a store or a timer could not take: %o", async (options) => {
    const { inbox } = await newScene();
    expect(() =>
      inbox.work(
        routerOf(() => processed),
        options,
      ),
    ).toThrow(/whole number above zero/);
  });

  it("refuses two routers of one provider and endpoint, of which one would never be asked", async () => {
    const { inbox } = await newScene();
    expect(() => inbox.work([routerOf(() => processed), routerOf(() => processed)])).toThrow(/two routers of heygen\/default/);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("wrapped");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("wrapped"))],
  ] as [string, Handle][])("takes a router that %s for an attempt that failed, and goes on", async (_how, fail) => {
    const { inbox, states } = await newScene(2);
    await accept(inbox, 5);
    inbox.work(routerOf(fail), { concurrency: 2, pollMs: 5 });
    await vi.waitFor(async () => expect(await states()).toEqual({ dead: 5 }), patience);
    expect((await inbox.list()).entries[0]).toMatchObject({ attempts: 2, reason: "Error: wrapped" });
  });

  it.each([
    [{ a: 1 }, "[object Object]"],
    ["", "No reason was given."],
    [undefined, "No reason was given."],
  ])("ends an attempt that is discarded because of %o, which no store keeps as it is", async (reason, text) => {
    const { inbox, states } = await newScene();
    await accept(inbox, 1);
    const problems: WorkerProblem[] = [];
    inbox.work(
      routerOf(() => ({ result: "discarded", reason: reason as string })),
      { onProblem: (problem) => problems.push(problem) },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ dead: 1 }), patience);
    expect((await inbox.list()).entries[0]).toMatchObject({ reason: text });
    expect(problems).toEqual([]);
  });

  it("ends an attempt that is discarded because of what is no text, by a copy of the library that lets it through", async () => {
    const { inbox, states } = await newScene();
    const discard = Object.assign(new Error("other"), { reason: { a: 1 }, [Symbol.for("video-webhooks.signal")]: "discard" });
    const router = createRouter(heygen({ unsigned: true })).onAny(() => {
      throw discard;
    });
    await inbox.accept({ ...eventOf("w"), rawBody: new TextEncoder().encode(success("w")) });
    inbox.work(router);
    await vi.waitFor(async () => expect(await states()).toEqual({ dead: 1 }), patience);
    expect((await inbox.list()).entries[0]).toMatchObject({ reason: "[object Object]" });
  });

  it("aborts handlers that take longer than timeoutMs, and counts the attempt", async () => {
    const { inbox, states } = await newScene(1);
    await accept(inbox, 1);
    let reason: unknown;
    const problems: WorkerProblem[] = [];
    inbox.work(
      routerOf(async (_event, { signal }) =>
        aborted(signal).catch((cause) => {
          reason = cause;
          throw cause;
        }),
      ),
      { timeoutMs: 20, onProblem: (problem) => problems.push(problem) },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ dead: 1 }), patience);
    expect(reason).toMatchObject({ name: "TimeoutError" });
    const [entry] = (await inbox.list()).entries;
    expect(entry).toMatchObject({ attempts: 1, reason: expect.stringContaining("longer than 20 ms") });
    // Nobody else tells of it: the router still waits for its handlers.
    expect(problems).toEqual([{ problem: "timed_out", id: entry?.id }]);
  });

  it("takes nobody's time for that of handlers but theirs", async () => {
    const { inbox, states } = await newScene(1, (store) => ({
      settle: async (claimed, end) => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return store.settle(claimed, end);
      },
    }));
    await accept(inbox, 1);
    const problems: WorkerProblem[] = [];
    inbox.work(
      routerOf(async () => processed),
      { timeoutMs: 50, onProblem: (problem) => problems.push(problem) },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ done: 1 }), patience);
    expect(problems).toEqual([]);
  });

  it("takes an answer of a router that is none for a failure", async () => {
    const { inbox, states } = await newScene(1);
    await accept(inbox, 1);
    inbox.work(routerOf(async () => undefined as never));
    await vi.waitFor(async () => expect(await states()).toEqual({ dead: 1 }), patience);
    expect((await inbox.list()).entries[0]).toMatchObject({ reason: expect.stringContaining("must resolve to how the handlers ended") });
  });

  it("warns handlers whose lease has ended while the store could not be asked, and counts what they come to", async () => {
    const { inbox, states } = await newScene(3, () => ({ extend: async () => Promise.reject(new Error("away")) }));
    await accept(inbox, 1);
    const problems: WorkerProblem[] = [];
    inbox.work(
      routerOf(async (_event, { signal }) => {
        await aborted(signal).catch(() => undefined);
        return processed;
      }),
      { leaseMs: 90, onProblem: (problem) => problems.push(problem) },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ done: 1 }), patience);
    expect(problems.map(({ problem }) => problem)).toContain("store_failed");
    expect((await inbox.list()).entries[0]).toMatchObject({ attempts: 1 });
  });

  it("does not take a claim for lost whose end was recorded when the answer did not come", async () => {
    let failures = 2;
    const { inbox, states } = await newScene(2, (store) => ({
      settle: async (...end) => {
        const settled = await store.settle(...end);
        if (failures-- > 0) throw new Error("away");
        return settled;
      },
    }));
    await accept(inbox, 1);
    const problems: string[] = [];
    const worker = inbox.work(
      routerOf((_event, { attempt }) => (attempt === 1 ? { result: "handler_failed", cause: new Error("no") } : processed)),
      { pollMs: 5, onProblem: ({ problem }) => problems.push(problem) },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ done: 1 }), patience);
    await worker.stop();
    expect(problems).toEqual(["store_failed", "store_failed"]);
  });

  it("takes a claim for lost that somebody else has ended, also when the store was away before", async () => {
    let away = true;
    const { inbox, pass, states } = await newScene(3, (store) => ({
      settle: async (claimed, end) => {
        if (claimed.attempt === 1 && away) throw new Error("away");
        return store.settle(claimed, end);
      },
    }));
    await accept(inbox, 1);
    const problems: string[] = [];
    const first = inbox.work(
      routerOf(() => processed),
      { pollMs: 5, leaseMs: 60_000, onProblem: ({ problem }) => problems.push(problem) },
    );
    await vi.waitFor(() => expect(problems).toEqual(["store_failed"]), patience);
    pass(70_000);
    const second = inbox.work(
      routerOf(() => processed),
      { pollMs: 5 },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ done: 1 }), patience);
    away = false;
    await vi.waitFor(() => expect(problems).toContain("claim_lost"), patience);
    await Promise.all([first.stop(), second.stop()]);
  });

  it("has at most twice as many attempts under way as handlers, however long the store takes to write", async () => {
    let write = (): void => undefined;
    const written = new Promise<void>((resolve) => {
      write = resolve;
    });
    const { inbox, states } = await newScene(3, (store) => ({ settle: (...end) => written.then(() => store.settle(...end)) }));
    await accept(inbox, 10);
    let handled = 0;
    const worker = inbox.work(
      routerOf(() => {
        handled++;
        return processed;
      }),
      { concurrency: 2, pollMs: 5 },
    );
    await vi.waitFor(() => expect(handled).toBe(4), patience);
    await sleep(50);
    expect(handled).toBe(4);
    write();
    await worker.idle();
    expect(await states()).toEqual({ done: 10 });
  });

  it("writes the end of an attempt and the next claim in one transaction", async () => {
    const { inbox, transactions, states } = await newScene();
    await accept(inbox, 20);
    const before = transactions();
    await inbox
      .work(
        routerOf(() => processed),
        { concurrency: 1 },
      )
      .idle();
    expect(await states()).toEqual({ done: 20 });
    // One each, and a first and a last.
    expect(transactions() - before).toBeLessThanOrEqual(22);
  });

  it("finds what is due behind many events whose last attempt was lost to a crash", async () => {
    const { inbox, pass, states } = await newScene(1);
    await accept(inbox, 20);
    const dead = inbox.work(
      routerOf(() => new Promise(() => undefined)),
      { concurrency: 20, leaseMs: 600_000 },
    );
    await vi.waitFor(async () => expect(await states()).toEqual({ processing: 20 }), patience);
    // It may not give anything back.
    void dead.stop({ graceMs: Number.POSITIVE_INFINITY });
    pass(700_000);
    await inbox.accept(eventOf("live"));
    const handled: string[] = [];
    await inbox
      .work(
        routerOf(({ id }) => {
          handled.push(id);
          return processed;
        }),
        { concurrency: 4, pollMs: 60_000 },
      )
      .idle();
    expect(handled).toEqual([eventOf("live").id]);
    expect(await states()).toEqual({ dead: 20, done: 1 });
    void dead.stop({ graceMs: 0 });
  });

  it("keeps a logger that fails from everything else", async () => {
    for (const warn of [
      () => {
        throw new Error("sync");
      },
      async () => Promise.reject(new Error("async")),
    ]) {
      const { inbox } = await newScene(3, () => ({ claim: async () => Promise.reject(new Error("away")) }));
      const problems: WorkerProblem[] = [];
      const logger = { debug() {}, info() {}, warn, error() {} };
      const worker = inbox.work(
        routerOf(() => processed),
        { pollMs: 5, logger, onProblem: (problem) => problems.push(problem) },
      );
      await vi.waitFor(() => expect(problems.length).toBeGreaterThan(1), patience);
      await worker.stop();
    }
  });

  it("tells of a router that is missing once, and not before its events have been due for a while", async () => {
    const { inbox } = await newScene();
    await inbox.accept({ ...eventOf("v"), endpoint: "another" });
    const [soon, late]: WorkerProblem[][] = [[], []];
    inbox.work(
      routerOf(() => processed),
      { pollMs: 5, missingAfterMs: 10, onProblem: (problem) => soon?.push(problem) },
    );
    inbox.work(
      routerOf(() => processed),
      { pollMs: 5, onProblem: (problem) => late?.push(problem) },
    );
    await vi.waitFor(() => expect(soon).toHaveLength(1), patience);
    await sleep(50);
    expect(soon).toEqual([{ problem: "router_missing", source: "heygen/another" }]);
    expect(late).toEqual([]);
  });
});

describe("stop()", () => {
  it("waits for handlers for ever when told so, until it is told otherwise", async () => {
    const { inbox, states } = await newScene();
    await accept(inbox, 1);
    const signals: AbortSignal[] = [];
    const worker = inbox.work(
      routerOf((_event, { signal }) => {
        signals.push(signal);
        return aborted(signal);
      }),
    );
    await vi.waitFor(() => expect(signals).toHaveLength(1), patience);
    const stopped = worker.stop({ graceMs: Number.POSITIVE_INFINITY });
    expect(await Promise.race([stopped, sleep(100).then(() => "waits")])).toBe("waits");
    await worker.stop({ graceMs: 0 });
    await stopped;
    expect(signals[0]?.reason).toMatchObject({ name: "ShutdownError" });
    // Given back, without an attempt used up.
    expect(await states()).toEqual({ received: 1 });
    expect((await inbox.list()).entries[0]).toMatchObject({ attempts: 0 });
  });

  it.each([Number.NaN, -1])("refuses a grace of %d", async (graceMs) => {
    const { inbox } = await newScene();
    await expect(inbox.work(routerOf(() => processed)).stop({ graceMs })).rejects.toThrow(/graceMs/);
  });

  it("goes on recording what a handler came to, while there is grace left", async () => {
    let failures = 2;
    const { inbox, states } = await newScene(3, (store) => ({
      settle: async (...end) => (failures-- > 0 ? Promise.reject(new Error("away")) : store.settle(...end)),
    }));
    await accept(inbox, 1);
    let handled = 0;
    const worker = inbox.work(
      routerOf(async () => {
        handled++;
        await sleep(30);
        return processed;
      }),
    );
    await vi.waitFor(() => expect(handled).toBe(1), patience);
    await worker.stop();
    expect(await states()).toEqual({ done: 1 });
    expect([handled, failures]).toEqual([1, -1]);
  });

  it("does not wait for a store that never answers, once the grace is over", async () => {
    const { inbox } = await newScene(3, () => ({ claim: () => new Promise(() => undefined) }));
    await accept(inbox, 1);
    const worker = inbox.work(
      routerOf(() => processed),
      { pollMs: 5 },
    );
    await sleep(20);
    await worker.stop({ graceMs: 10 });
  });
});
