import { ConfigurationError } from "../errors.ts";

/** The part of a prepared statement of `node:sqlite` and `better-sqlite3` that is used. */
export interface SqliteStatement {
  run(...values: unknown[]): { readonly changes: number | bigint };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}

/** The part of a database of `node:sqlite` (`DatabaseSync`) and `better-sqlite3` (13 or newer) that is used. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

const FLOOR = "The SQLite inbox needs Node.js 22.22.3 or newer in 22, or 24.15 or newer";

/**
 * Opens a file with `node:sqlite`.
 *
 * @throws {@link ConfigurationError} where Node.js has none
 */
export async function openNodeSqlite(path: string): Promise<SqliteDatabase> {
  let sqlite: { DatabaseSync: new (path: string, options: { timeout: number }) => unknown };
  try {
    sqlite = (await import("node:sqlite")) as never;
  } catch (cause) {
    throw new ConfigurationError(`${FLOOR}. Or pass a database of better-sqlite3 13: openSqliteInbox({ database }).`, { cause });
  }
  return new sqlite.DatabaseSync(path, { timeout: 0 }) as SqliteDatabase;
}

/**
 * Refuses versions whose write-ahead log can be corrupted when two connections write and checkpoint at the same moment.
 *
 * @throws {@link ConfigurationError}
 * @see https://www.sqlite.org/wal.html#walresetbug (checked 2026-11-21)
 */
export function checkSqliteVersion(database: SqliteDatabase): void {
  const { version } = database.prepare("SELECT sqlite_version() AS version").get() as { version: string };
  if (hasWalResetFix(version)) return;
  throw new ConfigurationError(`SQLite ${version} has a bug that can corrupt the file. ${FLOOR}, or better-sqlite3 13 or newer.`);
}

/** Fixed in 3.51.3, and in the maintenance releases 3.50.7 and 3.44.6. */
export function hasWalResetFix(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major !== 3) return major > 3;
  if (minor === 50) return patch >= 7;
  if (minor === 44) return patch >= 6;
  return minor > 51 || (minor === 51 && patch >= 3);
}

/** Whether a statement failed because another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  // The lower eight bits are the primary code: 5 is SQLITE_BUSY, 6 SQLITE_LOCKED.
  if (typeof errcode === "number") return (errcode & 0xff) === 5 || (errcode & 0xff) === 6;
  return typeof code === "string" && /^SQLITE_(?:BUSY|LOCKED)/.test(code);
}

/**
 * Whether a statement failed for what it was given, and would have failed alone: a value that does not fit, a constraint. Anything else, such
 * as a full disk, concerns whatever is in the same transaction.
 */
export function isOwnFailure(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE.
  if (typeof errcode === "number") return [18, 19, 20, 25].includes(errcode & 0xff);
  return typeof code !== "string" || !code.startsWith("SQLITE_") || /^SQLITE_(?:TOOBIG|CONSTRAINT|MISMATCH|RANGE)/.test(code);
}
