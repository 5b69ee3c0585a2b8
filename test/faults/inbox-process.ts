// Apart from processes.ts, since the long form runs without a test runner, and since some of these need a shell around them.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServerMessage, ServerSettings } from "./inbox-server.ts";

/** A process with an inbox and a server in it. */
export interface ServerProcess {
  readonly id: number;
  tell(says: string): void;
  /** The next message of a kind that nobody has waited for yet. Rejects when the process ends first. */
  hear<Says extends ServerMessage["says"]>(says: Says): Promise<Extract<ServerMessage, { readonly says: Says }>>;
  /** Resolves when it has ended, to its exit code or what it was killed by. */
  readonly gone: Promise<number | NodeJS.Signals | null>;
  /** Kills it with SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
}

const file = fileURLToPath(new URL("inbox-server.ts", import.meta.url));

/**
 * Starts a server, which waits for `open`.
 *
 * @param around a shell script that ends in `exec "$@"`, for what a process can only be born with
 */
export function startServer(settings: ServerSettings, around = 'exec "$@"'): ServerProcess {
  const child = spawn("/bin/sh", ["-c", around, "sh", process.execPath, file, JSON.stringify(settings)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: settings.compiled === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: settings.compiled },
  });
  const unheard: ServerMessage[] = [];
  const waiting = new Set<() => void>();
  let end: Error | undefined;
  const notify = (): void => {
    for (const look of waiting) look();
  };
  const gone = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on("exit", (code, signal) => {
      end = new Error(`A server ended with ${signal ?? code}.`);
      notify();
      resolve(signal ?? code);
    });
  });
  child.on("message", (message: ServerMessage) => {
    unheard.push(message);
    notify();
  });

  return {
    id: child.pid as number,
    tell: (says) => void (child.connected && child.send({ says }, () => undefined)),
    hear: (says) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const index = unheard.findIndex((message) => message.says === says);
          if (index !== -1) resolve(unheard.splice(index, 1)[0] as never);
          else if (end !== undefined) reject(end);
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    gone,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}
