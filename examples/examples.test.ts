import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";

const run = promisify(execFile);
const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** Starts an example and resolves to everything it printed once a text appears, and to what it prints later. */
function start(file: string, env: Record<string, string>, until: string) {
  const child = spawn(process.execPath, [fileOf(file)], { env: { ...process.env, ...env } });
  started.push(child);
  let output = "";
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const ready = new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk;
      if (output.includes(until)) resolve(output);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.on("exit", () => reject(new Error(`ended before it printed "${until}":\n${output}`)));
  });
  return { child, exit, ready, output: () => output };
}

describe("examples/receiver.ts", () => {
  it("sends itself a signed sample of each provider, takes the curl it prints, and stops when asked to", async () => {
    const receiver = start("receiver.ts", { PORT: "0", HEYGEN_WEBHOOK_SECRET: "whsec_from-the-environment" }, "Stop with Ctrl+C");
    const output = await receiver.ready;
    for (const line of [
      /^konpro +avatar_video\.success +accepted +200 +[\d.]+ ms\n {2}handled: konpro kv_100 succeeded, attempt 1$/m,
      /^heygen +avatar_video\.success +accepted +200 +[\d.]+ ms\n {2}handled: heygen hv_100 succeeded, attempt 1$/m,
      /^videopilot +render\.completed +accepted +200 +[\d.]+ ms\n {2}handled: videopilot render_5 succeeded, attempt 1$/m,
      /^kling +task\.succeeded +accepted +200 +[\d.]+ ms\n {2}handled: kling 900100200 succeeded, attempt 1$/m,
      /(?:^ {2}A handler for avatar_video\.success failed .*\n){3}\nIt is a dead letter \(Error: no space left for the video\)/m,
      /replayed:\n\n {2}handled: heygen hv_\d+ succeeded, attempt 1$/m,
      /\/webhooks\/heygen +secret from HEYGEN_WEBHOOK_SECRET$/m,
      /\/webhooks\/kling +secret whsec_\S+ \(made for this run\)$/m,
    ]) {
      expect(output).toMatch(line);
    }
    expect(output).not.toContain("whsec_from-the-environment");

    const command = /^ {2}(curl .*)$/m.exec(output)?.[1] as string;
    const { stdout } = await run("sh", ["-c", command]);
    expect(JSON.parse(stdout)).toMatchObject({ result: "accepted" });
    expect(JSON.parse((await run("sh", ["-c", command])).stdout)).toMatchObject({ result: "duplicate" });
    expect(JSON.parse((await run("sh", ["-c", command.replace("hv_101", "hv_102")])).stdout)).toMatchObject({ status: 401 });
    await vi.waitFor(() => {
      expect(receiver.output()).toMatch(/^ {2}handled: heygen hv_101 failed, attempt 1$/m);
      expect(receiver.output()).toMatch(/No secret matches the signature in "signature"/);
    });

    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string;
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${url}/webhooks/kling`, { method: "OPTIONS" })).status).toBe(204);
    const file = /^Everything is in (\S+)\.$/m.exec(output)?.[1] as string;
    expect(existsSync(file)).toBe(true);
    receiver.child.kill("SIGTERM");
    expect(await receiver.exit).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  it("keeps the file that WEBHOOKS_DB names, and handles after the next start what was left", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "receiver-"));
    try {
      const env = { PORT: "0", WEBHOOKS_DB: path.join(folder, "webhooks.db"), HEYGEN_WEBHOOK_SECRET: "whsec_the-same-each-time" };
      const first = start("receiver.ts", env, "Stop with Ctrl+C");
      await first.ready;
      first.child.kill("SIGTERM");
      expect(await first.exit).toBe(0);
      const second = start("receiver.ts", env, "heygen      avatar_video.success  duplicate");
      await second.ready;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("also signs the sample of Kling's other scheme", async () => {
    const receiver = start("receiver.ts", { PORT: "0", KLING_WEBHOOK_SECRET: "not standard" }, "Stop with Ctrl+C");
    expect(await receiver.ready).toMatch(/^kling +task\.succeeded +accepted +200/m);
  });

  it("says so when the port is taken, or is none", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const taken = start("receiver.ts", { PORT: String(port) }, "in use");
    expect(await taken.ready).toContain(`Port ${port} is in use. Choose another one: PORT=${port + 1} npm start`);
    expect(await taken.exit).toBe(1);
    other.close();
    const wrong = start("receiver.ts", { PORT: "http" }, "PORT must be");
    expect(await wrong.ready).toContain('PORT must be a number from 0 to 65535, but is "http".');
    expect(await wrong.exit).toBe(1);
  });

  it("says so when a secret is empty", async () => {
    const empty = start("receiver.ts", { PORT: "0", HEYGEN_WEBHOOK_SECRET: "" }, "A secret is required");
    expect(await empty.ready).toContain("it is an empty string");
    expect(await empty.exit).toBe(1);
  });
});

it("examples/fifth-provider.ts verifies, routes and answers the events of a provider of its own", async () => {
  const { stdout } = await run(process.execPath, [fileOf("fifth-provider.ts")]);
  expect(stdout.split("\n")).toEqual([
    "finished: clip_1 at https://cdn.example.test/clip_1.mp4",
    '200 {"result":"processed","id":"clipforge/default/clip.finished/clip_1/2026-03-04T05:06:07Z"}',
    "failed: clip_2: no audio",
    '200 {"result":"processed","id":"clipforge/default/clip.failed/clip_2/2026-03-04T05:07:07Z"}',
    "unknown: clip.archived",
    expect.stringMatching(/^200 \{"result":"unknown","id":"clipforge\/default\/clip\.archived\/[0-9a-f]{64}"\}$/),
    "",
  ]);
});
