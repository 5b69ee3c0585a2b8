import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { TestAPI, TestFunction } from "vitest";
import { describe, it } from "vitest";

/** Where the tests find a server of a database. */
export interface TestServer {
  readonly name: "Postgres" | "Redis";
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

function serverFrom(name: TestServer["name"], variable: string, usual: string, usualPort: number): TestServer {
  const url = process.env[variable] ?? usual;
  const { hostname, port } = new URL(url);
  return { name, url, host: hostname, port: Number(port) || usualPort };
}

/** The Postgres of `DATABASE_URL`. */
export const postgresServer: TestServer = serverFrom("Postgres", "DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test", 5432);

/** The Redis of `REDIS_URL`. */
export const redisServer: TestServer = serverFrom("Redis", "REDIS_URL", "redis://127.0.0.1:6379", 6379);

/** The URL of a server by way of another port of loopback, such as that of a relay. */
export function urlThrough({ url }: TestServer, port: number): string {
  const through = new URL(url);
  through.hostname = "127.0.0.1";
  through.port = String(port);
  return through.href;
}

/** A name of its own for a schema or a prefix, so that tests that run at once do not meet. */
export function uniqueName(): string {
  return `vw_test_${randomBytes(6).toString("hex")}`;
}

function isReachable({ host, port }: TestServer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const settle = (reachable: boolean) => (): void => {
      socket.destroy();
      resolve(reachable);
    };
    socket.on("connect", settle(true)).on("error", settle(false)).on("timeout", settle(false));
  });
}

type Describe = (name: string, suite: () => void) => void;

/** `describe` for suites that need these servers. Where one is missing the suite is skipped, and says why; in CI it fails. */
export async function describeWith(...servers: readonly TestServer[]): Promise<Describe> {
  const reachable = await Promise.all(servers.map(isReachable));
  const missing = servers.filter((_, index) => !reachable[index]);
  return describeUnless(missing.map(({ name, host, port }) => `no ${name} at ${host}:${port}`).join(", "));
}

/** The same for suites that start a server of their own by this program. */
export function describeWithProgram(program: string): Describe {
  return describeUnless(spawnSync(program, ["--version"]).status === 0 ? "" : `no ${program} on the PATH`);
}

function describeUnless(reason: string): Describe {
  if (reason === "") return (name, suite) => void describe(name, suite);
  const miss: TestFunction = (context) => {
    if (process.env.CI === "true") throw new Error(`In CI every server is needed: ${reason}.`);
    context.skip(reason);
  };
  return (name) => void describe(name, () => it("finds its server", miss));
}

/** Registers cases of a suite of `video-webhooks/testing`. */
export function registerCases(
  test: TestAPI,
  cases: readonly { readonly name: string; readonly skipped?: string; readonly run: () => Promise<void> }[],
): void {
  for (const { name, skipped, run } of cases) {
    test(name, (context) => (skipped === undefined ? run() : context.skip(skipped)));
  }
}
