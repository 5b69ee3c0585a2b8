import { ConfigurationError } from "../errors.ts";
import type { Claim, ClaimOptions, IdempotencyStore } from "./store.ts";

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Most handled events to remember. Beyond it the oldest are forgotten, and a late duplicate of one of them would run again.
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
  readonly token: string;
  readonly leaseEndsAt: number;
  readonly forgetAt: number;
}

/**
 * An idempotency store in the memory of this process: right for one process, and forgotten when it ends. Every operation takes
 * constant time, and memory is bounded by `maxEntries` (about 300 bytes each) and by age.
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
  const done = new Map<string, number>();
  let claims = 0;

  // The token ends in the fingerprint, which together with the key names the entry.
  const entryOf = (key: string, token: string): string => `${key}\n${token.slice(token.indexOf(".") + 1)}`;
  const holds = (entry: string, token: string): boolean => running.get(entry)?.token === token;

  function sweep(now: number): void {
    for (const [entry, expiresAt] of done) {
      if (expiresAt > now && done.size <= maxEntries) break;
      done.delete(entry);
    }
    // Claims are settled by whoever took them; what is left here was abandoned long ago.
    for (const [entry, { forgetAt }] of running) {
      if (forgetAt > now) break;
      running.delete(entry);
    }
  }

  return {
    async claim(key: string, { fingerprint, leaseMs, ttlMs }: ClaimOptions): Promise<Claim> {
      const now = clock();
      sweep(now);
      const entry = `${key}\n${fingerprint}`;
      if (done.has(entry) && (done.get(entry) as number) > now) return { state: "completed" };
      const holder = running.get(entry);
      if (holder !== undefined && holder.leaseEndsAt > now) {
        return { state: "in_progress", retryAfterMs: holder.leaseEndsAt - now };
      }
      const token = `${++claims}.${fingerprint}`;
      running.delete(entry);
      running.set(entry, { token, leaseEndsAt: now + leaseMs, forgetAt: now + Math.max(leaseMs, ttlMs) });
      return { state: "claimed", token };
    },

    async extend(key: string, token: string, leaseMs: number): Promise<boolean> {
      const entry = entryOf(key, token);
      const holder = running.get(entry);
      if (holder?.token !== token) return false;
      running.set(entry, { ...holder, leaseEndsAt: clock() + leaseMs });
      return true;
    },

    async complete(key: string, token: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const entry = entryOf(key, token);
      if (!holds(entry, token)) return false;
      const now = clock();
      running.delete(entry);
      done.delete(entry);
      done.set(entry, now + ttlMs);
      sweep(now);
      return true;
    },

    async release(key: string, token: string): Promise<boolean> {
      const entry = entryOf(key, token);
      return holds(entry, token) && running.delete(entry);
    },
  };
}
