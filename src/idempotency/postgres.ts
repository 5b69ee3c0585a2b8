import { ConfigurationError } from "../errors.ts";
import { createAttempts } from "./attempts.ts";
import { ignoreErrorEvents } from "./error-events.ts";
import { migrationSql, schemaName } from "./postgres-schema.ts";
import type { Claim, ClaimOptions, IdempotencyStore, JobState } from "./store.ts";
import { storedKey } from "./stored-key.ts";

export { type MigrationOptions, migrationSql } from "./postgres-schema.ts";

/** The part of a `Pool` or `Client` of `pg` that is used. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly object[] }>;
}

/** The part of what `postgres()` of the package `postgres` returns that is used. */
export interface PostgresJsClient {
  unsafe(text: string, values?: never[]): PromiseLike<readonly object[]>;
}

/** Options of {@link createPostgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The schema that the tables are in.
   * @default "video_webhooks"
   */
  readonly schema?: string | undefined;
  /**
   * Whether the store creates its tables; `false` if you run the SQL of {@link migrationSql} yourself.
   * @default true
   */
  readonly migrate?: boolean | undefined;
  /**
   * At most how often expired rows are deleted, in milliseconds; `false` if you call `prune` yourself.
   * @default 60000
   */
  readonly pruneEveryMs?: number | false | undefined;
}

/** An idempotency store in Postgres. */
export interface PostgresStore extends Required<Omit<IdempotencyStore, "close">> {
  /**
   * Creates or updates the tables now instead of before the first delivery. Safe to call again, and from many processes at once. Rejects
   * as the database does, and is then tried again by the next operation.
   */
  migrate(): Promise<void>;
  /** Deletes expired rows, 1,000 at a time, and resolves to how many there were. */
  prune(): Promise<number>;
}

const PRUNE_ROWS = 1000;
const MIGRATE_AGAIN_AFTER_MS = 5000;

/**
 * An idempotency store in Postgres 12 or newer, for any number of processes and machines. Every operation is one statement, so it is
 * atomic, and goes by the clock of the server.
 *
 * The client stays yours: end it when you are done. Take a pool rather than one connection, which would not come back when it breaks, and
 * none inside of a transaction, which would hide its claims from everybody else. Give it a `query_timeout` and a
 * `connectionTimeoutMillis`, so that it notices connections that have died without a word. A client without a listener for `error` gets one that
 * does nothing, since Node.js ends the process otherwise; what fails reaches `onError` as `store_unavailable`.
 *
 * @param client a `Pool` of `pg`, or what `postgres()` of the package `postgres` returns
 * @throws {@link ConfigurationError} for what is neither, and for a schema that is no plain name
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { createPostgresStore } from "video-webhooks/idempotency/postgres";
 *
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, query_timeout: 5000, connectionTimeoutMillis: 5000 });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { idempotency: createPostgresStore(pool) });
 * ```
 */
