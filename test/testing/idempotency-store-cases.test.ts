import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import type { IdempotencyStore } from "../../src/idempotency/store.ts";
import { idempotencyStoreCases, type StoreUnderTest } from "../../src/testing/index.ts";

type Break = (store: Required<Omit<IdempotencyStore, "close">>) => Partial<IdempotencyStore>;

function setUp(breaking: Break = () => ({}), more: Partial<StoreUnderTest> = {}) {
  const time = { now: 1_800_000_000_000 };
  const memory = createMemoryStore({ clock: () => time.now }) as Required<Omit<IdempotencyStore, "close">>;
  const store: IdempotencyStore = { ...memory, ...breaking(memory) };
  return idempotencyStoreCases({
    open: () => store,
    advance: (milliseconds) => {
      time.now += milliseconds;
    },
    ...more,
  });
}

/** The names of the cases that fail. */
async function failing(breaking: Break, more: Partial<StoreUnderTest> = {}): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, skipped, run } of setUp(breaking, more)) {
    if (skipped === undefined) await run().catch(() => failed.push(name));
  }
  return failed;
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const refuse = (): Promise<never> => Promise.reject(new Error("closed"));
const closed: IdempotencyStore = { claim: refuse, extend: refuse, complete: refuse, release: refuse, observe: refuse };

