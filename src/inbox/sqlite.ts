import { ConfigurationError } from "../errors.ts";
import { checkOptionNames } from "../option-names.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { type CompletePolicy, completePolicy, type RetryPolicy, retryOptions } from "./retry-policy.ts";
import { checkSqliteVersion, explained, isBusy, openNodeSqlite, type SqliteDatabase } from "./sqlite-driver.ts";
import { checkFile, migrate } from "./sqlite-schema.ts";
import { createSqliteStore } from "./sqlite-store.ts";
import { createWriter } from "./sqlite-writer.ts";

export type { SqliteDatabase, SqliteStatement } from "./sqlite-driver.ts";

/** Options of {@link openSqliteInbox}. Exactly one of `path` and `database` is given. */
export type SqliteInboxOptions = RetryPolicy & {
  /**
   * Milliseconds since 1970, for tests.
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
} & (
    | {
        /** The file, on a local disk. It is created when it does not exist. */
        readonly path: string;
        readonly database?: undefined;
      }
    | {
        /** A database of `better-sqlite3` 13 or newer, opened with `timeout: 0`, that nothing else uses. */
        readonly database: SqliteDatabase;
        readonly path?: undefined;
      }
  );

const SETTINGS = [
  // Every commit is on disk before it is acknowledged, also through a power cut.
  "PRAGMA synchronous = FULL",
  // On macOS an ordinary sync stops at the cache of the drive; elsewhere this does nothing.
  "PRAGMA fullfsync = ON",
  "PRAGMA checkpoint_fullfsync = ON",
  "PRAGMA foreign_keys = ON",
  // Four times what SQLite does by itself: pages that many deliveries change are copied into the file less often. The log grows to 16 MB,
  // and beyond that only while another program keeps reading in one transaction; then it is cut back.
  "PRAGMA wal_autocheckpoint = 4000",
  "PRAGMA journal_size_limit = 67108864",
  // SQLite's own waiting would block the event loop.
  "PRAGMA busy_timeout = 0",
];

/** How long another process may keep the file locked while it is opened. */
const OPEN_TIMEOUT_MS = 10_000;

/**
 * Opens an inbox in a SQLite file: for one machine, without a server. Several processes may share the file, which has to be on a local
 * disk. All deliveries of one turn of the event loop are committed together, with one sync to disk, before any of them is answered.
 *
 * Commits run on the main thread, at most 4 MiB of bodies at once: with a worker thread for them a server on two cores took fewer.
 *
 * A file of something else is left as it is.
 *
 * @throws {@link ConfigurationError} where Node.js or SQLite is too old, and for a file that is no database, belongs to something else, was
 *   written by a newer version of this library, or cannot be opened or written
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
 *
 * const inbox = await openSqliteInbox({ path: "webhooks.db" });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { inbox });
 * const worker = inbox.work(router);
 * ```
 */
export async function openSqliteInbox(options: SqliteInboxOptions): Promise<Inbox> {
  checkOptionNames("openSqliteInbox()", options ?? {}, ["path", "database", "clock", ...retryOptions]);
  const { path, database: given, clock = Date.now, ...retries } = options ?? {};
  const policy = completePolicy(retries);
  if ((path === undefined) === (given === undefined)) throw new ConfigurationError("openSqliteInbox() needs either path or database.");
  if (given === undefined && (typeof path !== "string" || path === ""))
    throw new ConfigurationError("The option path must be the name of a file.");
  let database = given;
  try {
    database ??= await openNodeSqlite(path as string);
    return await setUp(database, policy, clock);
  } catch (error) {
    database?.close();
    throw explained(error);
  }
}

async function setUp(database: SqliteDatabase, policy: CompletePolicy, clock: () => number): Promise<Inbox> {
  // Even a statement without a table reads the file first, which another process may be setting up.
  await patiently(() => checkSqliteVersion(database));
  // Before anything is set, since the journal mode stays with the file.
  await patiently(() => checkFile(database));
  await patiently(() => useLog(database));
  for (const setting of SETTINGS) await patiently(() => database.exec(setting));
  const writer = createWriter(database);
  await writer.write(() => migrate(database));
  return createInbox(createSqliteStore({ database, writer, policy, clock }), policy);
}

/** @throws {@link ConfigurationError} where there can be no write-ahead log, such as for a database in memory */
function useLog(database: SqliteDatabase): void {
  const { journal_mode: found } = database.prepare("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
  if (found === "wal") return;
  throw new ConfigurationError(`The inbox needs a file on a local disk: SQLite uses the journal mode "${found}" here, and not "wal".`);
}

async function patiently(set: () => unknown): Promise<void> {
  for (const giveUpAt = performance.now() + OPEN_TIMEOUT_MS; ; ) {
    try {
      set();
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
