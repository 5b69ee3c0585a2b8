import { Redis } from "ioredis";
import { expect } from "vitest";
import { openBullMqInbox } from "../../src/inbox/bullmq.ts";
import { redisServer, urlThrough } from "../suites/servers.ts";
import { redisFramer } from "./inbox-frames.ts";
import type { MatrixEngine, MatrixSpace } from "./inbox-matrix-engine.ts";
import { patience } from "./inbox-scene.ts";
import type { Moment } from "./inbox-wire.ts";

const SOURCE = "heygen/default";
const STALLED_INTERVAL_MS = 40;
/** Delayed jobs are ordered by their due time, with this many places for those of one millisecond. */
const SCORES_PER_MS = 0x1000;
const LOOK = /^moveStalledJobsToWait /;

const ADD = /^addStandardJob /;
const TAKE = /^moveToActive /;
const FINISH = /^moveToFinished /;
const DELAY = /^moveToDelayed /;
/** The scripts that claim a run, and that record its completion. */
const [BEGIN, RECORD] = [/^eval .*'in_progress'/s, /^eval .*write\(0, ARGV\[3\], ''\)/s];

const before = (command: RegExp): Moment => ({ when: "before", command });
const after = (command: RegExp): Moment => ({ when: "after", command });
const beforeFinished = { "before it says so": before(FINISH) };

async function openSpace(prefix: string): Promise<MatrixSpace> {
  const redis = new Redis(redisServer.url);
  const key = (rest: string): string => `${prefix}:${SOURCE}:${rest}`;
  const keysOf = async (rest: string): Promise<readonly string[]> => {
    const keys: string[] = [];
    for await (const some of redis.scanStream({ match: `${prefix}:${rest}`, count: 1000 })) keys.push(...(some as string[]));
    return keys;
  };
  return {
    async pass(milliseconds) {
      for (const lock of await keysOf(`${SOURCE}:*:lock`)) {
        const left = (await redis.pttl(lock)) - milliseconds;
        if (left > 0) await redis.pexpire(lock, left);
        else await redis.del(lock);
      }
      for (const id of await redis.zrange(key("delayed"), "0", "-1"))
        await redis.zincrby(key("delayed"), String(-milliseconds * SCORES_PER_MS), id);
    },
    async look({ wire }) {
      // What it finds without a lock, it takes back when it finds it once more.
      const enough = wire.sent(LOOK) + 4;
      await expect.poll(() => wire.sent(LOOK), patience).toBeGreaterThanOrEqual(enough);
    },
    async close() {
      const keys = await keysOf("*");
      if (keys.length > 0) await redis.unlink(...keys);
      redis.disconnect();
    },
  };
}

export const bullMqMatrix: MatrixEngine = {
  name: "BullMQ",
  server: redisServer,
  framer: redisFramer,
  leaseMs: 60_000,
  beforeStored: {
    "before its source is there": before(/^sadd /i),
    "when only its source is there": after(/^sadd /i),
    "before the job is sent": before(ADD),
  },
  afterStored: after(ADD),
  beforeClaimed: { "before it asks": before(TAKE) },
  afterClaimed: { "before the run is on record": after(TAKE), "when the run is on record": after(BEGIN) },
  beforeEnded: { "before it says so": before(RECORD) },
  beforeFailed: { "before it says so": before(DELAY) },
  afterRecorded: { "when that is on record": after(RECORD), "before the engine is told": before(FINISH) },
  afterEnded: after(FINISH),
  afterFailed: after(DELAY),
  beforeDead: beforeFinished,
  // Each event is one script, and all of them are none.
  duringReplay: [
    ["before the first one", before(/^updateProgress /), 0],
    ["before the engine is told", before(/^reprocessJob /), 0],
    ["when the first one was taken back", after(/^reprocessJob /), 1],
  ],
  duringPrune: [
    ["before they are deleted", before(/^cleanJobsInSet /), 0],
    ["when they are deleted", after(/^cleanJobsInSet /), 3],
  ],
  exactHistory: false,
  open: (port, prefix, policy) =>
    openBullMqInbox({
      connection: urlThrough(redisServer, port),
      prefix,
      stalledIntervalMs: STALLED_INTERVAL_MS,
      onWarning: () => undefined,
      ...policy,
    }),
  openSpace,
};
