// One test for each row of the crash matrix, or for each point that a row stands for. A life ends at an injected statement or in a handler;
// the next one opens the files as they were at that moment. Row 14, a power cut, needs a file system, and row 15 a disk: see
// inbox-power.test.ts and inbox-disk.test.ts.

import { copyFileSync, statSync, truncateSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { Life } from "./inbox-life.ts";
import {
  dieAfter,
  dieAtCommit,
  dieBefore,
  entriesOf,
  type Handler,
  historyOf,
  kill,
  newGate,
  newScene,
  patience,
  reaches,
  type Scene,
} from "./inbox-scene.ts";

const LEASE_MS = 60_000;
const PUT = /^INSERT INTO events/;
const CLAIM = /^UPDATE events SET state = 'processing'/;
const SETTLE = /^UPDATE events SET state = \?, due_at = \?, finished_at = \?/;
const REPLAY = /^UPDATE events SET state = 'received', attempts = 0/;
const PRUNE = /^DELETE FROM events/;
const operator = { by: "the operator", reason: "it was a bug" };

/** The next life finds nothing, the provider comes again, and the handler runs once. */
async function expectNothing(scene: Scene): Promise<void> {
  const next = await scene.begin();
  expect(await entriesOf(next)).toEqual([]);
  expect(await next.deliver()).toBe("200 accepted");
  next.work();
  await reaches(next, "done 1");
  expect(next.ended).toEqual([1]);
}

/** The next life finds the event and handles it, and knows it when the provider comes again. */
async function expectReceived(scene: Scene): Promise<void> {
  const next = await scene.begin();
  expect(await entriesOf(next)).toEqual(["received 0"]);
  next.work();
  await reaches(next, "done 1");
  expect(await next.deliver()).toBe("200 duplicate");
  expect(next.ended).toEqual([1]);
}

/** The next life finds the event claimed, leaves it alone while the lease lasts, and then handles it as the second attempt. */
async function expectReclaimed(scene: Scene): Promise<Life> {
  const next = await scene.begin();
  expect(await entriesOf(next)).toEqual(["processing 1"]);
  const worker = next.work();
  scene.time += LEASE_MS - 1;
  await worker.idle();
  expect(next.began).toEqual([]);
  scene.time += 1;
  await reaches(next, "done 2");
  expect(next.ended).toEqual([2]);
  expect(await next.deliver()).toBe("200 duplicate");
  expect((await historyOf(next)).filter((result) => result === "processed")).toHaveLength(1);
  return next;
}

/** A life that has accepted the event. */
async function accepted(scene: Scene, handler?: Handler): Promise<Life> {
  const life = await scene.begin(handler);
  expect(await life.deliver()).toBe("200 accepted");
  return life;
}

const fails: Handler = () => {
  throw new Error("no such order");
};

describe("a process that dies", () => {
  it.each([
    ["before the body", (life: Life) => async () => life.die()],
    ["while it reads the body", (life: Life) => async (body: Uint8Array) => (body.subarray(0, 10).length === 10 ? life.die() : body)],
  ] as const)("row 1: %s, has stored nothing", async (_when, reading) => {
    const scene = newScene();
    const life = await scene.begin();
    expect(await life.deliverWhile(reading(life))).toBe("reset");
    await expectNothing(scene);
  });

  it.each([
    ["before it begins to write", (life: Life) => dieBefore(life, /^BEGIN IMMEDIATE$/)],
    ["with the lock", (life: Life) => dieAfter(life, /^BEGIN IMMEDIATE$/)],
    ["with a row that is not committed", (life: Life) => dieAfter(life, PUT)],
    ["before it commits", (life: Life) => dieAtCommit(life, "before", PUT)],
  ] as const)("row 2: after verification, %s, has stored nothing", async (_when, doom) => {
    const scene = newScene();
    const life = await scene.begin();
    doom(life);
    expect(await life.deliver()).toBe("reset");
    await expectNothing(scene);
  });

  it("row 3: during COMMIT, has stored all or nothing, wherever the log ends", async () => {
    const scene = newScene();
    const life = await scene.begin();
    let from = 0;
    const walOf = (name: string): string => path.join(scene.folder, `${name}.db-wal`);
    dieAtCommit(life, "after", PUT);
    const { fault } = life;
    life.fault = (sql) => {
      if (sql === "BEGIN IMMEDIATE") from = statSync(walOf("0")).size;
      return fault(sql);
    };
    expect(await life.deliver()).toBe("reset");
    const to = statSync(walOf("1")).size;

    const found = { nothing: 0, all: 0 };
    // Every half of a frame; what is missing was never written, or is still zero.
    for (let cut = from; cut <= to; cut += (24 + 4096) / 2) {
      for (const tail of ["missing", "zero"]) {
        const name = `cut-${cut}-${tail}`;
        copyFileSync(path.join(scene.folder, "1.db"), path.join(scene.folder, `${name}.db`));
        copyFileSync(walOf("1"), walOf(name));
        truncateSync(walOf(name), cut);
        if (tail === "zero") truncateSync(walOf(name), to);
        const next = await scene.begin(undefined, path.join(scene.folder, `${name}.db`));
        const entries = await entriesOf(next);
        expect([[], ["received 0"]]).toContainEqual(entries);
        found[entries.length === 0 ? "nothing" : "all"]++;
        expect(await next.deliver()).toBe(entries.length === 0 ? "200 accepted" : "200 duplicate");
        next.work();
        await reaches(next, "done 1");
        expect(next.ended).toEqual([1]);
        await next.end();
        const database = new DatabaseSync(path.join(scene.folder, `${name}.db`));
        expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
        database.close();
      }
    }
    expect(found.nothing).toBeGreaterThan(4);
    expect(found.all).toBe(2);
  });

  it("row 4: after the sync, before the 200 left, has stored the event", async () => {
    const scene = newScene();
    const life = await scene.begin();
    dieAtCommit(life, "after", PUT);
    expect(await life.deliver()).toBe("reset");
    await expectReceived(scene);
  });

  it("row 5: after the 200, before a claim, has stored the event", async () => {
    const scene = newScene();
    kill(await accepted(scene));
    await expectReceived(scene);
  });

  it("row 6: after the claim, before the handler starts, loses an attempt and no run", async () => {
    const scene = newScene();
    const life = await accepted(scene);
    dieAtCommit(life, "after", CLAIM);
    life.work();
    await life.died;
    await expectReclaimed(scene);
    expect(life.began).toEqual([]);
  });

  it("row 6: before the claim is committed, has claimed nothing", async () => {
    const scene = newScene();
    const life = await accepted(scene);
    dieAtCommit(life, "before", CLAIM);
    life.work();
    await life.died;
    await expectReceived(scene);
    expect(life.began).toEqual([]);
  });

  it("row 7: inside the handler, lets it run again, after a part of it", async () => {
    const scene = newScene();
    const life = await accepted(scene, (run) => run.life.die());
    life.work();
    await life.died;
    await expectReclaimed(scene);
    expect([life.began, life.ended]).toEqual([[1], []]);
  });

  // A handler has no part in the transaction of the inbox, so there is no once here.
  it.each([
    ["before it says so", (life: Life) => dieBefore(life, SETTLE)],
    ["before that is committed", (life: Life) => dieAtCommit(life, "before", SETTLE)],
  ] as const)("row 8: after the handler, %s, lets it run twice and completes once", async (_when, doom) => {
    const scene = newScene();
    const life = await accepted(scene);
    doom(life);
    life.work();
    await life.died;
    await expectReclaimed(scene);
    expect(life.ended).toEqual([1]);
  });

  it("row 9: after completion, leaves nothing to do", async () => {
    const scene = newScene();
    const life = await accepted(scene);
    dieAtCommit(life, "after", SETTLE);
    life.work();
    await life.died;
    expect(life.ended).toEqual([1]);
    const next = await scene.begin();
    expect(await entriesOf(next)).toEqual(["done 1"]);
    scene.time += LEASE_MS;
    await next.work().idle();
    expect(await next.deliver()).toBe("200 duplicate");
    expect(next.began).toEqual([]);
  });

  it("row 10: after a throw, before that is committed, has used up the attempt", async () => {
    const scene = newScene();
    const life = await accepted(scene, fails);
    dieAtCommit(life, "before", SETTLE);
    life.work();
    await life.died;
    await expectReclaimed(scene);
    expect([life.began, life.ended]).toEqual([[1], []]);
  });

  it("row 11: after a failure was taken down, keeps when the next attempt is due", async () => {
    const scene = newScene({ backoffMs: LEASE_MS });
    const life = await accepted(scene, fails);
    dieAtCommit(life, "after", SETTLE);
    life.work();
    await life.died;
    const next = await scene.begin();
    const [entry] = (await next.inbox.list()).entries;
    expect(entry).toMatchObject({ state: "retry", attempts: 1, reason: "Error: no such order" });
    const dueAt = entry?.dueAt?.getTime() ?? 0;
    expect(dueAt).toBeGreaterThan(scene.time);
    const worker = next.work();
    scene.time = dueAt - 1;
    await worker.idle();
    expect(next.began).toEqual([]);
    scene.time += 1;
    await reaches(next, "done 2");
    expect(next.ended).toEqual([2]);
    expect(await historyOf(next)).toEqual(["claimed", "handler_failed", "claimed", "processed"]);
  });

  it("row 12: on the last attempt, before that is committed, leaves a dead letter that does not run again", async () => {
    const scene = newScene({ attempts: 1 });
    const life = await accepted(scene, fails);
    dieAtCommit(life, "before", SETTLE);
    life.work();
    await life.died;
    const next = await scene.begin();
    expect(await entriesOf(next)).toEqual(["processing 1"]);
    scene.time += LEASE_MS;
    next.work();
    await reaches(next, "dead 1");
    expect(await historyOf(next)).toEqual(["claimed", "crashed"]);
    expect(await next.deliver()).toBe("200 duplicate");
    expect([life.began, next.began]).toEqual([[1], []]);
  });

  it.each([
    ["before", ["done 1", "done 1", "done 1"], 3],
    ["after", ["received 0", "received 0", "received 0"], 0],
  ] as const)("row 16: during a replay, %s it commits, has replayed all or nothing", async (when, left, again) => {
    const scene = newScene();
    const life = await handledThree(scene);
    dieAtCommit(life, when, REPLAY);
    await expect(life.inbox.replay({ state: "done" }, operator)).rejects.toThrow();
    const next = await scene.begin();
    expect(await entriesOf(next)).toEqual(left);
    expect(await next.inbox.replay({ state: "done" }, operator)).toBe(again);
    expect((await historyOf(next)).filter((result) => result === "replayed")).toHaveLength(1);
    next.work();
    await reaches(next, "done 1", "done 1", "done 1");
    expect(next.ended).toEqual([1, 1, 1]);
  });

  it.each([
    ["before", ["done 1", "done 1", "done 1"], 3],
    ["after", [], 0],
  ] as const)("row 16: during a prune, %s it commits, has deleted all or nothing", async (when, left, again) => {
    const scene = newScene();
    const life = await handledThree(scene);
    scene.time += 1;
    dieAtCommit(life, when, PRUNE);
    await expect(life.inbox.prune({ olderThanDays: 0 })).rejects.toThrow();
    const next = await scene.begin();
    expect(await entriesOf(next)).toEqual(left);
    expect(await next.inbox.prune({ olderThanDays: 0 })).toBe(again);
    expect((await next.inbox.stats()).states.done).toBe(0);
  });
});

/** A life that has handled three events. */
async function handledThree(scene: Scene): Promise<Life> {
  const life = await scene.begin();
  for (const video of ["a", "b", "c"]) expect(await life.deliver(video)).toBe("200 accepted");
  life.work();
  await reaches(life, "done 1", "done 1", "done 1");
  return life;
}

/** What another connection that holds the lock makes of every statement. */
const busy: Error = Object.assign(new Error("database is locked"), { errcode: 5 });

describe("a worker that stalls past its lease", () => {
  it("row 13: completes nothing any more when another one has taken over, and says so", async () => {
    const scene = newScene();
    const { over, end } = newGate();
    const stalled = await accepted(scene, () => over);
    stalled.work();
    await expect.poll(() => stalled.began, patience).toEqual([1]);
    // All of it stalls; otherwise its own worker might be the one that takes over.
    stalled.fault = () => busy;
    scene.time += LEASE_MS;
    const other = await scene.beside(stalled);
    other.work();
    await reaches(other, "done 2");
    expect(stalled.problems).toEqual([]);
    stalled.fault = () => undefined;
    end();
    await expect.poll(() => stalled.problems, patience).toEqual(["claim_lost"]);
    expect([stalled.ended, other.ended]).toEqual([[1], [2]]);
    expect(await entriesOf(stalled)).toEqual(["done 2"]);
    expect(await historyOf(stalled)).toEqual(["claimed", "claimed", "processed"]);
  });

  it("row 13: is told by its signal while the other one still runs", async () => {
    const scene = newScene();
    const { over, end } = newGate();
    let reason: unknown;
    const stalled = await accepted(scene, ({ signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise(() => undefined);
    });
    stalled.work({ leaseMs: 90 });
    await expect.poll(() => stalled.began, patience).toEqual([1]);
    stalled.fault = () => busy;
    scene.time += LEASE_MS;
    const other = await scene.beside(stalled, () => over);
    other.work();
    await expect.poll(() => other.began, patience).toEqual([2]);
    stalled.fault = () => undefined;
    // The store says so, or its own clock did, if all of that took longer than the lease.
    await expect.poll(() => reason, patience).toMatchObject({ message: expect.stringMatching(/^The (claim|lease) on this event /) });
    await expect.poll(() => stalled.problems, patience).toEqual(["claim_lost"]);
    expect(await entriesOf(other)).toEqual(["processing 2"]);
    end();
    await reaches(other, "done 2");
    expect(await historyOf(other)).toEqual(["claimed", "claimed", "processed"]);
  });
});

describe("a process that is shut down", () => {
  it("row 17: answers what is in flight and refuses what is new, drains, and gives back the rest without using up an attempt", async () => {
    const scene = newScene();
    const { over, end } = newGate();
    const life = await scene.begin(({ video, signal }) =>
      video === "slow" ? over : new Promise((resolve) => signal.addEventListener("abort", resolve)),
    );
    for (const video of ["slow", "stuck"]) expect(await life.deliver(video)).toBe("200 accepted");
    const worker = life.work();
    await expect.poll(() => life.began, patience).toEqual([1, 1]);
    const stopping = worker.stop({ graceMs: 200 });
    expect(await life.deliver("late")).toBe("200 accepted");
    end();
    await stopping;
    expect(await entriesOf(life)).toEqual(["received 0", "received 0", "done 1"]);

    let closing: Promise<void> | undefined;
    life.fault = (sql) => {
      if (sql !== "BEGIN IMMEDIATE" || closing) return undefined;
      closing = life.inbox.close();
      // So that the event is not stored before a later turn.
      return busy;
    };
    expect(await life.deliver("in flight")).toBe("200 accepted");
    await closing;
    expect(await life.deliver("too late")).toBe("503");

    const next = await scene.beside(life);
    expect(await entriesOf(next)).toEqual(["received 0", "received 0", "received 0", "done 1"]);
    next.work();
    await reaches(next, "done 1", "done 1", "done 1", "done 1");
    expect(next.ended).toEqual([1, 1, 1]);
  });
});
