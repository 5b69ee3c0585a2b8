import { storedKey } from "../idempotency/stored-key.ts";
import type { InboxEvent } from "./intake.ts";
import { DEAD_LETTERS, eventOf, queueOf, sourceOfQueue } from "./pg-boss-job.ts";
import type { InboxEntry, InboxFilter, InboxState, InboxTransition } from "./store.ts";
import { sourceOf } from "./worker.ts";

/** A job, as the inbox sees it. */
export interface JobRow {
  readonly entry: string;
  readonly queue: string;
  /** When pg-boss took it, in microseconds. */
  readonly created: string;
  readonly state: InboxState;
  readonly attempts: number;
  readonly due_at: Date | null;
  readonly finished_at: Date | null;
  readonly reason: string | null;
  /** Whether it died in its last attempt, which its history does not tell yet. */
  readonly crashed: boolean;
  /** JSON of the event, without its body. */
  readonly event: string;
  readonly body?: string;
}

/** A condition, and the values of its parameters. */
export interface Condition {
  readonly where: string;
  readonly values: readonly unknown[];
}

/** The statements that read the tables of pg-boss. None changes what is in them. */
export type PgBossQueries = ReturnType<typeof queriesFor>;

/** Whether text has the form of an entry. */
export const isEntry = (entry: string): boolean => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(entry);

/** Queues of sources, and of nothing else. */
const OF_SOURCES = "position('/' in name) > 0";

/** How many attempts a job has used up: those it was given, without those that are left. */
const USED = `CASE WHEN j.started_on IS NULL THEN 0 ELSE (j.data->>'attempts')::int - (j.retry_limit - j.retry_count) END`;

/** What was replayed or given back waits in pg-boss as after a failure, with all attempts left. */
const STATE = `CASE j.state WHEN 'created' THEN 'received' WHEN 'retry' THEN CASE WHEN ${USED} > 0 THEN 'retry' ELSE 'received' END
  WHEN 'active' THEN 'processing' WHEN 'completed' THEN 'done' ELSE 'dead' END`;

/** What pg-boss fails a job with whose worker sends no heartbeats any more. Its own words would tell nobody what has happened. */
const LOST = "j.output->'value'->>'message' = 'job heartbeat timeout'";

/** A job whose last attempt was lost. Nobody was there to write it down. */
const CRASHED = `j.state = 'failed' AND coalesce(${LOST}, false)`;

const CRASH_REASON = "The process died in the last attempt.";

/** States of pg-boss that a state of the inbox may stand for, so that payloads of others are not looked into. */
const ENGINE_STATES: Readonly<Record<InboxState, readonly string[]>> = {
  received: ["created", "retry"],
  processing: ["active"],
  retry: ["retry"],
  done: ["completed"],
  dead: ["failed", "cancelled"],
};

const MICROSECONDS = "(extract(epoch FROM j.created_on) * 1000000)::bigint";

