import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Usage } from "./http-probe.ts";

/** Where the two applications of one framework listen. */
export interface Urls {
  readonly ours: string;
  readonly byHand: string;
}

/** A server process with both applications. */
export interface RunningServer {
  readonly urls: Urls;
  /** Answers once the event loop of the server has come around. */
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30_000;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/**
 * Runs a program as a server that is measured.
 *
 * @param args what follows `node` on its command line
 * @param ready resolves to where it listens; rejects when the signal says that there is nothing to wait for any more
 */
export async function startServer(
  args: readonly string[],
  ready: (child: ChildProcess, signal: AbortSignal) => Promise<Urls>,
): Promise<RunningServer> {
  const child = spawn(process.execPath, ["--import", fileOf("http-probe.ts"), ...args], {
    env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      printed = (printed + chunk).slice(-4000);
    });
  }
  const ended = new AbortController();
  const exit = once(child, "exit").then(() => ended.abort(new Error(`The server ended: ${args.join(" ")}\n${printed}`)));
  const patience = (): AbortSignal => AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exit;
  };
  try {
    const urls = await ready(child, patience());
    return {
      urls,
      async usage() {
        const answer = once(child, "message", { signal: patience() });
        child.send("usage");
        const [usage] = await answer;
        return usage as Usage;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the applications of `http-apps.ts` that have this name. */
export function startApps(name: string): Promise<RunningServer> {
  return startServer([fileOf("http-server.ts"), name], async (child, signal) => {
    const [urls] = await once(child, "message", { signal });
    return urls as Urls;
  });
}
