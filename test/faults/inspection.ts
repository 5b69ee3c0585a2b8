import { Redis } from "ioredis";
import pg from "pg";
import type { StorePlace } from "./stores.ts";

/** What a test looks at a server with, and cleans up behind itself with. */
export interface Inspection {
  /** What the server keeps about events. */
  events(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens an {@link Inspection}; its `close` deletes the prefix or the schema. */
export function inspect({ driver, url, space }: StorePlace): Inspection {
  if (driver === "pg" || driver === "postgres") {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    return {
      events: async () => (await pool.query(`SELECT * FROM ${space}.webhook_events ORDER BY key, fingerprint`)).rows,
      async close() {
        await pool.query(`DROP SCHEMA IF EXISTS ${space} CASCADE`);
        await pool.end();
      },
    };
  }
  const redis = new Redis(url);
  const keysOf = async (part: string): Promise<string[]> => (await redis.keys(`${space}:${part}*`)).sort();
  return {
    events: async () => Promise.all((await keysOf("event:")).map(async (key) => [key, await redis.hgetall(key)])),
    async close() {
      const keys = await keysOf("");
      if (keys.length > 0) await redis.del(...keys);
      redis.disconnect();
    },
  };
}
