import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { afterEach, describe, expect, it, vi } from "vitest";
import { secret, success } from "./suites/deliveries.ts";
import { request } from "./suites/raw-http.ts";
import { readmeBlocks as blocks, readme, readmeBlock } from "./suites/readme.ts";
import { describeWith, postgresServer, redisServer, uniqueName } from "./suites/servers.ts";
import { signHex } from "./suites/signer.ts";
import { compileSnippets } from "./suites/snippets.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("README.md", () => {
  it("has code blocks that compile as they stand", () => {
    expect(blocks.length).toBeGreaterThan(5);
    const problems = compileSnippets(new Map(blocks.map((code, index) => [`block ${index + 1}`, code])));
    expect(problems).toEqual([]);
  }, 180_000);

  it("stays under 500 lines, and lists the top level of the repository", () => {
    expect(readme.split("\n").length).toBeLessThan(500);
    for (const name of [
      "src/",
      "test/",
      "examples/",
      "bench/",
      "tsconfig.json",
      "tsup.config.ts",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "SECURITY.md",
    ]) {
      expect(readme).toContain(name);
    }
  });
});

// The snippet for Next.js needs a build; test/adapters/next.test.ts runs it.
describe("the snippets of the section Frameworks", () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
  });

  it("have at most ten lines", () => {
    for (const name of ["expressHandler(", "fastifyPlugin,", "honoHandler(", "nextRoute("]) {
      expect(readmeBlock(name).trimEnd().split("\n").length, name).toBeLessThanOrEqual(10);
    }
  });

  it.each([
    ["Express", "expressHandler("],
    ["Fastify", "fastifyPlugin,"],
    ["Hono", "honoHandler("],
  ])("run as they stand: %s", async (name, text) => {
    const folder = `${root}test/.build`;
    const file = `${folder}/readme-${name.toLowerCase()}.ts`;
    await mkdir(folder, { recursive: true });
    await writeFile(file, readmeBlock(text));
    const port = await freePort();
    const env = { ...process.env, PORT: String(port), HEYGEN_WEBHOOK_SECRET: secret };
    const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));

    const url = `http://127.0.0.1:${port}/webhooks/heygen`;
    await vi.waitFor(async () => expect((await request(url, { method: "OPTIONS" })).status, output).toBe(204), { timeout: 15_000 });
    const body = success("v");
    const answer = await request(url, { method: "POST", headers: { signature: await signHex(secret, body) }, body });
    expect(await answer.json()).toEqual({ result: "processed", id: "heygen/default/avatar_video.success/v" });
    await vi.waitFor(() => expect(output).toContain("https://files.example.test/v.mp4"), { timeout: 10_000 });
    expect((await request(url, { method: "POST", headers: { signature: "0".repeat(64) }, body })).status).toBe(401);
  });
});

const withServers = await describeWith(redisServer, postgresServer);

withServers("the snippets of the section Duplicates", () => {
  /** Runs a snippet with a few lines behind it, which deliver one event twice, and gives what they print. */
  async function run(name: string, text: string, env: NodeJS.ProcessEnv, after: string): Promise<unknown> {
    const folder = `${root}test/.build`;
    const file = `${folder}/readme-${name}.ts`;
    const body = success(uniqueName());
    const delivery = { method: "POST", url: "/", headers: { signature: await signHex(secret, body) }, body };
    await mkdir(folder, { recursive: true });
    const lines = [
      readmeBlock(text),
      "router.onAny(() => undefined);",
      `const delivery = ${JSON.stringify(delivery)};`,
      "const outcomes = [await router.receive(delivery), await router.receive(delivery)];",
      "console.log(JSON.stringify(outcomes));",
      after,
    ];
    await writeFile(file, lines.join("\n"));
    const all = { ...process.env, HEYGEN_WEBHOOK_SECRET: secret, ...env };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env: all, timeout: 30_000 });
    return JSON.parse(stdout);
  }

  it("run as they stand: Redis", async () => {
    const outcomes = await run("redis", "createRedisStore(redis)", { REDIS_URL: redisServer.url }, "await redis.quit();");
    expect(outcomes).toMatchObject([{ result: "processed" }, { result: "duplicate" }]);
    const redis = new Redis(redisServer.url);
    const { id } = (outcomes as [{ id: string }])[0];
    expect(await redis.del(`video-webhooks:event:${id}`)).toBe(1);
    await redis.del(`video-webhooks:job:${id.replace(".success", "")}`);
    await redis.quit();
  });

  it("run as they stand: Postgres, in a database of its own", async () => {
    const pool = new Pool({ connectionString: postgresServer.url });
    const database = uniqueName();
    await pool.query(`CREATE DATABASE ${database}`);
    try {
      const url = new URL(postgresServer.url);
      url.pathname = `/${database}`;
      const outcomes = await run("postgres", "createPostgresStore(pool)", { DATABASE_URL: url.href }, "process.exit();");
      expect(outcomes).toMatchObject([{ result: "processed" }, { result: "duplicate" }]);
    } finally {
      await pool.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await pool.end();
    }
  });
});

it("has the snippet of the section Testing print what its comments say", async () => {
  const snippet = readmeBlock("sampleDelivery(");
  const file = `${root}test/.build/readme-testing.ts`;
  await mkdir(`${root}test/.build`, { recursive: true });
  await writeFile(file, snippet);
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 });
  const said = [...snippet.matchAll(/; \/\/ "(\w+)"$/gm)].map(([, result]) => result);
  expect(said).toHaveLength(3);
  // The first line is the handler's.
  expect(stdout.trimEnd().split("\n").slice(1)).toEqual(said);
}, 180_000);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
