import type { Claim, IdempotencyStore } from "../idempotency/store.ts";
import { expectEqual } from "./expectation.ts";

/** A store and what the cases need to know of it. */
export interface StoreUnderTest {
  /**
   * Opens the store, for each case. It may have been used before, since each case has keys of its own; cases that need a second process'
   * view open it twice, so both must then work on the same data unless `shared` is `false`.
   */
  open(): IdempotencyStore | Promise<IdempotencyStore>;
  /**
   * Lets time pass for the store without waiting for it, for example by an injected clock. Without it the cases wait, about half a
   * minute altogether.
   *
   * @param milliseconds at least this much
   */
  advance?(milliseconds: number): unknown;
  /** Opens a store whose connection is closed for good. Without it, what happens then is not tested. */
  openClosed?(): IdempotencyStore | Promise<IdempotencyStore>;
  /**
   * Whether the store has the optional method `observe`.
   * @default true
   */
  readonly observes?: boolean;
  /**
   * Whether two stores that were opened work on the same data, as those of a database do.
   * @default true
   */
  readonly shared?: boolean;
}

/** One thing that every idempotency store has to do. */
export interface IdempotencyStoreCase {
  /** A sentence, with the number of a pitfall where it proves that it is avoided. */
  readonly name: string;
  /** Why it cannot be run; absent when it can. */
  readonly skipped?: string;
  /** Rejects with what was expected and what was found. */
  run(): Promise<void>;
}

// Long enough that a slow machine does not let one end on its own, short enough to wait for.
const LEASE_MS = 2000;
const claiming = { fingerprint: "a".repeat(64), leaseMs: LEASE_MS, ttlMs: 600_000 };
/** Where no lease has to end, so that neither a slow network nor a slow machine ends one. */
const patient = { ...claiming, leaseMs: 600_000 };
const otherBody = { ...patient, fingerprint: "b".repeat(64) };
/** How long states of jobs are kept, where they have to be forgotten. */
const SEEN_MS = LEASE_MS * 2;
const remembering = { ttlMs: 600_000 };

/** How much of a lease may be gone before anybody looks. */
const AT_LEAST_MS = LEASE_MS / 2;

/** A case with the store that was opened for it, and keys that nothing else has. */
interface Scene {
  readonly store: IdempotencyStore;
  /** Another view of the same data. */
  readonly second: IdempotencyStore;
  readonly test: StoreUnderTest;
  key(name?: string): string;
  /** Lets time pass. */
  pass(milliseconds: number): Promise<void>;
}

type Play = (scene: Scene) => Promise<void>;

/**
 * What every idempotency store has to do, as cases for any test runner. A store that passes them all can be handed to a router.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { createMemoryStore } from "video-webhooks/idempotency";
 * import { idempotencyStoreCases } from "video-webhooks/testing";
 *
 * let now = Date.now();
 * const store = createMemoryStore({ clock: () => now });
 * const cases = idempotencyStoreCases({ open: () => store, advance: (milliseconds) => (now += milliseconds) });
 * for (const { name, skipped, run } of cases) test(name, { skip: skipped ?? false }, run);
 * ```
 */
export function idempotencyStoreCases(test: StoreUnderTest): readonly IdempotencyStoreCase[] {
  return Object.entries(plays).map(([name, play]) => {
    const skipped = skippedBecause(name, test);
    return { name, run: () => perform(test, play), ...(skipped !== undefined && { skipped }) };
  });
}

const CLOSED = "rejects every operation when its connection is closed, and says neither yes nor no";
const OBSERVES = "keeps the furthest state of a job, and says what is behind it";
const FURTHEST = "finds the furthest of many states that come at once";

function skippedBecause(name: string, test: StoreUnderTest): string | undefined {
  if (name === CLOSED && test.openClosed === undefined) return "openClosed is not given";
  if ((name === OBSERVES || name === FURTHEST) && test.observes === false) return "the store does not observe";
  return undefined;
}

async function perform(test: StoreUnderTest, play: Play): Promise<void> {
  const id = crypto.randomUUID();
  const store = await test.open();
  const second = test.shared === false ? store : await test.open();
  const key = (name = "event"): string => `suite/${id}/${name}`;
  const pass = async (milliseconds: number): Promise<void> => {
    if (test.advance) await test.advance(milliseconds);
    else await new Promise((resolve) => setTimeout(resolve, milliseconds));
  };
  await play({ store, second, test, key, pass });
}

