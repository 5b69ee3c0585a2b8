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

/** The codes that are told apart. */
const NAMES: Readonly<Record<number, string>> = {
  5: "BUSY",
  6: "LOCKED",
  8: "READONLY",
  14: "CANTOPEN",
  18: "TOOBIG",
  19: "CONSTRAINT",
  20: "MISMATCH",
  25: "RANGE",
  26: "NOTADB",
};

/** What SQLite says has failed, in the numbers of one driver or the names of the other; `undefined` for what is no error of SQLite. */
function failureOf(error: unknown): string | undefined {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  // The lower eight bits are the primary code, and in names it comes first.
  if (typeof errcode === "number") return NAMES[errcode & 0xff] ?? "another";
  return typeof code === "string" ? /^SQLITE_([A-Z]+)/.exec(code)?.[1] : undefined;
}

/** Whether a statement failed because another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  return ["BUSY", "LOCKED"].includes(failureOf(error) ?? "");
}

/**
 * Whether a statement failed for what it was given, and would have failed alone: a value that does not fit, a constraint. Anything else, such
 * as a full disk, concerns whatever is in the same transaction.
 */
export function isOwnFailure(error: unknown): boolean {
  const failure = failureOf(error);
  return failure === undefined || ["TOOBIG", "CONSTRAINT", "MISMATCH", "RANGE"].includes(failure);
}

const WHAT_TO_DO: Readonly<Record<string, string>> = {
  NOTADB: "The file is no SQLite database. Give the inbox a file of its own, which need not exist yet.",
  CANTOPEN:
    "SQLite cannot open the file. Its folder has to exist, it must be no folder itself, and this process has to be allowed to write there.",
  READONLY: "SQLite cannot write to the file. This process has to be allowed to write to it and to its folder.",
};

/** What a file could not be opened for, with what to do about it where that is known. */
export function explained(error: unknown): unknown {
  const text = WHAT_TO_DO[failureOf(error) ?? ""];
  return text === undefined ? error : new ConfigurationError(text, { cause: error });
}
