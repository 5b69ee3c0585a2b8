import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { IdempotencyStore } from "video-webhooks/idempotency";

/**
 * The store that many receivers write themselves: it looks whether an event is known, and then writes it down. The control of the race:
 * between the two, others look as well.
 */
export function createGetThenSetStore(redis: Redis, prefix: string): IdempotencyStore {
  const entryOf = (key: string, fingerprint: string): string => `${prefix}${key} ${fingerprint}`;
  const ownerOf = (token: string): readonly [fingerprint: string, id: string] => token.split(" ") as [string, string];
  async function holds(key: string, token: string): Promise<boolean> {
    const [fingerprint, id] = ownerOf(token);
    return (await redis.get(entryOf(key, fingerprint))) === id;
  }
  return {
    async claim(key, { fingerprint, leaseMs }) {
      const entry = entryOf(key, fingerprint);
      const known = await redis.get(entry);
      if (known === "done") return { state: "completed" };
      if (known !== null) return { state: "in_progress", retryAfterMs: leaseMs };
      const id = randomUUID();
      await redis.set(entry, id, "PX", leaseMs);
      return { state: "claimed", token: `${fingerprint} ${id}` };
    },
    async extend(key, token, leaseMs) {
      const [fingerprint] = ownerOf(token);
      return (await holds(key, token)) && (await redis.pexpire(entryOf(key, fingerprint), leaseMs)) === 1;
    },
    async complete(key, token, { ttlMs }) {
      const [fingerprint] = ownerOf(token);
      return (await holds(key, token)) && (await redis.set(entryOf(key, fingerprint), "done", "PX", ttlMs)) === "OK";
    },
    async release(key, token) {
      const [fingerprint] = ownerOf(token);
      return (await holds(key, token)) && (await redis.del(entryOf(key, fingerprint))) === 1;
    },
  };
}
