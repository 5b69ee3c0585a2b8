import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A message between processes. */
export interface Message {
  readonly says: string;
}

/** A process of its own that a test talks to. */
export interface Process<Said extends Message> {
  tell(says: string): void;
  /** The next message of a kind that nobody has waited for yet. Rejects when the process ends first. */
  hear<Says extends Said["says"]>(says: Says): Promise<Extract<Said, { readonly says: Says }>>;
  /** Calls a listener with every message from now on. */
  on(listener: (message: Said) => void): void;
  /** Kills it with SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
}

interface Waiting<Said> {
  readonly says: string;
  resolve(message: Said): void;
  reject(error: Error): void;
}

/** Starts a file of this folder, which gets its settings as an argument. It ends with the test. */
export function startProcess<Said extends Message>(file: string, settings: object): Process<Said> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // The flags of the test runner are none of its business.
  const child = fork(path, [JSON.stringify(settings)], { execArgv: [] });
  const unheard: Said[] = [];
  let waiting: Waiting<Said>[] = [];
  let end: Error | undefined;
  const gone = new Promise<void>((resolve) => {
    child.on("exit", (code, signal) => {
      end = new Error(`${file} ended with ${signal ?? code}.`);
      for (const { reject } of waiting.splice(0)) reject(end);
      resolve();
    });
  });
  child.on("message", (message: Said) => {
    const index = waiting.findIndex(({ says }) => says === message.says);
    if (index === -1) unheard.push(message);
    else waiting.splice(index, 1)[0]?.resolve(message);
  });

  const running: Process<Said> = {
    tell: (says) => void child.send({ says }),
    hear(says) {
      type Heard = Extract<Said, { readonly says: typeof says }>;
      const index = unheard.findIndex((message) => message.says === says);
      if (index !== -1) return Promise.resolve(unheard.splice(index, 1)[0] as Heard);
      if (end !== undefined) return Promise.reject(end);
      return new Promise((resolve, reject) => waiting.push({ says, resolve: (message) => resolve(message as Heard), reject }));
    },
    on: (listener) => void child.on("message", listener),
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
  onTestFinished(() => {
    waiting = [];
    return running.kill();
  });
  return running;
}
