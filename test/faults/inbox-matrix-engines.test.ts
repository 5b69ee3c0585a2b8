// The crash matrix on the engines, as inbox-matrix.test.ts goes through it on SQLite. A life ends at a command on its way to the server, or
// at one that was carried out and of which it never hears; the server goes on, as it does when a process is killed. Time is moved by
// changing what is stored: heartbeats and due times of pg-boss, locks and due times of BullMQ.

import { afterAll, describe, expect, it } from "vitest";
import { describeWith } from "../suites/servers.ts";
import type { EngineHandler, EngineLife } from "./inbox-engine-life.ts";
import { cleared, type EngineScene, kill, newEngineScene, sortedEntriesOf, stands, workUntil } from "./inbox-engine-scene.ts";
import { bullMqMatrix } from "./inbox-matrix-bullmq.ts";
import type { MatrixEngine, Moments } from "./inbox-matrix-engine.ts";
import { pgBossMatrix } from "./inbox-matrix-pg-boss.ts";
import { historyOf, newGate, patience } from "./inbox-scene.ts";

const operator = { by: "the operator", reason: "it was a bug" };
const fails: EngineHandler = () => {
  throw new Error("no such order");
};

/** Rows of which a process that dies is no part, and where they are tested. */
const elsewhere = {
  "row 3: during COMMIT": "the commit is the server's, and so is its log: to a process it is before or after, which are rows 2 and 4",
  "row 14: a power cut": "the disk is the server's; what Redis loses without its append-only file is in test/faults/inbox-redis.test.ts",
  "row 15: a disk that fails":
    "the disk is the server's; a Redis that is full, away or hangs is a 503 with Retry-After in test/faults/inbox-redis.test.ts, a Postgres that is away or hangs in test/inbox/pg-boss.test.ts; a full disk of Postgres is not tested",
};

const casesOf = (moments: Moments) => Object.entries(moments);

/** The next life finds nothing, the provider comes again, and the handler runs once. */
async function expectNothing(scene: EngineScene): Promise<void> {
  const next = await scene.begin();
  expect(await sortedEntriesOf(next)).toEqual([]);
  expect(await next.deliver()).toBe("200 accepted");
  next.work();
  await stands(next, "done 1");
  expect(next.ended).toEqual([1]);
}

/** The next life finds the event and handles it, and knows it when the provider comes again. */
async function expectReceived(scene: EngineScene): Promise<void> {
  const next = await scene.begin();
  expect(await sortedEntriesOf(next)).toEqual(["received 0"]);
  next.work();
  await stands(next, "done 1");
  expect(await next.deliver()).toBe("200 duplicate");
  expect(next.ended).toEqual([1]);
}

/** A life that has accepted the event. */
async function accepted(scene: EngineScene, handler?: EngineHandler): Promise<EngineLife> {
  const life = await scene.begin(handler);
  expect(await life.deliver()).toBe("200 accepted");
  return life;
}

const completionsOf = async (life: EngineLife): Promise<number> =>
  (await historyOf(life)).filter((result) => result === "processed" || result === "recorded").length;

for (const engine of [pgBossMatrix, bullMqMatrix]) {
  const describeEngine = await describeWith(engine.server);
  describeEngine(`on ${engine.name}`, () => {
    afterAll(cleared);
    describe("a process that dies", () => matrixOf(engine));
    describe("a worker that stalls past its lease", () => stallsOf(engine));
    describe("a process that is shut down", () => shutdownOf(engine));
    for (const [row, reason] of Object.entries(elsewhere)) it(row, (context) => context.skip(reason));
  });
}

