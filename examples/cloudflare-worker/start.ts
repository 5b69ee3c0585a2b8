// Bundles this Worker and runs it in workerd, the runtime of Cloudflare Workers.
//
//   npm run example cloudflare-worker
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… npm run example cloudflare-worker

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import ts from "typescript";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const wanted = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");

// The words of workerd for a port that is in use are less plain.
const probe = createServer().on("error", (error) => exitUnheard(error, wanted, "cloudflare-worker"));
await once(probe.listen(wanted, "127.0.0.1"), "listening");
await once(probe.close(), "close");

// The settings of a deployment. The file is JSON with comments, which TypeScript can read.
const settingsFile = join(import.meta.dirname, "wrangler.jsonc");
const settings = ts.parseConfigFileTextToJson(settingsFile, await readFile(settingsFile, "utf8")).config as {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
};

const folder = await mkdtemp(join(tmpdir(), "cloudflare-worker-"));
await build({
  entryPoints: [join(import.meta.dirname, settings.main)],
  outfile: join(folder, "worker.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  conditions: ["workerd", "worker", "browser"],
  external: ["node:*"],
  // The library's files have no side effects, which esbuild warns of unless they lie in node_modules, as they do elsewhere.
  logLevel: "error",
});
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${wanted}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = ${JSON.stringify(settings.compatibility_date)},
  compatibilityFlags = ${JSON.stringify(settings.compatibility_flags)},
  bindings = [(name = "HEYGEN_WEBHOOK_SECRET", fromEnvironment = "HEYGEN_WEBHOOK_SECRET")],
);
`;
await writeFile(join(folder, "config.capnp"), config);

const { default: workerd } = createRequire(import.meta.url)("workerd") as { readonly default: string };
const child = spawn(workerd, ["serve", join(folder, "config.capnp"), "--control-fd=3"], {
  env: { ...process.env, HEYGEN_WEBHOOK_SECRET: secret },
  stdio: ["ignore", "inherit", "inherit", "pipe"],
});
const exit = once(child, "exit");
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stopping = true;
    child.kill("SIGTERM");
  });
}

for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
  const { event, port } = JSON.parse(line) as { readonly event: string; readonly port: number };
  if (event === "listen") await printTryIt(`http://127.0.0.1:${port}/webhooks/heygen`, secret);
}
const [code] = await exit;
await rm(folder, { recursive: true });
process.exitCode = stopping ? 0 : (code ?? 1);
