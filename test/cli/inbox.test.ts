import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { openBullMqInbox } from "../../src/inbox/bullmq.ts";
import type { Inbox } from "../../src/inbox/inbox.ts";
import { openPgBossInbox } from "../../src/inbox/pg-boss.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { sampleDelivery } from "../../src/testing/sample-delivery.ts";
import { describeWith, postgresServer, redisServer, uniqueName, urlThrough } from "../suites/servers.ts";
import { normalised, runCli, runHere, temporaryFolder } from "./cli-process.ts";
import { secret, unusedAddress } from "./receiver.ts";

const env = { USER: "ana" };

/** Puts events into an inbox: so many that wait. */
async function fill(inbox: Inbox, waiting: number): Promise<void> {
  const router = createRouter(heygen({ secret }), { inbox });
  const numbers = Array.from({ length: waiting }, (_, index) => index + 1);
  await Promise.all(
    numbers.map((number) => {
      return router.receive(sampleDelivery("heygen", "avatar_video.success", { secret, id: `v_${number}`, now: 0 }).delivery);
    }),
  );
}

/** A file with an inbox: entry 1 is dead, those after it wait. */
async function sqliteFile(waiting = 2): Promise<string> {
  const path = join(await temporaryFolder(), "webhooks.db");
  const inbox = await openSqliteInbox({ path, clock: () => Date.UTC(2026, 0, 2) });
  await fill(inbox, waiting + 1);
  await inbox.discard("1", { by: "a test", reason: "to begin with" });
  await inbox.close();
  return path;
}

async function statesOf(path: string): Promise<Readonly<Record<string, number>>> {
  const inbox = await openSqliteInbox({ path });
  const { states } = await inbox.stats();
  await inbox.close();
  return Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0));
}

