import { LONGEST_MS, type PgBossClient, type PgBossPair, type PgBossSql } from "./pg-boss-client.ts";
import { DEAD_LETTERS, eventOf, type JobData, jobWith, sourceOfQueue, storableText } from "./pg-boss-job.ts";
import {
  conditionOf,
  cursorOf,
  entryOf,
  isEntry,
  type JobRow,
  type PgBossQueries,
  placeOf,
  type TransitionRow,
  transitionOf,
} from "./pg-boss-queries.ts";
import { type Deleted, type PrunableState, pruneEvents } from "./prune.ts";
import type { InboxEntry, InboxFilter, InboxState, InboxStats, InboxStore, InboxTransition, Intervention } from "./store.ts";
import { type TallyRow, typesOf } from "./tallies.ts";

/** What a person does with an inbox. */
export type PgBossOperations = Pick<InboxStore, "list" | "get" | "replay" | "discard" | "stats" | "prune">;

interface ChunkRow {
  readonly id: string;
  readonly state: string;
  readonly retry_count: number;
  readonly started: boolean;
  readonly attempts: number;
  readonly data?: JobData | null;
}

/** Jobs that are changed in one transaction, so that nothing else waits for long. */
const CHUNK = 100;

const DAY_MS = 86_400_000;
const STATES: readonly InboxState[] = ["received", "processing", "retry", "done", "dead"];

const providerOf = (queue: string): string => sourceOfQueue(queue).split("/")[0] as string;

/** The line of the history that a process could not write any more. */
function crashOf({ finishedAt = new Date(0), attempts, reason }: InboxEntry): InboxTransition {
  return { at: finishedAt, attempt: attempts, to: "dead", result: "crashed", ...(reason !== undefined && { reason }) };
}

/** Takes jobs back that pg-boss has failed for good, and their copies out of the dead-letter queue. */
export async function revive(boss: PgBossClient, sql: PgBossQueries, queue: string, ids: string[], db: PgBossSql): Promise<void> {
  if (ids.length === 0) return;
  await boss.retry(queue, ids, { db });
  await removeCopies(boss, sql, ids, db);
}

async function removeCopies(boss: PgBossClient, sql: PgBossQueries, ids: string[], db: PgBossSql): Promise<void> {
  const copies = (await db.executeSql(sql.copies, [ids])).rows as { id: string }[];
  const found = copies.map(({ id }) => id);
  if (found.length > 0) await boss.deleteJob(DEAD_LETTERS, found, { db });
}

