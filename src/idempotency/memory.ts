import { ConfigurationError } from "../errors.ts";
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

interface Running {
  readonly key: string;
  readonly token: string;
  readonly leaseEndsAt: number;
  readonly forgetAt: number;
}

interface Done {
  readonly key: string;
  readonly expiresAt: number;
}

interface Seen extends JobState {
  readonly expiresAt: number;
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
  const { maxEntries = 100_000, clock = Date.now } = options;
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
    throw new ConfigurationError("The option maxEntries must be a whole number above zero.");
  }
  const running = new Map<string, Running>();
  // In the order of completion, so that the oldest is always first and expired entries are found without a search.
  const done = new Map<string, Done>();
  // In the order in which they were last seen.
  const jobs = new Map<string, Seen>();
  // How many bodies are known under each key.
  const bodies = new Map<string, number>();
  let claims = 0;

  // The token ends in the fingerprint, which together with the key names the entry.
  const entryOf = (key: string, token: string): string => `${key}\n${token.slice(token.indexOf(".") + 1)}`;
  const holds = (entry: string, token: string): boolean => running.get(entry)?.token === token;

  function forget(entry: string, key: string): void {
    const left = (bodies.get(key) ?? 1) - 1;
    if (left > 0) bodies.set(key, left);
    else bodies.delete(key);
    running.delete(entry);
    done.delete(entry);
  }

  function sweep(now: number): void {
    for (const [entry, { key, expiresAt }] of done) {
      if (expiresAt > now && done.size <= maxEntries) break;
      forget(entry, key);
    }
    // Claims are settled by whoever took them; what is left here was abandoned long ago.
    for (const [entry, { key, forgetAt }] of running) {
      if (forgetAt > now) break;
      forget(entry, key);
    }
    for (const [job, { expiresAt }] of jobs) {
      if (expiresAt > now && jobs.size <= maxEntries) break;
      jobs.delete(job);
    }
  }

  return {
    async claim(key: string, { fingerprint, leaseMs, ttlMs }: ClaimOptions): Promise<Claim> {
      const now = clock();
      sweep(now);
      const entry = `${key}\n${fingerprint}`;
      const completed = done.get(entry);
      if (completed !== undefined && completed.expiresAt > now) return { state: "completed" };
      const holder = running.get(entry);
      if (holder !== undefined && holder.leaseEndsAt > now) {
        return { state: "in_progress", retryAfterMs: holder.leaseEndsAt - now };
      }
      if (holder !== undefined || completed !== undefined) forget(entry, key);
      const others = bodies.get(key) ?? 0;
      bodies.set(key, others + 1);
      const token = `${++claims}.${fingerprint}`;
      running.set(entry, { key, token, leaseEndsAt: now + leaseMs, forgetAt: now + Math.max(leaseMs, ttlMs) });
      return { state: "claimed", token, otherBody: others > 0 };
    },

    async extend(key: string, token: string, leaseMs: number): Promise<boolean> {
      const entry = entryOf(key, token);
      const holder = running.get(entry);
      if (holder?.token !== token) return false;
      const leaseEndsAt = clock() + leaseMs;
      running.set(entry, { ...holder, leaseEndsAt, forgetAt: Math.max(holder.forgetAt, leaseEndsAt) });
      return true;
    },

    async complete(key: string, token: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const entry = entryOf(key, token);
      if (!holds(entry, token)) return false;
      const now = clock();
      running.delete(entry);
      done.set(entry, { key, expiresAt: now + ttlMs });
      sweep(now);
      return true;
    },

    async release(key: string, token: string): Promise<boolean> {
      const entry = entryOf(key, token);
      if (!holds(entry, token)) return false;
      forget(entry, key);
      return true;
    },

    async observe(job: string, { rank, at }: JobState, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const now = clock();
      const last = jobs.get(job);
      const seen = last !== undefined && last.expiresAt > now ? last : undefined;
      const stale = seen !== undefined && (rank < seen.rank || (rank === seen.rank && at !== undefined && at < (seen.at ?? at)));
      const furthest = stale ? seen : { rank, at: seen?.rank === rank ? (at ?? seen.at) : at };
      jobs.delete(job);
      jobs.set(job, { rank: furthest.rank, at: furthest.at, expiresAt: now + ttlMs });
      sweep(now);
      return stale;
    },
  };
}
