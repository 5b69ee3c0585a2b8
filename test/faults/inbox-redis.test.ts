// The inbox in BullMQ while its server is killed, stopped or full, and what is lost where Redis keeps no append-only file.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { afterEach, expect, it, vi } from "vitest";
import { type BullMqInboxOptions, openBullMqInbox } from "../../src/inbox/bullmq.ts";
import type { Inbox } from "../../src/inbox/inbox.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import { freePort } from "../suites/free-port.ts";
import { describeWithProgram } from "../suites/servers.ts";

const ignore = (): void => undefined;

const eventOf = (name: string, endpoint = "default"): InboxEvent => ({
  provider: "heygen",
  endpoint,
  type: "job.done",
  id: `heygen/${endpoint}/job.done/${name}`,
  fingerprint: "a".repeat(64),
  rawBody: new TextEncoder().encode(JSON.stringify({ name })),
  headers: {},
  authenticity: { method: "signature", secretIndex: 0 },
  receivedAt: 1_800_000_000_000,
});

/** Row 15 of the crash matrix: what a provider sees that delivers now. */
async function expectUnavailable(inbox: Inbox, cause: RegExp): Promise<void> {
  const causes: unknown[] = [];
  const router = createRouter(heygen({ secret }), { inbox }).onError((error) => causes.push(error.cause));
  const outcome = await router.receive(await signed(success("v")));
  expect(outcome).toMatchObject({ result: "store_unavailable", status: 503, retryAfterSeconds: 5 });
  expect(causes).toEqual([expect.objectContaining({ message: expect.stringMatching(cause) })]);
}

