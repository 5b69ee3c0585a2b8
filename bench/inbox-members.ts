import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import type { Inbox } from "video-webhooks/inbox";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";

/** An inbox that is measured, and how to leave nothing of it behind. */
export interface OpenMember {
  readonly inbox: Inbox;
  remove(): Promise<unknown>;
}

/** Where a member may put what is its own: a folder, and a name that nobody else uses. */
export interface Place {
  readonly folder: string;
  readonly name: string;
}

const connectionString = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const redisUrl = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";

/** A function of an entry point that this version of the package may not have. */
async function imported(entry: string, name: string): Promise<(options: object) => Promise<Inbox>> {
  const found = (await import(`video-webhooks/${entry}`))[name];
  if (typeof found !== "function") throw new Error(`video-webhooks/${entry} has no ${name}().`);
  return found;
}

async function openSqlite({ folder, name }: Place): Promise<OpenMember> {
  const path = join(folder, `${name}.db`);
  const remove = (): Promise<unknown> => Promise.all(["", "-wal", "-shm"].map((end) => rm(path + end, { force: true })));
  return { inbox: await openSqliteInbox({ path }), remove };
}

async function openPgBoss({ name: schema }: Place): Promise<OpenMember> {
  const open = await imported("inbox/pg-boss", "openPgBossInbox");
  const remove = async (): Promise<void> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await client.end();
  };
  return { inbox: await open({ connectionString, schema }), remove };
}

async function openBullMq({ name: prefix }: Place): Promise<OpenMember> {
  const open = await imported("inbox/bullmq", "openBullMqInbox");
  const remove = async (): Promise<void> => {
    const client = new Redis(redisUrl);
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1000 })) if (keys.length > 0) await client.unlink(keys);
    await client.quit();
  };
  const { hostname: host, port, username, password } = new URL(redisUrl);
  const connection = { host, port: Number(port || 6379), ...(password !== "" && { username: username || "default", password }) };
  return { inbox: await open({ connection, prefix }), remove };
}

/** The server that stores nothing and handles every delivery before it answers. */
export const WITHOUT_STORE = "none";

/** How each inbox is opened, by its name in the tables. */
export const members: Readonly<Record<string, (place: Place) => Promise<OpenMember>>> = {
  SQLite: openSqlite,
  "pg-boss": openPgBoss,
  BullMQ: openBullMq,
};
