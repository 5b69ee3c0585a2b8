import type { NewSecretOptions } from "./commands/endpoints.ts";
import { CliFailure, type ExitCode, exitCodes, usageFailure } from "./failure.ts";
import { isFile, openOutput } from "./files.ts";
import { printable } from "./printable.ts";
import type { Session } from "./session.ts";

/** What of a new secret is told: where it is, or itself if that was asked for. */
export type ToldSecret = { readonly secret: string } | { readonly secretFile: string };

/** Keeps a secret that is shown only once. */
export interface SecretKeeper {
  /**
   * Asks for something with a new secret, keeps that, and then tells. What it was asked for is discarded unseen if there is no place for
   * the secret; so that is seen to before.
   */
  take<Made extends { readonly secret: string }>(
    ask: () => Promise<Made>,
    tell: (made: Made, secret: ToldSecret) => void,
    done: (made: Made) => string,
  ): Promise<ExitCode>;
}

/** Makes a keeper, and sees that there is a place for the secret before anything is asked for. */
export async function keepSecret({ redactor }: Session, options: NewSecretOptions): Promise<SecretKeeper> {
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
    async take(ask, tell, done) {
      const file = secretOut === undefined ? undefined : await openOutput(secretOut, { mode: 0o600 });
      const made = await ask().catch(async (error: unknown) => {
        await file?.discard();
        throw error;
      });
      const secret = redactor.hide(made.secret);
      try {
        await file?.write(`${secret}\n`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : "";
        const code = error instanceof CliFailure ? error.exitCode : exitCodes.unreachable;
        throw new CliFailure(
          code,
          "secret_lost",
          `${done(made)}, but its secret was not kept. ${reason} Rotate it, or delete the endpoint and add it again.`,
          {
            cause: error,
          },
        );
      }
      tell(made, secretOut === undefined ? { secret } : { secretFile: secretOut });
      return exitCodes.ok;
    },
  };
}