export function createPostgresStore(client: PgClient | PostgresJsClient, options: PostgresStoreOptions = {}): PostgresStore {
  const { schema, migrate: migrates = true, pruneEveryMs = 60_000 } = options;
  if (pruneEveryMs !== false && !(pruneEveryMs > 0)) {
    throw new ConfigurationError("The option pruneEveryMs must be a number of milliseconds above zero, or false.");
  }
  const statements = statementsFor(schemaName(schema));
  const query = queryOf(client);
  const attempts = createAttempts();
  ignoreErrorEvents(client);

  let migrating: Promise<void> | undefined;
  let migratesAt = 0;
  let migrated = !migrates;
  function migrate(): Promise<void> {
    // One that hangs, as on a connection that has died, must not hold up all others for ever.
    if (migrating === undefined || (!migrated && performance.now() > migratesAt + MIGRATE_AGAIN_AFTER_MS)) {
      migratesAt = performance.now();
      const running = patiently(() => query(migrationSql({ schema }))).then(() => {
        migrated = true;
      });
      migrating = running;
      running.catch(() => {
        if (migrating === running) migrating = undefined;
      });
    }
    return migrating;
  }

  /** The values of the first row, in the order of the statement: an application may have the names of columns rewritten. */
  async function run(statement: string, values: unknown[]): Promise<readonly unknown[] | undefined> {
    if (!migrated) await migrate();
    try {
      const [row] = await patiently(() => query(statement, values));
      return row && Object.values(row);
    } catch (cause) {
      if (!isMissing(cause)) throw cause;
      // As after a restore; where it may, the next operation creates them.
      migrating = undefined;
      migrated = !migrates;
      throw new Error("The tables of the idempotency store are missing. Leave the option migrate on, or run the SQL of migrationSql().", {
        cause,
      });
    }
  }

  async function prune(): Promise<number> {
    let pruned = 0;
    for (const statement of [statements.pruneEvents, statements.pruneJobs]) {
      for (let rows = PRUNE_ROWS; rows === PRUNE_ROWS; pruned += rows) {
        rows = Number((await run(statement, [PRUNE_ROWS]))?.[0] ?? 0);
      }
    }
    return pruned;
  }

  let prunesAt = 0;
  function pruneAtTimes(): void {
    if (pruneEveryMs === false || performance.now() < prunesAt) return;
    // Not all processes at once.
    prunesAt = performance.now() + pruneEveryMs * (0.5 + Math.random());
    // What is left now is deleted another time.
    prune().catch(() => undefined);
  }

  return {
    migrate,
    prune,

    async claim(key: string, { fingerprint, leaseMs, ttlMs }: ClaimOptions): Promise<Claim> {
      const stored = storedKey(key);
      const claim = await attempts.claim(`${stored}\n${fingerprint}`, async (token): Promise<Claim> => {
        const values = [stored, fingerprint, token, leaseMs, Math.max(leaseMs, ttlMs)];
        const [state, remainingMs, others] = (await run(statements.claim, values)) ?? [];
        if (state === "claimed") return { state, token, otherBody: Number(others) > 0 };
        if (state === "in_progress") return { state, retryAfterMs: Math.max(0, Number(remainingMs)) };
        if (state === "completed") return { state };
        throw new TypeError("The statement for claims answered something else.");
      });
      pruneAtTimes();
      return claim;
    },

    async extend(key: string, token: string, leaseMs: number): Promise<boolean> {
      return (await run(statements.extend, [storedKey(key), token, leaseMs])) !== undefined;
    },

    async complete(key: string, token: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      return (await run(statements.complete, [storedKey(key), token, ttlMs])) !== undefined;
    },

    async release(key: string, token: string): Promise<boolean> {
      return (await run(statements.release, [storedKey(key), token])) !== undefined;
    },

    async observe(job: string, { rank, at }: JobState, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const [stale] = (await run(statements.observe, [storedKey(job), rank, at ?? null, ttlMs])) ?? [];
      if (stale !== "yes" && stale !== "no") throw new TypeError("The statement for jobs answered something else.");
      return stale === "yes";
    },
  };
}

type Query = (text: string, values?: unknown[]) => Promise<readonly object[]>;

function queryOf(client: PgClient | PostgresJsClient): Query {
  // What postgres() returns is a function.
  const { query, unsafe } = (client ?? {}) as Partial<Record<"query" | "unsafe", unknown>>;
  if (typeof unsafe === "function") return async (text, values) => (client as PostgresJsClient).unsafe(text, values as never[]);
  if (typeof query === "function") {
    const run: Query = async (text, values) => (await (client as PgClient).query(text, values)).rows;
    // A Client, which must not be asked before it has answered; a Pool may.
    return "processID" in client ? oneAfterTheOther(run) : run;
  }
  throw new ConfigurationError("createPostgresStore() needs a Pool of pg or what postgres(url) returns, not a connection string.");
}

function oneAfterTheOther(run: Query): Query {
  let last: Promise<unknown> = Promise.resolve();
  return (text, values) => {
    const next = last.then(() => run(text, values));
    last = next.catch(() => undefined);
    return next;
  };
}

// Whoever comes second has to ask again where the application's default is a stricter isolation than read committed; deadlocks and
// tables that two processes create at once likewise.
const RETRYABLE: readonly unknown[] = ["40001", "40P01", "42P06", "42P07", "23505"];
const MOST_TRIES = 20;

async function patiently<Result>(ask: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries >= MOST_TRIES || !RETRYABLE.includes(codeOf(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * tries));
    }
  }
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null | undefined)?.code;

/** Whether a statement failed because a table or the schema does not exist. */
function isMissing(error: unknown): boolean {
  return codeOf(error) === "42P01" || codeOf(error) === "3F000";
}