describe("inbox", () => {
  it("prints statistics, lists, and an entry with its history and payload", async () => {
    const db = await sqliteFile();
    const stats = await runCli(["inbox", "stats", "--db", db]);
    expect(stats.stdout.replace(/waits .*/, "waits <long>")).toMatchInlineSnapshot(`
      "state       events
      received         2
      processing       0
      retry            0
      done             0
      dead             1

      the oldest that is due waits <long>
      "
    `);
    const list = await runCli(["inbox", "list", "--db", db]);
    expect(normalised(list.stdout)).toMatchInlineSnapshot(`
      "entry  state     provider  endpoint  type                  attempts  received                  reason
      3      received  heygen    default   avatar_video.success         0  <time>
      2      received  heygen    default   avatar_video.success         0  <time>
      1      dead      heygen    default   avatar_video.success         0  <time>  to begin with
      "
    `);
    const show = await runCli(["inbox", "show", "1", "--db", db, "--payload"]);
    expect(normalised(show.stdout)).toMatchInlineSnapshot(`
      "entry     1
      state     dead
      provider  heygen
      endpoint  default
      type      avatar_video.success
      id        heygen/default/evt_avatar_video_success_v_1
      attempts  0
      received  <time>
      finished  <time>
      reason    to begin with

      at                        attempt  to    result     ms  by      reason
      <time>        0  dead  discarded  -   a test  to begin with

      content-type  application/json

      {"event_type":"avatar_video.success","event_data":{"video_id":"v_1","url":"https://files.example.test/heygen/welcome-tour.mp4?expires=604800","gif_download_url":"https://files.example.test/heygen/welcome-tour.gif","video_page_url":"https://app.example.test/videos/v_1","video_share_page_url":"https://app.example.test/share/v_1","folder_id":"fld_spring","callback_id":"order-1042"},"event_id":"evt_avatar_video_success_v_1","created_at":"<time>"}
      "
    `);
    expect([stats.code, list.code, show.code]).toEqual([0, 0, 0]);
  });

  it("prints them as JSON", async () => {
    const db = await sqliteFile();
    const { stdout } = await runHere(["inbox", "show", "1", "--db", db, "--payload", "--json"]);
    const entry = JSON.parse(stdout);
    expect(entry).toMatchObject({ entry: "1", state: "dead", provider: "heygen", history: [{ to: "dead", by: "a test" }] });
    expect(JSON.parse(entry.body)).toMatchObject({ event_data: { video_id: "v_1" } });
    const without = JSON.parse((await runHere(["inbox", "show", "1", "--db", db, "--json"])).stdout);
    expect(without).not.toHaveProperty("body");
    expect(JSON.parse((await runHere(["inbox", "stats", "--db", db, "--json"])).stdout).states).toMatchObject({ dead: 1, received: 2 });
  });

  it("lists page by page, and by every condition", async () => {
    const db = await sqliteFile();
    const entriesOf = async (...args: readonly string[]): Promise<{ entries: readonly string[]; next?: string }> => {
      const page = JSON.parse((await runHere(["inbox", "list", "--db", db, "--json", ...args])).stdout);
      return { ...page, entries: page.entries.map(({ entry }: { readonly entry: string }) => entry) };
    };
    const first = await entriesOf("--limit", "2");
    expect(first.entries).toEqual(["3", "2"]);
    expect(await entriesOf("--limit", "2", "--after", first.next ?? "")).toEqual({ entries: ["1"] });
    expect((await entriesOf("--state", "dead,done")).entries).toEqual(["1"]);
    expect((await entriesOf("--state", "received", "--state", "dead")).entries).toHaveLength(3);
    expect((await entriesOf("--id", "heygen/default/evt_avatar_video_success_v_2")).entries).toEqual(["2"]);
    expect((await entriesOf("--type", "avatar_video.fail")).entries).toEqual([]);
    expect((await entriesOf("--provider", "heygen", "--endpoint", "default", "--received-after", "1h")).entries).toHaveLength(3);
    expect((await entriesOf("--received-before", "2020-01-01")).entries).toEqual([]);
  });

  it("replays and discards entries, with who and why", async () => {
    const db = await sqliteFile();
    const replayed = await runCli(["inbox", "replay", "1", "--db", db, "--reason", "storage was full"], { env });
    expect([replayed.code, replayed.stdout]).toEqual([0, "1 event was replayed\n"]);
    const discarded = await runCli(["inbox", "discard", "2", "3", "--db", db, "--reason", "test data", "--by", "bo", "--json"]);
    expect(JSON.parse(discarded.stdout)).toEqual({ discarded: 2, chosen: 2 });
    expect(await statesOf(db)).toEqual({ received: 1, dead: 2 });
    const history = async (entry: string) => JSON.parse((await runCli(["inbox", "show", entry, "--db", db, "--json"])).stdout).history;
    expect((await history("1")).at(-1)).toMatchObject({ result: "replayed", by: "ana", reason: "storage was full" });
    expect((await history("2")).at(-1)).toMatchObject({ result: "discarded", by: "bo", reason: "test data" });
  });

  it("ends with 1 when not all of the entries that were named could be", async () => {
    const db = await sqliteFile();
    const { code, stdout, stderr } = await runHere(["inbox", "replay", "1", "2", "999", "--db", db, "--reason", "again"], { env });
    expect(stdout).toBe("1 event was replayed\n");
    expect(stderr).toBe("2 events are neither dead nor done, or not in this inbox.\n");
    expect(code).toBe(1);
  });

  it("changes many only when told to, and only those that are meant", async () => {
    const db = await sqliteFile(1200);
    const args = ["inbox", "discard", "--type", "avatar_video.success", "--db", db, "--reason", "not needed"];
    const asked = await runHere(args, { env });
    expect(asked.stderr).toBe("error: Discard 1,200 events? Say --yes: there is no terminal to ask at.\n");
    expect(asked.code).toBe(2);
    const dry = await runHere([...args, "--dry-run", "--json"], { env });
    expect(JSON.parse(dry.stdout)).toEqual({ wouldBeDiscarded: 1200 });
    expect(await statesOf(db)).toEqual({ dead: 1, received: 1200 });
    const done = await runHere([...args, "--yes"], { env });
    expect([done.code, done.stdout, done.stderr]).toEqual([0, "1,200 events were discarded\n", ""]);
    expect(await statesOf(db)).toEqual({ dead: 1201 });
  });

  it("replays the dead and leaves the done, unless those are named", async () => {
    const path = join(await temporaryFolder(), "webhooks.db");
    const inbox = await openSqliteInbox({ path });
    await fill(inbox, 2);
    await inbox.discard("1", { by: "a test", reason: "to begin with" });
    const router = createRouter(heygen({ secret }), { inbox });
    const done = new Promise((resolve) => router.onAny(resolve));
    const worker = inbox.work(router);
    await done;
    await worker.stop();
    await inbox.close();
    expect(await statesOf(path)).toEqual({ dead: 1, done: 1 });
    await runHere(["inbox", "replay", "--all", "--db", path, "--reason", "again", "--yes"], { env });
    expect(await statesOf(path)).toEqual({ received: 1, done: 1 });
    await runHere(["inbox", "replay", "--state", "done", "--db", path, "--reason", "again", "--yes"], { env });
    expect(await statesOf(path)).toEqual({ received: 2 });
  });

  it("prunes when told to", async () => {
    const db = await sqliteFile();
    const args = ["inbox", "prune", "--db", db, "--older-than", "0", "--dead-older-than", "1"];
    expect((await runHere(args)).code).toBe(2);
    expect(await statesOf(db)).toEqual({ dead: 1, received: 2 });
    const { code, stdout, stderr } = await runHere([...args, "--yes"]);
    expect([code, stdout]).toEqual([0, "1 event was deleted\n"]);
    expect(stderr).toBe("Deleting handled events older than 0 days, and dead letters older than 1 days.\n");
    expect(await statesOf(db)).toEqual({ received: 2 });
  });

  it("creates no file, and adds nothing to one that is no inbox", async () => {
    const folder = await temporaryFolder();
    const [missing, text, other] = [join(folder, "missing.db"), join(folder, "text.db"), join(folder, "other.db")];
    await writeFile(text, "just a text that is no database");
    const database = new DatabaseSync(other);
    database.exec("CREATE TABLE events (id TEXT)");
    database.close();
    const results = await Promise.all([missing, text, other].map((db) => runCli(["inbox", "stats", "--db", db])));
    expect(results.map(({ code }) => code)).toEqual([3, 3, 3]);
    expect(results[0]?.stderr).toContain(`Cannot open ${missing}: there is no such file or folder (ENOENT).`);
    expect(results[1]?.stderr).toContain(`${text} is no SQLite database.`);
    expect(results[2]?.stderr).toContain(`${other} is a SQLite database, but no inbox.`);
    await expect(access(missing)).rejects.toThrow("ENOENT");
    const after = new DatabaseSync(other);
    expect(after.prepare("SELECT name FROM sqlite_master").all()).toEqual([{ name: "events" }]);
    after.close();
  });

  it("ends with 1 for an entry that is not there", async () => {
    const { code, stderr } = await runHere(["inbox", "show", "999", "--db", await sqliteFile(), "--json"]);
    expect(JSON.parse(stderr)).toEqual({ error: { code: "not_found", message: "There is no entry 999 in this inbox." } });
    expect(code).toBe(1);
  });

  it.each([
    [["stats"], "Name one inbox: --db file, --postgres [url] or --redis [url]."],
    [["stats", "--db", "x.db", "--redis"], "Name one inbox"],
    [["stats", "--redis"], "--redis needs a URL, or the environment variable REDIS_URL."],
    [["stats", "--postgres", "secret-password@host"], "--postgres needs a URL that begins with postgres://."],
    [["stats", "--db", "x.db", "--schema", "a"], "--schema belongs to --postgres."],
    [["replay", "--db", "x.db", "--reason", "r"], "Which events?"],
    [["replay", "1", "--all", "--db", "x.db", "--reason", "r"], "but not both"],
    [["replay", "--state", "", "--db", "x.db", "--reason", "r"], "It must have at least one name."],
    [["list", "--state", " , ", "--db", "x.db"], "It must have at least one name."],
    [["replay", "--state", "retry", "--db", "x.db", "--reason", "r"], "Only events that are dead or done can be replayed"],
    [["replay", "1", "--db", "x.db"], "--reason"],
    [["replay", "1", "--db", "x.db", "--reason", " "], "--reason needs a text."],
    [["list", "--db", "x.db", "--limit", "0"], "whole number from 1 to 1000"],
    [["list", "--db", "x.db", "--received-after", "yesterday"], "It must be a time such as"],
    [["prune", "--db", "x.db", "--older-than", "-1"], "It must be a number of days."],
  ])("ends with 2 for wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await runHere(["inbox", ...args], { env });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("secret-password");
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("ends with 2 for a state that there is not", async () => {
    const { code, stderr } = await runHere(["inbox", "list", "--db", await sqliteFile(), "--state", "gone"]);
    expect(stderr).toContain('There is no state "gone".');
    expect(code).toBe(2);
  });

  it("asks for confirmation and shows a progress bar at a terminal", async () => {
    const db = await sqliteFile(1000);
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    for (const stream of [stdin, stderr]) Object.assign(stream, { isTTY: true, columns: 100 });
    const io = { stdin, stdout, stderr, env, onInterrupt: () => () => undefined };
    const args = ["inbox", "discard", "--all", "--db", db, "--reason", "not needed"];

    stdin.write("n\n");
    expect(await run(args, io)).toBe(1);
    expect(String(stderr.read())).toMatch(/Discard 1,000 events\? \[y\/N\] [\s\S]*Nothing was changed\./);
    expect(await statesOf(db)).toEqual({ dead: 1, received: 1000 });

    stdin.write("yes\n");
    expect(await run(args, io)).toBe(0);
    expect(String(stderr.read())).toMatch(/discard \[#+\] 100% {2}1000\/1000/);
    expect(String(stdout.read())).toBe("1,000 events were discarded\n");
    expect(await statesOf(db)).toEqual({ dead: 1001 });

    const prune = ["inbox", "prune", "--db", db, "--older-than", "0", "--dead-older-than", "0", "--yes"];
    expect(await run(prune, io)).toBe(0);
    expect(String(stderr.read())).toMatch(/prune \[#+\] 100% {2}1001\/1001/);
    expect(String(stdout.read())).toBe("1,001 events were deleted\n");
  });
});

(await describeWith(postgresServer))("inbox in Postgres", () => {
  it("looks after one, and creates none", async () => {
    const schema = uniqueName();
    const place = ["--postgres", postgresServer.url, "--schema", schema];
    const before = await runHere(["inbox", "stats", ...place]);
    expect(before.stderr).toBe(
      `error: There is no inbox in the schema ${schema}. Name its schema with --schema; the command creates none.\n`,
    );
    expect(before.code).toBe(3);

    const inbox = await openPgBossInbox({ connectionString: postgresServer.url, schema });
    try {
      await fill(inbox, 3);
      const discarded = await runCli(["inbox", "discard", "--all", ...place, "--reason", "not needed", "--yes"], { env });
      expect([discarded.code, discarded.stdout]).toEqual([0, "3 events were discarded\n"]);
      // From the environment, where a password is better kept.
      const stats = await runHere(["inbox", "stats", "--postgres", "--schema", schema, "--json"], {
        env: { DATABASE_URL: postgresServer.url },
      });
      expect(JSON.parse(stats.stdout).states).toMatchObject({ dead: 3, received: 0 });
    } finally {
      await inbox.close();
      const { default: pg } = await import("pg");
      const client = new pg.Client({ connectionString: postgresServer.url });
      await client.connect();
      await client.query(`DROP SCHEMA ${schema} CASCADE`);
      await client.end();
    }
  });
});

(await describeWith(redisServer))("inbox in Redis", () => {
  it("looks after one", async () => {
    const prefix = uniqueName();
    const inbox = await openBullMqInbox({ connection: redisServer.url, prefix, onWarning: () => undefined });
    try {
      await fill(inbox, 3);
      const place = ["--redis", redisServer.url, "--prefix", prefix];
      const discarded = await runCli(["inbox", "discard", "--all", ...place, "--reason", "not needed", "--yes"], { env });
      expect([discarded.code, discarded.stdout]).toEqual([0, "3 events were discarded\n"]);
      const stats = await runHere(["inbox", "stats", ...place, "--json"]);
      expect(JSON.parse(stats.stdout).states).toMatchObject({ dead: 3, received: 0 });
    } finally {
      await inbox.close();
      const { Redis } = await import("ioredis");
      const redis = new Redis(redisServer.url);
      for (const key of await redis.keys(`${prefix}*`)) await redis.del(key);
      redis.disconnect();
    }
  });
});

describe("an inbox on a server that is not there", () => {
  it.each([
    ["--postgres", "postgres", postgresServer],
    ["--redis", "redis", redisServer],
  ] as const)("ends with 3 and hides the password: %s", async (option, protocol, server) => {
    const { port } = new URL(await unusedAddress());
    const url = new URL(urlThrough(server, Number(port)));
    [url.username, url.password] = ["somebody", "a-password-of-ours"];
    const { code, stdout, stderr } = await runHere(["inbox", "stats", option, url.href]);
    expect(stderr).toContain(`Cannot open the inbox at ${protocol}://***@127.0.0.1:${port}`);
    expect(stderr).toContain("ECONNREFUSED");
    expect(stdout + stderr).not.toContain("a-password-of-ours");
    expect(code).toBe(3);
  });
});
