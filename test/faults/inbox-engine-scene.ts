import { expect, onTestFinished } from "vitest";
import type { RetryPolicy } from "../../src/inbox/retry-policy.ts";
import { uniqueName } from "../suites/servers.ts";
import { type EngineHandler, type EngineLife, liveOn } from "./inbox-engine-life.ts";
import type { MatrixEngine } from "./inbox-matrix-engine.ts";
import { patience } from "./inbox-scene.ts";
import { type Moment, openWire } from "./inbox-wire.ts";

/** Lives that follow one another on one schema or prefix. */
export interface EngineScene {
  /** A life on what the others have left there. */
  begin(handler?: EngineHandler): Promise<EngineLife>;
  /** Lets time pass for what is stored, and the engine look for workers that died. */
  pass(milliseconds: number, life: EngineLife): Promise<void>;
  /** Ends the claims of workers that died, until what they had is due. */
  reclaim(life: EngineLife): Promise<void>;
}

/** What is left of lives and spaces when their tests are over: those that are dead take their time to take leave. */
const leaving: Promise<void>[] = [];

/** Resolves when all that tests have left is gone. */
export async function cleared(): Promise<void> {
  await Promise.all(leaving.splice(0));
}

/** How long pg-boss waits before it brings back what a dead worker had; BullMQ does not wait. */
const WAIT_MS = 2000;

/** Sets a scene, which ends with the test. */
export async function newEngineScene(engine: MatrixEngine, policy: RetryPolicy = {}): Promise<EngineScene> {
  const space = uniqueName();
  const moved = await engine.openSpace(space);
  const lives: EngineLife[] = [];
  onTestFinished(() => {
    const left = Promise.all(lives.map((life) => life.end())).then(() => moved.close());
    // Its failure is told by whoever waits for all of them.
    left.catch(() => undefined);
    leaving.push(left);
  });

  async function pass(milliseconds: number, life: EngineLife): Promise<void> {
    await moved.pass(milliseconds);
    await moved.look(life);
  }

  return {
    async begin(handler) {
      const wire = await openWire(engine.server, engine.framer);
      const life = await liveOn({
        wire,
        policy,
        leaseMs: engine.leaseMs,
        open: (port, given) => engine.open(port, space, given),
        handler,
      });
      lives.push(life);
      return life;
    },
    pass,
    async reclaim(life) {
      await pass(engine.leaseMs, life);
      await pass(WAIT_MS, life);
    },
  };
}

/** Begins to work, and resolves when the process has died at this moment. */
export async function workUntil(life: EngineLife, moment: Moment): Promise<void> {
  life.wire.dieAt(moment);
  life.work();
  await expect.poll(() => life.wire.dead, patience).toBe(true);
  await life.wire.died;
}

/** Kills the process of a life. */
export async function kill(life: EngineLife): Promise<void> {
  life.wire.die();
  await life.wire.died;
}

/** The same, in an order that does not depend on the engine. */
export async function sortedEntriesOf({ inbox }: EngineLife): Promise<readonly string[]> {
  return (await inbox.list()).entries.map(({ state, attempts }) => `${state} ${attempts}`).sort();
}

/** Waits until the events stand like this, in any order. */
export async function stands(life: EngineLife, ...entries: readonly string[]): Promise<void> {
  await expect.poll(() => sortedEntriesOf(life), patience).toEqual([...entries].sort());
}
