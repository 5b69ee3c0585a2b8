import { Job, Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { type BullMqInboxOptions, openBullMqInbox } from "../../src/inbox/bullmq.ts";
import { checkServer } from "../../src/inbox/bullmq-driver.ts";
import { openBullMqStore } from "../../src/inbox/bullmq-open.ts";
import type { Inbox } from "../../src/inbox/inbox.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { completePolicy } from "../../src/inbox/retry-policy.ts";
import type { ClaimedEvent, InboxStore, InboxTransition } from "../../src/inbox/store.ts";
import { sha256Hex } from "../../src/signature/hmac.ts";
import { inboxStoreCases } from "../../src/testing/index.ts";
import { describeWith, redisServer, registerCases, uniqueName } from "../suites/servers.ts";

const ignore = (): void => undefined;
const by = { by: "a test", reason: "to see it" };
const done = { state: "done", result: "processed", milliseconds: 1 } as const;

const eventOf = (name: string, more: Partial<InboxEvent> = {}): InboxEvent => ({
  provider: "heygen",
  endpoint: "default",
  type: "job.done",
  id: `heygen/default/job.done/${name}`,
  fingerprint: "a".repeat(64),
  rawBody: new TextEncoder().encode(JSON.stringify({ name })),
  headers: {},
  authenticity: { method: "signature", secretIndex: 0 },
  receivedAt: 1_800_000_000_000,
  ...more,
});

const claimAll = (store: InboxStore, source = "heygen/default", limit = 10, leaseMs = 60_000): Promise<readonly ClaimedEvent[]> =>
  store.claim({ sources: [source], limit, leaseMs });

function signal(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = ignore;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve() };
}

async function discardedLines(store: InboxStore): Promise<readonly InboxTransition[]> {
  const { entries } = await store.list({}, { limit: 1000 });
  const histories = await Promise.all(entries.map(async ({ entry }) => (await store.get(entry, { payload: false }))?.history ?? []));
  return histories.flat().filter(({ result }) => result === "discarded");
}

