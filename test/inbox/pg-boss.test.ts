import pg from "pg";
import { type ConstructorOptions, PgBoss } from "pg-boss";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createInbox } from "../../src/inbox/inbox.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { openPgBossInbox } from "../../src/inbox/pg-boss.ts";
import { checkPostgres } from "../../src/inbox/pg-boss-client.ts";
import { openPgBossStore } from "../../src/inbox/pg-boss-open.ts";
import { completePolicy } from "../../src/inbox/retry-policy.ts";
import type { AttemptEnd, ClaimedEvent, InboxStore } from "../../src/inbox/store.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { inboxStoreCases } from "../../src/testing/index.ts";
import { openRelay } from "../faults/relay.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { describeWith, postgresServer, registerCases, uniqueName, urlThrough } from "../suites/servers.ts";

const describePostgres = await describeWith(postgresServer);
const { url } = postgresServer;
const intervention = { by: "ada", reason: "the bucket is back" };
const done: AttemptEnd = { state: "done", result: "processed", milliseconds: 5 };
const failed: AttemptEnd = { state: "dead", result: "handler_failed", milliseconds: 5, reason: "Error: no" };

describePostgres("the inbox store on pg-boss", () => {
  // What the tests look at the server with.
  let pool: pg.Pool;
  const schemas: string[] = [];
  beforeAll(() => {
    pool = new pg.Pool({ connectionString: url, max: 2 });
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

  // One case waits for leases in real time.
  describe("in the suite", { timeout: 60_000 }, () => {
    const schema = newSchema();
    const heartbeatSeconds = 2;
    const time = { ahead: 0 };
    const beats: (() => Promise<void>)[] = [];
    const supervisor = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 1 });
    afterAll(() => supervisor.stop({ graceful: false }));

    /** Moves everything into the past, since the clock of the server is out of reach, and lets pg-boss look at it. */
    async function step(milliseconds: number): Promise<void> {
      time.ahead += milliseconds;
      const passed = `${milliseconds} * interval '1 millisecond'`;
      const columns = ["start_after", "heartbeat_on", "completed_on"].map((column) => `${column} = ${column} - ${passed}`);
      await pool.query(`UPDATE ${schema}.job SET ${columns.join(", ")}`);
      await pool.query(`UPDATE ${schema}.queue SET monitor_on = NULL, monitor_claim_on = NULL`);
      await Promise.all(beats.map((beat) => beat()));
      await supervisor.supervise();
    }

    registerCases(
      it,
      inboxStoreCases({
        granularityMs: 1500,
        async open(policy) {
          const store = await openPgBossStore({ connectionString: url, schema, connections: 4 }, policy, {
            heartbeatSeconds,
            clock: () => performance.now() + time.ahead,
            onLeases: (beat) => beats.push(beat),
          });
          await supervisor.start();
          return store;
        },
        async advance(milliseconds) {
          // Until the heartbeat is missed, and then until the wait of pg-boss, of at most 2 seconds, is over.
          const until = milliseconds + heartbeatSeconds * 1000 + 2000;
          for (let passed = 0; passed < until; passed += 500) await step(500);
        },
      }),
    );
  });

  const source = "konpro/default";
  const event = (name: string, more: Partial<InboxEvent> = {}): InboxEvent => ({
    provider: "konpro",
    endpoint: "default",
    type: "job.done",
    id: `konpro/default/job.done/${name}`,
    fingerprint: "a".repeat(64),
    rawBody: new TextEncoder().encode(JSON.stringify({ name })),
    headers: {},
    authenticity: { method: "none" },
    receivedAt: 1_800_000_000_000,
    ...more,
  });
  const claim = (store: InboxStore, limit = 10, from = source) => store.claim({ sources: [from], limit, leaseMs: 60_000 });
  const entries = async (store: InboxStore) => (await store.list({}, { limit: 100 })).entries;
  const deadLetters = async (schema: string): Promise<number> =>
    Number((await pool.query(`SELECT count(*) FROM ${schema}.job WHERE name = 'dead-letters'`)).rows[0].count);

  /** A store in a schema of its own, closed after the test. */
  async function withStore(
    test: (store: InboxStore, schema: string, another: (attempts?: number) => Promise<InboxStore>) => Promise<void>,
    connectionString = url,
  ): Promise<void> {
    const schema = newSchema();
    const opened: InboxStore[] = [];
    const open = async (attempts = 8): Promise<InboxStore> => {
      const store = await openPgBossStore({ connectionString, schema, connections: 4 }, completePolicy({ attempts }));
      opened.push(store);
      return store;
    };
    try {
      await test(await open(), schema, open);
    } finally {
      await Promise.all(opened.map((store) => store.close()));
    }
  }

  it("sets up its queues so that nothing is deleted and a lost worker is noticed", () =>
    withStore(async (store, schema) => {
      await store.put(event("a"));
      const { rows } = await pool.query(`SELECT * FROM ${schema}.queue WHERE name IN ('${source}', 'dead-letters') ORDER BY name`);
      const [letters, queue] = rows;
      expect(queue).toMatchObject({
        policy: "standard",
        retry_limit: 7,
        retry_delay: 1,
        retry_backoff: true,
        retry_delay_max: 900,
        expire_seconds: 86_400,
        deletion_seconds: 0,
        dead_letter: "dead-letters",
        heartbeat_seconds: 30,
      });
      expect(queue.retention_seconds).toBeGreaterThan(50 * 365 * 86_400);
      expect(letters).toMatchObject({ deletion_seconds: 0, retention_seconds: queue.retention_seconds });
      const [job] = (await pool.query(`SELECT * FROM ${schema}.job`)).rows;
      expect(job).toMatchObject({ heartbeat_seconds: 30, retry_limit: 7, deletion_seconds: 0, dead_letter: "dead-letters" });
      expect(job.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }));

  it("gives pg-boss an instance that looks for lost workers every ten seconds, and one for deliveries that does not", async () => {
    const given: Record<string, unknown>[] = [];
    // The real one, which also tells what it was given.
    class Telling extends PgBoss {
      constructor(options: ConstructorOptions) {
        super(options);
        given.push(options as Record<string, unknown>);
      }
    }
    vi.doMock("pg-boss", () => ({ PgBoss: Telling }));
    try {
      await withStore(async (_store, schema) => {
        const common = { connectionString: url, schema, schedule: false, keepAlive: true };
        const supervision = { supervise: true, superviseIntervalSeconds: 10, monitorIntervalSeconds: 10, max: 3 };
        const limits = { supervise: false, migrate: false, max: 4, query_timeout: 10_000, connectionTimeoutMillis: 5000 };
        expect(given).toEqual([expect.objectContaining({ ...common, ...supervision }), expect.objectContaining({ ...common, ...limits })]);
      });
    } finally {
      vi.doUnmock("pg-boss");
    }
  });

  // Shipped settings and nobody's help: of 30 to 45 seconds, the first 30 are moved into the past.
  it("takes an event whose worker died again within 15 seconds after its heartbeat is missed", { timeout: 60_000 }, () =>
    withStore(async (store, schema, another) => {
      await store.put(event("a"));
      const dead = await another();
      const [lost] = await dead.claim({ sources: [source], limit: 1, leaseMs: 1 });
      expect(lost?.attempt).toBe(1);
      await dead.close();
      await pool.query(`UPDATE ${schema}.job SET heartbeat_on = heartbeat_on - interval '30 seconds' WHERE state = 'active'`);
      const from = performance.now();
      let next: ClaimedEvent | undefined;
      while (next === undefined && performance.now() - from < 50_000) {
        [next] = await claim(store);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(next?.attempt).toBe(2);
      expect(performance.now() - from).toBeLessThan(15_000);
    }),
  );

  it.each(["x", undefined])("rejects an event whose body is %o, and takes the others of its turn", (rawBody) =>
    withStore(async (store) => {
      const events = [event("a"), event("bad", { rawBody: rawBody as never }), event("b")];
      const ends = await Promise.allSettled(events.map((each) => store.put(each)));
      expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(await entries(store)).toHaveLength(2);
    }),
  );

  it("changes the settings of queues that are there, and leaves events the attempts they came with", () =>
    withStore(async (store, schema, another) => {
      await store.put(event("a"));
      const other = await another(2);
      await other.put(event("b"));
      expect((await pool.query(`SELECT retry_limit FROM ${schema}.queue WHERE name = '${source}'`)).rows).toEqual([{ retry_limit: 1 }]);
      const runs = new Map<string, string[]>();
      for (let run = 1; run <= 3; run++) {
        for (const claimed of await claim(store)) {
          await store.settle(claimed, { state: "retry", result: "handler_failed", milliseconds: 1, reason: "Error: no", afterMs: 0 });
          const name = claimed.event.id.at(-1) as string;
          const state = (await store.get(claimed.entry, { payload: false }))?.state as string;
          runs.set(name, [...(runs.get(name) ?? []), `${claimed.attempt} ${state}`]);
        }
      }
      expect(Object.fromEntries(runs)).toEqual({ a: ["1 retry", "2 retry", "3 retry"], b: ["1 retry", "2 dead"] });
    }));

  it("gives each event to one of many instances that claim and settle at once", () =>
    withStore(async (first, _schema, another) => {
      const stores = [first, await another(), await another(), await another()];
      const count = 120;
      const puts = Array.from({ length: count * 2 }, (_, index) =>
        (stores[index % stores.length] as InboxStore).put(event(String(index % count))),
      );
      expect((await Promise.all(puts)).filter(({ duplicate }) => !duplicate)).toHaveLength(count);
      const handled: string[] = [];
      const drain = async (store: InboxStore): Promise<void> => {
        for (let batch = await claim(store, 5); batch.length > 0; batch = await claim(store, 5)) {
          const settled = await Promise.all(batch.map((each) => store.settle(each, done)));
          expect(settled).toEqual(batch.map(() => true));
          handled.push(...batch.map((each) => each.event.id));
        }
      };
      await Promise.all([...stores, ...stores].map(drain));
      expect([handled.length, new Set(handled).size]).toEqual([count, count]);
      const { states, types } = await first.stats();
      expect([states.done, types[0]?.processed]).toEqual([count, count]);
    }));

  it("does not wait for itself when many operations come at once on few connections", () =>
    withStore(async (store, _schema, another) => {
      for (let index = 0; index < 20; index++) await store.put(event(String(index)));
      // It does not know the queue yet.
      const other = await another();
      const claimed = (await Promise.all(Array.from({ length: 20 }, () => claim(other, 1)))).flat();
      expect(claimed).toHaveLength(20);
      await Promise.all(claimed.map((each) => other.settle(each, failed)));
      const ids = claimed.map(({ entry }) => entry);
      const replayed = await Promise.all(ids.map((entry) => other.replay([entry], intervention)));
      expect(replayed).toEqual(ids.map(() => 1));
    }));

  it("copies a dead letter to the dead-letter queue, and takes it out again for a replay", () =>
    withStore(async (store, schema) => {
      await store.put(event("a"));
      const seen: number[] = [];
      for (let run = 1; run <= 3; run++) {
        const [claimed] = (await claim(store)) as [ClaimedEvent];
        seen.push(claimed.attempt);
        expect(await store.settle(claimed, failed)).toBe(true);
        expect([await deadLetters(schema), await store.put(event("a"))]).toEqual([1, { duplicate: true }]);
        expect(await entries(store)).toMatchObject([{ state: "dead", attempts: 1, reason: "Error: no" }]);
        expect(await store.replay({ state: "dead" }, intervention)).toBe(1);
        expect(await deadLetters(schema)).toBe(0);
        const [entry] = await entries(store);
        expect(entry).toMatchObject({ state: "received", attempts: 0 });
        expect(entry).not.toHaveProperty("reason");
      }
      expect(seen).toEqual([1, 1, 1]);
      expect(await store.discard({ state: "received" }, intervention)).toBe(1);
      expect(await entries(store)).toMatchObject([{ state: "dead", reason: intervention.reason }]);
      expect(await store.replay({ state: "dead" }, intervention)).toBe(1);
      const [again] = (await claim(store)) as [ClaimedEvent];
      expect(again.attempt).toBe(1);
      await store.settle(again, failed);
      expect(await store.prune({ olderThanDays: 0, deadOlderThanDays: 0 })).toBe(1);
      expect([await deadLetters(schema), (await pool.query(`SELECT FROM ${schema}.inbox_transitions`)).rowCount]).toEqual([0, 0]);
    }));

  it("does not hand out what somebody moves out of the dead-letter queue after it was handled", () =>
    withStore(async (store, schema) => {
      for (const name of ["handled", "open"]) await store.put(event(name));
      for (const claimed of await claim(store)) await store.settle(claimed, failed);
      const boss = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 1 });
      await boss.start();
      expect(await boss.redrive("dead-letters")).toBe(2);
      await boss.stop({ graceful: false });
      // Its first job is completed by way of a replay meanwhile, while the copy waits.
      await pool.query(`UPDATE ${schema}.job SET start_after = now() + interval '1 hour' WHERE source_root_id IS NOT NULL`);
      await store.replay({ id: event("handled").id }, intervention);
      const [claimed] = (await claim(store)) as [ClaimedEvent];
      expect(claimed.event.id).toBe(event("handled").id);
      await store.settle(claimed, done);
      await pool.query(`UPDATE ${schema}.job SET start_after = now() WHERE source_root_id IS NOT NULL`);
      expect((await claim(store)).map(({ event: { id }, attempt }) => [id, attempt])).toEqual([[event("open").id, 1]]);
      expect(await claim(store)).toEqual([]);
    }));

  it("tells the claims of a replayed event from those before, although pg-boss counts anew", () =>
    withStore(async (store, schema) => {
      await store.put(event("a"));
      const [lost] = (await claim(store)) as [ClaimedEvent];
      // As after a heartbeat that was missed.
      await pool.query(`UPDATE ${schema}.job SET state = 'retry', start_after = now()`);
      const [next] = (await claim(store)) as [ClaimedEvent];
      await store.settle(next, done);
      await store.replay([next.entry], intervention);
      const [replayed] = (await claim(store)) as [ClaimedEvent];
      expect([lost.attempt, next.attempt, replayed.attempt]).toEqual([1, 2, 1]);
      for (const stale of [lost, next]) {
        const ends = [await store.settle(stale, done), await store.settle(stale, failed), await store.release(stale)];
        expect([...ends, await store.extend(stale, 1000)]).toEqual([false, false, false, false]);
      }
      expect(await store.settle(replayed, done)).toBe(true);
    }));

  it("keeps what is odd: NUL, lone surrogates, long types, endpoints that no queue can be named after", () =>
    withStore(async (store) => {
      const endpoint = "tenant_1/a:b%c'd";
      const odd = event("odd", {
        endpoint,
        id: "konpro/\0\ud800/x",
        type: `\0${"long ".repeat(2000)}`,
        headers: { "x-odd": "\0\udfff'\"\\u0000" },
      });
      expect(await store.put(odd)).toEqual({ duplicate: false });
      expect(await store.put(odd)).toEqual({ duplicate: true });
      expect(await store.dueSources()).toEqual([`konpro/${endpoint}`]);
      const [claimed] = (await claim(store, 1, `konpro/${endpoint}`)) as [ClaimedEvent];
      expect(claimed.event).toEqual(odd);
      expect(await store.settle(claimed, { ...failed, reason: "\0 is \ud800" } as AttemptEnd)).toBe(true);
      const found = (await store.list({ endpoint, type: odd.type, id: odd.id }, { limit: 10 })).entries;
      expect(found).toMatchObject([{ state: "dead", endpoint, id: odd.id, type: odd.type, reason: " is \ufffd" }]);
      expect(await store.replay([claimed.entry], { by: "\0", reason: "\ud800" })).toBe(1);
    }));

  it("keeps a job that is none of ours, and goes on", () =>
    withStore(async (store, schema) => {
      await store.put(event("a"));
      const boss = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 1 });
      await boss.start();
      await boss.send(source, { hello: "world" }, { priority: 1 });
      await boss.stop({ graceful: false });
      const claimed = await claim(store);
      expect(claimed.map(({ event: { id } }) => id)).toEqual([event("a").id]);
      expect((await store.stats()).states).toMatchObject({ processing: 1, dead: 1 });
      expect(await entries(store)).toHaveLength(2);
    }));

  it("tells what a crash has ended, once, also after a replay and when it is pruned", () =>
    withStore(async (_store, schema, another) => {
      const store = await another(2);
      const supervisor = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 1 });
      await supervisor.start();
      const crash = async (attempt: number): Promise<void> => {
        await pool.query(`UPDATE ${schema}.job SET start_after = now() WHERE state < 'active'`);
        expect(await claim(store)).toMatchObject([{ attempt }]);
        await pool.query(`UPDATE ${schema}.job SET heartbeat_on = now() - interval '1 hour'`);
        await pool.query(`UPDATE ${schema}.queue SET monitor_on = NULL, monitor_claim_on = NULL`);
        await supervisor.supervise();
      };
      const failures = async (): Promise<unknown> =>
        (await store.stats()).types.map(({ provider, type, failed }) => [provider, type, failed]);
      try {
        await store.put(event("a"));
        await crash(1);
        expect(await entries(store)).toMatchObject([{ state: "retry", attempts: 1, reason: "The process died in an attempt." }]);
        expect(await failures()).toEqual([]);
        for (let run = 1; run <= 2; run++) {
          if (run === 2) await crash(1);
          await crash(2);
          const reason = "The process died in the last attempt.";
          const [entry] = await entries(store);
          expect(entry).toMatchObject({ state: "dead", attempts: 2, reason });
          const details = await store.get(String(entry?.entry), { payload: false });
          expect(details?.history.at(-1)).toEqual({ at: entry?.finishedAt, attempt: 2, to: "dead", result: "crashed", reason });
          expect(await failures()).toEqual([["konpro", "job.done", run]]);
          if (run === 1) expect(await store.replay({ state: "dead" }, intervention)).toBe(1);
        }
        const [entry] = await entries(store);
        const history = (await store.get(String(entry?.entry), { payload: false }))?.history.map(({ result }) => result);
        const lost = ["claimed", "claimed", "crashed"];
        expect(history).toEqual([...lost, "replayed", ...lost]);
        expect(await store.prune({ olderThanDays: 0, deadOlderThanDays: 0 })).toBe(1);
        expect(await failures()).toEqual([["konpro", "job.done", 2]]);
      } finally {
        await supervisor.stop({ graceful: false });
      }
    }));

  it.each([
    ["off", "on"],
    ["local", "local"],
    ["remote_apply", "remote_apply"],
  ])("commits what it acknowledges with synchronous_commit = %s as %s", async (given, found) => {
    const through = new URL(url);
    through.searchParams.set("options", `-c synchronous_commit=${given}`);
    await withStore(async (store, schema) => {
      await pool.query(`CREATE TABLE ${schema}.seen (what text, setting text)`);
      await pool.query(`CREATE FUNCTION ${schema}.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ${schema}.seen VALUES (NEW.state, current_setting('synchronous_commit')); RETURN NULL; END $$`);
      await pool.query(`CREATE TRIGGER see AFTER INSERT OR UPDATE ON ${schema}.job FOR EACH ROW EXECUTE FUNCTION ${schema}.see()`);
      for (const name of ["handled", "waiting"]) await store.put(event(name));
      const [claimed] = (await claim(store, 1)) as [ClaimedEvent];
      await store.settle(claimed, done);
      await store.discard({ state: "received" }, intervention);
      const { rows } = await pool.query(`SELECT DISTINCT what, setting FROM ${schema}.seen WHERE what <> 'active' ORDER BY what`);
      expect(rows).toEqual(["cancelled", "completed", "created"].map((what) => ({ what, setting: found })));
    }, through.href);
  });

  it("warns of a server that syncs nothing to disk", async () => {
    const [schema, shadow] = [newSchema(), newSchema()];
    await pool.query(`CREATE SCHEMA ${shadow}`);
    // As such a server answers; the setting itself needs a restart.
    await pool.query(`CREATE FUNCTION ${shadow}.current_setting(name text, missing_ok boolean) RETURNS text LANGUAGE sql
      AS $$ SELECT CASE name WHEN 'fsync' THEN 'off' ELSE pg_catalog.current_setting(name, missing_ok) END $$`);
    const through = new URL(url);
    through.searchParams.set("options", `-c search_path=${shadow},pg_catalog,public`);
    const warnings: string[] = [];
    const onWarning = (message: string): unknown => warnings.push(message);
    await (await openPgBossInbox({ connectionString: through.href, schema, connections: 2, onWarning })).close();
    expect(warnings).toEqual([expect.stringContaining("fsync = off")]);
  });

  describe("when Postgres goes away", () => {
    it("row 15: has senders asked to come again, and is back when Postgres is", { timeout: 60_000 }, async () => {
      const relay = await openRelay(postgresServer);
      const ends = async (operation: () => Promise<unknown>): Promise<string> => {
        const from = performance.now();
        const end = await operation().then(
          () => "resolved",
          () => "rejected",
        );
        return performance.now() - from < 2000 ? end : `${end} late`;
      };
      const recovers = (store: InboxStore, name: string): Promise<void> =>
        expect
          .poll(
            () =>
              store.put(event(name)).then(
                () => "stored",
                () => "rejected",
              ),
            { timeout: 20_000 },
          )
          .toBe("stored");
      const deliverTo = async (store: InboxStore) =>
        createRouter(heygen({ secret }), { inbox: createInbox(store) })
          .onError(() => undefined)
          .receive(await signed(success("v")));
      try {
        await withStore(
          async (store) => {
            await store.put(event("before"));
            const [claimed] = (await claim(store)) as [ClaimedEvent];

            await relay.cut();
            expect(await Promise.all([1, 2, 3].map((name) => ends(() => store.put(event(`cut${name}`)))))).toEqual(
              Array(3).fill("rejected"),
            );
            expect(await ends(() => store.settle(claimed, done))).toBe("rejected");
            expect(await store.health()).toMatchObject({ live: true, ready: false });
            expect(await deliverTo(store)).toMatchObject({ result: "store_unavailable", status: 503, retryAfterSeconds: 5 });
            await relay.restore();
            await recovers(store, "cut1");
            expect(await store.settle(claimed, done)).toBe(true);
            expect(await store.health()).toEqual({ live: true, ready: true });

            relay.hang();
            expect(await Promise.all([1, 2, 3].map((name) => ends(() => store.put(event(`hung${name}`)))))).toEqual(
              Array(3).fill("rejected"),
            );
            expect(await ends(() => store.health())).toBe("resolved");
            expect(await deliverTo(store)).toMatchObject({ result: "store_unavailable", status: 503, retryAfterSeconds: 5 });
            relay.resume();
            await recovers(store, "hung1");
            const names = (await entries(store)).map(({ id }) => id.split("/").at(-1));
            expect(names).toEqual(expect.arrayContaining(["before", "cut1", "hung1"]));
            expect(new Set(names).size).toBe(names.length);
          },
          urlThrough(postgresServer, relay.port),
        );
      } finally {
        await relay.close();
      }
    });
  });
});

