import { BodyMap, type KnownBody } from "../body-map.ts";
import { ConfigurationError } from "../errors.ts";
import { type Linked, LinkedList } from "../linked-list.ts";
import { checkOptionNames } from "../option-names.ts";
import type { Claim, ClaimOptions, IdempotencyStore, JobState } from "./store.ts";

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Most handled events to remember, and most jobs. Beyond it the oldest are forgotten, and a late duplicate of one of them would run
   * again.
   * @default 100000
   */
  readonly maxEntries?: number;
  /**
   * Milliseconds since 1970, for tests.
   * @default Date.now
   */
  readonly clock?: () => number;
}

/** An event that is being handled, or was. */
interface Entry extends KnownBody, Linked<Entry> {
  /** Of its claim; absent once it was handled. */
  token: string | undefined;
  leaseEndsAt: number;
  forgetAt: number;
}

/** How far a job was seen to have come. */
interface Seen extends Linked<Seen> {
  readonly key: string;
  rank: number;
  at: number | undefined;
  forgetAt: number;
}

/**
 * An idempotency store in the memory of this process: right for one process, and forgotten when it ends. Every operation takes
 * constant time, and memory is bounded by `maxEntries` (about 600 bytes each, with its job) and by age.
 *
 * @throws {@link ConfigurationError} for `maxEntries` that is no whole number above zero
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { createMemoryStore } from "video-webhooks/idempotency";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const idempotency = createMemoryStore({ maxEntries: 10_000 });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { idempotency });
 * ```
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): IdempotencyStore {
  checkOptionNames("createMemoryStore()", options, ["maxEntries", "clock"]);
  const { maxEntries = 100_000, clock = Date.now } = options;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw new ConfigurationError("The option maxEntries must be a whole number above zero.");
  }
  const events = new BodyMap<Entry>();
  const jobs = new Map<string, Seen>();
  // In the order of claims, of completions, and in which jobs were last seen: what is to be forgotten is always first.
  const running = new LinkedList<Entry>();
  const done = new LinkedList<Entry>();
  const seen = new LinkedList<Seen>();
  let claims = 0;

  /** The entry that a token holds; the token ends in the fingerprint. */
  function heldBy(key: string, token: string): Entry | undefined {
    const entry = events.get(key, token.slice(token.indexOf(".") + 1));
    // eslint-disable-next-line no-restricted-syntax -- no token comes from outside of this process
    return entry?.token === token ? entry : undefined;
  }

  function forget(entry: Entry): void {
    (entry.token === undefined ? done : running).remove(entry);
    events.delete(entry);
  }

  function forgetJob(job: Seen): void {
    seen.remove(job);
    jobs.delete(job.key);
  }

  function sweep(now: number): void {
    while (done.first !== undefined && (done.size > maxEntries || done.first.forgetAt <= now)) forget(done.first);
    // Claims are settled by whoever took them; what is left here was abandoned long ago.
    while (running.first !== undefined && running.first.forgetAt <= now) forget(running.first);
    while (seen.first !== undefined && (seen.size > maxEntries || seen.first.forgetAt <= now)) forgetJob(seen.first);
  }

  return {
    async claim(key: string, { fingerprint, leaseMs, ttlMs }: ClaimOptions): Promise<Claim> {
      const now = clock();
      sweep(now);
      const known = events.get(key, fingerprint);
      if (known !== undefined) {
        if (known.token === undefined && known.forgetAt > now) return { state: "completed" };
        if (known.token !== undefined && known.leaseEndsAt > now) return { state: "in_progress", retryAfterMs: known.leaseEndsAt - now };
        forget(known);
      }
      const otherBody = events.has(key);
      const token = `${++claims}.${fingerprint}`;
      const forgetAt = now + Math.max(leaseMs, ttlMs);
      const entry: Entry = { key, fingerprint, token, leaseEndsAt: now + leaseMs, forgetAt, before: undefined, after: undefined };
      events.add(entry);
      running.add(entry);
      return { state: "claimed", token, otherBody };
    },

    async extend(key: string, token: string, leaseMs: number): Promise<boolean> {
      const entry = heldBy(key, token);
      if (entry === undefined) return false;
      entry.leaseEndsAt = clock() + leaseMs;
      entry.forgetAt = Math.max(entry.forgetAt, entry.leaseEndsAt);
      return true;
    },

    async complete(key: string, token: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const entry = heldBy(key, token);
      if (entry === undefined) return false;
      const now = clock();
      running.remove(entry);
      entry.token = undefined;
      entry.forgetAt = now + ttlMs;
      done.add(entry);
      sweep(now);
      return true;
    },

    async release(key: string, token: string): Promise<boolean> {
      const entry = heldBy(key, token);
      if (entry !== undefined) forget(entry);
      return entry !== undefined;
    },

    async observe(key: string, { rank, at }: JobState, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const now = clock();
      const job = jobs.get(key);
      const last = job !== undefined && job.forgetAt > now ? job : undefined;
      const stale = last !== undefined && (rank < last.rank || (rank === last.rank && at !== undefined && at < (last.at ?? at)));
      const furthest = stale ? last : { rank, at: last?.rank === rank ? (at ?? last.at) : at };
      if (job !== undefined) seen.remove(job);
      const kept = job ?? { key, rank, at, forgetAt: 0, before: undefined, after: undefined };
      kept.rank = furthest.rank;
      kept.at = furthest.at;
      kept.forgetAt = now + ttlMs;
      if (job === undefined) jobs.set(key, kept);
      seen.add(kept);
      sweep(now);
      return stale;
    },
  };
}
