import type { IdempotencyStore } from "../idempotency/store.ts";
import { createClaims, ifHeld } from "./bullmq-claims.ts";
import { createDiscard, createDiscardMarks } from "./bullmq-discard.ts";
import type { BullMq, BullMqJob, BullMqJobType, BullMqQueue, BullMqRedis } from "./bullmq-driver.ts";
import {
  ALL_TYPES,
  dataOf,
  entryOf,
  eventOf,
  fits,
  fromLine,
  jobIdOf,
  knownKeyOf,
  note,
  parseEntryKey,
  typeIn,
  typesOf,
  waitingSince,
} from "./bullmq-job.ts";
import { noAnswerIn, type Queues } from "./bullmq-queues.ts";
import type { Tallies } from "./bullmq-tallies.ts";
import type { AcceptOptions, InboxEvent } from "./intake.ts";
import { type Deleted, type PrunableState, pruneEvents } from "./prune.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import {
  CLOSED,
  type InboxEntry,
  type InboxFilter,
  type InboxHealth,
  type InboxPage,
  type InboxState,
  type InboxStats,
  type InboxStore,
  type Intervention,
  type PruneOptions,
} from "./store.ts";
import { createUnderWay } from "./under-way.ts";
import { within } from "./within.ts";
import { sourceOf } from "./worker.ts";

/** What a store in BullMQ works with. */
export interface BullMqStoreParts {
  readonly bullmq: BullMq;
  readonly redis: BullMqRedis;
  readonly queues: Queues;
  /** Keeps which runs were completed, and the states of jobs. */
  readonly completions: IdempotencyStore;
  readonly tallies: Tallies;
  readonly policy: CompletePolicy;
  readonly prefix: string;
  readonly keepDoneDays: number;
}

/** How long Redis may take to store a delivery. */
const PUT_TIMEOUT_MS = 1500;
const DAY_MS = 86_400_000;
/** What Redis answers when it is asked how long a key lives that it does not have. */
const NO_SUCH_KEY = -2;
/** Jobs that are read or deleted at once, with their payloads. */
const CHUNK = 50;
/** Ids that are read at once, so that Redis answers others in between, and those of them that are read again, as others may have moved. */
const WINDOW = 10_000;
const OVERLAP = 1000;
const DELETE_CHUNK = 1000;
/** Delayed jobs are ordered by their due time, with this many places for those of one millisecond. */
const DELAYED_SCORES_PER_MS = 0x1000;
const WAITING: readonly InboxState[] = ["received", "retry"];
const FINISHED: readonly InboxState[] = ["done", "dead"];
const finishedTypes = { done: "completed", dead: "failed" } as const;

type Change = (source: string, job: BullMqJob, type: BullMqJobType) => Promise<boolean>;

