import { open } from "node:fs/promises";
import { systemCode } from "../endpoints/system-code.ts";
import { isWebhookError } from "../errors.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { InboxPlace } from "./commands/inbox.ts";
import { CliFailure, type ExitCode, systemReason, unreachable, usageFailure } from "./failure.ts";
import { printable } from "./printable.ts";
import { maskUrls } from "./redact.ts";
import type { Session } from "./session.ts";

/** Opens an inbox that exists, uses it, and closes it. */
export async function withInbox(session: Session, place: InboxPlace, use: (inbox: Inbox) => Promise<ExitCode>): Promise<ExitCode> {
  const inbox = await openInbox(session, place);
  try {
    return await use(inbox);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    if (isWebhookError(error) && error.name === "ConfigurationError") throw usageFailure(error.message, error);
    throw unreachable("inbox_failed", `The inbox failed: ${systemReason(error)}.`, error);
  } finally {
    // What was asked for has been done, or has failed with an error of its own.
    await inbox.close().catch(() => undefined);
  }
}

async function openInbox(session: Session, place: InboxPlace): Promise<Inbox> {
  const given = [place.db, place.postgres, place.redis].filter((each) => each !== undefined);
  if (given.length !== 1) throw usageFailure("Name one inbox: --db file, --postgres [url] or --redis [url].");
  if (place.schema !== undefined && place.postgres === undefined) throw usageFailure("--schema belongs to --postgres.");
  if (place.prefix !== undefined && place.redis === undefined) throw usageFailure("--prefix belongs to --redis.");
  if (place.db !== undefined) return openSqlite(place.db);
  if (place.postgres !== undefined) {
    const url = urlOf(session, place.postgres, "--postgres", "DATABASE_URL", ["postgres:", "postgresql:"]);
    return openPostgres(url, place.schema);
  }
  return openRedis(session, urlOf(session, place.redis, "--redis", "REDIS_URL", ["redis:", "rediss:"]), place.prefix);
}

/** The URL of a server. Its password is never printed from then on. */
function urlOf(session: Session, given: string | true | undefined, option: string, variable: string, protocols: readonly string[]): string {
  const text = typeof given === "string" ? given : session.io.env[variable];
  if (text === undefined || text === "") throw usageFailure(`${option} needs a URL, or the environment variable ${variable}.`);
  session.redactor.hide(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text is not quoted: it may be a password.
  if (url === undefined || !protocols.includes(url.protocol))
    throw usageFailure(`${option} needs a URL that begins with ${protocols[0]}//.`);
  if (url.password !== "") {
    session.redactor.hide(url.password);
    session.redactor.hide(decoded(url.password));
  }
  return text;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function openSqlite(path: string): Promise<Inbox> {
  await checkSqlite(path);
  const { openSqliteInbox } = await import("../inbox/sqlite.ts");
  return opened(`the inbox in ${printable(path)}`, () => openSqliteInbox({ path }));
}

const NO_INBOX = "Check the path; the command looks after inboxes, and creates none.";

/** Sees that a file is an inbox, since opening one would create it, or add its tables to a database of somebody else. */
async function checkSqlite(path: string): Promise<void> {
  const name = printable(path);
  let header = "";
  try {
    const file = await open(path, "r");
    try {
      header = (await file.read(Buffer.alloc(16), 0, 16, 0)).buffer.toString("latin1");
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreachable("no_inbox", `Cannot open ${name}: ${systemReason(error)}. ${NO_INBOX}`, error);
  }
  if (header !== "SQLite format 3\0") throw unreachable("no_inbox", `${name} is no SQLite database. ${NO_INBOX}`);
  if (!(await hasTables(path))) throw unreachable("no_inbox", `${name} is a SQLite database, but no inbox. ${NO_INBOX}`);
}

async function hasTables(path: string): Promise<boolean> {
  try {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const found = database
        .prepare("SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table' AND name IN ('events', 'transitions', 'tallies')")
        .get();
      return Number(found?.tables) === 3;
    } finally {
      database.close();
    }
  } catch {
    // An old Node.js, or a lock: opening the inbox says so, or waits for it.
    return true;
  }
}

async function openPostgres(connectionString: string, schema = "video_webhooks_inbox"): Promise<Inbox> {
  const { openPgBossInbox } = await import("../inbox/pg-boss.ts");
  const shown = maskUrls(connectionString);
  await opened(`the inbox at ${shown}`, () => checkPostgres(connectionString, schema));
  return opened(`the inbox at ${shown}`, () => openPgBossInbox({ connectionString, schema, connections: 2 }));
}

/** Sees that a schema is an inbox, since opening one would create it. */
async function checkPostgres(connectionString: string, schema: string): Promise<void> {
  let boss: { start(): Promise<unknown>; stop(options: object): Promise<void>; on(event: "error", listener: () => void): unknown };
  try {
    const { PgBoss } = await import("pg-boss");
    boss = new PgBoss({
      connectionString,
      schema,
      migrate: false,
      supervise: false,
      schedule: false,
      max: 1,
      connectionTimeoutMillis: 5000,
    });
  } catch {
    // A missing package, or a name that cannot be: opening the inbox says so.
    return;
  }
  boss.on("error", () => undefined);
  try {
    await boss.start();
  } catch (error) {
    if (!(error instanceof Error && /not installed/i.test(error.message))) throw error;
    throw unreachable(
      "no_inbox",
      `There is no inbox in the schema ${schema}. Name its schema with --schema; the command creates none.`,
      error,
    );
  } finally {
    await boss.stop({ graceful: false }).catch(() => undefined);
  }
}

async function openRedis({ output }: Session, connection: string, prefix: string | undefined): Promise<Inbox> {
  const { openBullMqInbox } = await import("../inbox/bullmq.ts");
  const onWarning = (message: string): void => output.note(`warning: ${message}`);
  return opened(`the inbox at ${maskUrls(connection)}`, () => openBullMqInbox({ connection, prefix, onWarning }));
}

async function opened<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = systemCode(isWebhookError(error) ? error.cause : error);
    const reason = isWebhookError(error) ? `${error.message}${code === undefined ? "" : ` (${code})`}` : `${systemReason(error)}.`;
    throw unreachable("cannot_open", `Cannot open ${what}: ${reason}`, error);
  }
}