/** The statements for the tables in a schema. */
export function queriesFor(schema: string) {
  const job = `"${schema}".job`;
  const queue = `"${schema}".queue`;
  const transitions = `"${schema}".inbox_transitions`;
  const tallies = `"${schema}".inbox_tallies`;
  const columns = `j.id AS entry, j.name AS queue, ${MICROSECONDS} AS created, ${STATE} AS state,
    CASE WHEN j.state = 'failed' THEN coalesce((j.output->>'attempt')::int, ${USED}) ELSE ${USED} END AS attempts,
    CASE WHEN j.state < 'active' THEN j.start_after
      WHEN j.state = 'active' THEN j.heartbeat_on + j.heartbeat_seconds * interval '1 second' END AS due_at,
    CASE WHEN j.state > 'active' THEN j.completed_on END AS finished_at,
    ${CRASHED} AS crashed,
    CASE WHEN ${CRASHED} THEN '${CRASH_REASON}' WHEN j.state = 'retry' AND ${USED} > 0 AND ${LOST} THEN 'The process died in an attempt.'
      WHEN j.state = 'failed' OR j.state = 'retry' AND ${USED} > 0 THEN coalesce(j.output->>'reason', j.output->'value'->>'message')
      WHEN j.state = 'cancelled' THEN (SELECT t.reason FROM ${transitions} t WHERE t.entry = j.id ORDER BY t.seq DESC LIMIT 1) END AS reason,
    j.data->>'event' AS event`;
  return {
    sourceQueues: `SELECT name FROM ${queue} WHERE ${OF_SOURCES} ORDER BY name`,

    /** Those of the queues $1, or of all, that have something due. In the order of fetches, so that one step in their index is enough. */
    due: `SELECT q.name FROM ${queue} q CROSS JOIN LATERAL (
        SELECT FROM ${job} j WHERE j.name = q.name AND j.state < 'active' AND NOT j.blocked AND j.start_after <= now()
        ORDER BY j.priority DESC, j.created_on LIMIT 1
      ) first WHERE position('/' in q.name) > 0 AND ($1::text[] IS NULL OR q.name = ANY($1::text[]))`,

    /** The rows are put in order before anything is unpacked. */
    list: ({ where, values }: Condition, after: readonly [string, string] | undefined, limit: number): [string, unknown[]] => {
      const place = after === undefined ? "true" : `(${MICROSECONDS}, j.id) < ($${values.length + 2}::bigint, $${values.length + 3}::uuid)`;
      const page = `SELECT j.name, j.id FROM ${job} j WHERE ${where} AND ${place}
        ORDER BY j.created_on DESC, j.id DESC LIMIT $${values.length + 1}`;
      const text = `SELECT ${columns} FROM (${page}) page JOIN ${job} j ON j.name = page.name AND j.id = page.id
        ORDER BY j.created_on DESC, j.id DESC`;
      return [text, [...values, limit, ...(after ?? [])]];
    },

    /** The entry $2 in the queues $1. */
    get: (payload: boolean): string =>
      `SELECT ${columns}${payload ? ", j.data->>'body' AS body" : ""} FROM ${job} j WHERE j.name = ANY($1::text[]) AND j.id = $2::uuid`,

    /** Locks the next entries of a queue that fit, in the order of the primary key, so that many are gone through only once. */
    chunk: (queueName: string, { where, values }: Condition, after: string, limit: number, more: string): [string, unknown[]] => {
      const count = values.length;
      const text = `SELECT j.id, j.state, j.retry_count, j.started_on IS NOT NULL AS started, (j.data->>'attempts')::int AS attempts${more}
        FROM ${job} j WHERE ${where} AND j.name = $${count + 1} AND j.id > $${count + 2}::uuid
        ORDER BY j.id LIMIT $${count + 3} FOR UPDATE OF j`;
      return [text, [...values, queueName, after, limit]];
    },

    count: (where: string): string => `SELECT count(*)::int AS count FROM ${job} j WHERE ${where}`,

    /** The copies in the dead-letter queue of the jobs $1. */
    copies: `SELECT id FROM ${job} WHERE name = '${DEAD_LETTERS}' AND source_root_id = ANY($1::uuid[])`,

    /** Which of the keys $2 the events of the queue $1 have. No index helps, so one search is for many keys. */
    known: `SELECT DISTINCT singleton_key AS key FROM ${job} WHERE name = $1 AND singleton_key = ANY($2::text[])`,

    stateOf: `SELECT state FROM ${job} WHERE name = $1 AND id = $2::uuid`,

    /**
     * Locks a claim ($1 to $4) that still holds, and writes down what becomes of it. No row: it does not hold. $10 to $13 say how an
     * attempt ended; all are null where it is given back.
     */
    note: `WITH held AS (
        SELECT id FROM ${job} WHERE name = $1 AND id = $2::uuid AND state = 'active' AND retry_count = $3
          AND date_trunc('milliseconds', started_on) = to_timestamp($4::float8 / 1000) FOR UPDATE
      ), tallied AS (
        INSERT INTO ${tallies} AS t SELECT $10::text, $11::text, $12::boolean, $13::int, pg_backend_pid() % 64, 1
        FROM held WHERE $10::text IS NOT NULL
        ON CONFLICT (provider, type, succeeded, bucket, slot) DO UPDATE SET count = t.count + 1
      ) INSERT INTO ${transitions} (entry, attempt, state, result, milliseconds, reason)
        SELECT id, $5::int, $6::text, $7::text, $8::float8, $9::text FROM held RETURNING entry`,

    isHeld: `SELECT 1 FROM ${job} WHERE name = $1 AND id = $2::uuid AND state = 'active' AND retry_count = $3
      AND date_trunc('milliseconds', started_on) = to_timestamp($4::float8 / 1000)`,

    /** A claim that a power cut undoes is made again, so nobody waits for the disk. */
    noteClaims: `WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS value)
      INSERT INTO ${transitions} (entry, attempt, state, result) SELECT entry, attempt, 'processing', 'claimed'
      FROM unnest($1::uuid[], $2::int[]) AS claimed (entry, attempt), setting WHERE setting.value = 'off'`,

    /**
     * Writes down that jobs $2 of the queue $1, of the provider $3, died in their last attempt, before a change takes away what tells it.
     * They have to be locked.
     */
    noteCrashes: `WITH crashed AS (
        SELECT j.id, j.group_id, j.completed_on, ${USED} AS attempt FROM ${job} j WHERE j.name = $1 AND j.id = ANY($2::uuid[]) AND ${CRASHED}
      ), tallied AS (
        INSERT INTO ${tallies} AS t SELECT $3::text, group_id, false, 0, pg_backend_pid() % 64, count(*)
        FROM crashed WHERE group_id IS NOT NULL GROUP BY group_id ORDER BY group_id
        ON CONFLICT (provider, type, succeeded, bucket, slot) DO UPDATE SET count = t.count + excluded.count
      ) INSERT INTO ${transitions} (entry, at, attempt, state, result, reason)
        SELECT id, completed_on, attempt, 'dead', 'crashed', '${CRASH_REASON}' FROM crashed`,

    /** Attempts that were lost and are not written down yet. */
    crashes: `SELECT j.name AS queue, j.group_id AS type, count(*)::float8 AS count FROM ${job} j
      WHERE ${OF_SOURCES} AND ${CRASHED} AND j.group_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`,

    noteInterventions: `INSERT INTO ${transitions} (entry, attempt, state, result, reason, actor)
      SELECT entry, 0, $2::text, $3::text, $4::text, $5::text FROM unnest($1::uuid[]) AS entry`,

    history: `SELECT at, attempt, state, result, milliseconds, reason, actor FROM ${transitions} WHERE entry = $1::uuid ORDER BY seq`,

    forget: `DELETE FROM ${transitions} WHERE entry = ANY($1::uuid[])`,

    tallies: `SELECT provider, type, succeeded, bucket, sum(count)::float8 AS count FROM ${tallies}
      GROUP BY provider, type, succeeded, bucket ORDER BY provider, type, bucket`,

    depths: `SELECT ${STATE} AS state, count(*)::int AS count FROM ${job} j WHERE ${OF_SOURCES} GROUP BY 1`,

    oldestDue: `SELECT extract(epoch FROM now() - min(start_after))::float8 * 1000 AS milliseconds FROM ${job}
      WHERE ${OF_SOURCES} AND state < 'active' AND start_after <= now()`,

    pulse: `UPDATE "${schema}".inbox_pulse SET at = clock_timestamp()`,
  };
}

