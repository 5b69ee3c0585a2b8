import { createPostgresStore } from "../idempotency/postgres.ts";
import { storedKey } from "../idempotency/stored-key.ts";
import type { AcceptOptions, InboxEvent } from "./intake.ts";
import { LONGEST_MS, type PgBossJob, type PgBossPair, type PgBossSql } from "./pg-boss-client.ts";
import type { PgBossIntake } from "./pg-boss-intake.ts";
import { attemptOf, type Claim, claimOf, eventOf, fenceOf, queueOf, sourceOfQueue, storableText, tokenOf } from "./pg-boss-job.ts";
import type { PgBossLeases } from "./pg-boss-leases.ts";
import { createOperations, revive } from "./pg-boss-operations.ts";
import { queriesFor } from "./pg-boss-queries.ts";
import { type AttemptEnd, CLOSED, type ClaimedEvent, type InboxStore, type InboxTransition } from "./store.ts";
import { bucketOf } from "./tallies.ts";
import { createUnderWay } from "./under-way.ts";
import { within } from "./within.ts";

/** What a store on pg-boss works with. */
export interface PgBossStoreParts {
  readonly pair: PgBossPair;
  readonly schema: string;
  readonly intake: PgBossIntake;
  readonly leases: PgBossLeases;
}

/** How long the router may wait for a server that hangs; less than the deadline of any provider. */
const ANSWER_MS = 1500;

/** The same where the queue has to be searched, for which no sender waits. */
const SEARCH_MS = 10_000;

