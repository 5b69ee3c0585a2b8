import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { describeWith, postgresServer, redisServer, uniqueName } from "../test/suites/servers.ts";
import { hexSignature } from "./sign.ts";

const secret = "whsec_from-the-environment";
const folder = mkdtempSync(path.join(tmpdir(), "inbox-example-"));
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true }));

async function serve(example: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`${example}/server.ts`, import.meta.url))], {
    env: { ...process.env, PORT: "0", HEYGEN_WEBHOOK_SECRET: secret, ...env },
  });
  started.push(child);
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed.text += chunk));
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  await vi.waitFor(() => expect(printed.text).toContain("Stop with Ctrl+C"), { timeout: 15_000 });
  const url = /http:\/\/127\.0\.0\.1:\d+\/webhooks\/heygen/.exec(printed.text)?.[0] as string;
  return { child, exit, printed, url };
}

async function deliver(url: string, id: string): Promise<unknown> {
  const body = JSON.stringify({
    event_type: "avatar_video.success",
    event_data: { video_id: id, url: `https://files.example.test/${id}.mp4` },
  });
  return (await fetch(url, { method: "POST", headers: { signature: await hexSignature(secret, body) }, body })).json();
}

it("examples/inbox-sqlite stores, handles, knows duplicates after a restart, tells its health, and stops when asked to", async () => {
  const env = { WEBHOOKS_DB: path.join(folder, "webhooks.db") };
  const first = await serve("inbox-sqlite", env);
  expect(await deliver(first.url, "hv_1")).toMatchObject({ result: "accepted" });
  await vi.waitFor(() => expect(first.printed.text).toContain("hv_1 is at https://files.example.test/hv_1.mp4"), { timeout: 10_000 });
  expect(await (await fetch(new URL("/health", first.url))).json()).toEqual({ live: true, ready: true });
  expect((await fetch(first.url, { method: "OPTIONS" })).status).toBe(204);
  first.child.kill("SIGTERM");
  expect(await first.exit).toBe(0);

  const second = await serve("inbox-sqlite", env);
  expect(await deliver(second.url, "hv_1")).toMatchObject({ result: "duplicate" });
  expect(await deliver(second.url, "hv_2")).toMatchObject({ result: "accepted" });
  await vi.waitFor(() => expect(second.printed.text).toContain("hv_2 is at"), { timeout: 10_000 });
  expect(second.printed.text).not.toContain("hv_1 is at");
});

(await describeWith(postgresServer))("examples/inbox-postgres", () => {
  it("stores, handles, knows duplicates in another process, tells its health, and stops when asked to", async () => {
    const schema = uniqueName();
    const pool = new Pool({ connectionString: postgresServer.url });
    try {
      await tryTwo("inbox-postgres", { DATABASE_URL: postgresServer.url, DATABASE_SCHEMA: schema });
    } finally {
      await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await pool.end();
    }
  }, 180_000);
});

(await describeWith(redisServer))("examples/inbox-redis", () => {
  it("stores, handles, knows duplicates in another process, tells its health, and stops when asked to", async () => {
    const prefix = uniqueName();
    const redis = new Redis(redisServer.url);
    try {
      await tryTwo("inbox-redis", { REDIS_URL: redisServer.url, INBOX_PREFIX: prefix });
    } finally {
      const keys = await redis.keys(`${prefix}*`);
      if (keys.length > 0) await redis.del(...keys);
      await redis.quit();
    }
  }, 180_000);
});

async function tryTwo(example: string, env: Readonly<Record<string, string>>): Promise<void> {
  const first = await serve(example, env);
  expect(await deliver(first.url, "hv_1")).toMatchObject({ result: "accepted" });
  await vi.waitFor(() => expect(first.printed.text).toContain("hv_1 is at https://files.example.test/hv_1.mp4"), { timeout: 10_000 });
  expect((await fetch(new URL("/health", first.url))).status).toBe(200);
  const second = await serve(example, env);
  expect(await deliver(second.url, "hv_1")).toMatchObject({ result: "duplicate" });
  for (const { child, exit } of [first, second]) {
    child.kill("SIGTERM");
    expect(await exit).toBe(0);
  }
}
