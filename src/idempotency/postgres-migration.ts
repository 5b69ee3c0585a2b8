/** The SQL of one version, for the schema that it is given. */
export type PostgresVersion = (schema: string) => string;

/**
 * The SQL that brings tables up to date: one statement that runs in a transaction of its own, may be run again, and by several at once. It
 * creates nothing that exists, so a role without the right to create may run it on tables that are up to date.
 *
 * @param schema a plain name, which goes into the SQL as it is
 * @param table keeps the versions that were applied
 * @param versions in order; what was released once is never changed
 */
export function migrationOf(schema: string, table: string, versions: readonly PostgresVersion[]): string {
  const steps = versions.map(
    (sqlFor, index) => `
  IF done < ${index + 1} THEN${sqlFor(schema)}
    INSERT INTO "${schema}".${table} (version) VALUES (${index + 1});
  END IF;`,
  );
  return `DO $migrate$
DECLARE
  done integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('video-webhooks ${schema}.${table}', 0));
  IF to_regnamespace('${schema}') IS NULL THEN
    CREATE SCHEMA "${schema}";
  END IF;
  IF to_regclass('"${schema}".${table}') IS NULL THEN
    CREATE TABLE "${schema}".${table} (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
  END IF;
  SELECT coalesce(max(version), 0) INTO done FROM "${schema}".${table};${steps.join("")}
END
$migrate$;
`;
}
