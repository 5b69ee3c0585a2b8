import { createInbox, type Inbox } from "../inbox/inbox.ts";
import type { InboxEvent } from "../inbox/intake.ts";
import { type CompletePolicy, completePolicy, type RetryPolicy } from "../inbox/retry-policy.ts";
import type { AttemptEnd, ClaimedEvent, InboxStore, PruneProgress } from "../inbox/store.ts";
import type { InboxRouter } from "../inbox/worker.ts";
import { expectEqual } from "./expectation.ts";

/** An inbox store and what the cases need to know of it. */
export interface InboxStoreUnderTest {
  /** Opens a store that shares its data with the others of the same test run. Cases close it. */
  open(policy: CompletePolicy): Promise<InboxStore>;
  /**
   * Lets time pass for the store without waiting for it, for example by an injected clock. Without it the cases wait.
   *
   * @param milliseconds at least this much
   */
  advance?(milliseconds: number): unknown;
  /**
   * The shortest lease and wait that the store can keep, in milliseconds.
   * @default 200
   */
  readonly granularityMs?: number;
}

/** One thing that every inbox store has to do. */
export interface InboxStoreCase {
  /** A sentence. */
  readonly name: string;
  /** Rejects with what was expected and what was found. */
  run(): Promise<void>;
}

interface Scene {
  /** Opens a store, or another view of the same data; closed after the case. */
  open(policy?: RetryPolicy): Promise<InboxStore>;
  /** A source of its own. */
  readonly provider: string;
  readonly source: string;
  readonly unitMs: number;
  event(name: string, more?: Partial<InboxEvent>): InboxEvent;
  pass(milliseconds: number): Promise<void>;
}

type Play = (scene: Scene) => Promise<void>;

/**
 * What every store of an inbox has to do, as cases for any test runner.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { inboxStoreCases } from "video-webhooks/testing";
 * import { openMyStore } from "./my-store.js";
 *
 * for (const { name, run } of inboxStoreCases({ open: (policy) => openMyStore(policy) })) test(name, run);
 * ```
 */
export function inboxStoreCases(test: InboxStoreUnderTest): readonly InboxStoreCase[] {
  return Object.entries(plays).map(([name, play]) => ({ name, run: () => perform(test, play) }));
}

async function perform(test: InboxStoreUnderTest, play: Play): Promise<void> {
  const provider = `suite${crypto.randomUUID().slice(0, 8)}`;
  const opened: InboxStore[] = [];
  try {
    await play({
      provider,
      source: `${provider}/default`,
      unitMs: test.granularityMs ?? 200,
      async open(policy = {}) {
        const store = await test.open(completePolicy(policy));
        opened.push(store);
        return store;
      },
      event: (name, more = {}) => ({
        provider,
        endpoint: "default",
        type: "job.done",
        id: `${provider}/default/job.done/${name}`,
        fingerprint: "a".repeat(64),
        rawBody: new TextEncoder().encode(JSON.stringify({ name })),
        headers: { "content-type": "application/json" },
        authenticity: { method: "signature", secretIndex: 0 },
        receivedAt: 1_800_000_000_123,
        ...more,
      }),
      async pass(milliseconds) {
        if (test.advance) await test.advance(milliseconds);
        else await new Promise((resolve) => setTimeout(resolve, milliseconds));
      },
    });
  } finally {
    for (const store of opened) await store.close();
  }
}

const LONG_MS = 600_000;
const done: AttemptEnd = { state: "done", result: "processed", milliseconds: 5 };
const dead: AttemptEnd = { state: "dead", result: "handler_failed", milliseconds: 5, reason: "Error: no" };
const retry = (afterMs: number): AttemptEnd => ({
  state: "retry",
  result: "handler_failed",
  milliseconds: 5,
  reason: "Error: later",
  afterMs,
});
const intervention = { by: "the suite", reason: "because it has to" };

async function claimOne(store: InboxStore, { source }: Scene, what: string, leaseMs = LONG_MS): Promise<ClaimedEvent> {
  const [claimed, ...more] = await store.claim({ sources: [source], limit: 1, leaseMs });
  if (claimed === undefined || more.length > 0) throw new Error(`${what}: expected one claim, found ${claimed ? 1 + more.length : 0}.`);
  return claimed;
}

