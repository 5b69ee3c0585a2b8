import type { JobState } from "../idempotency/store.ts";
import type { Authenticity } from "../signature/authenticate.ts";
import type { AcceptOptions, InboxEvent } from "./intake.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import type { SqliteDatabase, SqliteStatement } from "./sqlite-driver.ts";
import type { SqliteWriter } from "./sqlite-writer.ts";
import type {
  AttemptEnd,
  ClaimedEvent,
  InboxEntry,
  InboxEntryDetails,
  InboxFilter,
  InboxHealth,
  InboxPage,
  InboxState,
  InboxStats,
  InboxStore,
  InboxTransition,
  Intervention,
  PruneOptions,
} from "./store.ts";
import { bucketOf, type TallyRow, typesOf } from "./tallies.ts";
import { sourceOf } from "./worker.ts";

/** What a SQLite store works with. */
export interface SqliteStoreParts {
  readonly database: SqliteDatabase;
  readonly writer: SqliteWriter;
  readonly policy: CompletePolicy;
  readonly clock: () => number;
}

interface Row {
  readonly entry: number;
  readonly provider: string;
  readonly endpoint: string;
  readonly type: string;
  readonly id: string;
  readonly state: InboxState;
  readonly attempts: number;
  readonly due_at: number | null;
  readonly received_at: number;
  readonly finished_at: number | null;
  readonly reason: string | null;
}

interface FullRow extends Row {
  readonly fingerprint: string;
}

interface PayloadRow {
  readonly headers: string;
  readonly authenticity: string;
  readonly raw_body: Uint8Array;
}

const DAY_MS = 86_400_000;

/** Rows that are changed or deleted in one transaction, so that nothing else waits for long. */
const CHUNK = 1000;

