import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, vi } from "vitest";
import { freePort } from "./free-port.ts";
import { request } from "./raw-http.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where a program is sent instead of where it wants to go. */
export interface Elsewhere {
  /** What it listens on when it says 3000. */
  readonly port: number;
  /** Origins that it fetches from, and the origins that answer for them. */
  readonly addresses: Readonly<Record<string, string>>;
}

/** What a program needs around it. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly addresses?: Elsewhere["addresses"];
  /** Where it runs. */
  readonly folder?: string;
  /** The port that stands for 3000. */
  readonly port?: number;
}

/** A program or a command of the README that runs in a process of its own. */
export interface ReadmeProgram {
  /** What answers for http://127.0.0.1:3000 */
  readonly origin: string;
  readonly folder: string;
  /** Everything that it has printed, as a terminal shows it. */
  output(): string;
  /** Waits until it has printed this. */
  printed(text: string | RegExp): Promise<void>;
  /** Waits until a path of it answers a probe. */
  answers(path: string): Promise<void>;
  /** Sends a signal to it and its children, as a terminal does. */
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<number | null>;
}

/** A folder of one test, from which the built package is found, and all that it is used with. */
export function programFolder(): string {
  mkdirSync(path.join(root, "test/.build"), { recursive: true });
  const folder = mkdtempSync(path.join(root, "test/.build/readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts TypeScript code, usually a block of the README and what a test puts behind it. It ends with the test. */
export async function startProgram(code: string, surroundings: Surroundings = {}): Promise<ReadmeProgram> {
  const folder = surroundings.folder ?? programFolder();
  const file = path.join(folder, "program.mts");
  writeFileSync(file, code);
  return start([process.execPath, file], { ...surroundings, folder });
}

/** Starts a line of shell. It ends with the test. */
export function startCommand(line: string, surroundings: Surroundings & { readonly folder: string }): Promise<ReadmeProgram> {
  return start(["bash", "-c", line], surroundings);
}

async function start(command: readonly [string, ...string[]], surroundings: Surroundings & { folder: string }): Promise<ReadmeProgram> {
  const { folder, env = {}, addresses = {}, port = await freePort() } = surroundings;
  const [program, ...args] = command;
  // Both streams go to one file, so that lines stand in the order in which they were printed.
  const log = path.join(mkdtempSync(path.join(folder, "output-")), "output.txt");
  const file = openSync(log, "a");
  const elsewhere: Elsewhere = { port, addresses };
  const child: ChildProcess = spawn(program, args, {
    cwd: folder,
    stdio: ["ignore", file, file],
    // A group of its own.
    detached: true,
    env: {
      // The Node.js of the tests, also for what a shell starts.
      PATH: path.dirname(process.execPath) + path.delimiter + process.env.PATH,
      HOME: process.env.HOME,
      NODE_OPTIONS: `--import=${new URL("./elsewhere.ts", import.meta.url).href}`,
      README_ELSEWHERE: JSON.stringify(elsewhere),
      ...env,
    },
  });
  closeSync(file);
  const ended = once(child, "close").then(([code]) => code as number | null);
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid as number), name);
    } catch {
      // All of the group have ended.
    }
  };
  onTestFinished(async () => {
    signal("SIGKILL");
    await ended;
  });
  const origin = `http://127.0.0.1:${port}`;
  const output = (): string => readFileSync(log, "utf8");
  return {
    origin,
    folder,
    output,
    printed: (text) => vi.waitFor(() => expect(output()).toMatch(text), { timeout: 15_000 }),
    answers: (at) =>
      vi.waitFor(async () => expect((await request(origin + at, { method: "OPTIONS" })).status, output()).toBe(204), { timeout: 15_000 }),
    signal,
    ended,
  };
}
