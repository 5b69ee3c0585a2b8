// Imports the package by its name: worker processes run without a bundler, and faults concern what is shipped. Drivers are loaded when they
// are needed, since dozens of processes start here.

import type { IdempotencyStore } from "video-webhooks/idempotency";
import { createGetThenSetStore } from "./get-then-set-store.ts";

/** The client through which a store is reached. */
export type Driver = "ioredis" | "redis" | "pg" | "postgres" | "get-then-set";

/** Where a store is. */
export interface StorePlace {
  readonly driver: Driver;
  readonly url: string;
  /** The prefix or the schema of the test. */
  readonly space: string;
  /** At most so many connections of a pool. */
  readonly connections?: number;
}

/** A store on a connection of its own. */
export interface OpenedStore {
  readonly store: IdempotencyStore;
  close(): Promise<unknown>;
}

/** Opens a store. Does not wait for the server, which may be away. */
export async function openStore({ driver, url, space, connections = 10 }: StorePlace): Promise<OpenedStore> {
  const prefix = `${space}:`;
  switch (driver) {
    case "ioredis":
    case "get-then-set": {
      const { Redis } = await import("ioredis");
      const { createRedisStore } = await import("video-webhooks/idempotency/redis");
      // It would print each failed attempt to connect.
      const client = new Redis(url).on("error", () => undefined);
      const store = driver === "ioredis" ? createRedisStore(client, { prefix }) : createGetThenSetStore(client, prefix);
      return { store, close: async () => client.disconnect() };
    }
    case "redis": {
      const { createClient } = await import("redis");
      const { createRedisStore } = await import("video-webhooks/idempotency/redis");
      const client = createClient({ url });
      const store = createRedisStore(client, { prefix });
      client.connect().catch(() => undefined);
      return { store, close: async () => client.destroy() };
    }
    case "pg": {
      const { Pool } = (await import("pg")).default;
      const { createPostgresStore } = await import("video-webhooks/idempotency/postgres");
      const client = new Pool({ connectionString: url, max: connections });
      return { store: createPostgresStore(client, { schema: space }), close: () => client.end() };
    }
    case "postgres": {
      const { default: postgres } = await import("postgres");
      const { createPostgresStore } = await import("video-webhooks/idempotency/postgres");
      // By default its connections wait for up to 20 seconds before they come back, since they count their failures together.
      const client = postgres(url, { max: connections, backoff: () => 0.5, onnotice: () => undefined });
      return { store: createPostgresStore(client, { schema: space }), close: () => client.end({ timeout: 1 }) };
    }
  }
}