/** Keeps the events of an inbox in a SQLite database that is set up and migrated. */
export function createSqliteStore({ database, writer, policy, clock }: SqliteStoreParts): InboxStore {
  const statements = new Map<string, SqliteStatement>();
  const listeners = new Set<() => void>();
  let turn = 0;
  let closing: Promise<void> | undefined;

  function sql(text: string): SqliteStatement {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  }

  const changes = (statement: SqliteStatement, ...values: unknown[]): number => Number(statement.run(...values).changes);

  function note(entry: number | bigint, attempt: number, to: InboxState, result: string, more: Partial<InboxTransition> = {}): void {
    sql("INSERT INTO transitions (event, at, attempt, state, result, milliseconds, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)").run(
      entry,
      clock(),
      attempt,
      to,
      result,
      more.milliseconds ?? null,
      more.reason ?? null,
      more.by ?? null,
    );
  }

  function tally({ provider, type }: Pick<Row, "provider" | "type">, succeeded: boolean, milliseconds: number): void {
    sql(`INSERT INTO tallies VALUES (?, ?, ?, ?, 1)
      ON CONFLICT DO UPDATE SET count = count + 1`).run(provider, type, succeeded ? 1 : 0, succeeded ? bucketOf(milliseconds) : 0);
  }

  function put(event: InboxEvent, { unlessKnown = [] }: AcceptOptions = {}): { readonly duplicate: boolean } {
    for (const known of unlessKnown) {
      if (sql("SELECT 1 FROM events WHERE id = ? LIMIT 1").get(known) !== undefined) return { duplicate: true };
    }
    const { provider, endpoint, type, id, fingerprint, receivedAt, headers, authenticity, rawBody } = event;
    const inserted = sql(`INSERT INTO events (source, provider, endpoint, type, id, fingerprint, due_at, received_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, fingerprint) DO NOTHING RETURNING entry`).get(
      sourceOf(provider, endpoint),
      provider,
      endpoint,
      type,
      id,
      fingerprint,
      clock(),
      receivedAt,
    ) as Pick<Row, "entry"> | undefined;
    if (inserted === undefined) return { duplicate: true };
    sql("INSERT INTO payloads VALUES (?, ?, ?, ?)").run(inserted.entry, JSON.stringify(headers), JSON.stringify(authenticity), rawBody);
    return { duplicate: false };
  }

  function claimOf(source: string, limit: number, leaseMs: number): readonly ClaimedEvent[] {
    const now = clock();
    const due = sql(
      "SELECT entry, state, attempts, provider, type FROM events WHERE source = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
    ).all(source, now, limit) as Pick<Row, "entry" | "state" | "attempts" | "provider" | "type">[];
    const claimed: ClaimedEvent[] = [];
    for (const { entry, state, attempts, provider, type } of due) {
      if (state === "processing" && attempts >= policy.attempts) {
        finish(
          entry,
          attempts,
          { state: "dead", result: "crashed", milliseconds: 0, reason: "The process died in the last attempt." },
          undefined,
        );
        tally({ provider, type }, false, 0);
        continue;
      }
      const token = crypto.randomUUID();
      const row = sql(`UPDATE events SET state = 'processing', attempts = attempts + 1, due_at = ?, token = ?
        WHERE entry = ? RETURNING *`).get(now + leaseMs, token, entry) as FullRow;
      note(entry, row.attempts, "processing", "claimed");
      claimed.push({ entry: String(entry), token, attempt: row.attempts, event: eventOf(row, payloadOf(entry)) });
    }
    return claimed;
  }

  const payloadOf = (entry: number): PayloadRow => sql("SELECT * FROM payloads WHERE event = ?").get(entry) as PayloadRow;

  /** Takes down how an attempt ended; without a token for whoever holds the lock. */
  function finish(entry: number | bigint, attempt: number, end: AttemptEnd, token: string | undefined): boolean {
    const dueAt = end.state === "retry" ? Math.ceil(clock() + end.afterMs) : null;
    const reason = end.state === "done" ? null : end.reason;
    const finishedAt = end.state === "retry" ? null : clock();
    const values = [end.state, dueAt, finishedAt, reason, entry];
    const update = "UPDATE events SET state = ?, due_at = ?, finished_at = ?, reason = ?, token = NULL WHERE entry = ?";
    const changed = token === undefined ? changes(sql(update), ...values) : changes(sql(`${update} AND token = ?`), ...values, token);
    if (changed === 0) return false;
    note(entry, attempt, end.state, end.result, { milliseconds: end.milliseconds, ...(reason !== null && { reason }) });
    return true;
  }

  function conditionOf(
    which: readonly string[] | InboxFilter,
    allowed: readonly InboxState[],
  ): { readonly where: string; readonly values: unknown[] } {
    if (isList(which)) {
      const entries = which.filter((entry) => /^[0-9]{1,15}$/.test(entry)).map(Number);
      return { where: `entry IN (${entries.map(() => "?").join(", ")}) AND state IN (${quoted(allowed)})`, values: entries };
    }
    const wanted = which.state === undefined ? allowed : [which.state].flat().filter((state) => allowed.includes(state));
    const parts = [`state IN (${quoted(wanted)})`];
    const values: unknown[] = [];
    const add = (part: string, value: unknown): void => {
      if (value === undefined) return;
      parts.push(part);
      values.push(value);
    };
    add("provider = ?", which.provider);
    add("endpoint = ?", which.endpoint);
    add("type = ?", which.type);
    add("id = ?", which.id);
    add("received_at > ?", which.receivedAfter?.getTime());
    add("received_at < ?", which.receivedBefore?.getTime());
    return { where: parts.join(" AND "), values };
  }

  /** Changes all entries of a selection, in chunks of which each is all or nothing. */
  async function changeAll(
    which: readonly string[] | InboxFilter,
    from: readonly InboxState[],
    change: (entry: number) => void,
  ): Promise<number> {
    const { where, values } = conditionOf(which, from);
    // What comes in meanwhile is not meant.
    const { last } = (await writer.read(() => sql("SELECT coalesce(max(entry), 0) AS last FROM events").get())) as { last: number };
    let changed = 0;
    for (let after = 0; ; ) {
      const entries = await writer.write(() => {
        const found = database
          .prepare(`SELECT entry FROM events WHERE ${where} AND entry > ? AND entry <= ? ORDER BY entry LIMIT ${CHUNK}`)
          .all(...values, after, last) as { entry: number }[];
        for (const { entry } of found) change(entry);
        return found;
      });
      changed += entries.length;
      if (entries.length < CHUNK) return changed;
      after = (entries.at(-1) as { entry: number }).entry;
    }
  }

  async function deleteAll(state: InboxState, olderThanDays: number): Promise<number> {
    const before = clock() - olderThanDays * DAY_MS;
    for (let deleted = 0; ; ) {
      const rows = await writer.write(() =>
        changes(
          sql(
            `DELETE FROM events WHERE entry IN (SELECT entry FROM events WHERE state = ? AND finished_at < ? ORDER BY finished_at LIMIT ${CHUNK})`,
          ),
          state,
          before,
        ),
      );
      deleted += rows;
      if (rows < CHUNK) return deleted;
    }
  }

  return {
    async put(event: InboxEvent, options?: AcceptOptions) {
      const stored = await writer.write(() => put(event, options));
      if (!stored.duplicate) for (const listener of listeners) listener();
      return stored;
    },

    async claim({ sources, limit, leaseMs }) {
      // Nothing is written where nothing is due, since every write is a sync to disk.
      const now = clock();
      const isDue = (source: string): boolean =>
        sql("SELECT 1 FROM events WHERE source = ? AND due_at <= ? LIMIT 1").get(source, now) !== undefined;
      const due = await writer.read(() => sources.filter(isDue));
      if (due.length === 0) return [];
      return writer.write(() => {
        // Another source is first each time, so that a busy one does not keep the others waiting.
        turn++;
        const claimed: ClaimedEvent[] = [];
        for (let index = 0; index < due.length && claimed.length < limit; index++) {
          const source = due[(index + turn) % due.length] as string;
          claimed.push(...claimOf(source, limit - claimed.length, leaseMs));
        }
        return claimed;
      });
    },

    extend: ({ entry, token }, leaseMs) =>
      writer.write(
        () => changes(sql("UPDATE events SET due_at = ? WHERE entry = ? AND token = ?"), clock() + leaseMs, Number(entry), token) > 0,
      ),

    settle: ({ entry, token, attempt, event }, end) =>
      writer.write(() => {
        if (!finish(Number(entry), attempt, end, token)) return false;
        tally(event, end.state === "done", end.milliseconds);
        return true;
      }),

    release: ({ entry, token, attempt }) =>
      writer.write(() => {
        const update = sql("UPDATE events SET state = ?, attempts = ?, due_at = ?, token = NULL WHERE entry = ? AND token = ?");
        const state: InboxState = attempt > 1 ? "retry" : "received";
        if (changes(update, state, attempt - 1, clock(), Number(entry), token) === 0) return false;
        note(Number(entry), attempt, state, "released");
        return true;
      }),

    onPut(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    list: (filter, { limit, after }) =>
      writer.read((): InboxPage => {
        const { where, values } = conditionOf(filter, ["received", "processing", "retry", "done", "dead"]);
        const before = after === undefined || !/^[0-9]{1,15}$/.test(after) ? Number.MAX_SAFE_INTEGER : Number(after);
        const rows = database
          .prepare(`SELECT * FROM events WHERE ${where} AND entry < ? ORDER BY entry DESC LIMIT ?`)
          .all(...values, before, limit + 1) as Row[];
        const entries = rows.slice(0, limit).map(entryOf);
        return rows.length > limit ? { entries, next: (entries.at(-1) as InboxEntry).entry } : { entries };
      }),

    get: (entry, { payload }) =>
      writer.read((): InboxEntryDetails | undefined => {
        if (!/^[0-9]{1,15}$/.test(entry)) return undefined;
        const row = sql("SELECT * FROM events WHERE entry = ?").get(Number(entry)) as Row | undefined;
        if (row === undefined) return undefined;
        const history = sql("SELECT * FROM transitions WHERE event = ? ORDER BY rowid").all(Number(entry)) as TransitionRow[];
        const found = { ...entryOf(row), history: history.map(transitionOf) };
        if (!payload) return found;
        const { raw_body, headers } = payloadOf(row.entry);
        return { ...found, rawBody: bytesOf(raw_body), headers: JSON.parse(headers) as Record<string, string> };
      }),

    replay: (which: readonly string[] | InboxFilter, { by, reason }: Intervention) =>
      changeAll(which, ["done", "dead"], (entry) => {
        sql(`UPDATE events SET state = 'received', attempts = 0, due_at = ?, finished_at = NULL, reason = NULL WHERE entry = ?`).run(
          clock(),
          entry,
        );
        note(entry, 0, "received", "replayed", { by, reason });
      }).then((replayed) => {
        for (const listener of listeners) listener();
        return replayed;
      }),

    discard: (which: readonly string[] | InboxFilter, { by, reason }: Intervention) =>
      changeAll(which, ["received", "retry"], (entry) => {
        sql(`UPDATE events SET state = 'dead', due_at = NULL, finished_at = ?, reason = ? WHERE entry = ?`).run(clock(), reason, entry);
        note(entry, 0, "dead", "discarded", { by, reason });
      }),

    stats: () =>
      writer.read((): InboxStats => {
        const depths = sql("SELECT state, count FROM depths").all() as { state: InboxState; count: number }[];
        const states = Object.fromEntries(depths.map(({ state, count }) => [state, count])) as Record<InboxState, number>;
        const now = clock();
        const oldest = sourcesOf().flatMap((source) => {
          const row = sql("SELECT due_at FROM events WHERE source = ? AND due_at <= ? ORDER BY due_at LIMIT 1").get(source, now);
          return row === undefined ? [] : (row as { due_at: number }).due_at;
        });
        const tallies = sql("SELECT * FROM tallies ORDER BY provider, type, bucket").all() as (TallyRow & { succeeded: unknown })[];
        return {
          states,
          oldestDueMs: oldest.length > 0 ? now - Math.min(...oldest) : undefined,
          types: typesOf(tallies.map((row) => ({ ...row, succeeded: Number(row.succeeded) === 1 }))),
        };
      }),

    async prune({ olderThanDays, deadOlderThanDays }: PruneOptions) {
      const done = await deleteAll("done", olderThanDays);
      const dead = deadOlderThanDays === undefined ? 0 : await deleteAll("dead", deadOlderThanDays);
      await writer.write(() => sql("DELETE FROM jobs WHERE expires_at <= ?").run(clock()));
      return done + dead;
    },

    async health(): Promise<InboxHealth> {
      try {
        // A write, since a disk that is full can still be read; and larger than most deliveries, since there may be room for a small one.
        await writer.write(() => sql("UPDATE probe SET body = randomblob(65536)").run());
        return { live: true, ready: true };
      } catch (error) {
        return { live: true, ready: false, reason: error instanceof Error ? error.message : "The database cannot be written." };
      }
    },

    dueSources: () =>
      writer.read(() => {
        const now = clock();
        return sourcesOf().filter(
          (source) => sql("SELECT 1 FROM events WHERE source = ? AND due_at <= ? LIMIT 1").get(source, now) !== undefined,
        );
      }),

    observe: (job: string, { rank, at }: JobState, { ttlMs }: { readonly ttlMs: number }) =>
      writer.write(() => {
        const now = clock();
        const seen = sql("SELECT rank, at FROM jobs WHERE id = ? AND expires_at > ?").get(job, now) as
          | { readonly rank: number; readonly at: number | null }
          | undefined;
        const last = seen?.at ?? undefined;
        const stale = seen !== undefined && (rank < seen.rank || (rank === seen.rank && at !== undefined && at < (last ?? at)));
        const furthest = stale ? { rank: seen.rank, at: last } : { rank, at: seen?.rank === rank ? (at ?? last) : at };
        sql("INSERT OR REPLACE INTO jobs (id, rank, at, expires_at) VALUES (?, ?, ?, ?)").run(
          job,
          furthest.rank,
          furthest.at ?? null,
          now + ttlMs,
        );
        return stale;
      }),

    close() {
      closing ??= writer.drain().then(() => {
        statements.clear();
        database.close();
      });
      return closing;
    },
  };

  /** All sources that wait for something, without a look at every row. */
  function sourcesOf(): readonly string[] {
    const next = "SELECT source FROM events WHERE due_at IS NOT NULL AND source > ? ORDER BY source LIMIT 1";
    const sources: string[] = [];
    for (let last = ""; ; ) {
      const row = sql(next).get(last) as { source: string } | undefined;
      if (row === undefined) return sources;
      last = row.source;
      sources.push(last);
    }
  }
}

function isList(which: readonly string[] | InboxFilter): which is readonly string[] {
  return Array.isArray(which);
}

const quoted = (states: readonly InboxState[]): string => states.map((state) => `'${state}'`).join(", ");

/** Drivers differ: one gives a Buffer, which compares unlike bytes. */
const bytesOf = (blob: Uint8Array): Uint8Array => new Uint8Array(blob);

function eventOf(row: FullRow, { headers, authenticity, raw_body }: PayloadRow): InboxEvent {
  const { provider, endpoint, type, id, fingerprint, received_at } = row;
  return {
    provider,
    endpoint,
    type,
    id,
    fingerprint,
    receivedAt: received_at,
    headers: JSON.parse(headers) as Record<string, string>,
    authenticity: JSON.parse(authenticity) as Authenticity,
    rawBody: bytesOf(raw_body),
  };
}

function entryOf({ entry, state, provider, endpoint, type, id, attempts, received_at, due_at, finished_at, reason }: Row): InboxEntry {
  return {
    entry: String(entry),
    state,
    provider,
    endpoint,
    type,
    id,
    attempts,
    receivedAt: new Date(received_at),
    ...(due_at !== null && { dueAt: new Date(due_at) }),
    ...(finished_at !== null && { finishedAt: new Date(finished_at) }),
    ...(reason !== null && { reason }),
  };
}

interface TransitionRow {
  readonly at: number;
  readonly attempt: number;
  readonly state: InboxState;
  readonly result: string;
  readonly milliseconds: number | null;
  readonly reason: string | null;
  readonly actor: string | null;
}

function transitionOf({ at, attempt, state, result, milliseconds, reason, actor }: TransitionRow): InboxTransition {
  return {
    at: new Date(at),
    attempt,
    to: state,
    result,
    ...(milliseconds !== null && { milliseconds }),
    ...(reason !== null && { reason }),
    ...(actor !== null && { by: actor }),
  };
}
