import { DatabaseSync } from "node:sqlite";
import type { InboxEngine, Inspection } from "./inbox-engine.ts";

/** An inbox in a file of SQLite. */
export function sqliteEngine(path: string): InboxEngine {
  return { place: { engine: "sqlite", path }, drainMs: 60_000, inspect: async () => inspectionOf(path) };
}

/** How many of these ids are not in the file of an inbox. */
export async function lostOf(path: string, acknowledged: ReadonlySet<string>): Promise<number> {
  const stored = await inspectionOf(path).events();
  return [...acknowledged].filter((id) => !stored.has(id)).length;
}

/** What SQLite says of a file, also of one without tables. */
export function integrityOf(path: string): string {
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    return checkOf(database);
  } finally {
    database.close();
  }
}

const checkOf = (database: DatabaseSync): string =>
  (database.prepare("PRAGMA integrity_check").get() as { integrity_check: string }).integrity_check;

function inspectionOf(path: string): Inspection {
  function read<Result>(work: (database: DatabaseSync) => Result, readOnly = false): Result {
    const database = new DatabaseSync(path, { readOnly, timeout: 5000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
  const count = (database: DatabaseSync, sql: string): number =>
    (database.prepare(`SELECT count(*) AS count FROM ${sql}`).get() as { count: number }).count;

  return {
    left: async () => read((database) => count(database, "events WHERE due_at IS NOT NULL"), true),
    remains: async () =>
      read((database) => ({
        stored: count(database, "events"),
        unfinished: count(database, "events WHERE state <> 'done'"),
        completedTwice: count(database, "(SELECT event FROM transitions WHERE result = 'processed' GROUP BY event HAVING count(*) > 1)"),
        claims: count(database, "transitions WHERE result = 'claimed'"),
        integrity: checkOf(database),
      })),
    events: async () =>
      read((database) => {
        const rows = database.prepare("SELECT id, finished_at FROM events").all() as { id: string; finished_at: number | null }[];
        return new Map(rows.map(({ id, finished_at }) => [id, finished_at ?? undefined]));
      }),
    close: async () => undefined,
  };
}
