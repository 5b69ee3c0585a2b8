import { DatabaseSync } from "node:sqlite";
import type { InboxIntake } from "../../src/inbox/intake.ts";
import type { SqliteDatabase } from "../../src/inbox/sqlite.ts";

/**
 * How an inbox is broken, for the controls: whatever finds nothing wrong with these would find nothing wrong at all.
 *
 * - `sound`: it is not.
 * - `answers first`: says that an event is stored before it is.
 * - `no token`: whoever ends an attempt is believed, whether or not the claim is still theirs.
 * - `shares claims`: a claim takes what is due, and what others have claimed.
 * - `waits in SQLite`: a lock is waited for where nothing else can run meanwhile.
 * - `syncs later`: a commit is not on disk before it is acknowledged.
 */
export type Variant = "sound" | "answers first" | "no token" | "shares claims" | "waits in SQLite" | "syncs later";

/** What is handed to a socket at once outlives the process, so that an early answer alone would lose little on a server. */
const COLLECT_MS = 10;

/** Opens the database of a variant. */
export function openDatabase(path: string, variant: Variant): SqliteDatabase {
  const database: SqliteDatabase = new DatabaseSync(path, { timeout: 0 });
  if (variant === "waits in SQLite") return replacing(database, "busy_timeout = 0", "busy_timeout = 5000");
  if (variant === "syncs later") return replacing(database, "synchronous = FULL", "synchronous = NORMAL");
  if (variant === "shares claims") return taking(database);
  return variant === "no token" ? believing(database) : database;
}

/** What a router of a variant stores its events with. */
export function intakeOf(inbox: InboxIntake, variant: Variant): InboxIntake {
  if (variant !== "answers first") return inbox;
  return {
    async accept(event) {
      setTimeout(() => inbox.accept(event).catch(() => undefined), COLLECT_MS);
      return { duplicate: false };
    },
  };
}

function replacing(database: SqliteDatabase, sound: string, broken: string): SqliteDatabase {
  return {
    prepare: (sql) => database.prepare(sql),
    exec: (sql) => database.exec(sql.replace(sound, broken)),
    close: () => database.close(),
  };
}

/** Leaves out the token where an attempt ends; leases are still extended by those who hold them only. */
function believing(database: SqliteDatabase): SqliteDatabase {
  return {
    prepare(sql) {
      if (!/^UPDATE events SET state = \?.* AND token = \?$/.test(sql)) return database.prepare(sql);
      const statement = database.prepare(sql.replace(" AND token = ?", ""));
      return { ...statement, get: statement.get, all: statement.all, run: (...values) => statement.run(...values.slice(0, -1)) };
    },
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}

/** Looks for what to claim as if every lease had ended. */
function taking(database: SqliteDatabase): SqliteDatabase {
  return {
    prepare: (sql) => database.prepare(sql.replace(/^(SELECT entry, state, .* due_at <= \?)/, "$1 + 1e12")),
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}
