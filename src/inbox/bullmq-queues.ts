import type { BullMq, BullMqQueue, BullMqRedis, BullMqWorker } from "./bullmq-driver.ts";
import { within } from "./within.ts";

/** What the queues of an inbox share. */
export interface QueueSettings {
  readonly bullmq: BullMq;
  readonly redis: BullMqRedis;
  readonly prefix: string;
  readonly stalledIntervalMs: number;
}

/** The queues of an inbox, one for each source, and what takes jobs from them. */
export interface Queues {
  /** The queue of a source. Throws when the inbox is closed. */
  of(source: string): BullMqQueue;
  /**
   * What takes jobs of a source by hand. It also gives back the jobs of workers that died.
   *
   * @param leaseMs how long a job is locked, unless the first caller wanted something else
   */
  worker(source: string, leaseMs: number): Promise<{ readonly worker: BullMqWorker; readonly lockMs: number }>;
  /** All sources that ever had an event. */
  sources(): Promise<readonly string[]>;
  /** Remembers a source. */
  remember(source: string): Promise<unknown>;
  /**
   * Closes the queues; from now on there are none to be had.
   *
   * @param ended when what needs those that were had before has ended
   */
  close(ended: Promise<unknown>): Promise<void>;
}

/** A failure after which BullMQ waits for as long as it says. */
export class RetryAfter extends Error {
  readonly afterMs: number;
  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** How long a new connection may take. */
const READY_MS = 5000;

/** What is said of a server that hangs. */
export const noAnswerIn = (milliseconds: number): string => `Redis did not answer within ${milliseconds} ms.`;

/** Makes {@link Queues}. */
export function createQueues({ bullmq, redis, prefix, stalledIntervalMs }: QueueSettings): Queues {
  const queues = new Map<string, BullMqQueue>();
  const workers = new Map<string, { readonly worker: BullMqWorker; readonly lockMs: number; readonly started: Promise<unknown> }>();
  const sourcesKey = `${prefix}:sources`;
  let closing: Promise<void> | undefined;
  // checkServer() has looked at the version; each queue would ask again.
  const shared = { connection: redis, prefix, skipVersionCheck: true };
  // A colon separates the parts of the keys of BullMQ.
  const nameOf = (source: string): string => source.replace(/[%:]/g, encodeURIComponent);
  // Operations that fail reject; without a listener Node.js would print what is told twice.
  const ignore = (): void => undefined;

  function checkOpen(): void {
    if (closing) throw new Error("The inbox is closed.");
  }

  return {
    of(source) {
      checkOpen();
      let queue = queues.get(source);
      if (queue === undefined) {
        queue = new bullmq.Queue(nameOf(source), shared);
        queue.on("error", ignore);
        queues.set(source, queue);
      }
      return queue;
    },

    async worker(source, leaseMs) {
      checkOpen();
      let known = workers.get(source);
      if (known === undefined) {
        if (redis.status !== "ready") throw new Error("Redis is not connected.");
        const lockMs = Math.ceil(leaseMs);
        const worker = new bullmq.Worker(nameOf(source), null, {
          ...shared,
          autorun: false,
          lockDuration: lockMs,
          stalledInterval: stalledIntervalMs,
          // Attempts are counted at the claim, so a job that stalls too often is found there. BullMQ's own counter also outlasts a replay.
          maxStalledCount: Number.MAX_SAFE_INTEGER,
          settings: { backoffStrategy: (_attempts: number, _type: string, error: RetryAfter) => error.afterMs },
        });
        worker.on("error", ignore);
        known = { worker, lockMs, started: worker.waitUntilReady().then(() => worker.startStalledCheckTimer()) };
        workers.set(source, known);
        known.started.catch(() => {
          // Its own connection could not be made; the next claim tries another one.
          workers.delete(source);
          worker.close(true).catch(ignore);
        });
      }
      await within(READY_MS, known.started, noAnswerIn(READY_MS));
      return known;
    },

    async sources() {
      checkOpen();
      return (await redis.smembers(sourcesKey)).sort();
    },

    remember: (source) => redis.sadd(sourcesKey, source),

    close(ended) {
      closing ??= (async () => {
        await ended;
        // Without a connection, leave cannot be taken. A worker has one of its own, which would go on for ever to look for a server that is
        // away, and nothing is under way on it.
        const closed = [
          ...[...workers.values()].map(({ worker }) => worker.close(true)),
          ...[...queues.values()].map((queue) => queue.close()),
        ];
        try {
          await within(READY_MS, Promise.allSettled(closed), noAnswerIn(READY_MS));
        } catch {
          // What is left goes with the connection.
        } finally {
          redis.disconnect();
        }
      })();
      return closing;
    },
  };
}