describe("idempotencyStoreCases", () => {
  it("pass for a store that is right", async () => {
    expect(await failing(() => ({}), { openClosed: () => closed })).toEqual([]);
  });

  it("say which of them cannot be run, and why", () => {
    const skippedIn = (cases: ReturnType<typeof setUp>) => cases.flatMap(({ skipped }) => skipped ?? []);
    expect(skippedIn(setUp())).toEqual(["openClosed is not given"]);
    expect(skippedIn(setUp(() => ({}), { observes: false, openClosed: () => closed }))).toEqual(
      Array(2).fill("the store does not observe"),
    );
  });

  it("say what was expected and what was found", async () => {
    const cases = setUp(({ release }) => ({ release: async (...given) => !(await release(...given)) }));
    const { run } = cases.find(({ name }) => name.includes("P32")) as (typeof cases)[number];
    await expect(run()).rejects.toThrow("release: expected true, found false.");
  });

  // Each store is wrong in one way that was seen in the wild, and is found out by a case of that name.
  const wrong: [what: string, found: RegExp, breaking: Break, more?: Partial<StoreUnderTest>][] = [
    [
      "looks first and claims afterwards",
      /exactly one/,
      ({ claim, release, complete }) => {
        const held = new Map<string, string>();
        return {
          async claim(key, options) {
            const entry = `${key}${options.fingerprint}`;
            const token = held.get(entry);
            await soon();
            if (token !== undefined) return claim(key, options);
            const taken = await claim(`${key}${Math.random()}`, options);
            if (taken.state === "claimed") held.set(entry, taken.token);
            return taken;
          },
          release,
          complete,
        };
      },
    ],
    ["has no lease", /lease/, ({ claim }) => ({ claim: (key, options) => claim(key, { ...options, leaseMs: 1e12 }) })],
    [
      "has a lease of seconds instead of milliseconds",
      /lease/,
      ({ claim }) => ({ claim: (key, options) => claim(key, { ...options, leaseMs: options.leaseMs / 1000 }) }),
    ],
    [
      "completes with any token",
      /P34|unknown/,
      ({ complete, claim }) => ({
        complete: async (key, token, options) =>
          (await complete(key, token, options)) || (await claim(key, { fingerprint: "x", leaseMs: 1, ttlMs: 1 })).state === "claimed",
      }),
    ],
    ["releases with any token", /P32|P34|unknown/, ({ release }) => ({ release: async (...given) => (await release(...given)) || true })],
    ["extends with any token", /P32|P34|unknown/, ({ extend }) => ({ extend: async (...given) => (await extend(...given)) || true })],
    ["does not extend", /prolongs/, () => ({ extend: async () => true })],
    [
      "gives all claims one token",
      /token/,
      ({ claim }) => ({
        async claim(key, options) {
          const answer = await claim(key, options);
          return answer.state === "claimed" ? { ...answer, token: "1" } : answer;
        },
      }),
    ],
    ["forgets at once", /remembers/, ({ complete }) => ({ complete: (key, token) => complete(key, token, { ttlMs: 0 }) })],
    ["forgets with the lease", /long over/, ({ complete }) => ({ complete: (key, token) => complete(key, token, { ttlMs: 1000 }) })],
    ["never forgets", /forgets what is completed/, ({ complete }) => ({ complete: (key, token) => complete(key, token, { ttlMs: 1e12 }) })],
    ["completes instead of releasing", /P32/, ({ complete }) => ({ release: (key, token) => complete(key, token, { ttlMs: 1e6 }) })],
    [
      "throws for a stale token",
      /stale|unknown|P34/,
      ({ complete }) => ({
        async complete(...given) {
          if (!(await complete(...given))) throw new Error("stale");
          return true;
        },
      }),
    ],
    ["cuts keys off", /keys of any length/, ({ claim }) => ({ claim: (key, options) => claim(key.slice(-255), options) })],
    [
      "takes upper and lower case for the same",
      /keys of any length/,
      ({ claim, complete }) => ({
        claim: (key, options) => claim(key.toLowerCase(), options),
        complete: (key, token, options) => complete(key.toLowerCase(), token, options),
      }),
    ],
    [
      "stores keys as UTF-8",
      /keys of any length/,
      ({ claim, complete }) => ({
        claim: (key, options) => claim(key.toWellFormed(), options),
        complete: (key, token, options) => complete(key.toWellFormed(), token, options),
      }),
    ],
    [
      "refuses a NUL",
      /keys of any length/,
      ({ claim }) => ({
        claim: (key, options) => (key.includes("\0") ? Promise.reject(new Error("invalid byte sequence")) : claim(key, options)),
      }),
    ],
    [
      "takes one body for the other",
      /two bodies/,
      ({ claim }) => ({ claim: (key, options) => claim(key, { ...options, fingerprint: "f" }) }),
    ],
    [
      "is silent about another body",
      /two bodies/,
      ({ claim }) => ({
        async claim(key, options) {
          const answer = await claim(key, options);
          return answer.state === "claimed" ? { state: "claimed", token: answer.token } : answer;
        },
      }),
    ],
    [
      "does not say for how long an event is held",
      /how long/,
      ({ claim }) => ({
        async claim(key, options) {
          const answer = await claim(key, options);
          return answer.state === "in_progress" ? { state: "in_progress", retryAfterMs: 0 } : answer;
        },
      }),
    ],
    [
      "keeps the last state of a job instead of the furthest",
      /furthest/,
      () => {
        const last = new Map<string, number>();
        return {
          async observe(job, { rank }) {
            const stale = rank < (last.get(job) ?? 0);
            last.set(job, rank);
            return stale;
          },
        };
      },
    ],
    ["goes by time alone", /furthest/, ({ observe }) => ({ observe: (job, { at }, options) => observe(job, { rank: 0, at }, options) })],
    ["keeps states for ever", /furthest/, ({ observe }) => ({ observe: (job, state) => observe(job, state, { ttlMs: 1e12 }) })],
    ["has no observe", /furthest/, () => ({ observe: undefined as never })],
    ["says no when it is closed", /closed/, () => ({}), { openClosed: () => ({ ...closed, complete: async () => false }) }],
    ["hangs when it is closed", /closed/, () => ({}), { openClosed: () => ({ ...closed, extend: () => new Promise(() => undefined) }) }],
  ];

  it.each(wrong)("find out a store that %s", async (_what, found, breaking, more) => {
    const failed = await failing(breaking, more);
    expect(failed.join("\n")).toMatch(found);
  });
});
