import type { IdempotencyStore } from "../idempotency/store.ts";
import type { DiscardMarks } from "./bullmq-discard.ts";
import type { BullMq, BullMqJob, BullMqQueue } from "./bullmq-driver.ts";
import { attemptsOf, entryKey, eventOf, fromLine, note, notesOf, runOf } from "./bullmq-job.ts";
import { type Queues, RetryAfter } from "./bullmq-queues.ts";
import type { Tallies } from "./bullmq-tallies.ts";
import type { InboxEvent } from "./intake.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import type { AttemptEnd, ClaimedEvent, InboxStore } from "./store.ts";

/** What claims in BullMQ work with. */
export interface ClaimsParts {
  readonly bullmq: BullMq;
  readonly queues: Queues;
  readonly marks: DiscardMarks;
  /** Keeps which runs were completed. */
  readonly completions: IdempotencyStore;
  readonly tallies: Tallies;
  readonly policy: CompletePolicy;
  /** How long a completion is remembered. */
  readonly ttlMs: number;
}

/** What a worker does with a store, and what an operation by hand needs of it. */
export interface Claims extends Pick<InboxStore, "claim" | "extend" | "settle"> {
  release(token: string): Promise<boolean>;
  /** Takes the next job. `undefined`: there is none. `claimed` is absent when it was not to be handled any more. */
  takeNext(source: string, leaseMs: number): Promise<{ readonly claimed?: ClaimedEvent } | undefined>;
}

/** What a claim stands for until it is settled. */
interface Held {
  readonly queue: BullMqQueue;
  readonly job: BullMqJob;
  /** Proves the claim to the store of completions. */
  readonly completion: string;
  recorded: boolean;
}

/** A century, since what BullMQ orders delayed jobs by has no room for much more. */
const LONGEST_MS = 100 * 365 * 86_400_000;

/** How long a job that is given back stays locked at most, if the process dies before it is. */
const RELEASE_MS = 30_000;