/** Which jobs are meant; they have to be in one of the allowed states. `queues` are all there are. */
export function conditionOf(which: readonly string[] | InboxFilter, allowed: readonly InboxState[], queues: readonly string[]): Condition {
  const values: unknown[] = [];
  const parts: string[] = [];
  const add = (part: (parameter: string) => string, value: unknown): void => {
    values.push(value);
    parts.push(part(`$${values.length}`));
  };
  const filter = isList(which) ? {} : which;
  const wanted = filter.state === undefined ? allowed : [filter.state].flat().filter((state) => allowed.includes(state));
  add(
    (names) => `j.name = ANY(${names}::text[])`,
    queues.filter((queue) => fits(queue, filter)),
  );
  if (wanted.length < Object.keys(ENGINE_STATES).length) {
    add((states) => `j.state::text = ANY(${states}::text[])`, [...new Set(wanted.flatMap((state) => ENGINE_STATES[state]))]);
    add((states) => `${STATE} = ANY(${states}::text[])`, wanted);
  }
  if (isList(which)) add((ids) => `j.id = ANY(${ids}::uuid[])`, which.filter(isEntry));
  if (filter.type !== undefined) add((type) => `j.group_id = ${type}`, storedKey(filter.type));
  if (filter.id !== undefined) add((id) => `j.singleton_key = ${id}`, storedKey(filter.id));
  const receivedAt = "j.data->>'receivedAt'";
  if (filter.receivedAfter) add((time) => `(${receivedAt})::float8 > ${time}`, filter.receivedAfter.getTime());
  if (filter.receivedBefore) add((time) => `(${receivedAt})::float8 < ${time}`, filter.receivedBefore.getTime());
  return { where: parts.join(" AND "), values };
}