describe("openPgBossInbox", () => {
  it.each([
    [{ connectionString: " " }, /connectionString/],
    [{ connectionString: url, schema: "Not-Plain" }, /schema/],
    [{ connectionString: url, schema: "a".repeat(51) }, /schema/],
    [{ connectionString: url, connections: 1 }, /connections/],
    [{ connectionString: url, attempts: 0 }, /attempts/],
  ])("refuses %j", async (options, reason) => {
    const error: unknown = await openPgBossInbox(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toMatch(reason);
  });

  it.each([["on"], [null], [undefined]])("has nothing to warn of where fsync is %s", async (fsync) => {
    const warnings: string[] = [];
    const rows = fsync === undefined ? [] : [{ fsync }];
    await checkPostgres({ executeSql: async () => ({ rows }) }, (message) => warnings.push(message));
    expect(warnings).toEqual([]);
  });

  it("says what to install when pg-boss is missing, or is another version", async () => {
    vi.doMock("pg-boss", () => ({ PgBoss: undefined }));
    await expect(openPgBossInbox({ connectionString: url })).rejects.toThrow(/npm install pg-boss@12/);
    vi.doMock("pg-boss", () => {
      throw new Error("Cannot find package 'pg-boss'");
    });
    await expect(openPgBossInbox({ connectionString: url })).rejects.toThrow(/Install it: npm install pg-boss@12/);
    vi.doUnmock("pg-boss");
  });

  it("rejects as Postgres does when there is none, and leaves nothing open", async () => {
    await expect(openPgBossInbox({ connectionString: "postgres://postgres@127.0.0.1:1/test" })).rejects.toThrow(/ECONNREFUSED/);
  });
});
