// Builds this Next.js application for production and starts it.
//
//   npm run example next
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… KLING_WEBHOOK_SECRET=whsec_… npm run example next

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const wanted = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const heygenSecret = secretFrom("HEYGEN_WEBHOOK_SECRET");
const klingSecret = secretFrom("KLING_WEBHOOK_SECRET");

let running: ChildProcess | undefined;
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stopping = true;
    running?.kill("SIGTERM");
  });
}

// Before the build, which takes a while: a port that is in use should not be found out after it.
const port = await freePort(wanted);
await runNext(["build"], {});
await runNext(
  ["start", "--hostname", "127.0.0.1", "--port", String(port)],
  { HEYGEN_WEBHOOK_SECRET: heygenSecret, KLING_WEBHOOK_SECRET: klingSecret },
  async (line) => {
    if (line.includes("Ready in")) await printUse(`http://127.0.0.1:${port}`);
  },
);

/** Runs a command of Next.js to its end, and ends this program with it unless it succeeds. */
async function runNext(args: readonly string[], secrets: Record<string, string>, seeLine?: (line: string) => Promise<void>): Promise<void> {
  if (stopping) process.exit();
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve("next/dist/bin/next")), ...args], {
    cwd: import.meta.dirname,
    env: {
      ...process.env,
      ...secrets,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      // Next.js would ask a registry for its binaries of other platforms, and write them into the lockfile of this repository.
      NEXT_IGNORE_INCORRECT_LOCKFILE: "1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running = child;
  const exit = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    await seeLine?.(line);
  }
  const [code] = await exit;
  if (stopping) process.exit();
  if (code !== 0) process.exit(code ?? 1);
}

/** The port, or a free one in place of 0. */
async function freePort(port: number): Promise<number> {
  const probe = createServer();
  probe.on("error", (error) => exitUnheard(error, port, "next"));
  probe.listen(port, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return free;
}

async function printUse(url: string): Promise<void> {
  const origin = process.env.KLING_WEBHOOK_SECRET === undefined ? `${klingSecret} (made for this run)` : "from KLING_WEBHOOK_SECRET";
  console.log(`\nThe jobs of all deliveries are listed at ${url}\n`);
  console.log(`Waiting for deliveries of Kling:\n\n  ${url}/api/kling\n  secret ${origin}\n`);
  await printTryIt(`${url}/webhooks/heygen`, heygenSecret);
}
