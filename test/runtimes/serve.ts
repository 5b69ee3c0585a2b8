import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";

/** What became of a case. */
export interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly message?: string;
}

/** What the programs have found, and where they listen. */
export interface Report {
  readonly results: readonly Result[];
  /** By adapter, the URL that the names of providers are appended to, or the error of a server that did not start. */
  readonly servers: Readonly<Record<string, { readonly url?: string; readonly error?: string }>>;
}

/** The programs on a runtime. */
export interface Served {
  /** Rejects with what was printed when they end without a report, or take longer than a minute. */
  readonly report: Promise<Report>;
  stop(): Promise<void>;
}

const LIMIT_MS = 60_000;

/** Starts `main.mjs` on a runtime that has sockets. */
export function serveProgram(program: string, args: readonly string[], folder: string): Served {
  const started = start(program, args, folder);
  const report = (async () => {
    for await (const line of started.lines(1)) if (line.startsWith("{")) return JSON.parse(line) as Report;
    throw new Error(`It ended without a report.\n${await started.ended}`);
  })();
  return { report: started.limited(report), stop: started.stop };
}

/** Bundles `worker.mjs` as the tools of Cloudflare do, and starts it in workerd. */
export function serveWorker(program: string, folder: string): Served {
  let started: Started | undefined;
  const report = (async () => {
    await bundleWorker(folder);
    started = start(program, ["serve", "config.capnp", "--control-fd=3"], folder);
    const { ended } = started;
    return started.limited(
      (async () => {
        for await (const line of (started as Started).lines(3)) {
          const { event, port } = JSON.parse(line) as { readonly event: string; readonly port: number };
          if (event === "listen") return readReport(`http://127.0.0.1:${port}`);
        }
        throw new Error(`It ended without a report.\n${await ended}`);
      })(),
    );
  })();
  return { report, stop: async () => started?.stop() };
}

async function readReport(url: string): Promise<Report> {
  const response = await fetch(`${url}/cases`, { signal: AbortSignal.timeout(LIMIT_MS) });
  if (!response.ok) throw new Error(`The cases were answered ${response.status}.\n${await response.text()}`);
  const { results } = (await response.json()) as Pick<Report, "results">;
  return { results, servers: { "router.fetch": { url: `${url}/fetch` }, honoHandler: { url: `${url}/hono` } } };
}

async function bundleWorker(folder: string): Promise<void> {
  await build({
    absWorkingDir: folder,
    entryPoints: ["worker.mjs"],
    outfile: path.join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    // Modules of the runtime, and the peers of inboxes that no Worker has.
    external: ["node:*", "pg-boss", "bullmq", "ioredis"],
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
  await writeFile(path.join(folder, "config.capnp"), config);
}

interface Started {
  /** Rejects when a promise takes too long. */
  limited<Value>(promise: Promise<Value>): Promise<Value>;
  lines(descriptor: 1 | 3): AsyncIterable<string>;
  /** Resolves to what was printed. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

function start(program: string, args: readonly string[], folder: string): Started {
  // Nothing of this process but where to find programs: no options for Node.js, no caches that a runtime would write to.
  const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, DENO_DIR: path.join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" };
  const child: ChildProcess = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let output = "";
  for (const descriptor of [1, 2]) {
    (child.stdio[descriptor] as Readable).on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(`${output}\nexit ${code ?? signal}`));
  });
  return {
    ended,
    lines: (descriptor) => createInterface({ input: child.stdio[descriptor] as Readable }),
    async limited(promise) {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`It took longer than ${LIMIT_MS} ms.\n${output}`)), LIMIT_MS);
      });
      return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
