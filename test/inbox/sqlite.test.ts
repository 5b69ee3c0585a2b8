import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { hasWalResetFix, isBusy, openNodeSqlite, type SqliteDatabase } from "../../src/inbox/sqlite-driver.ts";
import { migrate } from "../../src/inbox/sqlite-schema.ts";
import { createSqliteStore } from "../../src/inbox/sqlite-store.ts";
import { createWriter } from "../../src/inbox/sqlite-writer.ts";
import type { PruneProgress } from "../../src/inbox/store.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { RetryLater } from "../../src/signals.ts";
import { inboxStoreCases } from "../../src/testing/index.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { registerCases } from "../suites/servers.ts";
import { toBytes } from "../suites/signer.ts";

const folder = mkdtempSync(path.join(tmpdir(), "inbox-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newFile = (): string => path.join(folder, `${++files}.db`);

// Its types are a package of their own, of which the few members here are not worth it.
const { default: BetterSqlite } = (await import("better-sqlite3" as string)) as {
  default: new (file: string, options: { readonly timeout: number }) => SqliteDatabase;
};

function eventOf(name: string, bytes = 10): InboxEvent {
  return {
    provider: "heygen",
    endpoint: "default",
    type: "avatar_video.success",
    id: `heygen/default/avatar_video.success/${name}`,
    fingerprint: "a".repeat(64),
    rawBody: new Uint8Array(bytes),
    headers: {},
    authenticity: { method: "none" },
    receivedAt: Date.now() + 0.5,
  };
}

const drivers: Readonly<Record<string, (file: string) => Promise<SqliteDatabase>>> = {
  "node:sqlite": openNodeSqlite,
  "better-sqlite3": async (file) => new BetterSqlite(file, { timeout: 0 }),
};

describe.each(Object.entries(drivers))("the inbox store in SQLite through %s", (_name, open) => {
  const file = newFile();
  const time = { ahead: 0 };

  registerCases(
    it,
    inboxStoreCases({
      async open(policy) {
        const database = await open(file);
        for (const setting of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]) database.exec(`PRAGMA ${setting}`);
        const writer = createWriter(database);
        await writer.write(() => migrate(database));
        return createSqliteStore({ database, writer, policy, clock: () => Date.now() + time.ahead });
      },
      advance(milliseconds) {
        time.ahead += milliseconds;
      },
    }),
  );

  it("sees a lock of another connection as one, and waits for it without blocking", async () => {
    const shared = newFile();
    const [holder, waiting] = [await open(shared), await open(shared)];
    for (const each of [holder, waiting]) {
      each.exec("PRAGMA busy_timeout = 0");
      each.exec("PRAGMA journal_mode = WAL");
    }
    holder.exec("CREATE TABLE t (n INTEGER)");
    holder.exec("BEGIN IMMEDIATE");
    let busy: unknown;
    try {
      waiting.exec("BEGIN IMMEDIATE");
    } catch (error) {
      busy = error;
    }
    expect(isBusy(busy)).toBe(true);
    const writer = createWriter(waiting);
    let written = false;
    const writing = writer
      .write(() => waiting.prepare("INSERT INTO t VALUES (1)").run())
      .then(() => {
        written = true;
      });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(written).toBe(false);
    holder.exec("COMMIT");
    await writing;
    expect(holder.prepare("SELECT n FROM t").all()).toEqual([expect.objectContaining({ n: 1 })]);
    holder.close();
    waiting.close();
  });
});

describe("a store whose file has many events", () => {
  const source = "heygen/default";
  const operator = { by: "a test", reason: "to be busy" };

  /** A store in a new file, whose clock is `time.now`. */
  async function newStore() {
    const file = newFile();
    const database = await openNodeSqlite(file);
    for (const setting of ["journal_mode = WAL", "foreign_keys = ON"]) database.exec(`PRAGMA ${setting}`);
    const writer = createWriter(database);
    await writer.write(() => migrate(database));
    const time = { now: Date.now() };
    const again = () =>
      createSqliteStore({ database, writer, policy: { attempts: 3, backoffMs: 1, maxBackoffMs: 1 }, clock: () => time.now });
    return { file, database, time, store: again(), again };
  }

  /** Adds events that nobody had to deliver. */
  function add(
    database: SqliteDatabase,
    amount: number,
    { state, attempts = 1, dueAt = null as number | null }: { state: string; attempts?: number; dueAt?: number | null },
  ): void {
    database
      .prepare(
        `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
         INSERT INTO events (source, provider, endpoint, type, id, fingerprint, state, attempts, due_at, received_at, finished_at)
         SELECT '${source}', 'heygen', 'default', 'a', 'many/' || n, '', ?, ?, ?, 1, 1 FROM numbers`,
      )
      .run(amount, state, attempts, dueAt);
  }

  const claim = (store: { claim: ReturnType<typeof createSqliteStore>["claim"] }) =>
    store.claim({ sources: [source], limit: 10, leaseMs: 1000 });

  it("hands out what was received before the clock was set back, in this process and in the next one", async () => {
    const { store, again, time } = await newStore();
    expect(await claim(store)).toEqual([]);
    await store.put(eventOf("a"));
    time.now -= 3_600_000;
    expect(await claim(store)).toHaveLength(1);
    await store.put(eventOf("b"));
    time.now -= 3_600_000;
    const next = again();
    expect((await next.stats()).oldestDueMs).toBeUndefined();
    expect(await claim(next)).toHaveLength(1);
    await store.put(eventOf("c"));
    // As clocks are that are kept in step with others.
    time.now -= 100;
    expect(await claim(next)).toEqual([]);
    time.now += 100;
    expect(await claim(next)).toHaveLength(1);
    await next.close();
  });

  it("buries as many as have died in their last attempt, and claims what is behind them", async () => {
    const { store, database } = await newStore();
    add(database, 2500, { state: "processing", attempts: 3, dueAt: 1 });
    await store.put(eventOf("a"));
    expect(await claim(store)).toMatchObject([{ event: { id: eventOf("a").id } }]);
    expect((await store.stats()).states).toMatchObject({ dead: 2500, processing: 1 });
    await store.close();
  });

  it("ends a replay and a prune that are under way before it closes", async () => {
    for (const under of ["replay", "prune"] as const) {
      const { file, store, database } = await newStore();
      add(database, 5000, { state: "done" });
      const ending = under === "replay" ? store.replay({ state: "done" }, operator) : store.prune({ olderThanDays: 0 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await store.close();
      expect(await ending).toBe(5000);
      const after = await openNodeSqlite(file);
      expect(after.prepare("SELECT count(*) AS left FROM events WHERE state = 'done'").get()).toEqual({ left: 0 });
      after.close();
    }
  });

  it("takes deliveries while another process replays everything", async () => {
    const { file, store, database } = await newStore();
    add(database, 20_000, { state: "done" });
    const other = new Worker(new URL("bulk-worker.ts", import.meta.url), { workerData: file });
    const ended = once(other, "exit");
    await once(other, "message");
    let replayed: number | undefined;
    other.once("message", (amount: number) => {
      replayed = amount;
    });
    const from = performance.now();
    let longest = 0;
    for (let taken = 0; replayed === undefined; taken++) {
      const asked = performance.now();
      await store.put(eventOf(String(taken)));
      longest = Math.max(longest, performance.now() - asked);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(replayed).toBe(20_000);
    // There are twenty chunks, and a delivery waits for one of them or two.
    expect(longest).toBeLessThan((performance.now() - from) / 5);
    await ended;
    await store.close();
  });
});

describe("openSqliteInbox", () => {
  const router = (inbox: Awaited<ReturnType<typeof openSqliteInbox>>) => createRouter(heygen({ unsigned: true }), { inbox });
  const deliver = (to: ReturnType<typeof router>, body: string) => to.receive({ method: "POST", url: "/", headers: {}, body });

  it("opens a file, keeps events in it, and finds them again", async () => {
    const file = newFile();
    const first = await openSqliteInbox({ path: file });
    expect(await deliver(router(first), success("v"))).toMatchObject({ result: "accepted" });
    await first.close();
    const second = await openSqliteInbox({ path: file });
    const handled = vi.fn();
    const worker = second.work(router(second).on("avatar_video.success", ({ event_data }) => handled(event_data.video_id)));
    await worker.idle();
    expect(handled.mock.calls).toEqual([["v"]]);
    expect(await deliver(router(second), success("v"))).toMatchObject({ result: "duplicate" });
    expect((await second.stats()).states).toEqual({ received: 0, processing: 0, retry: 0, done: 1, dead: 0 });
    await second.close();
  });

  it("commits large deliveries of one turn a few at a time, and lets others have their turn in between", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    const executed = vi.spyOn(database as { exec(sql: string): void }, "exec");
    const commits = (): number => executed.mock.calls.filter(([sql]) => sql === "COMMIT").length;
    const mebibyte = 1024 * 1024;
    // One is more than a transaction may hold.
    const sizes = [...Array<number>(8).fill(mebibyte), 5 * mebibyte, 10, 10];
    let left = sizes.length;
    const stored = Promise.all(sizes.map((bytes, index) => inbox.accept(eventOf(`v${index}`, bytes)).finally(() => left--)));
    const seen = new Set<number>();
    while (left > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.add(commits());
    }
    expect([...seen]).toEqual([1, 2, 3, 4]);
    expect(await stored).toEqual(sizes.map(() => ({ duplicate: false })));
    await inbox.close();
  });

  it("commits everything of one turn with one sync", async () => {
    const file = newFile();
    const database = await openNodeSqlite(file);
    const executed = vi.spyOn(database as { exec(sql: string): void }, "exec");
    const inbox = await openSqliteInbox({ database });
    executed.mockClear();
    const receiver = router(inbox);
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => deliver(receiver, success(`v${index}`))));
    expect(outcomes.filter(({ result }) => result === "accepted")).toHaveLength(50);
    expect(executed.mock.calls.filter(([sql]) => sql === "COMMIT").length).toBeLessThanOrEqual(2);
    await inbox.close();
  });

  it("sets the file up to lose nothing", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    const setting = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0];
    expect([
      setting("journal_mode"),
      setting("synchronous"),
      setting("busy_timeout"),
      setting("foreign_keys"),
      setting("fullfsync"),
      setting("journal_size_limit"),
    ]).toEqual(["wal", 2, 0, 1, 1, 64 * 1024 * 1024]);
    await inbox.close();
  });

  it("keeps an invalid payload as a dead letter, which is handled after an upgrade that knows its form", async () => {
    const inbox = await openSqliteInbox({ path: newFile() });
    const body = '{"event_type":"avatar_video.success","event_data":{"video_id":{"new":"form"}}}';
    const old = router(inbox);
    expect(await deliver(old, body)).toMatchObject({ result: "payload_invalid", status: 200 });
    const before = inbox.work(old);
    await before.idle();
    await before.stop();
    expect((await inbox.list({ state: "dead" })).entries).toMatchObject([{ reason: "event_data.video_id: invalid_type" }]);
    const upgraded = { ...old, handle: async () => ({ result: "processed" as const }) };
    await inbox.replay({ state: "dead" }, { by: "an operator", reason: "upgraded" });
    const after = inbox.work(upgraded);
    await after.idle();
    expect((await inbox.stats()).states).toMatchObject({ dead: 0, done: 1 });
    await inbox.close();
  });

  it("keeps what cannot be read as a dead letter of its own type", async () => {
    const inbox = await openSqliteInbox({ path: newFile() });
    const receiver = createRouter(heygen({ secret }), { inbox }).onError(() => undefined);
    expect(await receiver.receive(await signed("not json"))).toMatchObject({ result: "body_not_json", status: 200 });
    const worker = inbox.work(receiver);
    await worker.idle();
    const [entry, ...others] = (await inbox.list({ type: "(unreadable)" })).entries;
    expect([entry?.state, entry?.reason, others]).toEqual(["dead", "body_not_json", []]);
    expect((await inbox.get(entry?.entry ?? "", { payload: true }))?.rawBody).toEqual(toBytes("not json"));
    await inbox.close();
  });

  it("works through two processes' eyes on one file", async () => {
    const file = newFile();
    const inboxes = await Promise.all(Array.from({ length: 4 }, () => openSqliteInbox({ path: file })));
    const bodies = Array.from({ length: 40 }, (_, index) => success(`v${index}`));
    const outcomes = await Promise.all(inboxes.flatMap((inbox) => bodies.map((body) => deliver(router(inbox), body))));
    expect(outcomes.filter(({ result }) => result === "accepted")).toHaveLength(40);
    expect(outcomes.filter(({ result }) => result === "duplicate")).toHaveLength(120);
    const handled: string[] = [];
    const workers = inboxes.map((inbox) =>
      inbox.work(
        router(inbox).on("avatar_video.success", ({ event_data }) => {
          handled.push(event_data.video_id);
        }),
        { pollMs: 20 },
      ),
    );
    await vi.waitFor(() => expect(handled).toHaveLength(40), { timeout: 10_000 });
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(new Set(handled).size).toBe(40);
    for (const inbox of inboxes) await inbox.close();
  });

  it("waits for another process that is setting the file up", async () => {
    const file = newFile();
    const other = await openNodeSqlite(file);
    other.exec("BEGIN EXCLUSIVE");
    const opening = openSqliteInbox({ path: file });
    opening.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 60));
    other.exec("COMMIT");
    other.close();
    await (await opening).close();
  });

  it("refuses options that cannot work, and a file of a newer version", async () => {
    for (const options of [
      undefined,
      {},
      { path: newFile(), atempts: 3 },
      { path: "" },
      { path: "a", database: {} },
      { path: newFile(), attempts: 0 },
      { path: newFile(), backoffMs: -1 },
    ]) {
      await expect(openSqliteInbox(options as never)).rejects.toThrow(ConfigurationError);
    }
    const file = newFile();
    const database = await openNodeSqlite(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(openSqliteInbox({ path: file })).rejects.toThrow(/newer version/);
  });

  it("says that it is not ready while another process has the file locked, before a probe gives up", async () => {
    const file = newFile();
    const inbox = await openSqliteInbox({ path: file });
    const other = await openNodeSqlite(file);
    other.exec("BEGIN IMMEDIATE");
    const from = performance.now();
    expect(await inbox.health()).toEqual({ live: true, ready: false, reason: expect.stringContaining("locked") });
    expect(performance.now() - from).toBeLessThan(3000);
    other.exec("COMMIT");
    expect(await inbox.health()).toEqual({ live: true, ready: true });
    other.close();
    await inbox.close();
    expect(await inbox.health()).toEqual({ live: false, ready: false, reason: "The inbox is closed." });
  });

  it("refuses operations that could hit more than was meant, or that nobody answers for", async () => {
    const inbox = await openSqliteInbox({ path: newFile() });
    const by = { by: "me", reason: "why not" };
    await expect(inbox.replay({}, by)).rejects.toThrow(/condition/);
    await expect(inbox.discard({ stat: "dead" } as never, by)).rejects.toThrow(/no condition "stat"/);
    await expect(inbox.replay({ state: "died" as never }, by)).rejects.toThrow(/no state "died"/);
    await expect(inbox.replay("1", { by: " ", reason: "x" })).rejects.toThrow(/who/);
    await expect(inbox.list({ limit: 1001 })).rejects.toThrow(ConfigurationError);
    await expect(inbox.prune({} as never)).rejects.toThrow(/olderThanDays/);
    expect(() => inbox.work([])).toThrow(ConfigurationError);
    expect(() => inbox.work({} as never)).toThrow(ConfigurationError);
    expect(() => inbox.work(router(inbox), { concurrency: 0 })).toThrow(ConfigurationError);
    await inbox.close();
    expect(() => inbox.work(router(inbox))).toThrow(/closed/);
  });
});