function matrixOf(engine: MatrixEngine): void {
  /** The next life finds the event claimed, leaves it alone while the lease lasts, and then handles it as the second attempt. */
  async function expectReclaimed(scene: EngineScene): Promise<void> {
    const next = await scene.begin();
    expect(await sortedEntriesOf(next)).toEqual(["processing 1"]);
    const worker = next.work();
    await worker.idle();
    // Half of it, since on a machine that does something else the rest may pass before anybody looks.
    await scene.pass(engine.leaseMs / 2, next);
    await worker.idle();
    expect(next.began).toEqual([]);
    expect(await sortedEntriesOf(next)).toEqual(["processing 1"]);
    await scene.reclaim(next);
    await stands(next, "done 2");
    expect(next.ended).toEqual([2]);
    expect(await next.deliver()).toBe("200 duplicate");
    expect(await completionsOf(next)).toBe(1);
  }

  it.each([
    ["before the body", 0],
    ["while it reads the body", 10],
  ] as const)("row 1: %s, has stored nothing", async (_when, read) => {
    const scene = await newEngineScene(engine);
    const life = await scene.begin();
    const reading = async (body: Uint8Array): Promise<Uint8Array> => {
      expect(body.subarray(0, read)).toHaveLength(read);
      life.wire.die();
      return body;
    };
    expect(await life.deliverWhile(reading)).toBe("reset");
    await life.wire.died;
    await expectNothing(scene);
  });

  it.each(casesOf(engine.beforeStored))("row 2: after verification, %s, has stored nothing", async (_when, moment) => {
    const scene = await newEngineScene(engine);
    const life = await scene.begin();
    life.wire.dieAt(moment);
    expect(await life.deliver()).toBe("reset");
    await life.wire.died;
    await expectNothing(scene);
  });

  it("row 4: after the engine has it, before the 200 left, has stored the event", async () => {
    const scene = await newEngineScene(engine);
    const life = await scene.begin();
    life.wire.dieAt(engine.afterStored);
    expect(await life.deliver()).toBe("reset");
    await life.wire.died;
    await expectReceived(scene);
  });

  it("row 5: after the 200, before a claim, has stored the event", async () => {
    const scene = await newEngineScene(engine);
    await kill(await accepted(scene));
    await expectReceived(scene);
  });

  it.each(casesOf(engine.beforeClaimed))("row 6: at the claim, %s, has claimed nothing", async (_when, moment) => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene);
    await workUntil(life, moment);
    await expectReceived(scene);
    expect(life.began).toEqual([]);
  });

  it.each(casesOf(engine.afterClaimed))("row 6: after the claim, %s, loses an attempt and no run", async (_when, moment) => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene);
    await workUntil(life, moment);
    await expectReclaimed(scene);
    expect(life.began).toEqual([]);
  });

  it("row 7: inside the handler, lets it run again, after a part of it", async () => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene, (run) => run.life.wire.die());
    life.work();
    await life.wire.died;
    await expectReclaimed(scene);
    expect([life.began, life.ended]).toEqual([[1], []]);
  });

  // A handler has no part in the transaction of the engine, so there is no once here.
  it.each(casesOf(engine.beforeEnded))("row 8: after the handler, %s, lets it run twice and completes once", async (_when, moment) => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene);
    await workUntil(life, moment);
    await expectReclaimed(scene);
    expect(life.ended).toEqual([1]);
  });

  it.each(casesOf(engine.afterRecorded))(
    "row 8: after the completion, %s, is told by the next claim and runs nothing",
    async (_when, moment) => {
      const scene = await newEngineScene(engine);
      const life = await accepted(scene);
      await workUntil(life, moment);
      expect(life.ended).toEqual([1]);
      const next = await scene.begin();
      expect(await sortedEntriesOf(next)).toEqual(["processing 1"]);
      next.work();
      await scene.reclaim(next);
      await stands(next, "done 2");
      expect(await next.deliver()).toBe("200 duplicate");
      expect(next.began).toEqual([]);
      expect(await completionsOf(next)).toBe(1);
    },
  );

  it("row 9: after completion, leaves nothing to do", async () => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene);
    await workUntil(life, engine.afterEnded);
    expect(life.ended).toEqual([1]);
    const next = await scene.begin();
    expect(await sortedEntriesOf(next)).toEqual(["done 1"]);
    const worker = next.work();
    await worker.idle();
    await scene.reclaim(next);
    await worker.idle();
    expect(await next.deliver()).toBe("200 duplicate");
    expect(next.began).toEqual([]);
  });

  it.each(casesOf(engine.beforeFailed))("row 10: after a throw, %s, has used up the attempt", async (_when, moment) => {
    const scene = await newEngineScene(engine);
    const life = await accepted(scene, fails);
    await workUntil(life, moment);
    await expectReclaimed(scene);
    expect([life.began, life.ended]).toEqual([[1], []]);
  });

  it("row 11: after a failure was taken down, keeps when the next attempt is due", async () => {
    const hour = 3_600_000;
    const scene = await newEngineScene(engine, { backoffMs: 24 * hour, maxBackoffMs: 24 * hour });
    const life = await accepted(scene, fails);
    await workUntil(life, engine.afterFailed);
    const next = await scene.begin();
    const [entry] = (await next.inbox.list()).entries;
    expect(entry).toMatchObject({ state: "retry", attempts: 1, reason: "Error: no such order" });
    const worker = next.work();
    const left = (entry?.dueAt?.getTime() ?? 0) - Date.now();
    await scene.pass(Math.max(0, left - hour), next);
    // A random wait of up to a day may be over at once, once in very many runs.
    if (left > hour) {
      await worker.idle();
      expect(next.began).toEqual([]);
    }
    await scene.pass(hour, next);
    await stands(next, "done 2");
    expect(next.ended).toEqual([2]);
    if (engine.exactHistory) expect(await historyOf(next)).toEqual(["claimed", "handler_failed", "claimed", "processed"]);
  });

  it.each(casesOf(engine.beforeDead))(
    "row 12: on the last attempt, %s, leaves a dead letter that does not run again",
    async (_when, moment) => {
      const scene = await newEngineScene(engine, { attempts: 1 });
      const life = await accepted(scene, fails);
      await workUntil(life, moment);
      const next = await scene.begin();
      expect(await sortedEntriesOf(next)).toEqual(["processing 1"]);
      const worker = next.work();
      await scene.reclaim(next);
      await stands(next, "dead 1");
      await worker.idle();
      expect(await next.deliver()).toBe("200 duplicate");
      expect([life.began, next.began]).toEqual([[1], []]);
    },
  );

  /** A life that has handled three events. */
  async function handledThree(scene: EngineScene): Promise<EngineLife> {
    const life = await scene.begin();
    for (const video of ["a", "b", "c"]) expect(await life.deliver(video)).toBe("200 accepted");
    const worker = life.work();
    await stands(life, "done 1", "done 1", "done 1");
    await worker.stop();
    return life;
  }

  it.each(engine.duringReplay)(
    "row 16: during a replay, %s, leaves each event whole, and the next one replays the rest",
    async (_how, moment, replayed) => {
      const scene = await newEngineScene(engine);
      const life = await handledThree(scene);
      life.wire.dieAt(moment);
      await expect(life.inbox.replay({ state: "done" }, operator)).rejects.toThrow();
      await life.wire.died;
      const next = await scene.begin();
      const left = [...Array(3 - replayed).fill("done 1"), ...Array(replayed).fill("received 0")];
      expect(await sortedEntriesOf(next)).toEqual(left);
      expect(await next.inbox.replay({ state: "done" }, operator)).toBe(3 - replayed);
      next.work();
      await stands(next, "done 1", "done 1", "done 1");
      expect(next.ended).toEqual([1, 1, 1]);
    },
  );

  it.each(engine.duringPrune)(
    "row 16: during a prune, %s, leaves each event whole, and the next one deletes the rest",
    async (_how, moment, deleted) => {
      const scene = await newEngineScene(engine);
      const life = await handledThree(scene);
      life.wire.dieAt(moment);
      await expect(life.inbox.prune({ olderThanDays: 0 })).rejects.toThrow();
      await life.wire.died;
      const next = await scene.begin();
      expect(await sortedEntriesOf(next)).toEqual(Array(3 - deleted).fill("done 1"));
      expect(await next.inbox.prune({ olderThanDays: 0 })).toBe(3 - deleted);
      expect((await next.inbox.stats()).states.done).toBe(0);
    },
  );
}

