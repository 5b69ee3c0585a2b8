import type { Readable, Writable } from "node:stream";

/** A stream that may be a terminal. */
export type CliOutputStream = Writable & { readonly isTTY?: boolean };

/** What the command line has of the process it runs in, so that tests can bring their own. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: CliOutputStream;
  readonly stderr: CliOutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back when the user presses Ctrl+C or the process is asked to end; returns how to stop that. */
  onInterrupt(listener: () => void): () => void;
}