function fits(queue: string, { provider, endpoint }: InboxFilter): boolean {
  const source = sourceOfQueue(queue);
  if (provider !== undefined && endpoint !== undefined) return queue === queueOf(sourceOf(provider, endpoint));
  if (provider !== undefined) return source.startsWith(`${provider}/`);
  return endpoint === undefined || source.slice(source.indexOf("/") + 1) === endpoint;
}

function isList(which: readonly string[] | InboxFilter): which is readonly string[] {
  return Array.isArray(which);
}

/** The `next` of a page, and back; `undefined` for what is none. */
export const cursorOf = ({ created, entry }: JobRow): string => `${created}_${entry}`;

export function placeOf(cursor: string | undefined): readonly [string, string] | undefined {
  const [created = "", entry = ""] = cursor?.split("_") ?? [];
  return /^[0-9]{1,18}$/.test(created) && isEntry(entry) ? [created, entry] : undefined;
}

/** The entry that a row stands for, and the event without its body. */
export function entryOf(row: JobRow): { readonly entry: InboxEntry; readonly event: InboxEvent | undefined } {
  const event = eventOf({ event: row.event, body: row.body ?? "", attempts: 0, receivedAt: 0 });
  const [provider = "", ...endpoint] = sourceOfQueue(row.queue).split("/");
  return {
    event,
    entry: {
      entry: row.entry,
      state: row.state,
      provider,
      endpoint: endpoint.join("/"),
      type: event?.type ?? "",
      id: event?.id ?? "",
      attempts: row.attempts,
      receivedAt: new Date(event?.receivedAt ?? 0),
      ...(row.due_at !== null && { dueAt: row.due_at }),
      ...(row.finished_at !== null && { finishedAt: row.finished_at }),
      ...(row.reason !== null && { reason: row.reason }),
    },
  };
}

/** A row of the history. */
export interface TransitionRow {
  readonly at: Date;
  readonly attempt: number;
  readonly state: InboxState;
  readonly result: string;
  readonly milliseconds: number | null;
  readonly reason: string | null;
  readonly actor: string | null;
}

export function transitionOf({ at, attempt, state, result, milliseconds, reason, actor }: TransitionRow): InboxTransition {
  return {
    at,
    attempt,
    to: state,
    result,
    ...(milliseconds !== null && { milliseconds }),
    ...(reason !== null && { reason }),
    ...(actor !== null && { by: actor }),
  };
}