async function claimed(claim: Promise<Claim>, what: string): Promise<string> {
  const answer = await claim;
  if (answer.state !== "claimed") throw new Error(`${what}: expected a claim, found ${answer.state}.`);
  if (typeof answer.token !== "string" || answer.token === "") throw new Error(`${what}: the claim has no token.`);
  return answer.token;
}

async function stateOf(claim: Promise<Claim>): Promise<string> {
  return (await claim).state;
}

async function expectHeld(claim: Promise<Claim>, atLeastMs: number, atMostMs: number, what: string): Promise<void> {
  const answer = await claim;
  if (answer.state !== "in_progress") throw new Error(`${what}: expected in_progress, found ${answer.state}.`);
  const { retryAfterMs } = answer;
  if (!(retryAfterMs > atLeastMs && retryAfterMs <= atMostMs)) {
    throw new Error(`${what}: expected retryAfterMs between ${atLeastMs} and ${atMostMs}, found ${retryAfterMs}.`);
  }
}

async function expectStale(store: IdempotencyStore, key: string, token: string, what: string): Promise<void> {
  expectEqual(await store.extend(key, token, LEASE_MS), false, `${what}, extend`);
  expectEqual(await store.complete(key, token, remembering), false, `${what}, complete`);
  expectEqual(await store.release(key, token), false, `${what}, release`);
}

function observerOf(store: IdempotencyStore): NonNullable<IdempotencyStore["observe"]> {
  if (store.observe === undefined) throw new Error("The store has no method observe; if that is on purpose, set observes to false.");
  return store.observe.bind(store);
}

/** Keys that databases and their drivers treat in ways of their own; a megabyte of them. */
function unusualKeys(): readonly string[] {
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  const odd = [
    ...bytes,
    ...["", " ", "  ", "%", "_", "\\", "\\\\", "'", '"', "''", "$1", "?", ":name", "{tag}", "a{tag}", "*", "[a]", "\u0000", "a\u0000b"],
    ...["constructor", "__proto__", "toString", "null", "undefined", "NaN", "0", "00", "1e3", "-1", "true"],
    // Upper and lower case, composed and decomposed, and what only looks alike.
    ...["Key", "key", "KEY", "\u00e9", "e\u0301", "\u0430", "a", "\u212b", "\u00c5", "\ufeff", "\u200b", "\u2028", "\ud83c\udfac"],
    // Lone surrogates, which UTF-8 has no form for.
    ...["\ud800", "\udfff", "\ud800\ud800", "a\ud800", "\ud800a"],
    ...["a", "a ", " a", "a\n", "a\t", "a/b", "a%2Fb", "a:b", "a\nb", "a\r\nb"],
  ];
  const long = [599, 600, 601, 1024, 4096, 8191, 65_536, 262_144].flatMap((length) => ["x".repeat(length), `${"x".repeat(length - 1)}y`]);
  return [...new Set([...odd, ...long, "\u00e9".repeat(150_000)])];
}

