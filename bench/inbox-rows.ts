import { createHmac } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { heygenBody } from "./events.ts";
import { secret } from "./http-apps.ts";
import type { SignedDelivery } from "./http-load.ts";

/** The size of all bodies. */
export const BODY_BYTES = 3072;

/** A delivery of HeyGen as it arrives; another serial makes it another event. */
export function signedDelivery(serial: number): SignedDelivery {
  const body = heygenBody(BODY_BYTES, serial);
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return { headers: { "user-agent": "python-requests/2.32.3", accept: "*/*", "content-type": "application/json", signature }, body };
}

/** Rows of an inbox that nobody had to deliver. */
export interface PreparedRows {
  /** Makes what was worked off due again, as if it had never been touched, and takes out what was put in since. */
  restore(): void;
  close(): void;
}

/** Its digits stand where those of each row will be. */
const PATTERN = 0xfedcba98;

// Times an odd number, no two of them fall together within 32 bits.
const SCATTER = 2_654_435_761;
// More rows than anybody prepares.
let unprepared = 2 ** 21;

/** A delivery that is in no prepared file, and comes in no order either. */
export function unpreparedDelivery(): SignedDelivery {
  return signedDelivery(Math.imul(unprepared++, SCATTER) >>> 0);
}

/**
 * Fills a new file with this many handled events and this many that are due. All are copies of one that was delivered and worked off, with
 * its history, so that rows look as they do in earnest whatever the tables are; ids and digests come in no order, as real ones do.
 */
export async function prepareRows(path: string, { done, due }: { readonly done: number; readonly due: number }): Promise<PreparedRows> {
  await storePattern(path);
  const database = new DatabaseSync(path);
  // Nothing here has to survive a crash, and a log as large as the file would only be copied.
  // The log has to be given up before journals can be.
  database.exec(
    "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF",
  );
  database.exec("BEGIN");
  copyPattern(database, "done", 1, done - 1);
  copyPattern(database, "received", done, due);
  database.exec("COMMIT; PRAGMA journal_mode = WAL");
  database.close();
  const again = new DatabaseSync(path, { timeout: 10_000 });
  again.exec("PRAGMA synchronous = OFF");
  return {
    restore() {
      again.exec(`BEGIN IMMEDIATE;
        DELETE FROM events WHERE entry > ${done + due};
        DELETE FROM transitions WHERE event IN (SELECT entry FROM events WHERE state <> 'received' AND entry > ${done});
        UPDATE events SET state = 'received', attempts = 0, due_at = received_at, finished_at = NULL, token = NULL
          WHERE state <> 'received' AND entry > ${done};
        COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`);
    },
    close: () => again.close(),
  };
}

async function storePattern(path: string): Promise<void> {
  const inbox = await openSqliteInbox({ path });
  const router = createRouter(heygen({ secret }), { inbox }).on("avatar_video.success", () => undefined);
  const outcome = await router.receive({ method: "POST", url: "/", ...signedDelivery(PATTERN) });
  if (outcome.result !== "accepted") throw new Error(`The delivery to copy came to "${outcome.result}".`);
  const worker = inbox.work(router);
  await worker.idle();
  await inbox.close();
}

function copyPattern(database: DatabaseSync, state: "done" | "received", after: number, amount: number): void {
  const pattern = `'${PATTERN.toString(16)}'`;
  const digits = `printf('%08x', (numbers.n * ${SCATTER}) & 0xffffffff)`;
  const columnsOf = (table: string): readonly string[] =>
    (database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[]).map(({ name }) => name);
  const copy = (table: string, which: string, changed: Readonly<Record<string, string>>): void => {
    const names = columnsOf(table);
    database.exec(`WITH RECURSIVE numbers (n) AS
        (SELECT ${after + 1} WHERE ${amount} > 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${after + amount})
      INSERT INTO ${table} (${names.join(", ")})
      SELECT ${names.map((name) => changed[name] ?? `${table}.${name}`).join(", ")} FROM numbers JOIN ${table} ON ${which} = 1`);
  };
  const raw_body = `CAST(replace(CAST(raw_body AS TEXT), ${pattern}, ${digits}) AS BLOB)`;
  copy("events", "entry", {
    entry: "numbers.n",
    id: `replace(id, ${pattern}, ${digits})`,
    fingerprint: `${digits} || substr(fingerprint, 9)`,
    ...(state === "received" && { state: "'received'", attempts: "0", due_at: "received_at", finished_at: "NULL" }),
  });
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
  for (const { name } of tables) {
    const hasHistory = name !== "transitions" || state === "done";
    if (columnsOf(name).includes("event") && hasHistory) copy(name, "event", { event: "numbers.n", raw_body });
  }
}