/** The operations on the tables of pg-boss; `changed` is called when something may be due. */
export function createOperations(
  { patient: boss, patiently }: PgBossPair,
  sql: PgBossQueries,
  heartbeatSeconds: number,
  changed: () => void,
): PgBossOperations {
  const run = async <Row>(text: string, values: unknown[] = []): Promise<readonly Row[]> =>
    (await boss.getDb().executeSql(text, values)).rows as readonly Row[];

  const queuesOf = async (): Promise<readonly string[]> => (await run<{ name: string }>(sql.sourceQueues)).map(({ name }) => name);

  /** Goes through the jobs of a selection in chunks, of which each is all or nothing. */
  async function changeAll(
    which: readonly string[] | InboxFilter,
    from: readonly InboxState[],
    change: (db: PgBossSql, queue: string, rows: readonly ChunkRow[]) => Promise<unknown>,
    { also = "", only = "true", stepped = async (_changed: number): Promise<void> => undefined } = {},
  ): Promise<number> {
    const queues = await queuesOf();
    const { where, values } = conditionOf(which, from, queues);
    let changed = 0;
    for (const queue of queues) {
      for (let after = "00000000-0000-0000-0000-000000000000"; ; ) {
        const rows = await patiently(async (db) => {
          const condition = { where: `${where} AND ${only}`, values };
          const found = (await db.executeSql(...sql.chunk(queue, condition, after, CHUNK, also))).rows as ChunkRow[];
          if (found.length > 0) await change(db, queue, found);
          return found;
        });
        changed += rows.length;
        await stepped(rows.length);
        if (rows.length < CHUNK) break;
        after = (rows.at(-1) as ChunkRow).id;
      }
    }
    return changed;
  }

  async function replayRows(db: PgBossSql, queue: string, rows: readonly ChunkRow[]): Promise<void> {
    const idsIn = (state: string): string[] => rows.filter((row) => row.state === state).map(({ id }) => id);
    await revive(boss, sql, queue, idsIn("failed"), db);
    const cancelled = idsIn("cancelled");
    if (cancelled.length > 0) await boss.resume(queue, cancelled, { db });
    for (const { id, state, retry_count, started, attempts } of rows) {
      // pg-boss goes on counting, so the limit is put as far off as it was at first.
      const retryLimit = retry_count + attempts - (started ? 0 : 1);
      if (state !== "completed") await boss.update(queue, undefined, { id, startAfter: "0", retryLimit, db });
    }
    // There is no way back from completed, so that such a job is put into its queue once more, under its id.
    const completed = rows.filter(({ state }) => state === "completed");
    if (completed.length === 0) return;
    await boss.deleteJob(
      queue,
      completed.map(({ id }) => id),
      { db },
    );
    const jobs = completed.flatMap(({ id, data }) => {
      const event = eventOf(data);
      return event === undefined ? [] : jobWith(id, data as JobData, event, heartbeatSeconds);
    });
    await boss.insert(queue, jobs, { db });
  }

  const note = (db: PgBossSql, rows: readonly ChunkRow[], to: InboxState, result: string, { by, reason }: Intervention): Promise<unknown> =>
    db.executeSql(sql.noteInterventions, [rows.map(({ id }) => id), to, result, storableText(reason), storableText(by)]);

  async function noteCrashes(db: PgBossSql, queue: string, rows: readonly ChunkRow[]): Promise<void> {
    const failed = rows.filter(({ state }) => state === "failed").map(({ id }) => id);
    if (failed.length > 0) await db.executeSql(sql.noteCrashes, [queue, failed, providerOf(queue)]);
  }

  const endedBefore = (days: number): string =>
    `j.completed_on < now() - ${Math.min(days * DAY_MS, LONGEST_MS)} * interval '1 millisecond'`;

  async function countFinished(state: PrunableState, olderThanDays: number): Promise<number> {
    const { where, values } = conditionOf({}, [state], await queuesOf());
    const [row] = await run<{ count: number }>(sql.count(`${where} AND ${endedBefore(olderThanDays)}`), [...values]);
    return row?.count ?? 0;
  }

  function deleteFinished(state: PrunableState, olderThanDays: number, stepped: Deleted): Promise<number> {
    const remove = async (db: PgBossSql, queue: string, rows: readonly ChunkRow[]): Promise<void> => {
      const ids = rows.map(({ id }) => id);
      await noteCrashes(db, queue, rows);
      await boss.deleteJob(queue, ids, { db });
      await removeCopies(boss, sql, ids, db);
      await db.executeSql(sql.forget, [ids]);
    };
    return changeAll({}, [state], remove, { only: endedBefore(olderThanDays), stepped });
  }

  return {
    async list(filter, { limit, after }) {
      const condition = conditionOf(filter, STATES, await queuesOf());
      const rows = await run<JobRow>(...sql.list(condition, placeOf(after), limit + 1));
      const page = rows.slice(0, limit);
      const entries = page.map((row) => entryOf(row).entry);
      return rows.length > limit ? { entries, next: cursorOf(page.at(-1) as JobRow) } : { entries };
    },

    async get(entry, { payload }) {
      if (!isEntry(entry)) return undefined;
      const [row] = await run<JobRow>(sql.get(payload), [await queuesOf(), entry]);
      if (row === undefined) return undefined;
      const { entry: found, event } = entryOf(row);
      const noted = (await run<TransitionRow>(sql.history, [entry])).map(transitionOf);
      const history = row.crashed ? [...noted, crashOf(found)] : noted;
      return payload && event ? { ...found, history, rawBody: event.rawBody, headers: event.headers } : { ...found, history };
    },

    async replay(which, intervention) {
      const replay = async (db: PgBossSql, queue: string, rows: readonly ChunkRow[]): Promise<void> => {
        await noteCrashes(db, queue, rows);
        await replayRows(db, queue, rows);
        await note(db, rows, "received", "replayed", intervention);
      };
      const also = ", CASE WHEN j.state = 'completed' THEN j.data END AS data";
      const replayed = await changeAll(which, ["done", "dead"], replay, { also });
      changed();
      return replayed;
    },

    discard: (which, intervention) =>
      changeAll(which, ["received", "retry"], async (db, queue, rows) => {
        await boss.cancel(
          queue,
          rows.map(({ id }) => id),
          { db },
        );
        await note(db, rows, "dead", "discarded", intervention);
      }),

    async stats(): Promise<InboxStats> {
      const depths = await run<{ state: InboxState; count: number }>(sql.depths);
      const [oldest] = await run<{ milliseconds: number | null }>(sql.oldestDue);
      const states = Object.fromEntries(STATES.map((state) => [state, depths.find((row) => row.state === state)?.count ?? 0]));
      const crashes = await run<{ queue: string; type: string; count: number }>(sql.crashes);
      const lost = crashes.map(({ queue, type, count }) => ({ provider: providerOf(queue), type, succeeded: false, bucket: 0, count }));
      const types = typesOf([...(await run<TallyRow>(sql.tallies)), ...lost]);
      return { states: states as Record<InboxState, number>, oldestDueMs: oldest?.milliseconds ?? undefined, types };
    },

    prune: (options) => pruneEvents(options, { count: countFinished, remove: deleteFinished }),
  };
}
