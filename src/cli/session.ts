import type { ExitCode } from "./failure.ts";
import type { CliIo } from "./io.ts";
import type { Output } from "./output.ts";
import type { Redactor } from "./redact.ts";

/** What a command works with. */
export interface Session {
  readonly io: CliIo;
  readonly output: Output;
  readonly redactor: Redactor;
}

/** Runs a command, and takes care of how it ends. */
export interface Shell {
  perform(options: { readonly json?: boolean | undefined }, action: (session: Session) => Promise<ExitCode>): Promise<void>;
}