describeWithProgram("redis-server")("the inbox in BullMQ on a Redis of its own", () => {
  const folders: string[] = [];
  const running = new Set<ChildProcess>();
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    await Promise.all([...running].map(kill));
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  async function kill(server: ChildProcess): Promise<void> {
    running.delete(server);
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exit = once(server, "exit");
    server.kill("SIGKILL");
    await exit;
  }

  /** A server that can be started again in the same folder, on the same port. */
  async function prepare(...settings: readonly string[]) {
    const folder = mkdtempSync(path.join(tmpdir(), "redis-"));
    folders.push(folder);
    const port = await freePort();
    return {
      url: `redis://127.0.0.1:${port}`,
      async start(): Promise<ChildProcess> {
        const server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...settings]);
        running.add(server);
        let output = "";
        for await (const chunk of server.stdout) {
          output += chunk;
          if (output.includes("Ready to accept connections")) break;
        }
        // Nothing reads on; the pipe must not fill up.
        server.stdout.resume();
        if (server.exitCode !== null) throw new Error(output);
        return server;
      },
    };
  }

  async function openOn(url: string, more: Partial<BullMqInboxOptions> = {}): Promise<Inbox> {
    const inbox = await openBullMqInbox({ connection: url, onWarning: ignore, ...more });
    open.push(inbox);
    return inbox;
  }

  it("refuses a server that may evict what is stored, and names the setting", async () => {
    const { url, start } = await prepare("--maxmemory-policy", "allkeys-lru");
    await start();
    await expect(openOn(url)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(/maxmemory-policy is allkeys-lru.*noeviction/),
    });
  });

  it.each([
    [["--appendonly", "no"], "no append-only file"],
    [["--appendonly", "yes", "--appendfsync", "everysec"], "appendfsync always"],
    [["--appendonly", "yes", "--appendfsync", "always"], undefined],
  ])("says what a server with %j may lose", async (settings, warning) => {
    const { url, start } = await prepare(...settings);
    await start();
    const warnings: string[] = [];
    await openOn(url, { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
  });

  it("says so when no server is there", async () => {
    const { url } = await prepare();
    await expect(openOn(url)).rejects.toMatchObject({ code: "configuration", cause: expect.objectContaining({ code: "ECONNREFUSED" }) });
  });

  /** Accepts events, kills the server in the middle, starts it again, and counts which of the acknowledged events are gone. */
  async function lostIn(...settings: readonly string[]): Promise<{ readonly acknowledged: number; readonly lost: number }> {
    const { url, start } = await prepare(...settings);
    const server = await start();
    const inbox = await openOn(url);
    const acknowledged: InboxEvent[] = [];
    const accepting = Array.from({ length: 8 }, async (_, sender) => {
      for (let index = 0; ; index++) {
        const event = eventOf(`${sender}-${index}`);
        try {
          await inbox.accept(event);
        } catch {
          return;
        }
        acknowledged.push(event);
        if (acknowledged.length === 200) void kill(server);
      }
    });
    await Promise.all(accepting);
    await start();
    await vi.waitFor(async () => expect(await inbox.health()).toEqual({ live: true, ready: true }), { timeout: 10_000, interval: 50 });
    let lost = 0;
    for (const event of acknowledged) if (!(await inbox.accept(event)).duplicate) lost++;
    return { acknowledged: acknowledged.length, lost };
  }

  it("loses nothing that was acknowledged when Redis is killed", async () => {
    const { acknowledged, lost } = await lostIn("--appendonly", "yes", "--appendfsync", "always");
    expect(acknowledged).toBeGreaterThanOrEqual(200);
    expect(lost).toBe(0);
  });

  it("loses what was acknowledged without an append-only file, which shows that the test above could fail", async () => {
    const { acknowledged, lost } = await lostIn("--appendonly", "no");
    expect(lost).toBe(acknowledged);
  });

  it("rejects at once while Redis is away, also for a source that is new, and works on when it is back", async () => {
    const { url, start } = await prepare("--appendonly", "yes", "--appendfsync", "always");
    const server = await start();
    const inbox = await openOn(url);
    await inbox.accept(eventOf("before"));
    await kill(server);
    for (const event of [eventOf("during"), eventOf("during", "another")]) {
      const startedAt = performance.now();
      await expect(inbox.accept(event)).rejects.toThrow();
      // At once, and not after the 1.5 s for which an answer is waited.
      expect(performance.now() - startedAt).toBeLessThan(1400);
    }
    expect(await inbox.health()).toMatchObject({ live: true, ready: false });
    await expectUnavailable(inbox, /./);
    const handled: string[] = [];
    const problems: string[] = [];
    const worker = inbox.work(
      {
        provider: { name: "heygen", endpoint: "default" },
        handle: async ({ id }) => {
          handled.push(id);
          return { result: "processed" };
        },
      },
      { pollMs: 20, onProblem: ({ problem }) => problems.push(problem) },
    );
    await vi.waitFor(() => expect(problems).toContain("store_failed"), 10_000);
    await start();
    await vi.waitFor(() => expect(handled).toEqual([eventOf("before").id]), { timeout: 15_000, interval: 50 });
    await inbox.accept(eventOf("after"));
    await vi.waitFor(() => expect(handled).toHaveLength(2), { timeout: 10_000 });
    await worker.stop();
  });

  it("rejects after a while when Redis stands still, and closes", async () => {
    const { url, start } = await prepare();
    const server = await start();
    const inbox = await openOn(url);
    await inbox.accept(eventOf("before"));
    server.kill("SIGSTOP");
    const startedAt = performance.now();
    await expect(inbox.accept(eventOf("during"))).rejects.toThrow("within 1500 ms");
    await expectUnavailable(inbox, /within 1500 ms/);
    expect(performance.now() - startedAt).toBeLessThan(6000);
    await inbox.close();
    server.kill("SIGCONT");
  });

  it("is not ready when Redis is full, and asks senders to come again", async () => {
    const { url, start } = await prepare("--maxmemory-policy", "noeviction");
    await start();
    const inbox = await openOn(url);
    const redis = new Redis(url);
    await redis.config("SET", "maxmemory", "100kb");
    await expect(inbox.accept(eventOf("a"))).rejects.toThrow(/OOM/);
    await expectUnavailable(inbox, /OOM/);
    expect(await inbox.health()).toMatchObject({ live: true, ready: false, reason: expect.stringContaining("OOM") });
    await redis.config("SET", "maxmemory", "0");
    expect(await inbox.accept(eventOf("a"))).toEqual({ duplicate: false });
    expect(await inbox.health()).toEqual({ live: true, ready: true });
    await redis.quit();
  });
});
