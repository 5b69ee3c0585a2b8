// Compiled only. The stores take the real clients; each `@ts-expect-error` names what it guards.
import { Cluster, type Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import pg from "pg";
import postgres from "postgres";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import { createClient as createClient5, createCluster as createCluster5, createClientPool as createPool5 } from "redis-5";
import { createMemoryStore } from "../../../src/idempotency/index.ts";
import { createPostgresStore, migrationSql, type PostgresStore } from "../../../src/idempotency/postgres.ts";
import { createRedisStore } from "../../../src/idempotency/redis.ts";
import type { IdempotencyStore } from "../../../src/idempotency/store.ts";
import { createRouter } from "../../../src/index.ts";
import { heygen } from "../../../src/providers/heygen.ts";
import { idempotencyStoreCases } from "../../../src/testing/index.ts";

declare const ioredis: Redis;
declare const poolClient: pg.PoolClient;

const stores: readonly IdempotencyStore[] = [
  createRedisStore(ioredis),
  createRedisStore(new Redis5({ lazyConnect: true })),
  createRedisStore(new Cluster([])),
  createRedisStore(createClient()),
  createRedisStore(createClient({ RESP: 3 }), { prefix: "app:" }),
  createRedisStore(createClientPool()),
  createRedisStore(createCluster({ rootNodes: [] })),
  createRedisStore(createSentinel({ name: "main", sentinelRootNodes: [] })),
  createRedisStore(createClient5()),
  createRedisStore(createPool5()),
  createRedisStore(createCluster5({ rootNodes: [] })),
  createPostgresStore(new pg.Pool()),
  createPostgresStore(new pg.Client()),
  createPostgresStore(poolClient),
  createPostgresStore(postgres()),
  createPostgresStore(postgres({ types: { bigint: postgres.BigInt } }), { schema: "app", migrate: false, pruneEveryMs: false }),
  createMemoryStore(),
];
for (const idempotency of stores) createRouter(heygen({ secret: "a-long-secret" }), { idempotency, staleEvents: "skip" });

const store: PostgresStore = createPostgresStore(new pg.Pool());
const pruned: Promise<number> = store.prune();
const sql: string = migrationSql();
void [pruned, sql, store.migrate()];

// @ts-expect-error a connection string is no client
createRedisStore("redis://127.0.0.1:6379");
// @ts-expect-error a connection string is no client
createPostgresStore("postgres://127.0.0.1/test");
// @ts-expect-error a client of the other database
createRedisStore(new pg.Pool());
// @ts-expect-error a client of the other database
createPostgresStore(ioredis);
// @ts-expect-error an option with a typo
createRedisStore(ioredis, { prefx: "app:" });
// @ts-expect-error an option with a typo
createPostgresStore(new pg.Pool(), { shema: "app" });
// @ts-expect-error a policy that does not exist
createRouter(heygen({ secret: "a-long-secret" }), { staleEvents: "drop" });

createRouter(heygen({ secret: "a-long-secret" })).onAny((_event, context) => {
  const stale: boolean = context.stale;
  // @ts-expect-error a handler cannot change it
  context.stale = stale;
});

for (const { name, skipped, run } of idempotencyStoreCases({ open: () => createMemoryStore() })) {
  const parts: [string, string | undefined, Promise<void>] = [name, skipped, run()];
  void parts;
}
// @ts-expect-error open is required
idempotencyStoreCases({ advance: () => undefined });
