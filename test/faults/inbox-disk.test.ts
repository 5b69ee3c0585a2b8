// Row 15 of the crash matrix. A disk that fails never yields a 2xx for what is not on it: with injected errors, with a limit of SQLite, with
// a limit of the operating system on the size of files, and with a file system that is full.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { lostOf } from "./inbox-engine-sqlite.ts";
import { live } from "./inbox-life.ts";
import { startServer } from "./inbox-process.ts";
import { post } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-disk-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** As node:sqlite throws them. */
function errorOf(errcode: number, errstr: string): Error {
  return Object.assign(new Error(errstr), { code: "ERR_SQLITE_ERROR", errcode, errstr });
}

const EIO = errorOf(10, "disk I/O error");
const EIO_OF_SYNC = errorOf(1034, "disk I/O error");
const ENOSPC = errorOf(13, "database or disk is full");

describe("row 15: a disk that fails, injected", () => {
  const places = { "the beginning": /^BEGIN IMMEDIATE$/, "a row": /^(?:INSERT|UPDATE)/, "the commit": /^COMMIT$/ };
  const faults = { EIO, "EIO of fsync": EIO_OF_SYNC, ENOSPC };
  const cases = Object.keys(places).flatMap((place) => Object.keys(faults).map((fault) => [fault, place] as const));

  it.each(cases)("%s at %s is a 503, leaves nothing behind and is over when the disk is back", async (fault, place) => {
    const folder = newFolder();
    const life = await live({ path: path.join(folder, "0.db"), grave: path.join(folder, "1.db"), clock: Date.now });
    onTestFinished(() => life.end());
    expect(await life.inbox.health()).toEqual({ live: true, ready: true });
    life.fault = (sql) => (places[place as "a row"].test(sql) ? faults[fault as "EIO"] : undefined);
    expect(await Promise.all([life.deliver("a"), life.deliver("b")])).toEqual(["503", "503"]);
    expect(await life.inbox.health()).toMatchObject({ live: true, ready: false });
    expect((await life.inbox.list()).entries).toEqual([]);

    life.fault = () => undefined;
    expect(await Promise.all([life.deliver("a"), life.deliver("b")])).toEqual(["200 accepted", "200 accepted"]);
    expect(await life.inbox.health()).toEqual({ live: true, ready: true });
    await life.work().idle();
    expect(life.ended).toEqual([1, 1]);
  });
});

/** Several times what goes onto the disks of these tests. */
const MOST_DELIVERIES = 300;

/** Delivers events until so many were refused. */
async function deliverUntilRefused(deliver: (video: string) => Promise<{ status: number; id?: string | undefined }>, refusals: number) {
  const acknowledged = new Set<string>();
  const statuses: number[] = [];
  for (let index = 0; index < MOST_DELIVERIES && statuses.filter((status) => status !== 200).length < refusals; index++) {
    const { status, id } = await deliver(`v${index}`);
    statuses.push(status);
    if (status === 200 && id !== undefined) acknowledged.add(id);
  }
  return { acknowledged, refused: statuses.filter((status) => status !== 200) };
}

describe("row 15: a disk that is full", () => {
  it("for SQLite, refuses with 503 and Retry-After until there is room again", async () => {
    const file = path.join(newFolder(), "inbox.db");
    const database = new DatabaseSync(file, { timeout: 0 });
    const inbox = await openSqliteInbox({ database });
    onTestFinished(() => inbox.close());
    const router = createRouter(heygen({ secret }), { inbox }).onError(() => undefined);
    const deliver = async (video: string) => router.receive(await signed(success(video, { title: "x".repeat(3000) })));
    database.exec("PRAGMA max_page_count = 60");
    const { acknowledged, refused } = await deliverUntilRefused(deliver, 10);
    expect(acknowledged.size).toBeGreaterThan(5);
    expect(refused).toEqual(Array(10).fill(503));
    expect((await deliver("late")).retryAfterSeconds).toBeGreaterThan(0);
    expect((await inbox.stats()).states.received).toBe(acknowledged.size);

    database.exec("PRAGMA max_page_count = 100000");
    expect((await deliver("late")).status).toBe(200);
    expect(await lostOf(file, acknowledged)).toBe(0);
  });

  /** The server has files of at most 1 MiB: writing more fails with EFBIG, which SQLite reports as an I/O error. */
  const SMALL_FILES = 'ulimit -f 2048; exec "$@"';
  /** The server sees a file system of 1 MiB in memory, which is gone with it. No privileges are needed where user namespaces are allowed. */
  const smallDisk = (folder: string): string => `exec unshare -Urm sh -c 'mount -t tmpfs -o size=1m tmpfs ${folder} && exec "$@"' sh "$@"`;
  const noDisk =
    spawnSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]).status === 0 ? undefined : "no user namespaces here";

  /** Fills the disk of a server, and looks which of the events that it acknowledged are on it. */
  async function fill(variant: Variant, around: (folder: string) => string) {
    const folder = newFolder();
    const settings: ServerSettings = { path: path.join(folder, "inbox.db"), port: 0, variant, leaseMs: 60_000, idle: true };
    const server = startServer(settings, around(folder));
    try {
      await server.hear("ready");
      server.tell("open");
      const { port } = await server.hear("listening");
      const { acknowledged, refused } = await deliverUntilRefused((video) => post(port, video), 20);
      server.tell("tell health");
      const { ready } = await server.hear("health");
      // As the server sees them, whose disk may be nowhere else.
      const copy = path.join(newFolder(), "inbox.db");
      for (const file of ["", "-wal"]) {
        const seen = `/proc/${server.id}/root${settings.path}${file}`;
        if (existsSync(seen)) copyFileSync(seen, copy + file);
      }
      const lost = await lostOf(copy, acknowledged);
      console.log(`${variant}: ${acknowledged.size} acknowledged, ${lost} of them lost, ${refused.length} refused`);
      return { acknowledged: acknowledged.size, refused, lost, ready };
    } finally {
      await server.kill();
    }
  }

  const MOST_MS = 60_000;

  it(
    "for the operating system, refuses with 503 and is not ready (EFBIG)",
    async () => {
      const { acknowledged, ...rest } = await fill("sound", () => SMALL_FILES);
      expect(acknowledged).toBeGreaterThan(10);
      expect(rest).toEqual({ refused: Array(20).fill(503), lost: 0, ready: false });
    },
    MOST_MS,
  );

  it(
    "for the operating system, loses what was answered first, so the disk does fail",
    async () => {
      expect((await fill("answers first", () => SMALL_FILES)).lost).toBeGreaterThan(0);
    },
    MOST_MS,
  );

  it(
    "for the file system, refuses with 503 and is not ready (ENOSPC)",
    async (context) => {
      if (noDisk !== undefined) context.skip(noDisk);
      const { acknowledged, ...rest } = await fill("sound", smallDisk);
      expect(acknowledged).toBeGreaterThan(10);
      expect(rest).toEqual({ refused: Array(20).fill(503), lost: 0, ready: false });
    },
    MOST_MS,
  );
});