interface Statements {
  readonly claim: string;
  readonly extend: string;
  readonly complete: string;
  readonly release: string;
  readonly observe: string;
  readonly pruneEvents: string;
  readonly pruneJobs: string;
}

/** Milliseconds from now on, by the clock of the wall: `now()` stands still in a transaction. */
const after = (parameter: string): string => `clock_timestamp() + ${parameter}::float8 * interval '1 millisecond'`;

function statementsFor(schema: string): Statements {
  const events = `"${schema}".webhook_events`;
  const jobs = `"${schema}".webhook_jobs`;
  const pruneOf = (table: string, key: string): string => `
WITH expired AS (
  SELECT ${key} FROM ${table} WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), deleted AS (
  DELETE FROM ${table} USING expired WHERE (${qualified(table, key)}) = (${qualified("expired", key)}) RETURNING 1
) SELECT count(*)::text AS rows FROM deleted`;
  return {
    claim: `
INSERT INTO ${events} AS held (key, fingerprint, token, lease_ends_at, expires_at)
VALUES ($1::text, $2::text, $3::text, ${after("$4")}, ${after("$5")})
ON CONFLICT (key, fingerprint) DO UPDATE SET (token, lease_ends_at, expires_at) = (
  SELECT
    CASE WHEN free THEN excluded.token ELSE held.token END,
    CASE WHEN free THEN excluded.lease_ends_at ELSE held.lease_ends_at END,
    CASE WHEN free THEN excluded.expires_at ELSE held.expires_at END
  FROM (
    SELECT held.expires_at <= moment
      -- A handled event has no token.
      OR held.lease_ends_at <= moment AND held.token IS NOT NULL
      -- The same token: the answer to an earlier attempt was lost.
      OR held.token = excluded.token AS free
    -- One moment for all; OFFSET keeps the planner from asking the clock for each column.
    FROM (SELECT clock_timestamp() AS moment OFFSET 0) AS clock OFFSET 0
  ) AS asked
)
RETURNING
  CASE WHEN token IS NULL THEN 'completed' WHEN token = $3::text THEN 'claimed' ELSE 'in_progress' END AS state,
  (extract(epoch FROM lease_ends_at - clock_timestamp()) * 1000)::float8::text AS remaining_ms,
  (SELECT count(*) FROM ${events} AS other
    WHERE other.key = $1::text AND other.fingerprint <> $2::text AND other.expires_at > clock_timestamp())::text AS others`,
    extend: `
UPDATE ${events} SET lease_ends_at = ${after("$3")}, expires_at = greatest(expires_at, ${after("$3")})
WHERE key = $1::text AND token = $2::text RETURNING 1 AS changed`,
    complete: `
UPDATE ${events} SET token = NULL, expires_at = ${after("$3")} WHERE key = $1::text AND token = $2::text RETURNING 1 AS changed`,
    release: `
DELETE FROM ${events} WHERE key = $1::text AND token = $2::text RETURNING 1 AS changed`,
    // The row that is left is the furthest, so the given one is stale if it is not that row.
    observe: `
INSERT INTO ${jobs} AS seen (key, rank, at_ms, expires_at) VALUES ($1::text, $2::int, $3::float8, ${after("$4")})
ON CONFLICT (key) DO UPDATE SET (rank, at_ms, expires_at) = (
  SELECT
    CASE WHEN forgotten THEN excluded.rank ELSE greatest(seen.rank, excluded.rank) END,
    CASE WHEN forgotten OR excluded.rank > seen.rank THEN excluded.at_ms
      WHEN excluded.rank = seen.rank THEN greatest(seen.at_ms, excluded.at_ms) ELSE seen.at_ms END,
    excluded.expires_at
  FROM (SELECT seen.expires_at <= clock_timestamp() AS forgotten OFFSET 0) AS asked
)
RETURNING CASE WHEN rank > $2::int OR coalesce(at_ms > $3::float8, false) THEN 'yes' ELSE 'no' END AS stale`,
    pruneEvents: pruneOf(events, "key, fingerprint"),
    pruneJobs: pruneOf(jobs, "key"),
  };
}

function qualified(table: string, columns: string): string {
  return columns
    .split(", ")
    .map((column) => `${table}.${column}`)
    .join(", ");
}