describe("a file", () => {
  it("that cannot have a write-ahead log is refused", async () => {
    await expect(openSqliteInbox({ path: ":memory:" })).rejects.toThrow(/needs a file on a local disk/);
  });

  describe.each(Object.entries(drivers))("through %s", (name, open) => {
    const inboxIn = async (file: string) => openSqliteInbox(name === "node:sqlite" ? { path: file } : { database: await open(file) });

    it.each([0, 1, 7])(
      "of something else is refused and left as it is to the byte, also if it says that it is version %d",
      async (version) => {
        const file = newFile();
        const other = await open(file);
        other.exec(`CREATE TABLE events (name TEXT); PRAGMA user_version = ${version}`);
        const before = readFileSync(file);
        await expect(inboxIn(file)).rejects.toThrow(/a database of something else/);
        expect(other.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "delete" });
        expect(readFileSync(file).equals(before)).toBe(true);
        other.close();
      },
    );

    it("that is no database is refused and left as it is", async () => {
      const file = newFile();
      const text = "no database, but longer than the header of one: ".repeat(50);
      writeFileSync(file, text);
      const refusal: unknown = await inboxIn(file).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(ConfigurationError);
      expect(refusal).toMatchObject({ message: expect.stringMatching(/no SQLite database.*file of its own/), cause: expect.any(Error) });
      expect(readFileSync(file, "utf8")).toBe(text);
    });

    it("that cannot be opened is refused with what to do", async () => {
      const database = {
        prepare(sql: string) {
          if (sql.includes("sqlite_version")) return { get: () => ({ version: "3.52.0" }) };
          throw failures[name];
        },
        exec: vi.fn(),
        close: vi.fn(),
      };
      // What a driver throws when the file vanishes between, or its folder.
      const failures: Readonly<Record<string, Error>> = {
        "node:sqlite": Object.assign(new Error("unable to open database file"), { code: "ERR_SQLITE_ERROR", errcode: 14 }),
        "better-sqlite3": Object.assign(new Error("unable to open database file"), { code: "SQLITE_CANTOPEN_ISDIR" }),
      };
      const refusal: unknown = await openSqliteInbox({ database } as never).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(ConfigurationError);
      expect(refusal).toMatchObject({ message: expect.stringMatching(/cannot open the file.*folder has to exist/), cause: failures[name] });
      expect(database.close).toHaveBeenCalled();
    });
  });

  it.each([
    ["in a folder that does not exist", path.join(folder, "nowhere", "inbox.db")],
    ["that is a folder", folder],
  ])("%s is refused with what to do", async (_what, file) => {
    const refusal: unknown = await openSqliteInbox({ path: file }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(refusal).toMatchObject({
      message: expect.stringMatching(/cannot open the file.*folder has to exist/),
      cause: expect.any(Error),
    });
  });

  it("that is full takes nothing of a group, at once", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    const { page_count: pages } = database.prepare("PRAGMA page_count").get() as { page_count: number };
    // Fewer pages than the group needs, so that a statement in the midst of it fails.
    database.exec(`PRAGMA cache_size = 10; PRAGMA max_page_count = ${pages + 20}`);
    const executed = vi.spyOn(database as { exec(sql: string): void }, "exec");
    const ends = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => inbox.accept(eventOf(`v${index}`, 3000))));
    expect(ends.map(({ status }) => status)).toEqual(Array(200).fill("rejected"));
    expect(executed.mock.calls.filter(([sql]) => sql === "BEGIN IMMEDIATE")).toHaveLength(1);
    expect((await inbox.list()).entries).toEqual([]);
    await inbox.close();
  });

  it("rejects an event that it cannot take, and takes the others of its turn", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    database.exec("CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.id LIKE '%/bad' BEGIN SELECT raise(ABORT, 'refused'); END");
    const ends = await Promise.allSettled(["a", "bad", "b"].map((name) => inbox.accept(eventOf(name))));
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await inbox.close();
  });
});