/** Keeps the events of an inbox in the queues of pg-boss. Every change of a job is a call of its API. */
export function createPgBossStore({ pair, schema, intake, leases }: PgBossStoreParts): InboxStore {
  const { quick } = pair;
  const sql = queriesFor(schema);
  const listeners = new Set<() => void>();
  const announce = (): void => {
    for (const listener of listeners) listener();
  };
  const database: PgBossSql = { executeSql: (text, values) => quick.getDb().executeSql(text, values) };
  const { observe, prune: pruneJobs } = createPostgresStore(
    { query: (text, values) => database.executeSql(text, values) },
    { schema, pruneEveryMs: false },
  );
  const operations = createOperations(pair, sql, intake.heartbeatSeconds, announce);
  const abundant = new Set<string>();
  const puts = createUnderWay();
  let turn = 0;
  let closing: Promise<void> | undefined;

  function checkOpen(): void {
    if (closing) throw new Error("The inbox is closed.");
  }

  /** Those of some queues that have something due. Where there was more than could be taken, there probably is. */
  async function dueOf(queues: readonly string[]): Promise<readonly string[]> {
    if (queues.every((queue) => abundant.has(queue))) return queues;
    const { rows } = await database.executeSql(sql.due, [queues]);
    return (rows as { name: string }[]).map(({ name }) => name);
  }

  /** Takes the next jobs of a queue, and writes down that they were taken, or neither. */
  async function take(queue: string, limit: number): Promise<readonly ClaimedEvent[]> {
    return pair.quickly(async (db) => {
      const jobs = await quick.fetch(queue, { batchSize: limit, includeMetadata: true, db });
      if (jobs.length === limit) abundant.add(queue);
      else abundant.delete(queue);
      const claimed: ClaimedEvent[] = [];
      for (const job of jobs) {
        const event = eventOf(job.data);
        // Not put there by us. It is kept, but it must not come back again and again.
        if (event === undefined) await quick.cancel(queue, job, { db });
        else if (await wasDone(queue, job, db)) await quick.complete(queue, job, null, { db });
        else claimed.push({ entry: job.id, token: tokenOf(job), attempt: attemptOf(job), event });
      }
      if (claimed.length > 0)
        await db.executeSql(sql.noteClaims, [claimed.map(({ entry }) => entry), claimed.map(({ attempt }) => attempt)]);
      return claimed;
    });
  }

  /** Whether somebody has moved a dead letter back into its queue whose event was handled since. */
  async function wasDone(queue: string, { sourceRootId }: PgBossJob, db: PgBossSql): Promise<boolean> {
    if (sourceRootId === null) return false;
    const [row] = (await db.executeSql(sql.stateOf, [queue, sourceRootId])).rows as { state: string }[];
    return row?.state === "completed";
  }

  /** Ends a claim that still holds by the calls of `change`, or resolves to `false`. */
  async function end(
    claimed: ClaimedEvent,
    noted: Pick<InboxTransition, "to" | "result" | "milliseconds" | "reason">,
    tally: readonly unknown[],
    change: (db: PgBossSql, claim: Claim) => Promise<unknown>,
  ): Promise<boolean> {
    const claim = claimOf(claimed);
    const ended = await pair.quickly(async (db) => {
      const { to, result, milliseconds = null, reason = null } = noted;
      const values = [...fenceOf(claim), claimed.attempt, to, result, milliseconds, reason, ...tally];
      if ((await db.executeSql(sql.note, values)).rows.length === 0) return undefined;
      await change(db, claim);
      return true;
    });
    leases.drop(claimed.token);
    return ended === true;
  }

  /** Lets pg-boss fail an attempt for good, also when there are attempts left. */
  async function bury({ queue, id, retryCount, retryLimit }: Claim, output: object, db: PgBossSql): Promise<void> {
    await quick.fail(queue, { id, retryCount }, output, { db });
    if (retryCount >= retryLimit) return;
    await quick.update(queue, undefined, { id, retryLimit: retryCount, db });
    await quick.fail(queue, id, output, { db });
  }

  async function settle(claimed: ClaimedEvent, how: AttemptEnd): Promise<boolean> {
    const { retryCount, retryLimit } = claimOf(claimed);
    // A job has the attempts it was stored with, whatever the policy of this process is.
    const to = how.state === "retry" && retryCount >= retryLimit ? "dead" : how.state;
    const reason = how.state === "done" ? undefined : storableText(how.reason);
    const noted = { to, result: how.result, milliseconds: how.milliseconds, ...(reason !== undefined && { reason }) };
    const succeeded = how.state === "done";
    const { provider, type } = claimed.event;
    const tally = [provider, storedKey(type), succeeded, succeeded ? bucketOf(how.milliseconds) : 0];
    return end(claimed, noted, tally, async (db, claim) => {
      const { queue, id } = claim;
      const output = { attempt: claimed.attempt, result: how.result, reason };
      if (to === "done") await quick.complete(queue, { id, retryCount }, null, { db });
      else if (to === "dead") await bury(claim, output, db);
      else if (how.state === "retry") {
        // pg-boss has a wait of its own for failures. That of the worker takes its place.
        await quick.fail(queue, { id, retryCount }, output, { db });
        await quick.update(queue, undefined, { id, startAfter: `${Math.ceil(Math.min(how.afterMs, LONGEST_MS))} milliseconds`, db });
      }
    });
  }

  return {
    async put(event: InboxEvent, { unlessKnown }: AcceptOptions = {}) {
      checkOpen();
      const limitMs = unlessKnown === undefined ? ANSWER_MS : SEARCH_MS;
      const stored = await puts.track(within(limitMs, intake.put(event, unlessKnown), "Postgres did not answer in time."));
      if (!stored.duplicate) announce();
      return stored;
    },

    async claim({ sources, limit, leaseMs }) {
      checkOpen();
      const queues = sources.map(queueOf);
      await Promise.all(queues.map((queue) => intake.ready(queue)));
      const due = await dueOf(queues);
      // Another queue is first each time, so that a busy one does not keep the others waiting.
      turn++;
      const claimed: ClaimedEvent[] = [];
      for (let index = 0; index < due.length && claimed.length < limit; index++) {
        const queue = due[(index + turn) % due.length] as string;
        const taken = await take(queue, limit - claimed.length).catch((error: unknown) => {
          // What was taken before has to be handled.
          if (claimed.length === 0) throw error;
          return [];
        });
        for (const each of taken) leases.hold(each.token, queue, claimOf(each), leaseMs);
        claimed.push(...taken);
      }
      return claimed;
    },

    async extend(claimed, leaseMs) {
      const claim = claimOf(claimed);
      if ((await database.executeSql(sql.isHeld, fenceOf(claim))).rows.length === 0) {
        leases.drop(claimed.token);
        return false;
      }
      await quick.touch(claim.queue, [claim]);
      leases.hold(claimed.token, claim.queue, claim, leaseMs);
      return true;
    },

    settle,

    async release(claimed) {
      const to = claimed.attempt > 1 ? "retry" : "received";
      return end(claimed, { to, result: "released" }, [null, null, null, null], async (db, { queue, id, retryCount, retryLimit }) => {
        // pg-boss counts every claim, so this one is given back by one more.
        await quick.fail(queue, { id, retryCount }, { result: "released" }, { db });
        if (retryCount >= retryLimit) await revive(quick, sql, queue, [id], db);
        await quick.update(queue, undefined, { id, startAfter: "0", retryLimit: retryLimit + 1, db });
      });
    },

    onPut(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    ...operations,

    async prune(options) {
      await pruneJobs();
      return operations.prune(options);
    },

    async health() {
      if (closing) return CLOSED;
      try {
        await within(ANSWER_MS, database.executeSql(sql.pulse), "Postgres did not answer in time.");
        return { live: true, ready: true };
      } catch (error) {
        return { live: true, ready: false, reason: error instanceof Error ? error.message : "Postgres cannot be written to." };
      }
    },

    async dueSources() {
      const { rows } = await database.executeSql(sql.due, [null]);
      return (rows as { name: string }[]).map(({ name }) => sourceOfQueue(name));
    },

    observe,

    close() {
      leases.close();
      closing ??= puts.ended().then(pair.close);
      return closing;
    },
  };
}