/** Makes {@link Claims}: what takes jobs from BullMQ by hand, and ends them. */
export function createClaims({ bullmq, queues, marks, completions, tallies, policy, ttlMs }: ClaimsParts): Claims {
  const held = new Map<string, Held>();
  let turn = 0;

  async function tally(job: BullMqJob, succeeded: boolean, milliseconds: number): Promise<void> {
    const { provider } = job.data as InboxEvent;
    // Of use to people only; what is missing must not undo what has happened.
    await Promise.allSettled([tallies.add({ provider, type: job.name }, succeeded, milliseconds)]);
  }

  /** BullMQ counts every claim; those that are no attempts are counted beside it. The job has to be locked. */
  async function uncount(job: BullMqJob): Promise<void> {
    const notes = notesOf(job);
    await job.updateProgress({ ...notes, released: (notes.released ?? 0) + 1 });
  }

  /** Ends a job that was only claimed to end it. */
  async function bury(job: BullMqJob, token: string, reason: string): Promise<boolean> {
    await uncount(job);
    return ifHeld(job.moveToFailed(new bullmq.UnrecoverableError(reason), token, false));
  }

  function postpone(job: BullMqJob, token: string, reason: string, afterMs: number): Promise<unknown> {
    // That there is another attempt was decided; BullMQ counts only those that failed, and goes by the policy of when the job was added.
    job.opts.attempts = job.attemptsMade + 2;
    const waitMs = Math.min(Math.max(1, Math.ceil(afterMs)), LONGEST_MS);
    return job.moveToFailed(new RetryAfter(reason, waitMs), token, false);
  }

  function move(job: BullMqJob, token: string, end: AttemptEnd): Promise<unknown> {
    if (end.state === "done") return job.moveToCompleted(end.result, token, false);
    if (end.state === "dead") return job.moveToFailed(new bullmq.UnrecoverableError(end.reason), token, false);
    return postpone(job, token, end.reason, end.afterMs);
  }

  /** Writes down a completion that was recorded, unless whoever recorded it has done so. */
  async function noteRecorded(queue: BullMqQueue, job: BullMqJob, attempt: number): Promise<void> {
    const history = (await queue.getJobLogs(job.id)).logs.map(fromLine);
    const run = history.slice(history.map(({ result }) => result).lastIndexOf("replayed") + 1);
    if (run.some(({ to }) => to === "done")) return;
    await note(queue, job, { attempt, to: "done", result: "recorded" });
    await tally(job, true, 0);
  }

  async function takeNext(source: string, leaseMs: number): Promise<{ readonly claimed?: ClaimedEvent } | undefined> {
    const { worker, lockMs } = await queues.worker(source, leaseMs);
    const token = crypto.randomUUID();
    const job = await worker.getNextJob(token, { block: false });
    if (job === undefined) return undefined;
    const queue = queues.of(source);
    const attempt = attemptsOf(job);
    const { discard } = notesOf(job);
    if (discard !== undefined && (await marks.take(discard))) {
      const { by, reason } = discard;
      if (await bury(job, token, reason)) await note(queue, job, { attempt: 0, to: "dead", result: "discarded", by, reason });
      return {};
    }
    if (attempt > policy.attempts) {
      const reason = "The process died in the last attempt.";
      if (await bury(job, token, reason)) {
        await note(queue, job, { attempt: attempt - 1, to: "dead", result: "crashed", reason });
        await tally(job, false, 0);
      }
      return {};
    }
    const event = eventOf(job);
    const [completion] = await Promise.all([
      // BullMQ's lock is the lease; this one only has to be the newest.
      completions.claim(runOf(job), { fingerprint: event.fingerprint, leaseMs: 0, ttlMs }),
      Math.ceil(leaseMs) === lockMs || job.extendLock(token, Math.ceil(leaseMs)),
      note(queue, job, { attempt, to: "processing", result: "claimed" }),
    ]);
    if (completion.state === "completed") {
      // The process died, or lost its lock, between the record and BullMQ, which therefore brings the job again.
      if (await ifHeld(job.moveToCompleted("processed", token, false))) await noteRecorded(queue, job, attempt);
      return {};
    }
    if (completion.state === "in_progress") {
      // The clock of Redis was set back, or another server has taken over.
      await uncount(job);
      await ifHeld(postpone(job, token, "The clock of Redis has changed.", completion.retryAfterMs));
      return {};
    }
    held.set(token, { queue, job, completion: completion.token, recorded: false });
    return { claimed: { entry: entryKey(source, job.id), token, attempt, event } };
  }

  async function take(source: string, leaseMs: number): Promise<ClaimedEvent | undefined> {
    for (;;) {
      const next = await takeNext(source, leaseMs);
      if (next === undefined || next.claimed !== undefined) return next?.claimed;
    }
  }

  return {
    takeNext,

    async claim({ sources, limit, leaseMs }) {
      // Another source is first each time, so that a busy one does not keep the others waiting.
      turn++;
      const claimed: ClaimedEvent[] = [];
      for (let index = 0; index < sources.length && claimed.length < limit; index++) {
        const source = sources[(index + turn) % sources.length] as string;
        try {
          const first = await take(source, leaseMs);
          if (first === undefined) continue;
          claimed.push(first);
        } catch (error) {
          // What was claimed before must not wait for its lease to end.
          if (claimed.length > 0) return claimed;
          throw error;
        }
        const more = await Promise.allSettled(Array.from({ length: limit - claimed.length }, () => take(source, leaseMs)));
        for (const each of more) if (each.status === "fulfilled" && each.value !== undefined) claimed.push(each.value);
      }
      return claimed;
    },

    async extend({ token }, leaseMs) {
      const claim = held.get(token);
      return claim !== undefined && Number(await claim.job.extendLock(token, Math.ceil(leaseMs))) === 1;
    },

    async settle({ token, attempt }, end) {
      const claim = held.get(token);
      if (claim === undefined) return false;
      const { queue, job } = claim;
      if (end.state === "done" && !claim.recorded) {
        claim.recorded = await completions.complete(runOf(job), claim.completion, { ttlMs });
        if (!claim.recorded) {
          held.delete(token);
          return false;
        }
      }
      const moved = await ifHeld(move(job, token, end));
      held.delete(token);
      // A completion that is recorded holds: the next claim finds it, and only tells BullMQ.
      if (!moved && !claim.recorded) return false;
      const { state, result, milliseconds } = end;
      await Promise.all([
        note(queue, job, { attempt, to: state, result, milliseconds, ...(end.state !== "done" && { reason: end.reason }) }),
        tally(job, state === "done", milliseconds),
      ]);
      return true;
    },

    async release(token) {
      const claim = held.get(token);
      held.delete(token);
      if (claim === undefined) return false;
      const { job, queue } = claim;
      // What is noted on a job is not fenced, so the lock has to be held for certain.
      if (Number(await job.extendLock(token, RELEASE_MS)) !== 1) return false;
      await uncount((await queue.getJob(job.id)) ?? job);
      if (!(await ifHeld(job.moveToWait(token)))) return false;
      const attempt = attemptsOf(job);
      await note(queue, job, { attempt, to: attempt > 1 ? "retry" : "received", result: "released" });
      return true;
    },
  };
}

/** BullMQ's codes: no such job, no lock, not in the state, the lock of another. */
const NOT_HELD: ReadonlySet<unknown> = new Set([-1, -2, -3, -6]);

/** Whether a move was made; `false` when somebody else was faster. Other failures reject. */
export async function ifHeld(move: Promise<unknown>): Promise<boolean> {
  try {
    await move;
    return true;
  } catch (error) {
    if (NOT_HELD.has((error as { readonly code?: unknown }).code)) return false;
    throw error;
  }
}