function stallsOf(engine: MatrixEngine): void {
  it("row 13: completes nothing any more when another one has taken over, and says so", async () => {
    const scene = await newEngineScene(engine);
    const { over, end } = newGate();
    const stalled = await accepted(scene, () => over);
    stalled.work();
    await expect.poll(() => stalled.began, patience).toEqual([1]);
    // All of it stalls; otherwise its own worker might be the one that takes over.
    stalled.wire.standStill();
    const other = await scene.begin();
    other.work();
    await scene.reclaim(other);
    await stands(other, "done 2");
    expect(stalled.problems).not.toContain("claim_lost");
    stalled.wire.goOn();
    end();
    await expect.poll(() => stalled.problems, patience).toContain("claim_lost");
    expect([stalled.ended, other.ended]).toEqual([[1], [2]]);
    expect(await sortedEntriesOf(other)).toEqual(["done 2"]);
    expect(await historyOf(other)).toEqual(["claimed", "claimed", "processed"]);
  });

  it("row 13: is told by its signal while the other one still runs", async () => {
    const scene = await newEngineScene(engine);
    const { over, end } = newGate();
    let reason: unknown;
    const stalled = await accepted(scene, ({ signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise(() => undefined);
    });
    // Asks a third of it later whether the claim still holds.
    stalled.work({ leaseMs: 3000 });
    await expect.poll(() => stalled.began, patience).toEqual([1]);
    stalled.wire.standStill();
    const other = await scene.begin(() => over);
    other.work();
    await scene.reclaim(other);
    await expect.poll(() => other.began, patience).toEqual([2]);
    stalled.wire.goOn();
    // The store says so, or its own clock did, if all of that took longer than the lease.
    await expect.poll(() => reason, patience).toMatchObject({ message: expect.stringMatching(/^The (claim|lease) on this event /) });
    await expect.poll(() => stalled.problems, patience).toContain("claim_lost");
    expect(await sortedEntriesOf(other)).toEqual(["processing 2"]);
    end();
    await stands(other, "done 2");
    expect(await historyOf(other)).toEqual(["claimed", "claimed", "processed"]);
  });
}

function shutdownOf(engine: MatrixEngine): void {
  it("row 17: takes what still comes in, drains, gives back the rest without using up an attempt, and then refuses", async () => {
    const scene = await newEngineScene(engine);
    const { over, end } = newGate();
    const life = await scene.begin(({ video, signal }) =>
      video === "slow" ? over : new Promise((resolve) => signal.addEventListener("abort", resolve)),
    );
    for (const video of ["slow", "stuck"]) expect(await life.deliver(video)).toBe("200 accepted");
    const worker = life.work();
    await expect.poll(() => life.began, patience).toEqual([1, 1]);
    const stopping = worker.stop({ graceMs: 500 });
    expect(await life.deliver("late")).toBe("200 accepted");
    end();
    await stopping;
    await stands(life, "done 1", "received 0", "received 0");
    await life.inbox.close();
    expect(await life.deliver("too late")).toBe("503");

    const next = await scene.begin();
    expect(await sortedEntriesOf(next)).toEqual(["done 1", "received 0", "received 0"]);
    next.work();
    await stands(next, "done 1", "done 1", "done 1");
    expect(next.ended).toEqual([1, 1]);
  });
}
