import { type Claims, ifHeld } from "./bullmq-claims.ts";
import type { BullMqJob, BullMqJobType, BullMqQueue, BullMqRedis } from "./bullmq-driver.ts";
import { type DiscardMark, notesOf } from "./bullmq-job.ts";
import type { Queues } from "./bullmq-queues.ts";
import type { Intervention } from "./store.ts";

/** The marks of jobs that are to be discarded. A mark is on the job, and counts for as long as nobody has taken it. */
export interface DiscardMarks {
  /** Makes a mark. */
  make(intervention: Intervention): Promise<DiscardMark>;
  /** Takes a mark, which only one can: who claimed the job, to bury it, or who made the mark, to withdraw it. */
  take(mark: DiscardMark): Promise<boolean>;
}

/** Makes a job that waits dead, and resolves to whether it is. */
export type Discard = (source: string, job: BullMqJob, type: BullMqJobType, intervention: Intervention) => Promise<boolean>;

/** The mark of a process that died while it discarded must not end an attempt of much later. */
const MARK_MS = 60_000;
const CLAIM_MS = 30_000;
/** How long whoever took a mark may take to bury the job. */
const BURY_MS = 5000;
const LOOK_AGAIN_MS = 10;
/** Others who step in at the same time move theirs to the front as well. */
const MOST_TRIES = 10;

/** Makes {@link DiscardMarks}. */
export function createDiscardMarks(redis: BullMqRedis, prefix: string): DiscardMarks {
  const keyOf = (id: string): string => `${prefix}:discard:${id}`;
  return {
    async make({ by, reason }) {
      const id = crypto.randomUUID();
      await redis.set(keyOf(id), "1", "PX", MARK_MS);
      return { id, by, reason };
    },
    take: async ({ id }) => (await redis.del(keyOf(id))) === 1,
  };
}

/** Makes {@link Discard}. BullMQ fails only what is active, so a job is marked, moved to the front and claimed. Whoever claims it buries it. */
export function createDiscard(queues: Queues, marks: DiscardMarks, claims: Pick<Claims, "takeNext" | "release">): Discard {
  async function bring(source: string, queue: BullMqQueue, job: BullMqJob, type: BullMqJobType): Promise<void> {
    if (type === "delayed") await ifHeld(job.promote());
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      await ifHeld(job.changePriority({ priority: 0, lifo: true }));
      const next = await claims.takeNext(source, CLAIM_MS);
      if (next?.claimed !== undefined) await claims.release(next.claimed.token);
      if (next === undefined || (await queue.getJobState(job.id)) !== "waiting") return;
    }
  }

  /** How it ends with a job whose mark somebody has taken. */
  async function isBuried(queue: BullMqQueue, jobId: string): Promise<boolean> {
    for (const giveUpAt = performance.now() + BURY_MS; ; ) {
      const state = await queue.getJobState(jobId);
      if (state !== "active" || performance.now() > giveUpAt) return state === "failed";
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  return async function discard(source, { id }, type, intervention) {
    if (type !== "wait" && type !== "delayed") return false;
    const queue = queues.of(source);
    // Nothing can be claimed then. The job is left alone, since what is promoted in vain would not wait for its time any more.
    if ((await Promise.all([queue.isPaused(), queue.isMaxed()])).includes(true)) return false;
    const job = await queue.getJob(id);
    if (job === undefined) return false;
    const mark = await marks.make(intervention);
    let withdrawn = true;
    try {
      if (await ifHeld(job.updateProgress({ ...notesOf(job), discard: mark }))) await bring(source, queue, job, type);
    } finally {
      withdrawn = await marks.take(mark);
    }
    return !withdrawn && isBuried(queue, id);
  };
}