async function expectNone(store: InboxStore, { source }: Scene, what: string): Promise<void> {
  expectEqual((await store.claim({ sources: [source], limit: 10, leaseMs: LONG_MS })).length, 0, what);
}

async function expectStale(store: InboxStore, claimed: ClaimedEvent, what: string): Promise<void> {
  expectEqual(await store.settle(claimed, done), false, `${what}, settle`);
  expectEqual(await store.extend(claimed, LONG_MS), false, `${what}, extend`);
  expectEqual(await store.release(claimed), false, `${what}, release`);
}

async function entryOf(store: InboxStore, { provider }: Scene, id?: string) {
  const { entries } = await store.list({ provider, id }, { limit: 10 });
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new Error(`expected one entry, found ${entries.length}`);
  return entry;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`${what}: not within 20 seconds.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A router whose handling is given, and an inbox over a store. */
async function workshop(
  scene: Scene,
  policy: RetryPolicy,
  handle: InboxRouter["handle"],
): Promise<{ readonly inbox: Inbox; readonly router: InboxRouter; readonly store: InboxStore }> {
  const store = await scene.open(policy);
  return { store, inbox: createInbox(store, policy), router: { provider: { name: scene.provider, endpoint: "default" }, handle } };
}

const plays: Readonly<Record<string, Play>> = {
  async "stores an event once, also when it comes many times at once"(scene) {
    const [store, second] = [await scene.open(), await scene.open()];
    const puts = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : second).put(scene.event("a")));
    const stored = (await Promise.all(puts)).filter(({ duplicate }) => !duplicate);
    expectEqual(stored.length, 1, "deliveries of 20 that were new");
    expectEqual(await second.put(scene.event("a")), { duplicate: true }, "the same again");
    expectEqual(await store.put(scene.event("a", { fingerprint: "b".repeat(64) })), { duplicate: false }, "another body under the same id");
    expectEqual((await store.claim({ sources: [scene.source], limit: 10, leaseMs: LONG_MS })).length, 2, "events to handle");
  },

  async "stores an event only if none has one of its ids, when it is asked to"(scene) {
    const [store, second] = [await scene.open(), await scene.open()];
    const [known, other] = [scene.event("a"), scene.event("b")];
    const fetched = scene.event("a", { fingerprint: "c".repeat(64), authenticity: { method: "api" } });
    await store.put(known);
    expectEqual(await second.put(fetched, { unlessKnown: [fetched.id] }), { duplicate: true }, "another body under an id that waits");
    expectEqual(
      await second.put(other, { unlessKnown: [other.id, known.id] }),
      { duplicate: true },
      "an event of which another id is known",
    );
    expectEqual(await second.put(other, { unlessKnown: [other.id, `${known.id}/x`] }), { duplicate: false }, "an event that is new");
    const claimed = await store.claim({ sources: [scene.source], limit: 10, leaseMs: LONG_MS });
    expectEqual(claimed.map(({ event }) => event.id).sort(), [known.id, other.id], "events to handle");
    for (const [index, each] of claimed.entries()) await store.settle(each, index === 0 ? done : dead);
    const again = [fetched, scene.event("b", { fingerprint: "c".repeat(64) })].map((each) => store.put(each, { unlessKnown: [each.id] }));
    expectEqual(await Promise.all(again), [{ duplicate: true }, { duplicate: true }], "other bodies under ids that are done or dead");
    expectEqual(await store.put(fetched), { duplicate: false }, "another body, when it is not asked to");
  },

  async "gives back what was stored, to the byte"(scene) {
    const store = await scene.open();
    const rawBody = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const event = scene.event("bytes", {
      rawBody,
      headers: { "x-odd": "\u00e9 ' \" \\ $1", "user-agent": "u" },
      authenticity: { method: "token" },
    });
    await store.put(event);
    const claimed = await claimOne(store, scene, "the event");
    const { rawBody: found, ...rest } = claimed.event;
    const { rawBody: _bytes, ...expected } = event;
    const sorted = (value: object): unknown => Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
    expectEqual(sorted(rest), sorted(expected), "the event");
    expectEqual(
      found.constructor === Uint8Array && found.every((byte, index) => byte === rawBody[index]) && found.length === rawBody.length,
      true,
      "its bytes",
    );
    const { entry } = await entryOf(store, scene);
    const [without, details] = [await store.get(entry, { payload: false }), await store.get(entry, { payload: true })];
    expectEqual([without?.rawBody, without?.headers], [undefined, undefined], "what is told without being asked for the payload");
    expectEqual([details?.rawBody?.length, details?.headers], [70_000, event.headers], "what is told when asked");
    expectEqual(await store.get("999999999999", { payload: true }), undefined, "an entry that does not exist");
  },

  async "gives each event to one of many claimants"(scene) {
    const stores = [await scene.open(), await scene.open()] as const;
    for (let index = 0; index < 30; index++) await stores[0].put(scene.event(`e${index}`));
    const claims = Array.from({ length: 12 }, (_, index) =>
      (stores[index % 2] as InboxStore).claim({ sources: [scene.source], limit: 5, leaseMs: LONG_MS }),
    );
    const claimed = (await Promise.all(claims)).flat();
    expectEqual(new Set(claimed.map(({ event }) => event.id)).size, claimed.length, "events that were claimed once");
    let rest = 0;
    for (let found = 1; found > 0; rest += found)
      found = (await stores[1].claim({ sources: [scene.source], limit: 10, leaseMs: LONG_MS })).length;
    expectEqual(claimed.length + rest, 30, "events that were claimed");
    expectEqual(new Set(claimed.map(({ token }) => token)).size, claimed.length, "different tokens");
  },

  async "leaves events of other sources alone, and names them"(scene) {
    const store = await scene.open();
    const other = scene.event("other", { endpoint: "tenant-2", id: `${scene.provider}/tenant-2/x` });
    await store.put(other);
    await expectNone(store, scene, "events of a source that was not asked for");
    expectEqual(
      (await store.dueSources()).filter((source) => source.startsWith(scene.provider)),
      [`${scene.provider}/tenant-2`],
      "sources with due events",
    );
    const [claimed] = await store.claim({ sources: [scene.source, `${scene.provider}/tenant-2`], limit: 1, leaseMs: LONG_MS });
    expectEqual(claimed?.event.id, other.id, "the event when it was asked for");
  },

  async "is done with an event once, and the token is spent"(scene) {
    const store = await scene.open();
    await store.put(scene.event("a"));
    const claimed = await claimOne(store, scene, "the event");
    expectEqual(claimed.attempt, 1, "the attempt");
    expectEqual(await store.settle(claimed, done), true, "settle");
    await expectStale(store, claimed, "the spent token");
    await expectNone(store, scene, "events that are left");
    expectEqual(await store.put(scene.event("a")), { duplicate: true }, "the event again");
    expectEqual((await entryOf(store, scene)).state, "done", "its state");
  },

  async "waits for a retry until it is due"(scene) {
    const store = await scene.open();
    const waitMs = scene.unitMs * 5;
    await store.put(scene.event("a"));
    expectEqual(await store.settle(await claimOne(store, scene, "the first"), retry(waitMs)), true, "settle");
    await expectNone(store, scene, "events before it is due");
    const { entry, state, reason, attempts, dueAt } = await entryOf(store, scene);
    expectEqual([state, reason, attempts], ["retry", "Error: later", 1], "the entry meanwhile");
    const history = (await store.get(entry, { payload: false }))?.history ?? [];
    const failedAt = history.find(({ to }) => to === "retry")?.at.getTime() ?? Number.NaN;
    // Not to the millisecond, since the clock of a server may be another one than that of the history.
    const waits = Math.round(((dueAt?.getTime() ?? 0) - failedAt) / waitMs);
    expectEqual([dueAt instanceof Date, waits], [true, 1], "when it is due, in waits after the failure");
    await scene.pass(waitMs + scene.unitMs);
    expectEqual((await claimOne(store, scene, "when it is due")).attempt, 2, "the attempt");
  },

  async "hands an event over when the lease is over, and the old token changes nothing any more"(scene) {
    const [store, second] = [await scene.open(), await scene.open()];
    const leaseMs = scene.unitMs * 5;
    await store.put(scene.event("a"));
    const lost = await claimOne(store, scene, "the first", leaseMs);
    await expectNone(second, scene, "events while the lease holds");
    await scene.pass(leaseMs + scene.unitMs);
    const next = await claimOne(second, scene, "after the lease");
    expectEqual(next.attempt, 2, "the attempt, since the crash of the first counts");
    await expectStale(store, lost, "the token of the lease that ended");
    expectEqual((await entryOf(store, scene)).state, "processing", "the state after that");
    expectEqual(await second.settle(next, done), true, "settle with the new token");
    await expectStale(store, lost, "the token of the lease that ended, after that");
  },

  async "prolongs a lease from now on"(scene) {
    const store = await scene.open();
    const leaseMs = scene.unitMs * 10;
    await store.put(scene.event("a"));
    const claimed = await claimOne(store, scene, "the first", leaseMs);
    await scene.pass(leaseMs / 2);
    expectEqual(await store.extend(claimed, leaseMs * 2), true, "extend");
    await scene.pass(leaseMs);
    await expectNone(store, scene, "events after the first lease");
    expectEqual(await store.settle(claimed, done), true, "settle");
  },

  async "takes an event back as if it had not been claimed"(scene) {
    const store = await scene.open();
    await store.put(scene.event("a"));
    const claimed = await claimOne(store, scene, "the first");
    expectEqual(await store.release(claimed), true, "release");
    await expectStale(store, claimed, "the token that was given back");
    expectEqual((await claimOne(store, scene, "the next")).attempt, 1, "the attempt");
  },

  async "is done with an event whose last attempt was lost to a crash"(scene) {
    const store = await scene.open({ attempts: 2 });
    const leaseMs = scene.unitMs * 5;
    await store.put(scene.event("a"));
    await claimOne(store, scene, "the first", leaseMs);
    await scene.pass(leaseMs + scene.unitMs);
    expectEqual((await claimOne(store, scene, "the second", leaseMs)).attempt, 2, "the attempt");
    await scene.pass(leaseMs + scene.unitMs);
    await expectNone(store, scene, "events after two attempts of two");
    const entry = await entryOf(store, scene);
    const reason = "The process died in the last attempt.";
    expectEqual([entry.state, entry.attempts, entry.reason], ["dead", 2, reason], "the entry");
    const historyOf = async () => (await store.get(entry.entry, { payload: false }))?.history ?? [];
    const last = (await historyOf()).at(-1);
    expectEqual([last?.attempt, last?.to, last?.result, last?.reason], [2, "dead", "crashed", reason], "the end of its history");
    const failed = async () => (await store.stats()).types.find(({ provider }) => provider === scene.provider)?.failed;
    expectEqual(await failed(), 1, "attempts that failed");
    expectEqual(await store.replay([entry.entry], intervention), 1, "entries that were replayed");
    const results = (await historyOf()).map(({ result }) => result);
    expectEqual(results, ["claimed", "claimed", "crashed", "replayed"], "the history after a replay");
    expectEqual(await failed(), 1, "attempts that failed, after a replay");
  },

  async "replays what is dead or done, from the first attempt on, and keeps who and why"(scene) {
    const store = await scene.open();
    for (const [name, end] of [
      ["a", dead],
      ["b", done],
    ] as const) {
      await store.put(scene.event(name));
      await store.settle(await claimOne(store, scene, name), end);
    }
    const { entry, reason } = await entryOf(store, scene, scene.event("a").id);
    expectEqual(reason, "Error: no", "why it is dead");
    expectEqual(await store.replay([entry, "999999999999"], intervention), 1, "entries that were replayed");
    const again = await claimOne(store, scene, "the event after its replay");
    expectEqual([again.event.id, again.attempt], [scene.event("a").id, 1], "the event and its attempt");
    expectEqual(await store.replay([entry], intervention), 0, "replays of what is running");
    await store.settle(again, done);
    expectEqual(await store.replay({ provider: scene.provider, state: "done" }, intervention), 2, "replays by a condition");
    const history = (await store.get(entry, { payload: false }))?.history ?? [];
    const replayed = history.filter(({ result }) => result === "replayed").map(({ by, reason: why }) => [by, why]);
    expectEqual(replayed, Array(2).fill([intervention.by, intervention.reason]), "what the history says");
  },

  async "discards what waits, and nothing else"(scene) {
    const store = await scene.open();
    for (const name of ["running", "waiting"]) await store.put(scene.event(name));
    const running = await claimOne(store, scene, "one of them");
    expectEqual(await store.discard({ provider: scene.provider }, intervention), 1, "entries that were discarded");
    await expectNone(store, scene, "events that are left");
    expectEqual(await store.settle(running, done), true, "to settle the one that ran");
    const entries = (await store.list({ provider: scene.provider, state: "dead" }, { limit: 10 })).entries;
    expectEqual(
      entries.map(({ reason }) => reason),
      [intervention.reason],
      "the dead letters",
    );
    const history = (await store.get(entries[0]?.entry ?? "", { payload: false }))?.history ?? [];
    const discarded = history.filter(({ result }) => result === "discarded").map(({ to, by, reason }) => [to, by, reason]);
    expectEqual(discarded, [["dead", intervention.by, intervention.reason]], "what its history says");
  },

  async "lists by conditions, page by page, the newest first"(scene) {
    const store = await scene.open();
    for (let index = 0; index < 7; index++) {
      await store.put(scene.event(`e${index}`, { type: index % 2 === 0 ? "even" : "odd", receivedAt: 1_800_000_000_000 + index * 1000 }));
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.list({ provider: scene.provider }, { limit: 3, after });
      seen.push(...page.entries.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expectEqual(
      seen,
      [6, 5, 4, 3, 2, 1, 0].map((index) => scene.event(`e${index}`).id),
      "the pages",
    );
    const count = async (filter: object): Promise<number> =>
      (await store.list({ provider: scene.provider, ...filter }, { limit: 10 })).entries.length;
    expectEqual(await count({ type: "even" }), 4, "of a type");
    expectEqual(await count({ state: ["received", "retry"] }), 7, "in one of several states");
    expectEqual(await count({ state: "dead" }), 0, "in a state that none is in");
    expectEqual(await count({ id: scene.event("e3").id }), 1, "of an id");
    expectEqual(await count({ endpoint: "other" }), 0, "of another endpoint");
    expectEqual(await count({ receivedAfter: new Date(1_800_000_001_000), receivedBefore: new Date(1_800_000_005_000) }), 3, "of a time");
  },

  async "counts what was handled and what failed"(scene) {
    const store = await scene.open();
    const before = await store.stats();
    for (const [name, end] of [
      ["a", done],
      ["b", done],
      ["c", dead],
    ] as const) {
      await store.put(scene.event(name));
      await store.settle(await claimOne(store, scene, name), end);
    }
    await store.put(scene.event("waiting"));
    await scene.pass(scene.unitMs);
    const { states, types, oldestDueMs } = await store.stats();
    const grown = Object.fromEntries(Object.entries(states).map(([state, count]) => [state, count - before.states[state as "done"]]));
    expectEqual([grown.done, grown.dead, grown.received], [2, 1, 1], "how many more are in each state");
    const ours = types.find(({ provider }) => provider === scene.provider);
    expectEqual([ours?.type, ours?.processed, ours?.failed], ["job.done", 2, 1], "how they fared");
    expectEqual(Math.round((ours?.successRate ?? 0) * 100), 67, "the success rate in percent");
    expectEqual((ours?.latencyMs.p50 ?? 0) >= 4 && (ours?.latencyMs.p99 ?? 0) <= 10, true, "the latency of about 5 ms");
    expectEqual((oldestDueMs ?? -1) >= 0, true, "the age of the oldest that is due");
  },

  async "forgets what is handled when it is pruned, and not before"(scene) {
    const store = await scene.open();
    for (const [name, end] of [
      ["done", done],
      ["dead", dead],
    ] as const) {
      await store.put(scene.event(name));
      await store.settle(await claimOne(store, scene, name), end);
    }
    await store.prune({ olderThanDays: 1 });
    await scene.pass(scene.unitMs);
    for (const days of [1e300, Number.POSITIVE_INFINITY]) {
      const pruned = await store.prune({ olderThanDays: days, deadOlderThanDays: days });
      expectEqual(pruned, 0, `entries that are older than ${days} days`);
    }
    expectEqual(await store.put(scene.event("done")), { duplicate: true }, "the event before");
    const told: PruneProgress[] = [];
    const pruned = await store.prune({ olderThanDays: 0, onProgress: (progress) => void told.push(progress) });
    // Those of other cases may be among them.
    expectEqual([pruned >= 1, told.at(-1)], [true, { pruned, total: pruned }], "what onProgress heard at last");
    const left = (await store.list({ provider: scene.provider }, { limit: 10 })).entries.map(({ state }) => state);
    expectEqual(left, ["dead"], "what is left");
    expectEqual(await store.put(scene.event("done")), { duplicate: false }, "the event after");
  },

  async "forgets dead letters when they are old enough, and younger ones not"(scene) {
    const store = await scene.open();
    for (const name of ["a", "b"]) {
      await store.put(scene.event(name));
      await store.settle(await claimOne(store, scene, name), dead);
    }
    await scene.pass(scene.unitMs);
    const left = async (): Promise<number> => (await store.list({ provider: scene.provider }, { limit: 10 })).entries.length;
    for (const deadOlderThanDays of [undefined, 1]) {
      await store.prune({ olderThanDays: 0, deadOlderThanDays });
      expectEqual(await left(), 2, `dead letters that are not older than ${deadOlderThanDays ?? "any number of"} days`);
    }
    // Those of other cases may be among them.
    expectEqual((await store.prune({ olderThanDays: 1, deadOlderThanDays: 0 })) >= 2, true, "that dead letters were pruned");
    expectEqual(await left(), 0, "dead letters that are left");
    expectEqual(await store.put(scene.event("a")), { duplicate: false }, "the event after that");
  },

  async "stores what was asked for before it is closed"(scene) {
    const store = await scene.open();
    const names = Array.from({ length: 50 }, (_, index) => `e${index}`);
    const puts = names.map((name, index) => {
      const event = scene.event(name);
      return store.put(event, index % 2 === 0 ? {} : { unlessKnown: [event.id] });
    });
    const closed = store.close();
    const stored = await Promise.allSettled(puts);
    await closed;
    const refused = stored.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expectEqual([...new Set(refused.map(({ reason }) => String(reason)))], [], "why deliveries were refused that came before");
    const { entries } = await (await scene.open()).list({ provider: scene.provider }, { limit: 100 });
    expectEqual(entries.map(({ id }) => id).sort(), names.map((name) => scene.event(name).id).sort(), "events that are there after that");
  },

  async "says when it is ready, and rejects when it is closed"(scene) {
    const store = await scene.open();
    expectEqual(await store.health(), { live: true, ready: true }, "the health");
    const closing = store.close();
    const { reason, ...health } = await store.health();
    expectEqual([health, typeof reason], [{ live: false, ready: false }, "string"], "the health while it is being closed");
    await closing;
    expectEqual((await store.health()).live, false, "whether it is live after that");
    for (const operate of [() => store.put(scene.event("a")), () => store.claim({ sources: [scene.source], limit: 1, leaseMs: LONG_MS })]) {
      const end = await operate().then(
        () => "resolved",
        () => "rejected",
      );
      expectEqual(end, "rejected", "an operation after that");
    }
  },

  async "a worker handles everything, each event once, and not more at once than it may"(scene) {
    let running = 0;
    let most = 0;
    const handled: string[] = [];
    const { inbox, router } = await workshop(scene, {}, async ({ id }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      handled.push(id);
      return { result: "processed" };
    });
    for (let index = 0; index < 10; index++) await inbox.accept(scene.event(`before${index}`));
    const workers = [inbox.work(router, { concurrency: 3, pollMs: 50 }), inbox.work(router, { concurrency: 1, pollMs: 50 })];
    for (let index = 0; index < 20; index++) await inbox.accept(scene.event(`after${index}`));
    await until(() => handled.length >= 30, "30 events");
    for (const worker of workers) await worker.stop();
    expectEqual([handled.length, new Set(handled).size], [30, 30], "events that were handled");
    expectEqual(most <= 4, true, "at most four at once");
  },

  async "operators replay, discard, count and prune while a worker is busy, and nothing is lost or handled twice at once"(scene) {
    const running = new Set<string>();
    const runs = new Map<string, number>();
    let overlaps = 0;
    const { inbox, router, store } = await workshop(scene, { attempts: 1 }, async ({ id }) => {
      if (running.has(id)) overlaps++;
      running.add(id);
      runs.set(id, (runs.get(id) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 3));
      running.delete(id);
      return /[05]$/.test(id) ? { result: "handler_failed", cause: new Error("no") } : { result: "processed" };
    });
    const problems: string[] = [];
    const worker = inbox.work(router, {
      concurrency: 4,
      pollMs: 20,
      onProblem: ({ problem }) => problem !== "router_missing" && problems.push(problem),
    });
    const { provider } = scene;
    let accepted = 0;
    let discarded = 0;
    let replayed = 0;
    for (let round = 0; round < 6; round++) {
      const names = Array.from({ length: 10 }, (_, index) => `e${round}-${index}`);
      const stored = Promise.all(names.map((name) => inbox.accept(scene.event(name))));
      const [waiting, again] = await Promise.all([
        inbox.discard({ provider, id: scene.event(`e${round}-3`).id }, intervention),
        inbox.replay({ provider, state: "dead", id: scene.event(`e${round - 1}-0`).id }, intervention),
        inbox.stats(),
        // Deletes nothing here, and looks at all of it.
        inbox.prune({ olderThanDays: 1, deadOlderThanDays: 1 }),
      ]);
      accepted += (await stored).filter(({ duplicate }) => !duplicate).length;
      discarded += waiting;
      replayed += again;
    }
    await worker.idle();
    await until(
      async () => (await store.list({ provider, state: ["received", "processing", "retry"] }, { limit: 1 })).entries.length === 0,
      "the end",
    );
    await worker.stop();
    expectEqual([problems, overlaps], [[], 0], "problems, and runs of one event at once");
    const entries = (await store.list({ provider }, { limit: 100 })).entries;
    expectEqual([accepted, entries.length], [60, 60], "events that were stored, and are there");
    const total = [...runs.values()].reduce((sum, count) => sum + count, 0);
    expectEqual(total, accepted - discarded + replayed, "runs of handlers");
    const histories = await Promise.all(entries.map(async ({ entry }) => (await store.get(entry, { payload: false }))?.history ?? []));
    const count = (wanted: string): number => histories.flat().filter(({ result }) => result === wanted).length;
    expectEqual([count("replayed"), count("discarded")], [replayed, discarded], "what the histories say was done by hand");
    await store.prune({ olderThanDays: 0 });
    const left = (await store.list({ provider }, { limit: 100 })).entries.filter(({ state }) => state === "done").length;
    expectEqual(left, 0, "handled events that are left");
  },

  async "a worker tries again what fails, and gives up after the last attempt"(scene) {
    const attempts: number[] = [];
    const { inbox, router, store } = await workshop(scene, { attempts: 3, backoffMs: 1 }, async (_event, { attempt }) => {
      attempts.push(attempt);
      return { result: "handler_failed", cause: new Error("out of disk") };
    });
    await inbox.accept(scene.event("a"));
    const worker = inbox.work(router, { pollMs: 20 });
    await until(async () => (await entryOf(store, scene)).state === "dead", "the dead letter");
    await worker.stop();
    expectEqual(attempts, [1, 2, 3], "the attempts");
    const { reason, entry } = await entryOf(store, scene);
    expectEqual(reason, "Error: out of disk", "why it is dead");
    const results = (await store.get(entry, { payload: false }))?.history.map(({ to }) => to).filter((to) => to !== "processing");
    expectEqual(results, ["retry", "retry", "dead"], "the history");
  },

  async "a worker obeys what handlers ask for"(scene) {
    const { inbox, router, store } = await workshop(scene, {}, async ({ id }) => {
      if (id.endsWith("/later")) return { result: "retry_later", afterSeconds: 3600, cause: new Error("later") };
      if (id.endsWith("/never")) return { result: "discarded", reason: "no such order" };
      if (id.endsWith("/invalid")) return { result: "payload_invalid", reason: "data.id: invalid_type" };
      return { result: "ignored" };
    });
    for (const name of ["later", "never", "invalid", "other"]) await inbox.accept(scene.event(name));
    const worker = inbox.work(router, { pollMs: 20 });
    const state = async (name: string): Promise<string> => (await entryOf(store, scene, scene.event(name).id)).state;
    await until(async () => (await state("other")) === "done" && (await state("later")) === "retry", "the attempts");
    await until(async () => (await state("never")) === "dead" && (await state("invalid")) === "dead", "the dead letters");
    await worker.stop();
    const later = await entryOf(store, scene, scene.event("later").id);
    expectEqual((later.dueAt?.getTime() ?? 0) - Date.now() > 3_000_000 || later.dueAt === undefined, true, "that it waits for an hour");
    expectEqual((await entryOf(store, scene, scene.event("never").id)).reason, "no such order", "the reason");
  },

  async "a worker that stops ends what runs, and gives back what does not end, without using up an attempt"(scene) {
    let aborted = false;
    const finish: (() => void)[] = [];
    const { inbox, router, store } = await workshop(scene, {}, async ({ id }, { signal }) => {
      if (id.endsWith("/stuck")) {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        aborted = true;
        return { result: "processed" };
      }
      await new Promise<void>((resolve) => finish.push(resolve));
      return { result: "processed" };
    });
    await inbox.accept(scene.event("stuck"));
    await inbox.accept(scene.event("slow"));
    const worker = inbox.work(router, { pollMs: 20 });
    await until(
      async () => finish.length === 1 && (await entryOf(store, scene, scene.event("stuck").id)).state === "processing",
      "both to run",
    );
    const stopping = worker.stop({ graceMs: 100 });
    await inbox.accept(scene.event("afterwards"));
    finish[0]?.();
    await stopping;
    expectEqual(aborted, true, "that the signal was aborted");
    expectEqual((await entryOf(store, scene, scene.event("slow").id)).state, "done", "the one that ended in time");
    const claimed = await store.claim({ sources: [scene.source], limit: 10, leaseMs: LONG_MS });
    const left = claimed.map(({ event, attempt }) => [event.id.split("/").at(-1), attempt]).sort();
    expectEqual(
      left,
      [
        ["afterwards", 1],
        ["stuck", 1],
      ],
      "what is left, and its attempt",
    );
  },

  async "a worker keeps its claim while the handler runs"(scene) {
    let signalled: unknown;
    let release = (): void => undefined;
    const { inbox, router, store } = await workshop(scene, {}, async (_event, { signal }) => {
      signal.addEventListener("abort", () => {
        signalled = signal.reason;
      });
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { result: "processed" };
    });
    await inbox.accept(scene.event("a"));
    const problems: string[] = [];
    const worker = inbox.work(router, {
      pollMs: 20,
      leaseMs: scene.unitMs * 6,
      onProblem: ({ problem }) => problem !== "router_missing" && problems.push(problem),
    });
    await until(async () => (await entryOf(store, scene)).state === "processing", "the attempt");
    // In real time, since it is the worker's timers that have to extend.
    await new Promise((resolve) => setTimeout(resolve, scene.unitMs * 9));
    await expectNone(store, scene, "events while the handler runs");
    expectEqual(signalled, undefined, "the signal meanwhile");
    release();
    await until(async () => (await entryOf(store, scene)).state === "done", "the end");
    await worker.stop();
    expectEqual(problems, [], "problems");
  },

  async "a worker reports events that no router is there for, and leaves them"(scene) {
    const { inbox, router, store } = await workshop(scene, {}, async () => ({ result: "processed" }));
    await inbox.accept(scene.event("other", { endpoint: "tenant-2", id: `${scene.provider}/tenant-2/x` }));
    const missing: (string | undefined)[] = [];
    const worker = inbox.work(router, {
      pollMs: 20,
      missingAfterMs: 1,
      onProblem: ({ problem, source }) => problem === "router_missing" && missing.push(source),
    });
    await until(() => missing.includes(`${scene.provider}/tenant-2`), "the report");
    await worker.stop();
    expectEqual((await entryOf(store, scene)).state, "received", "the event");
  },

  async "keeps the furthest state of a job"(scene) {
    const store = await scene.open();
    if (store.observe === undefined) throw new Error("The store has no method observe.");
    const seen: boolean[] = [];
    for (const [rank, at] of [
      [1, 5],
      [2, 7],
      [1, 9],
      [2, 6],
      [2, 8],
    ] as const) {
      seen.push(await store.observe(`${scene.provider}/job`, { rank, at }, { ttlMs: LONG_MS }));
    }
    expectEqual(seen, [false, false, true, true, false], "which states are behind");
  },
};