describe("rows", () => {
  it("are never numbered like one that was pruned", async () => {
    let now = Date.now();
    const inbox = await openSqliteInbox({ path: newFile(), clock: () => now });
    await inbox.accept(eventOf("first"));
    await inbox.discard({ state: "received" }, { by: "a test", reason: "to be pruned" });
    now += 2 * 86_400_000;
    expect(await inbox.prune({ olderThanDays: 1, deadOlderThanDays: 1 })).toBe(1);
    await inbox.accept(eventOf("second"));
    expect((await inbox.list()).entries.map(({ entry }) => entry)).toEqual(["2"]);
    await inbox.close();
  });

  it("take their payloads and their history along when they are pruned, and leave those of others", async () => {
    let now = Date.now();
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database, clock: () => now });
    // More than are deleted in one transaction.
    await Promise.all(Array.from({ length: 450 }, (_, index) => inbox.accept(eventOf(`v${index}`))));
    await inbox.discard({ state: "received" }, { by: "a test", reason: "to be pruned" });
    now += 2 * 86_400_000;
    await inbox.accept(eventOf("kept"));
    expect(await inbox.prune({ olderThanDays: 1, deadOlderThanDays: 1 })).toBe(450);
    const left = (table: string) => (database.prepare(`SELECT count(*) AS rows FROM ${table}`).get() as { rows: number }).rows;
    expect([left("events"), left("payloads"), left("transitions")]).toEqual([1, 1, 0]);
    await inbox.close();
  });

  it("are pruned a few at a time where they are large", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    await Promise.all(Array.from({ length: 9 }, (_, index) => inbox.accept(eventOf(`v${index}`, 1024 * 1024 + (index === 8 ? 8e6 : 0)))));
    await inbox.discard({ state: "received" }, { by: "a test", reason: "to be pruned" });
    const told: number[] = [];
    await new Promise((resolve) => setTimeout(resolve, 2));
    const pruning = { olderThanDays: 0, deadOlderThanDays: 0, onProgress: ({ pruned }: PruneProgress) => void told.push(pruned) };
    expect(await inbox.prune(pruning)).toBe(9);
    // Four and no more, since the next would be beyond; the last for itself, and at the end.
    expect(told).toEqual([4, 8, 9, 9]);
    await inbox.close();
  });

  it("are found and changed among many, by one that no index leads to as well", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    for (const name of ["oldest", "newest"]) {
      await inbox.accept(eventOf(name));
      // More than one read looks at, between the two.
      database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
        INSERT INTO events (source, provider, endpoint, type, id, fingerprint, due_at, received_at)
        SELECT 'kling/default', 'kling', 'default', 'task.succeeded', '${name}' || i, 'f', 1, 1 FROM n`);
    }
    const { entries, next } = await inbox.list({ type: "avatar_video.success" });
    expect([entries.map(({ id }) => id), next]).toEqual([[eventOf("newest").id, eventOf("oldest").id], undefined]);
    const first = await inbox.list({ provider: "heygen", limit: 1 });
    const second = await inbox.list({ provider: "heygen", limit: 1, after: first.next });
    expect([...first.entries, ...second.entries].map(({ id }) => id)).toEqual([eventOf("newest").id, eventOf("oldest").id]);
    expect(await inbox.discard({ type: "avatar_video.success" }, { by: "a test", reason: "of two" })).toBe(2);
    expect(await inbox.replay({ id: eventOf("oldest").id }, { by: "a test", reason: "of one" })).toBe(1);
    expect((await inbox.stats()).states).toMatchObject({ received: 90_001, dead: 1 });
    const plan = (where: string) =>
      database.prepare(`EXPLAIN QUERY PLAN SELECT entry FROM events WHERE ${where} AND entry > 0 AND entry <= 9 ORDER BY entry`).all("x");
    expect(JSON.stringify(plan("+state IN ('done', 'dead') AND id = ?"))).toContain("sqlite_autoindex_events_1");
    await inbox.close();
  });

  it("are counted to the last before they are pruned, for those who want to know how far it has come", async () => {
    const database = await openNodeSqlite(newFile());
    const inbox = await openSqliteInbox({ database });
    // More than one read counts, and many that ended at the same time.
    database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
      INSERT INTO events (source, provider, endpoint, type, id, fingerprint, state, received_at, finished_at)
      SELECT 'kling/default', 'kling', 'default', 'task.succeeded', i, 'f', iif(i <= 41000, 'done', 'dead'), 1, i / 30000 FROM n`);
    await inbox.accept(eventOf("waiting"));
    const told: PruneProgress[] = [];
    const onProgress = (progress: PruneProgress): void => {
      told.push(progress);
      if (told.length === 3) throw new Error("That is enough.");
    };
    await expect(inbox.prune({ olderThanDays: 1, deadOlderThanDays: 1, onProgress })).rejects.toThrow("That is enough.");
    expect(told.map(({ total }) => total)).toEqual([45_000, 45_000, 45_000]);
    const [, , { pruned } = { pruned: 0 }] = told;
    expect((await inbox.stats()).states).toMatchObject({ done: 41_000 - pruned, dead: 4000, received: 1 });
    expect(await inbox.prune({ olderThanDays: 1, onProgress: (progress) => told.push(progress) })).toBe(41_000 - pruned);
    expect(told.at(-1)).toEqual({ pruned: 41_000 - pruned, total: 41_000 - pruned });
    const rejecting = inbox.prune({
      olderThanDays: 1,
      deadOlderThanDays: 1,
      onProgress: async () => Promise.reject(new Error("No more.")),
    });
    await expect(rejecting).rejects.toThrow("No more.");
    await inbox.close();
  });

  it("hold a retry that is asked for after the end of time", async () => {
    const inbox = await openSqliteInbox({ path: newFile() });
    const retry = createRouter(heygen({ unsigned: true }), { inbox }).onAny(() => {
      throw new RetryLater({ afterSeconds: 1e300 });
    });
    await retry.receive({ method: "POST", url: "/", headers: {}, body: success("v") });
    await inbox.work(retry).idle();
    expect((await inbox.list()).entries).toMatchObject([{ state: "retry", dueAt: expect.any(Date) }]);
    await inbox.close();
  });
});

describe("hasWalResetFix", () => {
  it.each([
    ["3.51.3", true],
    ["3.52.0", true],
    ["4.0.0", true],
    ["3.50.7", true],
    ["3.44.6", true],
    ["3.51.2", false],
    ["3.51.0", false],
    ["3.50.6", false],
    ["3.49.9", false],
    ["3.44.5", false],
    ["3.7.0", false],
    ["", false],
  ])("%s: %s", (version, expected) => {
    expect(hasWalResetFix(version)).toBe(expected);
  });

  it("guards the inbox", async () => {
    const database = { exec: vi.fn(), close: vi.fn(), prepare: () => ({ get: () => ({ version: "3.50.4" }), run: vi.fn(), all: vi.fn() }) };
    await expect(openSqliteInbox({ database } as never)).rejects.toThrow(/SQLite 3\.50\.4 has a bug/);
    expect(database.close).toHaveBeenCalled();
  });
});
