import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createPostgresStore, migrationSql, type PgClient, type PostgresJsClient } from "../../src/idempotency/postgres.ts";
import { idempotencyStoreCases } from "../../src/testing/index.ts";
import { describeWith, postgresServer, registerCases, uniqueName } from "../suites/servers.ts";

const describePostgres = await describeWith(postgresServer);
const { url } = postgresServer;

interface Connection {
  readonly client: PgClient | PostgresJsClient;
  close(): unknown;
}

const connections: Readonly<Record<string, () => Promise<Connection>>> = {
  async "a Pool of pg"() {
    const client = new pg.Pool({ connectionString: url, max: 4 });
    return { client, close: () => client.end() };
  },
  async "a Client of pg"() {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return { client, close: () => client.end() };
  },
  async postgres() {
    const client = postgres(url, { max: 4, onnotice: () => undefined });
    return { client, close: () => client.end() };
  },
  async "postgres, with names and values rewritten"() {
    const text = { to: 25, from: [16, 20, 21, 23, 701, 1700], serialize: String, parse: (value: string) => value };
    const client = postgres(url, { max: 4, onnotice: () => undefined, transform: postgres.pascal, types: { text } });
    return { client, close: () => client.end() };
  },
};

describePostgres("createPostgresStore", () => {
  // What the tests look at the server with.
  let pool: pg.Pool;
  const schemas: string[] = [];
  beforeAll(() => {
    pool = new pg.Pool({ connectionString: url });
  });
  afterAll(async () => {
    for (const schema of schemas) await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await pool.end();
  });

  function newSchema(): string {
    const schema = uniqueName();
    schemas.push(schema);
    return schema;
  }

  /** Moves everything in a schema into the past, since the clock of the server is out of reach. */
  async function age(schema: string, milliseconds: number): Promise<void> {
    const passed = `${milliseconds} * interval '1 millisecond'`;
    await pool.query(`UPDATE ${schema}.webhook_events SET lease_ends_at = lease_ends_at - ${passed}, expires_at = expires_at - ${passed}`);
    await pool.query(`UPDATE ${schema}.webhook_jobs SET expires_at = expires_at - ${passed}`);
  }

  const countOf = async (table: string): Promise<number> => Number((await pool.query(`SELECT count(*) FROM ${table}`)).rows[0].count);

  for (const [name, open] of Object.entries(connections)) {
    describe(`with ${name}`, () => {
      const schema = newSchema();
      const opened: Connection[] = [];
      let turn = 0;
      afterAll(async () => {
        for (const { close } of opened) await close();
      });

      registerCases(
        it,
        idempotencyStoreCases({
          // Two connections in turn, for as many processes as the cases need.
          async open() {
            const index = turn++ % 2;
            opened[index] ??= await open();
            return createPostgresStore(opened[index].client, { schema });
          },
          advance: (milliseconds) => age(schema, milliseconds),
          async openClosed() {
            const { client, close } = await open();
            await close();
            return createPostgresStore(client, { schema });
          },
        }),
      );
    });
  }

  const claiming = { fingerprint: "f", leaseMs: 40, ttlMs: 60_000 };

  it("ends a lease by the clock of the server", async () => {
    const store = createPostgresStore(pool, { schema: newSchema() });
    const dead = await store.claim("k", claiming);
    expect(dead.state).toBe("claimed");
    await expect.poll(async () => (await store.claim("k", claiming)).state, { interval: 5 }).toBe("claimed");
    expect(await store.complete("k", dead.state === "claimed" ? dead.token : "", { ttlMs: 1000 })).toBe(false);
  });

  it("goes by the wall, also in a transaction, where now() stands still", async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const store = createPostgresStore(client, { schema: newSchema() });
      await store.migrate();
      await client.query("BEGIN");
      expect((await store.claim("k", claiming)).state).toBe("claimed");
      await expect.poll(async () => (await store.claim("k", claiming)).state, { interval: 5 }).toBe("claimed");
      await client.query("ROLLBACK");
    } finally {
      await client.end();
    }
  });

  it.each(["repeatable read", "serializable"])("works where the default isolation is %s", async (isolation) => {
    const strict = new pg.Pool({
      connectionString: url,
      max: 8,
      options: `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`,
    });
    try {
      const schema = newSchema();
      const stores = Array.from({ length: 4 }, () => createPostgresStore(strict, { schema }));
      await Promise.all(stores.map((store) => store.migrate()));
      const patient = { ...claiming, leaseMs: 60_000 };
      for (const key of ["a", "b", "c", "d", "e"]) {
        const claims = await Promise.all(Array.from({ length: 12 }, (_, index) => stores[index % 4]?.claim(key, patient)));
        expect(claims.filter((claim) => claim?.state === "claimed")).toHaveLength(1);
      }
    } finally {
      await strict.end();
    }
  });

  it("gives no dead token a new lease when the lease ends while it is looked at", async () => {
    const schema = newSchema();
    const store = createPostgresStore(pool, { schema, pruneEveryMs: false });
    const short = { ...claiming, leaseMs: 1 };
    for (let round = 0; round < 300; round++) {
      const first = await store.claim(`k${round}`, short);
      const second = await store.claim(`k${round}`, { ...claiming, leaseMs: 60_000 });
      // Whoever is told that somebody else holds the event is right about the lease, too.
      if (second.state === "in_progress") expect(second.retryAfterMs).toBeLessThanOrEqual(1);
      expect(first.state).toBe("claimed");
    }
  });

  it("recognises its own claim when the answer to the first attempt was lost", async () => {
    const schema = newSchema();
    let losing = true;
    const lossy: PgClient = {
      async query(text, values) {
        const answer = await pool.query(text, values);
        if (losing && values) throw new Error("connection reset");
        return answer;
      },
    };
    const store = createPostgresStore(lossy, { schema });
    const patient = { ...claiming, leaseMs: 60_000 };
    await expect(store.claim("k", patient)).rejects.toThrow("connection reset");
    losing = false;
    const states = await Promise.all(Array.from({ length: 5 }, async () => (await store.claim("k", patient)).state));
    expect(states.filter((state) => state === "claimed")).toHaveLength(1);
    expect((await createPostgresStore(pool, { schema }).claim("k", patient)).state).toBe("in_progress");
  });

  describe("migrates", () => {
    it("once, however many processes start at the same time", async () => {
      const schema = newSchema();
      const pools = Array.from({ length: 8 }, () => new pg.Pool({ connectionString: url, max: 1 }));
      await Promise.all(pools.map((each) => createPostgresStore(each, { schema }).migrate()));
      const patient = { ...claiming, leaseMs: 60_000 };
      const states = await Promise.all(pools.map(async (each) => (await createPostgresStore(each, { schema }).claim("k", patient)).state));
      expect(states.filter((state) => state === "claimed")).toHaveLength(1);
      expect((await pool.query(`SELECT version FROM ${schema}.webhook_migrations`)).rows).toEqual([{ version: 1 }]);
      await Promise.all(pools.map((each) => each.end()));
    });

    it("before the first operation, and again after it failed", async () => {
      const schema = newSchema();
      let failures = 1;
      const failing: PgClient = {
        query: async (text, values) => {
          if (failures-- > 0) throw new Error("starting up");
          return pool.query(text, values);
        },
      };
      const store = createPostgresStore(failing, { schema });
      await expect(store.claim("k", claiming)).rejects.toThrow("starting up");
      expect((await store.claim("k", claiming)).state).toBe("claimed");
    });

    it("once more when the first attempt hangs for long, or the tables are dropped", async () => {
      const schema = newSchema();
      let hangs = true;
      const client: PgClient = {
        query: (text, values) => (hangs ? new Promise(() => undefined) : pool.query(text, values)),
      };
      vi.useFakeTimers({ toFake: ["performance"] });
      try {
        const store = createPostgresStore(client, { schema, pruneEveryMs: false });
        store.claim("k", claiming);
        hangs = false;
        vi.advanceTimersByTime(5001);
        expect((await store.claim("k", claiming)).state).toBe("claimed");
        await pool.query(`DROP SCHEMA ${schema} CASCADE`);
        await expect(store.claim("k2", claiming)).rejects.toThrow(/missing/);
        expect((await store.claim("k2", claiming)).state).toBe("claimed");
      } finally {
        vi.useRealTimers();
      }
    });

    it("not with migrate: false, and says what to do where the tables are missing", async () => {
      const schema = newSchema();
      const store = createPostgresStore(pool, { schema, migrate: false });
      await expect(store.claim("k", claiming)).rejects.toThrow(/migrationSql/);
      await pool.query(migrationSql({ schema }));
      await pool.query(migrationSql({ schema }));
      expect((await store.claim("k", claiming)).state).toBe("claimed");
    });

    it("as a role without the right to create anything, when the tables are up to date", async () => {
      const schema = newSchema();
      await pool.query(migrationSql({ schema }));
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query(`CREATE ROLE ${schema} NOLOGIN`);
        await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${schema}`);
        await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${schema}`);
        await client.query(`SET ROLE ${schema}`);
        expect((await createPostgresStore(client, { schema }).claim("k", claiming)).state).toBe("claimed");
      } finally {
        await client.query("RESET ROLE");
        await client.query(`DROP OWNED BY ${schema}`);
        await client.query(`DROP ROLE ${schema}`);
        await client.end();
      }
    });

    it.each(["", "Upper", "a-b", 'a"b', "a'b", "1a", "a".repeat(64), 5])("refuses the schema %j", (schema) => {
      expect(() => createPostgresStore(pool, { schema: schema as string })).toThrow(ConfigurationError);
      expect(() => migrationSql({ schema: schema as string })).toThrow(ConfigurationError);
    });
  });

  describe("prunes", () => {
    it("what is over, and nothing else, however much there is", async () => {
      const schema = newSchema();
      const store = createPostgresStore(pool, { schema, pruneEveryMs: false });
      await store.migrate();
      const rows =
        "SELECT 'old' || n, 'f', NULL, clock_timestamp(), clock_timestamp() - interval '1 second' FROM generate_series(1, 2500) n";
      await pool.query(`INSERT INTO ${schema}.webhook_events ${rows}`);
      await pool.query(`INSERT INTO ${schema}.webhook_jobs SELECT 'old' || n, 1, 1, clock_timestamp() FROM generate_series(1, 1000) n`);
      const kept = await store.claim("kept", claiming);
      await store.observe("kept", { rank: 1, at: 1 }, { ttlMs: 60_000 });
      expect(await store.prune()).toBe(3500);
      expect(await store.prune()).toBe(0);
      expect([await countOf(`${schema}.webhook_events`), await countOf(`${schema}.webhook_jobs`)]).toEqual([1, 1]);
      expect(await store.complete("kept", kept.state === "claimed" ? kept.token : "", { ttlMs: 1000 })).toBe(true);
    });

    it("without waiting for rows that somebody else holds", async () => {
      const schema = newSchema();
      const store = createPostgresStore(pool, { schema, pruneEveryMs: false });
      await store.migrate();
      const rows = "SELECT 'old' || n, 'f', NULL, clock_timestamp(), clock_timestamp() FROM generate_series(1, 20) n";
      await pool.query(`INSERT INTO ${schema}.webhook_events ${rows}`);
      const holder = new pg.Client({ connectionString: url });
      await holder.connect();
      await holder.query("BEGIN");
      await holder.query(`SELECT FROM ${schema}.webhook_events WHERE key = 'old1' FOR UPDATE`);
      expect(await store.prune()).toBe(19);
      await holder.query("ROLLBACK");
      await holder.end();
      expect(await store.prune()).toBe(1);
    });

    it("by several at once, to the last", async () => {
      const schema = newSchema();
      const store = createPostgresStore(pool, { schema, pruneEveryMs: false });
      await store.migrate();
      const rows = "SELECT 'old' || n, 'f', NULL, clock_timestamp(), clock_timestamp() FROM generate_series(1, 5000) n";
      await pool.query(`INSERT INTO ${schema}.webhook_events ${rows}`);
      const pruned = await Promise.all(Array.from({ length: 4 }, () => store.prune()));
      await store.prune();
      expect(pruned.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(0);
      expect(await countOf(`${schema}.webhook_events`)).toBe(0);
    });

    it("beside the claims, by itself", async () => {
      const schema = newSchema();
      const store = createPostgresStore(pool, { schema, pruneEveryMs: 1 });
      const claim = await store.claim("old", claiming);
      await store.complete("old", claim.state === "claimed" ? claim.token : "", { ttlMs: 1 });
      await expect
        .poll(async () => {
          await store.claim("new", claiming);
          return countOf(`${schema}.webhook_events`);
        })
        .toBe(1);
    });

    it.each([0, -1, Number.NaN, "often"])("not every %j milliseconds", (pruneEveryMs) => {
      expect(() => createPostgresStore(pool, { pruneEveryMs: pruneEveryMs as number })).toThrow(ConfigurationError);
    });
  });

  it("asks one connection one thing at a time, which pg insists on", async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const warned: Error[] = [];
    const onWarning = (warning: Error): unknown => warned.push(warning);
    process.on("warning", onWarning);
    try {
      const store = createPostgresStore(client, { schema: newSchema() });
      await Promise.all(["a", "b", "c"].map((key) => store.claim(key, claiming)));
      await new Promise((resolve) => setImmediate(resolve));
      expect(warned).toEqual([]);
    } finally {
      process.off("warning", onWarning);
      await client.end();
    }
  });

  it("does not let a lost connection end the process, unless the application listens itself", async () => {
    const silent = new pg.Pool({ connectionString: url });
    createPostgresStore(silent);
    createPostgresStore(silent);
    expect(silent.listenerCount("error")).toBe(1);
  });
});

describe("createPostgresStore, given something else", () => {
  it.each([undefined, null, {}, "postgres://127.0.0.1/test", { connectionString: "postgres://127.0.0.1/test" }])("refuses %j", (client) => {
    expect(() => createPostgresStore(client as never)).toThrow(ConfigurationError);
  });
});