(await describeWith(redisServer))("the inbox store in BullMQ", () => {
  const prefix = uniqueName();
  const prefixes = [prefix];
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });
  afterAll(async () => {
    const redis = new Redis(redisServer.url);
    for (const each of prefixes) {
      for await (const keys of redis.scanStream({ match: `${each}:*`, count: 1000 })) if (keys.length > 0) await redis.del(...keys);
    }
    await redis.quit();
  });

  const optionsFor = (more: Partial<BullMqInboxOptions> = {}): BullMqInboxOptions => {
    const own = uniqueName();
    prefixes.push(own);
    return { connection: redisServer.url, prefix: own, stalledIntervalMs: 80, onWarning: ignore, ...more };
  };
  async function openStore(options: BullMqInboxOptions): Promise<InboxStore> {
    const store = await openBullMqStore(options);
    open.push(store);
    return store;
  }
  async function openInbox(options: BullMqInboxOptions): Promise<Inbox> {
    const inbox = await openBullMqInbox(options);
    open.push(inbox);
    return inbox;
  }
  function redisOf(): Redis {
    const redis = new Redis(redisServer.url);
    open.push({ close: async () => void (await redis.quit()) });
    return redis;
  }

  registerCases(
    it,
    inboxStoreCases({
      open: (policy) => openBullMqStore({ ...policy, connection: redisServer.url, prefix, stalledIntervalMs: 80, onWarning: ignore }),
    }),
  );

  it("keeps an event as a job that says whose it is, and forgets it by age only", async () => {
    const options = optionsFor({ attempts: 5, keepDoneDays: 3 });
    await (await openStore(options)).put(eventOf("a"));
    const queue = new Queue("heygen/default", { connection: redisOf(), prefix: String(options.prefix) });
    const id = `h${sha256Hex(["heygen/default", eventOf("a").id, "a".repeat(64)].join("\0"))}`;
    const job = await queue.getJob(id);
    expect(job?.name).toBe("job.done");
    expect(job?.opts).toMatchObject({ attempts: 5, removeOnComplete: { age: 3 * 86_400 }, removeOnFail: false });
    await queue.close();
  });

  it("takes endpoints whose names BullMQ would not", async () => {
    const store = await openStore(optionsFor());
    const event = eventOf("a", { endpoint: "eu:west%3A/1" });
    await store.put(event);
    expect(await store.dueSources()).toEqual(["heygen/eu:west%3A/1"]);
    const { entries } = await store.list({ endpoint: "eu:west%3A/1" }, { limit: 10 });
    expect(await store.get(entries[0]?.entry as string, { payload: true })).toMatchObject({ id: event.id, state: "received" });
    expect(await claimAll(store, "heygen/eu:west%3A/1")).toMatchObject([{ event: { id: event.id } }]);
  });

  it("ignores another delivery of a dead event, and handles it again after a replay", async () => {
    const inbox = await openInbox(optionsFor({ attempts: 1 }));
    let fail = true;
    const results: number[] = [];
    const worker = inbox.work(
      {
        provider: { name: "heygen", endpoint: "default" },
        handle: async (_event, { attempt }) => {
          results.push(attempt);
          return fail ? { result: "handler_failed", cause: new Error("no") } : { result: "processed" };
        },
      },
      { pollMs: 20 },
    );
    await inbox.accept(eventOf("a"));
    await vi.waitFor(async () => expect((await inbox.list()).entries).toMatchObject([{ state: "dead", reason: "Error: no" }]), 10_000);
    expect(await inbox.accept(eventOf("a"))).toEqual({ duplicate: true });
    await worker.idle();
    expect(results).toEqual([1]);

    fail = false;
    expect(await inbox.replay({ state: "dead" }, by)).toBe(1);
    await vi.waitFor(async () => expect((await inbox.list()).entries).toMatchObject([{ state: "done", attempts: 1 }]), 10_000);
    expect(results).toEqual([1, 1]);
    const [entry] = (await inbox.list()).entries;
    expect((await inbox.get(entry?.entry as string))?.history.map(({ result }) => result)).toEqual([
      "claimed",
      "handler_failed",
      "replayed",
      "claimed",
      "processed",
    ]);
  });

  it("does not hand out an event again whose completion was recorded, though BullMQ brings it", async () => {
    const options = optionsFor();
    const store = await openStore(options);
    await store.put(eventOf("a"));
    const [claimed] = await claimAll(store);
    const [jobId] = String(claimed?.entry).split("@");
    // As if the process had stood still for longer than its lease, and nobody had noticed yet.
    expect(await redisOf().del(`${options.prefix}:heygen/default:${jobId}:lock`)).toBe(1);
    expect(await store.settle(claimed as ClaimedEvent, done)).toBe(true);
    expect((await store.list({}, { limit: 10 })).entries).toMatchObject([{ state: "processing" }]);
    await vi.waitFor(async () => {
      expect(await claimAll(store)).toEqual([]);
      expect((await store.list({}, { limit: 10 })).entries).toMatchObject([{ state: "done" }]);
    }, 10_000);
    const details = await store.get(String(claimed?.entry), { payload: false });
    expect(details?.history.filter(({ to }) => to === "done")).toHaveLength(1);
    expect(await store.settle(claimed as ClaimedEvent, done)).toBe(false);
    expect(await store.replay({ state: "done" }, by)).toBe(1);
    expect(await claimAll(store)).toMatchObject([{ attempt: 1 }]);
  });

  it("changes and prunes more than it reads at once", async () => {
    const store = await openStore(optionsFor());
    await Promise.all(
      Array.from({ length: 130 }, (_, index) => store.put(eventOf(`e${index}`, { type: index % 2 === 0 ? "even" : "odd" }))),
    );
    expect(await store.discard({ type: "odd" }, by)).toBe(65);
    expect((await store.stats()).states).toEqual({ received: 65, processing: 0, retry: 0, done: 0, dead: 65 });
    expect(await store.replay({ state: "dead" }, by)).toBe(65);
    const claimed = await claimAll(store, "heygen/default", 200);
    expect(claimed.map(({ attempt }) => attempt)).toEqual(Array(130).fill(1));
    for (const each of claimed) await store.settle(each, done);
    const seen: string[] = [];
    for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
      const page = await store.list({ type: "even" }, { limit: 20, after });
      seen.push(...page.entries.map(({ id }) => id));
      after = page.next;
    }
    expect([seen.length, new Set(seen).size]).toEqual([65, 65]);
    expect(await store.prune({ olderThanDays: 0 })).toBe(130);
    expect((await store.stats()).states.done).toBe(0);
  });

  it("discards what waits for a retry, and keeps why", async () => {
    const store = await openStore(optionsFor());
    await store.put(eventOf("a"));
    await store.put(eventOf("b"));
    const [first] = await claimAll(store, "heygen/default", 1);
    await store.settle(first as ClaimedEvent, {
      state: "retry",
      result: "handler_failed",
      milliseconds: 1,
      reason: "later",
      afterMs: 60_000,
    });
    const { entries } = await store.list({ state: "retry" }, { limit: 10 });
    expect(entries).toMatchObject([{ attempts: 1, reason: "later" }]);
    const waits = Number(entries[0]?.dueAt) - Date.now();
    expect(waits > 50_000 && waits <= 60_000, `due in ${waits} ms`).toBe(true);
    expect(await store.discard([entries[0]?.entry as string], by)).toBe(1);
    const dead = await store.get(entries[0]?.entry as string, { payload: false });
    expect(dead).toMatchObject({ state: "dead", attempts: 1, reason: by.reason });
    expect(dead?.history.at(-1)).toMatchObject({ to: "dead", result: "discarded", ...by });
    expect(await claimAll(store)).toMatchObject([{ attempt: 1, event: { id: eventOf("b").id } }]);
  });

  it("discards nothing of a queue that is paused, leaves it as it is, and comes to an end", async () => {
    const options = optionsFor();
    const store = await openStore(options);
    for (const name of ["a", "b"]) await store.put(eventOf(name));
    const [later] = await claimAll(store, "heygen/default", 1);
    await store.settle(later as ClaimedEvent, { ...done, state: "retry", result: "retry_later", reason: "later", afterMs: 60_000 });
    const queue = new Queue("heygen/default", { connection: redisOf(), prefix: String(options.prefix) });
    await queue.pause();
    expect(await store.discard({}, by)).toBe(0);
    const { entries } = await store.list({}, { limit: 10 });
    expect(
      await store.discard(
        entries.map(({ entry }) => entry),
        by,
      ),
    ).toBe(0);
    expect(entries.map(({ state }) => state).sort(), "also what is not due yet").toEqual(["received", "retry"]);
    expect(await discardedLines(store)).toEqual([]);
    await queue.resume();
    await queue.close();
    expect(await claimAll(store), "what must not have kept a mark").toMatchObject([{ event: { id: eventOf("b").id } }]);
    expect(await store.discard({}, by)).toBe(1);
    expect(await discardedLines(store)).toMatchObject([{ to: "dead", ...by }]);
  });

  it("discards nothing where another queue setting lets nothing be claimed", async () => {
    const options = optionsFor();
    const store = await openStore(options);
    for (const name of ["a", "b"]) await store.put(eventOf(name));
    const queue = new Queue("heygen/default", { connection: redisOf(), prefix: String(options.prefix) });
    await queue.setGlobalConcurrency(1);
    const [running] = await claimAll(store, "heygen/default", 1);
    expect(await store.discard({}, by)).toBe(0);
    expect(await discardedLines(store)).toEqual([]);
    await store.settle(running as ClaimedEvent, done);
    expect(await claimAll(store), "what must not have kept a mark").toHaveLength(1);
    await queue.close();
  });

  it("counts and notes each discarded event once, whoever claims it", async () => {
    const options = optionsFor();
    const [store, second, worker] = [await openStore(options), await openStore(options), await openStore(options)];
    const names = Array.from({ length: 60 }, (_, index) => `e${index}`);
    await Promise.all(names.map((name) => store.put(eventOf(name))));
    let handled = 0;
    let busy = true;
    const work = async (): Promise<void> => {
      while (busy) for (const claimed of await claimAll(worker, "heygen/default", 1)) if (await worker.settle(claimed, done)) handled++;
    };
    const working = [work(), work()];
    const discarded = await Promise.all([store.discard({}, by), second.discard({}, { ...by, by: "another test" })]);
    await vi.waitFor(async () => expect((await store.stats()).states).toMatchObject({ received: 0, processing: 0, retry: 0 }), 10_000);
    busy = false;
    await Promise.all(working);
    const total = discarded.reduce((sum, count) => sum + count, 0);
    expect([handled + total, (await store.stats()).states.dead, (await discardedLines(store)).length]).toEqual([
      names.length,
      total,
      total,
    ]);
  });

  it("keeps who discarded an event and why, and counts it, where a worker claims it first", async () => {
    const options = optionsFor();
    const [store, worker] = [await openStore(options), await openStore(options)];
    await store.put(eventOf("a"));
    let claiming: Promise<readonly ClaimedEvent[]> | undefined;
    const reached = signal();
    const seen = signal();
    const { changePriority, moveToFailed } = Job.prototype;
    const { getJobState } = Queue.prototype;
    // The worker has claimed the marked job, and comes to burying it only when it was seen to be active.
    const spies = [
      vi.spyOn(Job.prototype, "changePriority").mockImplementationOnce(async function (this: Job, given) {
        await changePriority.call(this, given);
        claiming = claimAll(worker);
        await reached.promise;
      }),
      vi.spyOn(Job.prototype, "moveToFailed").mockImplementationOnce(async function (this: Job, ...given) {
        reached.resolve();
        await seen.promise;
        return moveToFailed.apply(this, given) as never;
      }),
      vi.spyOn(Queue.prototype, "getJobState").mockImplementation(async function (this: Queue, id) {
        const state = await getJobState.call(this, id);
        if (state === "active") seen.resolve();
        return state;
      }),
    ];
    expect(await store.discard({}, by)).toBe(1);
    expect(await claiming).toEqual([]);
    for (const spy of spies) spy.mockRestore();
    expect(await discardedLines(store)).toMatchObject([{ to: "dead", ...by }]);
  });

  it("discards no later attempt of an event that was claimed before it was marked", async () => {
    const options = optionsFor();
    const [store, worker] = [await openStore(options), await openStore(options)];
    await store.put(eventOf("a"));
    let claimed: readonly ClaimedEvent[] = [];
    const { updateProgress } = Job.prototype;
    const spy = vi.spyOn(Job.prototype, "updateProgress").mockImplementationOnce(async function (this: Job, notes) {
      claimed = await claimAll(worker);
      await updateProgress.call(this, notes);
    });
    expect(await store.discard({}, by)).toBe(0);
    spy.mockRestore();
    const retry = { ...done, state: "retry", result: "retry_later", reason: "later", afterMs: 1 } as const;
    expect(await worker.settle(claimed[0] as ClaimedEvent, retry)).toBe(true);
    await vi.waitFor(async () => expect(await claimAll(worker)).toMatchObject([{ attempt: 2 }]), 10_000);
    expect(await discardedLines(store)).toEqual([]);
  });

  it("discards and replays what other machines stored or ended by clocks that are ahead, and nothing twice", async () => {
    const options = optionsFor();
    const store = await openStore(options);
    for (const name of ["a", "b"]) await store.put(eventOf(name));
    const redis = redisOf();
    const ahead = Date.now() + 60_000;
    const jobIds = async () => (await store.list({}, { limit: 10 })).entries.map(({ entry }) => entry.split("@")[0]);
    for (const id of await jobIds()) await redis.hset(`${options.prefix}:heygen/default:${id}`, "timestamp", ahead);
    expect(await store.discard({}, by)).toBe(2);
    for (const id of await jobIds()) await redis.hset(`${options.prefix}:heygen/default:${id}`, "finishedOn", ahead);
    // Each fails again at once, and must not be taken back a second time.
    const worker = await openStore(options);
    const { retry } = Job.prototype;
    const spy = vi.spyOn(Job.prototype, "retry").mockImplementation(async function (this: Job, ...given) {
      await retry.apply(this, given);
      for (const claimed of await claimAll(worker))
        await worker.settle(claimed, { ...done, state: "dead", result: "handler_failed", reason: "no" });
    });
    expect(await store.replay({ state: "dead" }, by)).toBe(2);
    expect(spy).toHaveBeenCalledTimes(2);
    spy.mockRestore();
  });

  it("replays the others where one is deleted at that moment", async () => {
    const options = optionsFor();
    const store = await openStore(options);
    for (const name of ["a", "b"]) await store.put(eventOf(name));
    for (const each of await claimAll(store)) await store.settle(each, done);
    const { updateProgress } = Job.prototype;
    const spy = vi.spyOn(Job.prototype, "updateProgress").mockImplementationOnce(async function (this: Job, notes) {
      await this.remove();
      await updateProgress.call(this, notes);
    });
    expect(await store.replay({ state: "done" }, by)).toBe(1);
    spy.mockRestore();
  });

  it("waits for a century at most, and not for no time, when a handler asks for more", async () => {
    const store = await openStore(optionsFor());
    await store.put(eventOf("a"));
    const [claimed] = await claimAll(store);
    const later = { state: "retry", result: "retry_later", milliseconds: 1, reason: "later", afterMs: 1e16 } as const;
    expect(await store.settle(claimed as ClaimedEvent, later)).toBe(true);
    const { entries } = await store.list({}, { limit: 10 });
    expect(entries).toMatchObject([{ state: "retry", attempts: 1 }]);
    const years = (Number(entries[0]?.dueAt) - Date.now()) / (365 * 86_400_000);
    expect(years).toBeCloseTo(100, 3);
    expect(await claimAll(store)).toEqual([]);
    expect(await store.discard({ state: "retry" }, by)).toBe(1);
  });

  it("tries again for as long as the policy says, also when it said less at first", async () => {
    const options = optionsFor();
    const before = await openStore({ ...options, attempts: 1 });
    await before.put(eventOf("a"));
    const store = await openStore({ ...options, ...completePolicy({ attempts: 3 }) });
    const retry = { state: "retry", result: "handler_failed", milliseconds: 1, reason: "later", afterMs: 0 } as const;
    for (const attempt of [1, 2]) {
      const claimed = await vi.waitFor(async () => {
        const [found] = await claimAll(store);
        expect(found?.attempt).toBe(attempt);
        return found as ClaimedEvent;
      }, 10_000);
      expect(await store.settle(claimed, retry)).toBe(true);
    }
    await vi.waitFor(async () => expect(await claimAll(store)).toMatchObject([{ attempt: 3 }]), { timeout: 10_000 });
  });

  it.each([
    [{ connection: 6379 }, "connection"],
    [{ connection: { duplicate() {}, sendCommand() {}, options: {} } }, "connection"],
    [{ connection: { host: "127.0.0.1", keyPrefix: "mine:" } }, "keyPrefix"],
    [{ prefix: "" }, "prefix"],
    [{ keepDoneDays: 0 }, "keepDoneDays"],
    [{ stalledIntervalMs: -1 }, "stalledIntervalMs"],
    [{ attempts: 0 }, "attempts"],
  ])("refuses %j", async (wrong, name) => {
    await expect(openBullMqInbox({ ...optionsFor(), ...(wrong as object) })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining(name),
    });
  });

  it("takes the options of a client, or a client", async () => {
    const { hostname: host, port } = new URL(redisServer.url);
    const client = redisOf();
    for (const connection of [{ host, port: Number(port) || 6379 }, client]) {
      expect(await (await openInbox(optionsFor({ connection }))).health()).toEqual({ live: true, ready: true });
    }
    for (const each of open.splice(1)) await each.close();
    expect(await client.ping(), "the client, which is not ours to close").toBe("PONG");
  });

  it.each(["bullmq", "ioredis"])("says so when %s is not installed", async (name) => {
    vi.doMock(name, () => {
      throw new Error("Cannot find package");
    });
    try {
      await expect(openBullMqInbox(optionsFor())).rejects.toMatchObject({
        code: "configuration",
        message: expect.stringContaining("npm install"),
      });
    } finally {
      vi.doUnmock(name);
    }
  });
});

it.each([
  ["5.0.14", "too old"],
  ["6.0.20", "too old"],
  ["6.2.0", "fine"],
  ["7.0.15", "fine"],
  ["10.1", "fine"],
  [undefined, "unknown"],
])("takes a Redis of version %s for %s", async (version, verdict) => {
  const sections: Readonly<Record<string, string>> = {
    server: version === undefined ? "" : `# Server\r\nredis_version:${version}\r\n`,
    memory: "maxmemory_policy:noeviction\r\n",
    persistence: "aof_enabled:1\r\n",
  };
  const warnings: string[] = [];
  const server = { info: async (section: string) => sections[section] ?? "", config: async () => ["appendfsync", "always"] };
  const found = await checkServer(server, (message) => warnings.push(message)).then(
    () => (warnings.length === 0 ? "fine" : "unknown"),
    (error: { readonly code?: unknown; readonly message: string }) => {
      expect(error).toMatchObject({ code: "configuration", message: expect.stringContaining("6.2 or newer") });
      return "too old";
    },
  );
  expect(found).toBe(verdict);
});
