import { ConfigurationError } from "../errors.ts";
import type { SqliteDatabase } from "./sqlite-driver.ts";

/** What each version adds, in order. What was released once is never changed. */
const versions: readonly string[] = [
  `
  CREATE TABLE events (
    -- Never used again, since somebody may have noted one.
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'received',
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When it may be claimed: at once, after the wait of a retry, or when the lease ends. NULL when it is finished.
    due_at INTEGER,
    token TEXT,
    received_at INTEGER NOT NULL,
    finished_at INTEGER,
    reason TEXT,
    UNIQUE (id, fingerprint)
  ) STRICT;
  CREATE INDEX events_due ON events (source, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX events_finished ON events (state, finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX events_state ON events (state, entry);

  -- Apart from what changes with every attempt, since SQLite writes whole rows.
  CREATE TABLE payloads (
    event INTEGER PRIMARY KEY REFERENCES events (entry) ON DELETE CASCADE,
    headers TEXT NOT NULL,
    authenticity TEXT NOT NULL,
    raw_body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE transitions (
    event INTEGER NOT NULL REFERENCES events (entry) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    result TEXT NOT NULL,
    milliseconds REAL,
    reason TEXT,
    actor TEXT
  ) STRICT;
  CREATE INDEX transitions_event ON transitions (event);

  -- Kept by triggers, so that nobody has to count a large table.
  CREATE TABLE depths (state TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO depths VALUES ('received', 0), ('processing', 0), ('retry', 0), ('done', 0), ('dead', 0);
  CREATE TRIGGER events_inserted AFTER INSERT ON events BEGIN
    UPDATE depths SET count = count + 1 WHERE state = new.state;
  END;
  CREATE TRIGGER events_moved AFTER UPDATE OF state ON events WHEN old.state <> new.state BEGIN
    UPDATE depths SET count = count - 1 WHERE state = old.state;
    UPDATE depths SET count = count + 1 WHERE state = new.state;
  END;
  CREATE TRIGGER events_deleted AFTER DELETE ON events BEGIN
    UPDATE depths SET count = count - 1 WHERE state = old.state;
  END;

  -- How attempts ended, by the logarithm of how long they took; bucket 0 is for those that failed.
  CREATE TABLE tallies (
    provider TEXT NOT NULL,
    type TEXT NOT NULL,
    succeeded INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (provider, type, succeeded, bucket)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    rank INTEGER NOT NULL,
    at REAL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX jobs_expires_at ON jobs (expires_at);

  -- What is written to see whether the disk still takes a delivery.
  CREATE TABLE probe (body BLOB NOT NULL) STRICT;
  INSERT INTO probe VALUES (x'');
  `,
];

/** In the header of every file: "vwin" in ASCII. */
const APPLICATION_ID = 0x7677696e;

/**
 * Looks at a file, and changes nothing.
 *
 * @returns which version of the tables it has; 0 for none
 * @throws {@link ConfigurationError} for a file of something else, or one that a newer version of this library has written
 */
export function checkFile(database: SqliteDatabase): number {
  const read = (sql: string): number => Number(Object.values(database.prepare(sql).get() as object)[0]);
  if (read("PRAGMA application_id") !== APPLICATION_ID && read("SELECT count(*) FROM sqlite_master") > 0) {
    throw new ConfigurationError("The file is a database of something else. Give the inbox a file of its own.");
  }
  const found = read("PRAGMA user_version");
  if (found > versions.length) {
    throw new ConfigurationError(
      `The inbox was written by a newer version of video-webhooks (${found}, here ${versions.length}). Update it here.`,
    );
  }
  return found;
}

/**
 * Brings the tables up to date; to be called in a transaction.
 *
 * @throws {@link ConfigurationError} as {@link checkFile} does
 */
export function migrate(database: SqliteDatabase): void {
  const found = checkFile(database);
  for (const sql of versions.slice(found)) database.exec(sql);
  if (found === versions.length) return;
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${versions.length}`);
}
