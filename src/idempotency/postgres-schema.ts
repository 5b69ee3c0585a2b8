import { ConfigurationError } from "../errors.ts";
import { migrationOf, type PostgresVersion } from "./postgres-migration.ts";

/** Options of {@link migrationSql}. */
export interface MigrationOptions {
  /**
   * The schema that the tables are in.
   * @default "video_webhooks"
   */
  readonly schema?: string | undefined;
}

/**
 * The name of the schema, which goes into statements as it is.
 *
 * @throws {@link ConfigurationError} for one that would need quotes
 */
export function schemaName(schema = "video_webhooks"): string {
  if (typeof schema === "string" && /^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema;
  throw new ConfigurationError("The option schema must be a name of at most 63 small letters, digits and underscores.");
}

/** What each version adds, in order. What was released once is never changed. */
const versions: readonly PostgresVersion[] = [
  (schema) => `
    CREATE TABLE "${schema}".webhook_events (
      key text NOT NULL,
      fingerprint text NOT NULL,
      token text,
      lease_ends_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (key, fingerprint)
    );
    CREATE INDEX webhook_events_expires_at ON "${schema}".webhook_events (expires_at);
    CREATE TABLE "${schema}".webhook_jobs (
      key text PRIMARY KEY,
      rank integer NOT NULL,
      at_ms double precision,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX webhook_jobs_expires_at ON "${schema}".webhook_jobs (expires_at);`,
];

/**
 * The SQL that creates or updates the tables of the Postgres store, for those who run migrations themselves: one statement that runs in a
 * transaction of its own, may be run again, and by several at once. It creates nothing that exists, so a role without the right to create
 * may run it on tables that are up to date.
 *
 * @throws {@link ConfigurationError} for a schema that is no plain name
 *
 * @example
 * ```ts
 * import { migrationSql } from "video-webhooks/idempotency/postgres";
 *
 * console.log(migrationSql());
 * ```
 */
export function migrationSql(options: MigrationOptions = {}): string {
  return migrationOf(schemaName(options.schema), "webhook_migrations", versions);
}
