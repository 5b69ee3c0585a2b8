import { migrationOf, type PostgresVersion } from "../idempotency/postgres-migration.ts";

/** What each version adds to the schema of pg-boss, in order. What was released once is never changed. */
const versions: readonly PostgresVersion[] = [
  (schema) => `
    CREATE TABLE "${schema}".inbox_transitions (
      seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      entry uuid NOT NULL,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      attempt integer NOT NULL,
      state text NOT NULL,
      result text NOT NULL,
      milliseconds double precision,
      reason text,
      actor text
    );
    CREATE INDEX inbox_transitions_entry ON "${schema}".inbox_transitions (entry, seq);
    -- How attempts ended, by the logarithm of how long they took; bucket 0 is for those that failed. Each connection has rows of its
    -- own, so that none waits for the commit of another.
    CREATE TABLE "${schema}".inbox_tallies (
      provider text NOT NULL,
      type text NOT NULL,
      succeeded boolean NOT NULL,
      bucket integer NOT NULL,
      slot integer NOT NULL,
      count bigint NOT NULL,
      PRIMARY KEY (provider, type, succeeded, bucket, slot)
    );
    -- One row to write to, since a server that can be read may still have a full disk.
    CREATE TABLE "${schema}".inbox_pulse (at timestamptz NOT NULL);
    INSERT INTO "${schema}".inbox_pulse VALUES (clock_timestamp());`,
];

/** The SQL that creates or updates the tables beside those of pg-boss. It may be run again, and by several at once. */
export function inboxMigrationSql(schema: string): string {
  return migrationOf(schema, "inbox_migrations", versions);
}
