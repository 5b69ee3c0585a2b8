import type { JobState } from "../idempotency/store.ts";
import type { AcceptOptions, InboxEvent } from "./intake.ts";
import { type Deleted, type PrunableState, pruneEvents } from "./prune.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import { conditionOf } from "./sqlite-condition.ts";
import type { SqliteDatabase, SqliteStatement } from "./sqlite-driver.ts";
import { bytesOf, entryOf, eventOf, type FullRow, type PayloadRow, type Row, type TransitionRow, transitionOf } from "./sqlite-rows.ts";
import { MOST_BYTES, type SqliteWriter } from "./sqlite-writer.ts";
import {
  type AttemptEnd,
  CLOSED,
  type ClaimedEvent,
  type InboxEntry,
  type InboxEntryDetails,
  type InboxFilter,
  type InboxHealth,
  type InboxPage,
  type InboxState,
  type InboxStats,
  type InboxStore,
  type InboxTransition,
  type Intervention,
  type PruneOptions,
} from "./store.ts";
import { bucketOf, type TallyRow, typesOf } from "./tallies.ts";
import { createUnderWay } from "./under-way.ts";
import { within } from "./within.ts";
import { sourceOf } from "./worker.ts";

/** What a SQLite store works with. */
export interface SqliteStoreParts {
  readonly database: SqliteDatabase;
  readonly writer: SqliteWriter;
  readonly policy: CompletePolicy;
  readonly clock: () => number;
}

const DAY_MS = 86_400_000;

/** How long a health check may wait for a lock of another process. */
const HEALTH_TIMEOUT_MS = 1500;

/** Rows that are changed in one transaction, and those that are deleted with what belongs to them, so that nothing else waits for long. */
const CHANGED = 1000;
const DELETED = 200;
/** Rows that one read looks at where no index leads to those that are wanted. */
const LOOKED_AT = 20_000;
/** What is due later than that is due then. Numbers that a date cannot hold could not be read any more. */
const LONGEST_MS = 100 * 365 * DAY_MS;

/** How far a clock may be behind itself before it was set back, in milliseconds. */
const CLOCK_JITTER_MS = 1000;
/** Between two chunks, in milliseconds: longer than the writer of another process waits before it asks for the lock again. */
const PAUSE_MS = 10;

