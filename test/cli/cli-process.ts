import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { run } from "../../src/cli/run.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What a process of the command line has said, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a process is started. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

/** A process that goes on until it is told to stop. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Waits until one of the streams has this; resolves to the first group, or the whole match. */
  printed(pattern: RegExp): Promise<string>;
}

/** Starts the command line as a process of its own, which ends with the test. */
export function startCli(args: readonly string[], { env = {}, input, cwd }: Surroundings = {}): Running {
  const child = spawn(process.execPath, [main, ...args], {
    // Nothing of the environment of the tests: no colours, no secrets, no servers.
    env: { PATH: process.env.PATH ?? "", TZ: "UTC", ...env },
    cwd,
    stdio: "pipe",
  });
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      for (const look of waiting) look();
    });
  }
  // A process that does not read its input may be gone before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input ?? "");
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...said })));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const printed = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(said.stdout) ?? pattern.exec(said.stderr);
        if (found) resolve(found[1] ?? found[0]);
      };
      waiting.add(look);
      look();
      void ended.then(({ stderr }) => reject(new Error(`It ended before it printed ${pattern}: ${stderr}`)));
    });
  return { child, ended, printed };
}

/** Runs the command line as a process of its own. */
export function runCli(args: readonly string[], surroundings?: Surroundings): Promise<Ended> {
  return startCli(args, surroundings).ended;
}

/** Runs the command line by a script of bash, in which `"$0" "$@"` stands for it. */
export async function runInShell(script: string, args: readonly string[], { env = {} }: Surroundings = {}): Promise<Ended> {
  const child = spawn("bash", ["-c", script, process.execPath, main, ...args], {
    env: { PATH: process.env.PATH ?? "", TZ: "UTC", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
    });
  }
  return { code: await new Promise<number | null>((resolve) => child.on("close", resolve)), ...said };
}

/** Runs the command line in this process, which takes a tenth of the time: for what is the same either way. */
export async function runHere(args: readonly string[], { env = {}, input = "" }: Omit<Surroundings, "cwd"> = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, { stdin: Readable.from([input]), stdout, stderr, env, onInterrupt: () => () => undefined });
  return { code, stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") };
}

/** A folder for one test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "video-webhooks-cli-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes times, durations and ports of an output comparable. */
export function normalised(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>")
    .replace(/^\d\d:\d\d:\d\d(?= )/gm, "<clock>")
    .replace(/\b\d+ ms\b/g, "<n> ms")
    .replace(/(127\.0\.0\.1|localhost):\d+/g, "$1:<port>");
}
