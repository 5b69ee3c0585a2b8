import { randomBytes } from "node:crypto";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { InboxEngine, Inspection } from "./inbox-engine.ts";

/** An inbox under a prefix of its own, on the queues of BullMQ. */
export function bullMqEngine(url: string): InboxEngine {
  const path = `vw_crash_${randomBytes(6).toString("hex")}`;
  return { place: { engine: "bullmq", url, path }, drainMs: 120_000, inspect: async () => inspectionOf(url, path) };
}

const SOURCE = "heygen/default";
const UNFINISHED = ["wait", "active", "delayed", "prioritized", "waiting-children"] as const;
const FINISHED = ["completed", "failed"] as const;
/** BullMQ keeps about the last 10,000 of its events, so they are read while they come. */
const READ_MS = 250;

async function inspectionOf(url: string, prefix: string): Promise<Inspection> {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(SOURCE, { connection: redis, prefix, skipMetasUpdate: true });
  const eventsKey = `${prefix}:${SOURCE}:events`;
  // BullMQ writes an event in the same script that moves a job, so none is missing when a process is killed.
  const completions = new Map<string, number>();
  let last = "0-0";
  let read = 0;
  let reading = Promise.resolve();

  async function readOn(): Promise<void> {
    for (;;) {
      const found = await redis.xrange(eventsKey, `(${last}`, "+", "COUNT", 1000);
      for (const [id, fields] of found) {
        last = id;
        read++;
        const of = (name: string): string => fields[fields.indexOf(name) + 1] ?? "";
        if (of("event") === "completed") completions.set(of("jobId"), (completions.get(of("jobId")) ?? 0) + 1);
      }
      if (found.length < 1000) return;
    }
  }
  const catchUp = (): Promise<void> => (reading = reading.then(readOn));
  const timer = setInterval(() => void catchUp(), READ_MS);

  async function keysOf(rest: string): Promise<readonly string[]> {
    const keys = new Set<string>();
    for await (const some of redis.scanStream({ match: `${prefix}:${rest}`, count: 1000 })) for (const key of some) keys.add(key);
    return [...keys];
  }

  /** Each job is in one state, nothing is in a state that is not there, and nobody holds a lock. */
  async function integrity(): Promise<string> {
    const jobs = (await keysOf(`${SOURCE}:h*`)).map((key) => key.slice(`${prefix}:${SOURCE}:`.length));
    const hashes = new Set(jobs.filter((key) => /^h[0-9a-f]{64}$/.test(key)));
    const locks = jobs.filter((key) => key.endsWith(":lock")).length;
    const placed = (await Promise.all([...UNFINISHED, ...FINISHED].map((state) => queue.getRanges([state], 0, -1)))).flat();
    const lost = [...hashes].filter((id) => !placed.includes(id)).length;
    const missing = placed.filter((id) => !hashes.has(id)).length;
    const twice = placed.length - new Set(placed).size;
    if (locks + lost + missing + twice === 0) return "ok";
    return `${lost} jobs in no state, ${twice} in two, ${missing} that are not there, ${locks} locked`;
  }

  const jobsIn = (...states: readonly (typeof UNFINISHED | typeof FINISHED)[number][]) => queue.getJobs([...states], 0, -1);

  return {
    async left() {
      return Object.values(await queue.getJobCounts(...UNFINISHED)).reduce((sum, count) => sum + count, 0);
    },
    async remains() {
      await catchUp();
      const stream = (await redis.xinfo("STREAM", eventsKey).catch(() => [])) as readonly unknown[];
      // As of Redis 7 it tells how many there ever were.
      const written = stream.includes("entries-added") ? stream[stream.indexOf("entries-added") + 1] : read;
      if (written !== read) throw new Error("BullMQ has deleted events that were not read yet.");
      const [finished, unfinished] = [await jobsIn(...FINISHED), await jobsIn(...UNFINISHED)];
      const failed = await queue.getFailedCount();
      return {
        stored: finished.length + unfinished.length,
        unfinished: unfinished.length + failed,
        completedTwice: [...completions.values()].filter((count) => count > 1).length,
        claims: [...finished, ...unfinished].reduce((sum, job) => sum + job.attemptsStarted, 0),
        integrity: await integrity(),
      };
    },
    async events() {
      const jobs = await jobsIn(...FINISHED, ...UNFINISHED);
      return new Map(jobs.map(({ data, finishedOn }) => [(data as { id: string }).id, finishedOn]));
    },
    async close() {
      clearInterval(timer);
      await reading;
      await queue.close();
      const keys = await keysOf("*");
      for (let from = 0; from < keys.length; from += 1000) await redis.unlink(...keys.slice(from, from + 1000));
      redis.disconnect();
    },
  };
}