/** Deliveries go in between. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Keeps the events of an inbox in a SQLite database that is set up and migrated. */
export function createSqliteStore({ database, writer, policy, clock: givenClock }: SqliteStoreParts): InboxStore {
  const clock = (): number => Math.floor(givenClock());
  const statements = new Map<string, SqliteStatement>();
  const listeners = new Set<() => void>();
  let turn = 0;
  let claimedAt: number | undefined;
  // What goes in chunks, and has to end before the database is closed.
  const underWay = createUnderWay();
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
      Math.floor(receivedAt),
    ) as Pick<Row, "entry"> | undefined;
    if (inserted === undefined) return { duplicate: true };
    sql("INSERT INTO payloads VALUES (?, ?, ?, ?)").run(inserted.entry, JSON.stringify(headers), JSON.stringify(authenticity), rawBody);
    return { duplicate: false };
  }

  function claimFrom(due: readonly string[], limit: number, leaseMs: number): readonly ClaimedEvent[] {
    // Another source is first each time, so that a busy one does not keep the others waiting.
    turn++;
    const claimed: ClaimedEvent[] = [];
    for (let index = 0; index < due.length && claimed.length < limit; index++) {
      const source = due[(index + turn) % due.length] as string;
      claimed.push(...claimOf(source, limit - claimed.length, leaseMs));
    }
    return claimed;
  }

  function claimOf(source: string, limit: number, leaseMs: number): readonly ClaimedEvent[] {
    const now = clock();
    const due = sql("SELECT entry, state, attempts, provider, type FROM events WHERE source = ? AND due_at <= ? ORDER BY due_at LIMIT ?");
    const claimed: ClaimedEvent[] = [];
    for (let buried = 0; ; ) {
      const rows = due.all(source, now, limit) as Pick<Row, "entry" | "state" | "attempts" | "provider" | "type">[];
      for (const row of rows) {
        if (row.state === "processing" && row.attempts >= policy.attempts) {
          bury(row);
          buried++;
        } else claimed.push(claimRow(row.entry, now + leaseMs));
      }
      // An empty answer says that nothing is due, so those that nobody may handle any more must not hide others.
      if (claimed.length > 0 || rows.length < limit || buried >= CHANGED) return claimed;
    }
  }

  function bury({ entry, attempts, provider, type }: Pick<Row, "entry" | "attempts" | "provider" | "type">): void {
    const reason = "The process died in the last attempt.";
    finish(entry, attempts, { state: "dead", result: "crashed", milliseconds: 0, reason }, undefined);
    tally({ provider, type }, false, 0);
  }

  function claimRow(entry: number, leaseEndsAt: number): ClaimedEvent {
    const token = crypto.randomUUID();
    const row = sql(`UPDATE events SET state = 'processing', attempts = attempts + 1, due_at = ?, token = ?
      WHERE entry = ? RETURNING *`).get(leaseEndsAt, token, entry) as FullRow;
    note(entry, row.attempts, "processing", "claimed");
    return { entry: String(entry), token, attempt: row.attempts, event: eventOf(row, payloadOf(entry)) };
  }

  const payloadOf = (entry: number): PayloadRow => sql("SELECT * FROM payloads WHERE event = ?").get(entry) as PayloadRow;

  /** Takes down how an attempt ended; without a token for whoever holds the lock. */
  function finish(entry: number | bigint, attempt: number, end: AttemptEnd, token: string | undefined): boolean {
    const dueAt = end.state === "retry" ? clock() + Math.ceil(Math.min(end.afterMs, LONGEST_MS)) : null;
    const reason = end.state === "done" ? null : end.reason;
    const finishedAt = end.state === "retry" ? null : clock();
    const values = [end.state, dueAt, finishedAt, reason, entry];
    const update = "UPDATE events SET state = ?, due_at = ?, finished_at = ?, reason = ?, token = NULL WHERE entry = ?";
    const changed = token === undefined ? changes(sql(update), ...values) : changes(sql(`${update} AND token = ?`), ...values, token);
    if (changed === 0) return false;
    note(entry, attempt, end.state, end.result, { milliseconds: end.milliseconds, ...(reason !== null && { reason }) });
    return true;
  }

  /** Changes all entries of a selection, in chunks of which each is all or nothing. */
  async function changeAll(
    which: readonly string[] | InboxFilter,
    from: readonly InboxState[],
    change: (entry: number) => void,
  ): Promise<number> {
    const { where, values, isNarrow } = conditionOf(which, from);
    // What comes in meanwhile is not meant.
    const last = await writer.read(() => lastEntry());
    let changed = 0;
    for (let after = 0; after < last; ) {
      if (after > 0) await pause();
      const upTo = isNarrow ? last : Math.min(after + LOOKED_AT, last);
      const entries = await writer.write(() => {
        const found = database
          .prepare(`SELECT entry FROM events WHERE ${where} AND entry > ? AND entry <= ? ORDER BY entry LIMIT ${CHANGED}`)
          .all(...values, after, upTo) as { entry: number }[];
        for (const { entry } of found) change(entry);
        return found;
      });
      changed += entries.length;
      after = entries.length < CHANGED ? upTo : (entries.at(-1) as { entry: number }).entry;
    }
    return changed;
  }

  /** What was received is due at once, also when the clock was set back since. Retries and leases wait for their time. */
  async function followClock(now: number): Promise<void> {
    const newest = "SELECT due_at FROM events WHERE state = 'received' ORDER BY entry DESC LIMIT 1";
    const before = claimedAt ?? (await writer.read(() => (sql(newest).get() as { due_at: number } | undefined)?.due_at)) ?? now;
    claimedAt = now;
    if (now >= before - CLOCK_JITTER_MS) return;
    const due = sql("UPDATE events SET due_at = min(due_at, ?) WHERE entry = ?");
    await underWay.track(changeAll({ state: "received" }, ["received"], (entry) => due.run(now, entry)));
  }

  const lastEntry = (): number => (sql("SELECT coalesce(max(entry), 0) AS last FROM events").get() as { last: number }).last;

  async function deleteAll(what: string, values: readonly unknown[], deleted?: Deleted): Promise<void> {
    for (let rows = 1; rows > 0; ) {
      rows = await writer.write(() => changes(sql(what), ...values));
      if (rows > 0) await deleted?.(rows);
      if (rows > 0) await pause();
    }
  }

  const daysAgo = (days: number): number => clock() - days * DAY_MS;

  /** SQLite reads the pages of large bodies to free them, so it is their length that says how many can go at once; one always can. */
  const deleteEvents = (state: PrunableState, olderThanDays: number, deleted: Deleted): Promise<void> =>
    deleteAll(
      `DELETE FROM events WHERE entry IN (
        SELECT entry FROM (
          SELECT entry, total(length(raw_body)) OVER (ORDER BY finished_at, entry ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM (SELECT entry, finished_at FROM events WHERE state = ? AND finished_at < ? ORDER BY finished_at, entry LIMIT ${DELETED})
          LEFT JOIN payloads ON event = entry
        ) WHERE before < ${MOST_BYTES})`,
      [state, daysAgo(olderThanDays)],
      deleted,
    );

  async function prune(options: PruneOptions): Promise<number> {
    const pruned = await pruneEvents(options, { count: countFinished, remove: deleteEvents });
    await deleteAll(`DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE expires_at <= ? LIMIT ${DELETED})`, [clock()]);
    return pruned;
  }

  async function countFinished(state: PrunableState, olderThanDays: number): Promise<number> {
    const rest = "FROM events WHERE state = ? AND finished_at < ? AND (finished_at, entry) > (?, ?)";
    const before = daysAgo(olderThanDays);
    for (let counted = 0, last = [-1, 0]; ; ) {
      const step = sql(`SELECT finished_at, entry ${rest} ORDER BY finished_at, entry LIMIT 1 OFFSET ${LOOKED_AT - 1}`);
      const end = (await writer.read(() => step.get(state, before, ...last))) as { finished_at: number; entry: number } | undefined;
      if (end === undefined) {
        const { left } = (await writer.read(() => sql(`SELECT count(*) AS left ${rest}`).get(state, before, ...last))) as { left: number };
        return counted + left;
      }
      counted += LOOKED_AT;
      last = [end.finished_at, end.entry];
      await nextTurn();
    }
  }

  return {
    async put(event: InboxEvent, options?: AcceptOptions) {
      const stored = await writer.write(() => put(event, options), event.rawBody.byteLength);
      if (!stored.duplicate) for (const listener of listeners) listener();
      return stored;
    },

    async claim({ sources, limit, leaseMs }) {
      for (;;) {
        const now = clock();
        await followClock(now);
        // Nothing is written where nothing is due, since every write is a sync to disk.
        const isDue = (source: string): boolean =>
          sql("SELECT 1 FROM events WHERE source = ? AND due_at <= ? LIMIT 1").get(source, now) !== undefined;
        const due = await writer.read(() => sources.filter(isDue));
        if (due.length === 0) return [];
        const claimed = await writer.write(() => claimFrom(due, limit, leaseMs));
        // None where so many were buried that the rest has to wait for another transaction.
        if (claimed.length > 0) return claimed;
      }
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

    async list(filter, { limit, after }): Promise<InboxPage> {
      const { where, values, isNarrow } = conditionOf(filter, ["received", "processing", "retry", "done", "dead"]);
      const rows: Row[] = [];
      const last = await writer.read(() => lastEntry());
      let before = after === undefined || !/^[0-9]{1,15}$/.test(after) ? last + 1 : Math.min(Number(after), last + 1);
      while (before > 1 && rows.length <= limit) {
        const from = isNarrow ? 1 : Math.max(1, before - LOOKED_AT);
        const found = await writer.read(() =>
          database
            .prepare(`SELECT * FROM events WHERE ${where} AND entry < ? AND entry >= ? ORDER BY entry DESC LIMIT ?`)
            .all(...values, before, from, limit + 1 - rows.length),
        );
        rows.push(...(found as Row[]));
        before = from;
        if (before > 1 && rows.length <= limit) await nextTurn();
      }
      const entries = rows.slice(0, limit).map(entryOf);
      return rows.length > limit ? { entries, next: (entries.at(-1) as InboxEntry).entry } : { entries };
    },

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
      underWay
        .track(
          changeAll(which, ["done", "dead"], (entry) => {
            sql(`UPDATE events SET state = 'received', attempts = 0, due_at = ?, finished_at = NULL, reason = NULL WHERE entry = ?`).run(
              clock(),
              entry,
            );
            note(entry, 0, "received", "replayed", { by, reason });
          }),
        )
        .then((replayed) => {
          for (const listener of listeners) listener();
          return replayed;
        }),

    discard: (which: readonly string[] | InboxFilter, { by, reason }: Intervention) =>
      underWay.track(
        changeAll(which, ["received", "retry"], (entry) => {
          sql(`UPDATE events SET state = 'dead', due_at = NULL, finished_at = ?, reason = ? WHERE entry = ?`).run(clock(), reason, entry);
          note(entry, 0, "dead", "discarded", { by, reason });
        }),
      ),

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

    prune: (options: PruneOptions) => underWay.track(prune(options)),

    async health(): Promise<InboxHealth> {
      if (closing) return CLOSED;
      try {
        // A write, since a disk that is full can still be read; and larger than most deliveries, since there may be room for a small one.
        const probed = writer.write(() => sql("UPDATE probe SET body = randomblob(65536)").run());
        await within(HEALTH_TIMEOUT_MS, probed, "SQLite did not answer in time: another process has the file locked, or the disk is slow.");
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
      closing ??= underWay
        .ended()
        .then(() => writer.drain())
        .then(() => {
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