const plays: Readonly<Record<string, Play>> = {
  async "gives an event to exactly one of many claimants (P33)"({ store, second, key }) {
    for (const round of ["first", "second", "third"]) {
      const claims = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? store : second).claim(key(round), patient));
      const states = (await Promise.all(claims)).map(({ state }) => state);
      expectEqual(states.filter((state) => state === "claimed").length, 1, "claims of 50 that were granted");
      expectEqual(states.filter((state) => state === "in_progress").length, 49, "claims of 50 that were refused");
    }
  },

  async "says how long a claim still holds"({ store, second, key }) {
    await claimed(store.claim(key(), claiming), "the first");
    await expectHeld(second.claim(key(), claiming), AT_LEAST_MS, LEASE_MS, "the second");
  },

  async "gives every claim a token of its own"({ store, second, key }) {
    const tokens: string[] = [];
    for (const name of ["a", "b", "c"]) tokens.push(await claimed((name === "b" ? second : store).claim(key(name), patient), name));
    const first = await claimed(store.claim(key(), patient), "a claim");
    await store.release(key(), first);
    tokens.push(first, await claimed(second.claim(key(), patient), "the claim after it was released"));
    expectEqual(new Set(tokens).size, tokens.length, "different tokens");
  },

  async "remembers what is completed, for everybody"({ store, second, key }) {
    const token = await claimed(store.claim(key(), patient), "the first");
    expectEqual(await store.complete(key(), token, remembering), true, "complete");
    expectEqual(await stateOf(store.claim(key(), patient)), "completed", "the next claim");
    expectEqual(await stateOf(second.claim(key(), patient)), "completed", "the next claim elsewhere");
    await expectStale(store, key(), token, "the token of a completed event");
    expectEqual(await stateOf(store.claim(key(), patient)), "completed", "a claim after the spent token was tried");
  },

  async "still remembers what is completed when the lease of its claim is long over"({ store, key, pass }) {
    const token = await claimed(store.claim(key(), claiming), "the first");
    await store.complete(key(), token, remembering);
    await pass(LEASE_MS * 2);
    expectEqual(await stateOf(store.claim(key(), claiming)), "completed", "the next claim");
  },

  async "forgets what is completed when its time is over, and not before"({ store, key, pass }) {
    const token = await claimed(store.claim(key(), { ...claiming, ttlMs: LEASE_MS }), "the first");
    await store.complete(key(), token, { ttlMs: LEASE_MS * 2 });
    await pass(LEASE_MS);
    expectEqual(await stateOf(store.claim(key(), claiming)), "completed", "a claim before");
    await pass(LEASE_MS + 50);
    const again = await claimed(store.claim(key(), claiming), "a claim after");
    expectEqual(await store.complete(key(), again, remembering), true, "to complete that one");
  },

  async "hands a released event to the next claimant at once (P32)"({ store, second, key }) {
    const token = await claimed(store.claim(key(), patient), "the first");
    expectEqual(await store.release(key(), token), true, "release");
    expectEqual(await store.release(key(), token), false, "release again");
    const next = await claimed(second.claim(key(), patient), "the next");
    await expectStale(store, key(), token, "the token that was released");
    expectEqual(await second.complete(key(), next, remembering), true, "to complete the next");
  },

  async "hands an event over when its lease is over, and the old token changes nothing any more (P34)"({ store, second, key, pass }) {
    const dead = await claimed(store.claim(key(), claiming), "the first");
    await pass(LEASE_MS + 50);
    const next = await claimed(second.claim(key(), claiming), "a claim after the lease");
    await expectStale(store, key(), dead, "the token of the lease that ended");
    await expectHeld(store.claim(key(), claiming), AT_LEAST_MS, LEASE_MS, "a claim meanwhile");
    expectEqual(await second.complete(key(), next, remembering), true, "to complete with the new token");
    await expectStale(store, key(), dead, "the token of the lease that ended, after that");
    expectEqual(await stateOf(store.claim(key(), claiming)), "completed", "the event");
  },

  async "gives an event whose lease is over to exactly one of many claimants"({ store, second, key, pass }) {
    await claimed(store.claim(key(), claiming), "the first");
    await pass(LEASE_MS + 50);
    const claims = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? store : second).claim(key(), claiming));
    const states = (await Promise.all(claims)).map(({ state }) => state);
    expectEqual(states.filter((state) => state === "claimed").length, 1, "claims of 50 that were granted");
  },

  async "prolongs a lease from now on"({ store, second, key, pass }) {
    const token = await claimed(store.claim(key(), claiming), "the first");
    await pass(LEASE_MS / 2);
    expectEqual(await store.extend(key(), token, LEASE_MS * 2), true, "extend");
    await pass(LEASE_MS);
    await expectHeld(second.claim(key(), claiming), 0, LEASE_MS, "a claim after the first lease");
    expectEqual(await store.complete(key(), token, remembering), true, "complete");
  },

  async "lets a holder finish late as long as nobody took over"({ store, key, pass }) {
    const token = await claimed(store.claim(key(), claiming), "the first");
    await pass(LEASE_MS + 50);
    expectEqual(await store.extend(key(), token, LEASE_MS), true, "extend after the lease");
    await expectHeld(store.claim(key(), claiming), AT_LEAST_MS, LEASE_MS, "a claim after that");
    await pass(LEASE_MS + 50);
    expectEqual(await store.complete(key(), token, remembering), true, "complete after the lease");
    expectEqual(await stateOf(store.claim(key(), claiming)), "completed", "the event");
  },

  async "keeps a claim for as long as its lease, however short the rest is remembered"({ store, second, key, pass }) {
    const token = await claimed(store.claim(key(), { ...claiming, ttlMs: 1 }), "the first");
    await pass(LEASE_MS / 4);
    expectEqual(await stateOf(second.claim(key(), claiming)), "in_progress", "a claim while the lease holds");
    expectEqual(await store.extend(key(), token, LEASE_MS * 3), true, "extend");
    await pass(LEASE_MS * 1.5);
    expectEqual(await stateOf(second.claim(key(), claiming)), "in_progress", "a claim while the extended lease holds");
    expectEqual(await store.complete(key(), token, remembering), true, "complete");
  },

  async "forgets a claim that nobody settles when its time is over"({ store, key, pass }) {
    const token = await claimed(store.claim(key(), { ...claiming, leaseMs: LEASE_MS / 2, ttlMs: LEASE_MS }), "the first");
    await pass(LEASE_MS + 50);
    await claimed(store.claim(key(), claiming), "a claim after that");
    await expectStale(store, key(), token, "the token of the first");
  },

  async "keeps two bodies under one key apart, and says so"({ store, second, key }) {
    const first = await store.claim(key(), patient);
    expectEqual(first.state === "claimed" && first.otherBody === true, false, "whether the first body sees another one");
    const other = await second.claim(key(), otherBody);
    expectEqual([other.state, other.state === "claimed" && other.otherBody], ["claimed", true], "the other body");
    if (first.state !== "claimed" || other.state !== "claimed") throw new Error("Both bodies have to be claimed.");
    expectEqual(await store.complete(key(), first.token, remembering), true, "to complete the first");
    expectEqual(await stateOf(store.claim(key(), patient)), "completed", "the first body");
    expectEqual(await stateOf(store.claim(key(), otherBody)), "in_progress", "the other body");
    expectEqual(await store.release(key(), other.token), true, "to release the other");
    expectEqual(await stateOf(store.claim(key(), patient)), "completed", "the first body after that");
  },

  async "changes nothing for unknown keys and tokens"({ store, key }) {
    const token = await claimed(store.claim(key(), patient), "a claim");
    await expectStale(store, key("unknown"), token, "a token under another key");
    for (const unknown of ["", "x", "1", "a.b", `${token}x`, token.slice(1), crypto.randomUUID()]) {
      await expectStale(store, key(), unknown, "an unknown token");
    }
    expectEqual(await stateOf(store.claim(key(), patient)), "in_progress", "the claim");
    expectEqual(await store.complete(key(), token, remembering), true, "to complete it");
  },

  async "keeps providers and endpoints apart (P37)"({ store, key }) {
    const keys = ["heygen/default/e/1", "konpro/default/e/1", "heygen/tenant-2/e/1", "heygen/default/e/2", "heygen/default/E/1"].map(key);
    for (const each of keys) await store.complete(each, await claimed(store.claim(each, patient), each), remembering);
    for (const each of keys) expectEqual(await stateOf(store.claim(each, patient)), "completed", each);
    expectEqual(await stateOf(store.claim(key("heygen/default/e"), patient)), "claimed", "a key that others begin with");
  },

  async "takes keys of any length and characters, a megabyte of them"({ store, second, key }) {
    const suffix = key();
    const keys = unusualKeys().map((odd) => `${odd}${suffix}`);
    const tokens = await inTurn(keys, (each) => claimed(store.claim(each, patient), `the key ${JSON.stringify(each.slice(0, 20))}`));
    expectEqual(new Set(tokens).size, keys.length, "different tokens");
    const half = keys.filter((_, index) => index % 2 === 0);
    const done = await inTurn(half, (each, index) => store.complete(each, tokens[index * 2] as string, remembering));
    expectEqual(done.filter((each) => !each).length, 0, "keys that could not be completed");
    const states = await inTurn(keys, (each) => stateOf(second.claim(each, patient)));
    const wrong = keys.filter((_, index) => states[index] !== (index % 2 === 0 ? "completed" : "in_progress"));
    expectEqual(
      wrong.map((each) => each.slice(0, 20)),
      [],
      "keys that were mixed up",
    );
  },

  async [OBSERVES]({ store, second, key, pass }) {
    const seen: boolean[] = [];
    const steps: readonly (readonly [rank: number, at: number | undefined])[] = [
      [1, 1000],
      // The same again, as when a failed delivery is repeated.
      [1, 1000],
      [0, 2000],
      [1, 999],
      [1, undefined],
      [1, 1001],
      [1, 1000],
      // A higher rank counts, whatever the clocks of the provider say.
      [2, 500],
      [2, undefined],
      [2, 499],
      [2, 501],
      [1, 1_700_000_000_000],
      [2, 1_700_000_000_000],
      [2, 1_699_999_999_999],
    ];
    for (const [index, [rank, at]] of steps.entries()) {
      seen.push(await observerOf(index % 2 === 0 ? store : second)(key("job"), { rank, at }, { ttlMs: SEEN_MS }));
    }
    const expected = [false, false, true, true, false, false, true, false, false, true, false, true, false, true];
    expectEqual(seen, expected, "which states are behind");
    expectEqual(await observerOf(store)(key("other job"), { rank: 0, at: 0 }, remembering), false, "another job");
    await pass(SEEN_MS / 2 + 25);
    expectEqual(await observerOf(store)(key("job"), { rank: 1, at: 2 }, { ttlMs: SEEN_MS }), true, "a state before it is forgotten");
    await pass(SEEN_MS / 2 + 25);
    expectEqual(await observerOf(store)(key("job"), { rank: 1, at: 2 }, { ttlMs: SEEN_MS }), true, "a state after it was seen again");
    await pass(SEEN_MS + 50);
    expectEqual(await observerOf(store)(key("job"), { rank: 0, at: 1 }, remembering), false, "a state after all was forgotten");
  },

  async [FURTHEST]({ store, second, key }) {
    const states = Array.from({ length: 40 }, (_, index) => ({ rank: index % 3, at: 1000 + ((index * 7) % 40) }));
    const seen = await Promise.all(
      states.map((state, index) => observerOf(index % 2 === 0 ? store : second)(key(), state, { ttlMs: 600_000 })),
    );
    const latest = Math.max(...states.filter(({ rank }) => rank === 2).map(({ at }) => at));
    expectEqual(seen[states.findIndex(({ rank, at }) => rank === 2 && at === latest)], false, "whether the furthest is behind");
    expectEqual(await observerOf(store)(key(), { rank: 2, at: latest - 1 }, remembering), true, "an earlier one");
    expectEqual(await observerOf(store)(key(), { rank: 2, at: latest }, remembering), false, "the furthest again");
  },

  async [CLOSED]({ test, key }) {
    const closed = await test.openClosed?.();
    if (closed === undefined) throw new Error("openClosed is not given.");
    const operations: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
      claim: () => closed.claim(key(), claiming),
      extend: () => closed.extend(key(), "token", LEASE_MS),
      complete: () => closed.complete(key(), "token", remembering),
      release: () => closed.release(key(), "token"),
      observe: () => closed.observe?.(key(), { rank: 0, at: 0 }, remembering),
    };
    for (const [name, operate] of Object.entries(operations)) {
      const pending = operate();
      if (pending === undefined) continue;
      const end = await settledWithin(pending, 5000);
      if (end !== "rejected") throw new Error(`${name} on a closed connection: expected a rejection, but it ${end}.`);
    }
  },
};

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item, index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const [index, item] of items.entries()) results.push(await work(item, index));
  return results;
}

async function settledWithin(pending: Promise<unknown>, milliseconds: number): Promise<"resolved" | "rejected" | "hung"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hung = new Promise<"hung">((resolve) => {
    timer = setTimeout(resolve, milliseconds, "hung");
  });
  const settled = pending.then(
    () => "resolved" as const,
    () => "rejected" as const,
  );
  const end = await Promise.race([settled, hung]);
  clearTimeout(timer);
  return end;
}