/** Keeps the events of an inbox in BullMQ. */
export function createBullMqStore(parts: BullMqStoreParts): InboxStore {
  const { bullmq, redis, queues, completions, tallies, policy, prefix, keepDoneDays } = parts;
  const ttlMs = Math.max(DAY_MS, keepDoneDays * DAY_MS);
  const marks = createDiscardMarks(redis, prefix);
  const claims = createClaims({ bullmq, queues, marks, completions, tallies, policy, ttlMs });
  const discardOne = createDiscard(queues, marks, claims);
  const listeners = new Set<() => void>();
  const puts = createUnderWay();
  let closed = false;

  const tell = (): void => {
    for (const listener of listeners) listener();
  };

  async function isKnown(id: string): Promise<boolean> {
    return (await redis.pttl(`${prefix}:${knownKeyOf(id)}`)) !== NO_SUCH_KEY;
  }

  async function put(event: InboxEvent, { unlessKnown = [] }: AcceptOptions): Promise<{ readonly duplicate: boolean }> {
    const source = sourceOf(event.provider, event.endpoint);
    // Before anything is waited for, since it cannot be had any more once the inbox is being closed.
    const queue = queues.of(source);
    if ((await Promise.all(unlessKnown.map(isKnown))).includes(true)) return { duplicate: true };
    const jobId = jobIdOf(event);
    // BullMQ does not say whether it had the job before; this tells whose delivery it was that was stored.
    const delivery = crypto.randomUUID();
    const options = {
      jobId,
      attempts: policy.attempts,
      backoff: { type: "custom" },
      removeOnComplete: { age: Math.ceil(keepDoneDays * 86_400) },
      removeOnFail: false,
      stackTraceLimit: 0,
      delivery,
    };
    await Promise.all([queues.remember(source), queue.add(event.type, dataOf(event), options)]);
    // Ids of jobs are hashes of ids and bodies. This finds an id alone, and only once its event is safe.
    const known = redis.set(`${prefix}:${knownKeyOf(event.id)}`, "1", "PX", Math.ceil(ttlMs));
    const [opts] = await Promise.all([redis.hget(queue.toKey(jobId), "opts"), known]);
    const stored = JSON.parse(opts ?? "{}") as { readonly delivery?: string };
    return { duplicate: stored.delivery !== delivery };
  }

  async function dueAtOf(queue: BullMqQueue, job: BullMqJob, type: BullMqJobType): Promise<number | undefined> {
    if (type === "wait") return waitingSince(job);
    if (type === "delayed") return delayedUntil(queue, job.id);
    if (type !== "active") return undefined;
    return Date.now() + Math.max(0, await redis.pttl(`${queue.toKey(job.id)}:lock`));
  }

  async function delayedUntil(queue: BullMqQueue, jobId: string): Promise<number | undefined> {
    const score = await redis.zscore(queue.toKey("delayed"), jobId);
    return score === null ? undefined : Math.floor(Number(score) / DELAYED_SCORES_PER_MS);
  }

  const idsOf = (queue: BullMqQueue, type: BullMqJobType, offset: number): Promise<readonly string[]> =>
    queue.getRanges([type], offset, offset + CHUNK - 1, false);

  const jobsOf = (queue: BullMqQueue, ids: readonly string[]): Promise<readonly (BullMqJob | undefined)[]> =>
    Promise.all(ids.map((id) => queue.getJob(id)));

  async function sourcesFor({ provider, endpoint }: InboxFilter): Promise<readonly string[]> {
    const sources = await queues.sources();
    return sources.filter((source) => {
      const slash = source.indexOf("/");
      return (
        (provider === undefined || source.slice(0, slash) === provider) && (endpoint === undefined || source.slice(slash + 1) === endpoint)
      );
    });
  }

  /** Since when the next job of a source has been due; `undefined` when none is. */
  async function dueSince(source: string): Promise<number | undefined> {
    const queue = queues.of(source);
    const [[waits], [delayed]] = await Promise.all([queue.getRanges(["wait"], 0, 0, true), queue.getRanges(["delayed"], 0, 0, true)]);
    const waiting = waits === undefined ? undefined : await queue.getJob(waits);
    const until = delayed === undefined ? undefined : await delayedUntil(queue, delayed);
    const times = [waiting && waitingSince(waiting), until].filter((time) => time !== undefined && time <= Date.now());
    return times.length > 0 ? Math.min(...(times as number[])) : undefined;
  }

  /**
   * What is in some states when the turn of a queue begins, by ids, since the clocks of those who stored or ended it may be ahead of this
   * one. A window at a time, since a queue may hold more than fits into memory.
   */
  async function* windowsIn(
    queue: BullMqQueue,
    states: readonly InboxState[],
  ): AsyncGenerator<{ readonly type: BullMqJobType; readonly ids: readonly string[] }> {
    // What becomes due on the way moves from the delayed ones to those that wait, which come after them.
    const types = typesFor(states).reverse();
    const counts = await queue.getJobCounts(...types);
    for (const type of types) {
      // From the newest down: what is changed and what comes in is at that end, and leaves the place of all others.
      for (let end = counts[type] ?? 0; end > 0; ) {
        const start = Math.max(0, end - WINDOW);
        yield { type, ids: await queue.getRanges([type], start, end - 1, true) };
        end = start > 0 ? start + OVERLAP : 0;
      }
    }
  }

  /** Changes what is selected. What comes into a queue, or ends, after its turn has begun is not meant. */
  async function changeAll(which: readonly string[] | InboxFilter, from: readonly InboxState[], change: Change): Promise<number> {
    let changed = 0;
    if (isList(which)) {
      for (const entry of which) {
        const found = await find(entry);
        if (found === undefined) continue;
        const type = typeIn(await found.queue.getJobState(found.job.id));
        if (type !== undefined && (await change(found.source, found.job, type))) changed++;
      }
      return changed;
    }
    const state = which.state === undefined ? from : [which.state].flat().filter((wanted) => from.includes(wanted));
    const filter = { ...which, state };
    for (const source of await sourcesFor(which)) {
      const queue = queues.of(source);
      for await (const { type: before, ids } of windowsIn(queue, state)) {
        for (let index = 0; index < ids.length; index += CHUNK) {
          for (const job of await jobsOf(queue, ids.slice(index, index + CHUNK))) {
            // Where it is now takes Redis long in a long queue, so only of those that are meant.
            if (job === undefined || !fits(job, before, filter)) continue;
            const type = typeIn(await queue.getJobState(job.id));
            if (type !== undefined && fits(job, type, filter) && (await change(source, job, type))) changed++;
          }
        }
      }
    }
    return changed;
  }

  async function find(
    entry: string,
  ): Promise<{ readonly source: string; readonly queue: BullMqQueue; readonly job: BullMqJob } | undefined> {
    const key = parseEntryKey(entry);
    // A queue that is opened is also made.
    if (key === undefined || !(await queues.sources()).includes(key.source)) return undefined;
    const queue = queues.of(key.source);
    const job = await queue.getJob(key.jobId);
    return job && { source: key.source, queue, job };
  }

  async function replayOne(source: string, job: BullMqJob, type: BullMqJobType, { by, reason }: Intervention): Promise<boolean> {
    if (type !== "completed" && type !== "failed") return false;
    // A new run, or the completion of the last one would end it at once. BullMQ ignores another add of what it has: only retry replays.
    if (!(await ifHeld(job.updateProgress({ run: crypto.randomUUID(), since: Date.now() })))) return false;
    if (!(await ifHeld(job.retry(type, { resetAttemptsMade: true, resetAttemptsStarted: true })))) return false;
    await note(queues.of(source), job, { attempt: 0, to: "received", result: "replayed", by, reason });
    return true;
  }

  async function countFinished(state: PrunableState, olderThanDays: number): Promise<number> {
    const until = Math.max(0, Date.now() - olderThanDays * DAY_MS);
    // BullMQ keeps them by the time at which they ended.
    const counts = (await queues.sources()).map((source) => redis.zcount(queues.of(source).toKey(finishedTypes[state]), "-inf", until));
    return (await Promise.all(counts)).reduce((total, count) => total + count, 0);
  }

  async function deleteFinished(state: PrunableState, olderThanDays: number, deleted: Deleted): Promise<void> {
    for (const source of await queues.sources()) {
      for (let found = DELETE_CHUNK; found === DELETE_CHUNK; await deleted(found)) {
        found = (await queues.of(source).clean(olderThanDays * DAY_MS, DELETE_CHUNK, finishedTypes[state])).length;
      }
    }
  }

  return {
    async put(event: InboxEvent, options: AcceptOptions = {}) {
      const stored = await puts.track(within(PUT_TIMEOUT_MS, put(event, options), noAnswerIn(PUT_TIMEOUT_MS)));
      if (!stored.duplicate) tell();
      return stored;
    },

    claim: (options) => claims.claim(options),
    extend: (claimed, leaseMs) => claims.extend(claimed, leaseMs),
    settle: (claimed, end) => claims.settle(claimed, end),
    release: ({ token }) => claims.release(token),

    onPut(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async list(filter, { limit, after }): Promise<InboxPage> {
      const wanted = typesFor(filter.state === undefined ? undefined : [filter.state].flat());
      const [, fromOffset, fromType, fromSource] = /^(\d{1,15})\.([a-z]+)\.(.+)$/.exec(after ?? "") ?? [];
      const entries: InboxEntry[] = [];
      for (const source of await sourcesFor(filter)) {
        if (fromSource !== undefined && source < fromSource) continue;
        const queue = queues.of(source);
        const resumed = source === fromSource ? wanted.indexOf(fromType as BullMqJobType) : -1;
        // At one moment, or a job that is moved meanwhile would be listed twice or not at all.
        const heads = resumed < 0 ? await queue.getBackend().getRanges(wanted, 0, CHUNK - 1, false) : [];
        for (let index = Math.max(0, resumed); index < wanted.length; index++) {
          const type = wanted[index] as BullMqJobType;
          let offset = index === resumed ? Number(fromOffset) : 0;
          for (let ids = heads[index] ?? (await idsOf(queue, type, offset)); ids.length > 0; ids = await idsOf(queue, type, offset)) {
            for (const job of await jobsOf(queue, ids)) {
              if (job !== undefined && fits(job, type, filter)) {
                if (entries.length === limit) return { entries, next: `${offset}.${type}.${source}` };
                entries.push(entryOf(job, type, await dueAtOf(queue, job, type)));
              }
              offset++;
            }
            // The end, which need not be asked for.
            if (ids.length < CHUNK) break;
          }
        }
      }
      return { entries };
    },

    async get(entry, { payload }) {
      const found = await find(entry);
      if (found === undefined) return undefined;
      const { queue, job } = found;
      const [state, { logs }] = await Promise.all([queue.getJobState(job.id), queue.getJobLogs(job.id)]);
      const type = typeIn(state);
      // Removed since, for example.
      if (type === undefined) return undefined;
      const details = { ...entryOf(job, type, await dueAtOf(queue, job, type)), history: logs.map(fromLine) };
      if (!payload) return details;
      const { rawBody, headers } = eventOf(job);
      return { ...details, rawBody, headers };
    },

    async replay(which: readonly string[] | InboxFilter, intervention: Intervention) {
      const replayed = await changeAll(which, FINISHED, (source, job, type) => replayOne(source, job, type, intervention));
      tell();
      return replayed;
    },

    discard: (which: readonly string[] | InboxFilter, intervention: Intervention) =>
      changeAll(which, WAITING, (source, job, type) => discardOne(source, job, type, intervention)),

    async stats(): Promise<InboxStats> {
      const states = { received: 0, processing: 0, retry: 0, done: 0, dead: 0 };
      const due: number[] = [];
      for (const source of await queues.sources()) {
        const counts = await queues.of(source).getJobCounts(...ALL_TYPES);
        states.received += counts.wait ?? 0;
        states.processing += counts.active ?? 0;
        states.retry += counts.delayed ?? 0;
        states.done += counts.completed ?? 0;
        states.dead += counts.failed ?? 0;
        const since = await dueSince(source);
        if (since !== undefined) due.push(since);
      }
      return { states, oldestDueMs: due.length > 0 ? Date.now() - Math.min(...due) : undefined, types: await tallies.read() };
    },

    prune: (options: PruneOptions) => pruneEvents(options, { count: countFinished, remove: deleteFinished }),

    async health(): Promise<InboxHealth> {
      if (closed) return CLOSED;
      try {
        // A write, since a server that is full or cannot save can still be read.
        await within(PUT_TIMEOUT_MS, redis.set(`${prefix}:health`, "1", "PX", 60_000), noAnswerIn(PUT_TIMEOUT_MS));
        return { live: true, ready: true };
      } catch (error) {
        return { live: true, ready: false, reason: error instanceof Error ? error.message : "Redis cannot be written." };
      }
    },

    async dueSources() {
      const sources = await queues.sources();
      const due = await Promise.all(sources.map(dueSince));
      return sources.filter((_, index) => due[index] !== undefined);
    },

    ...(completions.observe !== undefined && { observe: completions.observe.bind(completions) }),

    close() {
      closed = true;
      return queues.close(puts.ended());
    },
  };
}

const typesFor = (states: readonly InboxState[] | undefined): BullMqJobType[] =>
  ALL_TYPES.filter((type) => states === undefined || states.some((state) => typesOf[state].includes(type)));

function isList(which: readonly string[] | InboxFilter): which is readonly string[] {
  return Array.isArray(which);
}
