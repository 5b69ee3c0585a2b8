import type { NewSecretOptions } from "./commands/endpoints.ts";
import { CliFailure, type ExitCode, exitCodes, failed, systemReason, unreachable, usageFailure } from "./failure.ts";
import { isFile, openOutput } from "./files.ts";
import { printable } from "./printable.ts";
import type { Session } from "./session.ts";

/** What of a new secret is told: where it is, or itself if that was asked for. */
export type ToldSecret = { readonly secret: string } | { readonly secretFile: string };

/** What is told, as a document and for people. */
export type Told = readonly [document: unknown, human: () => string | readonly string[]];

/** What has happened by then, and what to do about a secret that was lost. */
export interface Aftermath {
  /** A clause, such as "The endpoint ep_1 was registered". */
  readonly done: string;
  /** A sentence. */
  readonly next: string;
}

/** Keeps a secret that is shown only once. */
export interface SecretKeeper {
  /**
   * Asks for something with a new secret, keeps that, and then tells. What it was asked for is discarded unseen if there is no place for
   * the secret; so that is seen to before. Ctrl+C ends the call, but not the keeping of a secret that has come.
   */
  take<Made extends { readonly secret: string }>(
    ask: (signal: AbortSignal) => Promise<Made>,
    tell: (made: Made, secret: ToldSecret) => Told,
    aftermath: (made: Made) => Aftermath,
  ): Promise<ExitCode>;
}

/** Makes a keeper, and sees that there is a place for the secret before anything is asked for. */
export async function keepSecret({ redactor, output, io }: Session, options: NewSecretOptions): Promise<SecretKeeper> {
  const { showSecret = false, secretOut, force = false } = options;
  if (secretOut === undefined && !showSecret) {
    throw usageFailure(
      "Nothing was asked for, since the new secret is shown only once and would be lost. Say --secret-out file to write it to a file, or --show-secret to print it.",
    );
  }
  if (secretOut !== undefined && showSecret) throw usageFailure("Say --secret-out or --show-secret, but not both.");
  if (secretOut !== undefined && !force && (await isFile(secretOut))) {
    throw usageFailure(
      `Nothing was asked for, since ${printable(secretOut)} exists and may be another secret. Name another file, or say --force.`,
    );
  }
  return {
    async take(ask, tell, aftermath) {
      const interruption = new AbortController();
      const forget = io.onInterrupt(() => interruption.abort());
      try {
        const file = secretOut === undefined ? undefined : await openOutput(secretOut, { mode: 0o600 });
        const made = await ask(interruption.signal).catch(async (error: unknown) => {
          await file?.discard();
          throw interruption.signal.aborted && error instanceof CliFailure ? failed("interrupted", error.message, error) : error;
        });
        const secret = redactor.hide(made.secret);
        await file?.write(`${secret}\n`).catch((error: unknown) => {
          throw lost(aftermath(made), "kept", error);
        });
        if (secretOut !== undefined) output.result(...tell(made, { secretFile: secretOut }));
        else {
          await output.written(...tell(made, { secret })).catch((error: unknown) => {
            const reason = `Cannot write to the standard output: ${systemReason(error)}.`;
            throw lost(aftermath(made), "shown", unreachable("unwritable", reason, error));
          });
        }
        return exitCodes.ok;
      } finally {
        forget();
      }
    },
  };
}

function lost({ done, next }: Aftermath, what: "kept" | "shown", cause: unknown): CliFailure {
  const reason = cause instanceof Error ? ` ${cause.message}` : "";
  const code = cause instanceof CliFailure ? cause.exitCode : exitCodes.unreachable;
  return new CliFailure(code, "secret_lost", `${done}, but its secret was not ${what}.${reason} ${next}`, { cause });
}
