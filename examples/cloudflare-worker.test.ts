import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterEach, describe, expect, it, vi } from "vitest";
import { secret, success } from "../test/suites/deliveries.ts";
import { signHex } from "../test/suites/signer.ts";

const run = promisify(execFile);
const { default: workerd } = createRequire(import.meta.url)("workerd") as { readonly default: string };
const MIB = 1_048_576;

const started: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of started.splice(0)) {
    try {
      process.kill(-(pid as number), "SIGKILL");
    } catch {
      // Nothing of the group is left, as it should be.
    }
  }
});

/** Starts a program as a group of its own; `printed` waits for text in what it prints, and resolves to the part in parentheses. */
function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  started.push(child);
  const output = { text: "" };
  const waiting = new Set<() => void>();
  for (const stream of child.stdio.slice(1) as Readable[]) {
    stream.on("data", (chunk: Buffer) => {
      output.text += chunk;
      for (const look of waiting) look();
    });
  }
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const printed = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output.text);
        if (found) resolve(found[1] ?? found[0]);
      };
      waiting.add(look);
      look();
      void exit.then(() => reject(new Error(`ended before it printed ${pattern}:\n${output.text}`)));
    });
  return { child, exit, output, printed };
}

async function deliver(url: string, body: string, signedWith = secret): Promise<Response> {
  const headers = { "content-type": "application/json", signature: await signHex(signedWith, body) };
  return fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
}

describe("examples/cloudflare-worker", () => {
  const file = join(import.meta.dirname, "cloudflare-worker", "start.ts");

  it("takes the curl it prints and signed deliveries, refuses wrong signatures, and stops when asked to", async () => {
    const example = start(process.execPath, [file], { PORT: "0", HEYGEN_WEBHOOK_SECRET: secret });
    await example.printed(/Stop with Ctrl\+C/);
    const url = await example.printed(/^ {2}(http:\/\/127\.0\.0\.1:\d+\/webhooks\/heygen)$/m);

    const { stdout } = await run("sh", ["-c", await example.printed(/^ {2}(curl .*)$/m)]);
    expect(JSON.parse(stdout)).toMatchObject({ result: "processed" });
    await example.printed(/^hv_101 is at https:\/\/files\.example\.test\/hv_101\.mp4$/m);

    const body = success("hv_1", { pad: "x".repeat(MIB - 1 - success("hv_1", { pad: "" }).length) });
    expect(body.length).toBe(MIB - 1);
    const taken = await deliver(url, body);
    expect(taken.status).toBe(200);
    expect(await taken.json()).toMatchObject({ result: "processed" });
    await example.printed(/^hv_1 is at /m);
    // The router of the first delivery still serves, or it would not remember.
    expect(await (await deliver(url, body)).json()).toMatchObject({ result: "duplicate" });
    expect((await deliver(url, `${body}  `)).status).toBe(413);

    const refused = await deliver(url, success("hv_2"), "another secret");
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: "unauthenticated" });
    await example.printed(/No secret matches the signature/);
    expect(example.output.text).not.toContain("hv_2 is at");

    const probe = await fetch(url, { method: "OPTIONS" });
    expect(probe.status).toBe(204);
    expect(probe.headers.get("allow")).toBe("POST, OPTIONS");
    expect((await fetch(new URL("/", url))).status).toBe(404);

    example.child.kill("SIGTERM");
    expect(await example.exit).toBe(0);
  });

  it("says so when the port is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { readonly port: number };
    const example = start(process.execPath, [file], { PORT: String(port) });
    expect(await example.exit).toBe(1);
    expect(example.output.text).toContain(`Port ${port} is in use.`);
    other.close();
  });
});

describe.each([
  ["router.fetch", "with-context"],
  ["honoHandler", "hono"],
])("%s in a Worker", (_adapter, kept) => {
  it("keeps a handler alive after the answer through the context, which ends it otherwise", async () => {
    const folder = await mkdtemp(join(tmpdir(), "late-handler-"));
    try {
      const worker = await startWorker(folder, lateHandler);
      const port = await worker.printed(/"event":"listen","socket":"http","port":(\d+)/);
      for (const path of ["without-context", kept]) {
        const answer = await deliver(`http://127.0.0.1:${port}/${path}`, success(path));
        expect(answer.status).toBe(503);
        expect(await answer.json()).toMatchObject({ code: "deadline_exceeded" });
        expect(worker.output.text).toContain(`${path} began`);
        expect(worker.output.text).not.toContain(`${path} ended`);
      }
      // Both handlers take the same time, and the one without the context began first.
      await worker.printed(new RegExp(`^${kept} ended$`, "m"));
      expect(worker.output.text).not.toContain("without-context ended");
      const retried = await deliver(`http://127.0.0.1:${port}/${kept}`, success(kept));
      expect(await retried.json()).toMatchObject({ result: "duplicate" });

      // workerd closes on a body that nobody reads, which may cost the sender the answer.
      const tooLarge = () => deliver(`http://127.0.0.1:${port}/${kept}`, success("large").padEnd(1_048_577));
      await vi.waitFor(async () => expect((await tooLarge()).status).toBe(413), { timeout: 10_000 });
      const parsed = await deliver(`http://127.0.0.1:${port}/${kept}-parsed`, success("parsed"));
      expect([parsed.status, await parsed.json()]).toMatchObject([500, { code: "body_already_parsed" }]);
      const probe = await fetch(`http://127.0.0.1:${port}/${kept}`, { method: "OPTIONS" });
      expect([probe.status, probe.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const lateHandler = `
  import { Hono } from "hono";
  import { createRouter } from "video-webhooks";
  import { heygen } from "video-webhooks/heygen";
  import { honoHandler } from "video-webhooks/hono";

  const router = createRouter(heygen({ secret: ${JSON.stringify(secret)} }), { deadlineMs: 50 });
  router.on("avatar_video.success", async (event) => {
    console.log(event.event_data.video_id, "began");
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log(event.event_data.video_id, "ended");
  });
  const app = new Hono();
  app.all("/hono", honoHandler(router));
  app.all("/hono-parsed", async ({ req }, next) => { await req.raw.json(); await next(); }, honoHandler(router));
  export default {
    async fetch(request, env, context) {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/hono")) return app.fetch(request, env, context);
      if (pathname.endsWith("-parsed")) await request.json();
      return pathname === "/without-context" ? router.fetch(request) : router.fetch(request, env, context);
    },
  };
`;

async function startWorker(folder: string, contents: string) {
  await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    external: ["node:*"],
    logLevel: "error",
  });
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;
  await writeFile(join(folder, "config.capnp"), config);
  return start(workerd, ["serve", join(folder, "config.capnp"), "--control-fd=3"]);
}
