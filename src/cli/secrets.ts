import { usageFailure } from "./failure.ts";
import { readInput } from "./files.ts";
import type { ProviderName } from "./providers.ts";
import type { Session } from "./session.ts";

/** The options of commands that need a secret. */
export interface SecretOptions {
  readonly secretFile?: string;
  readonly tokenFile?: string;
  readonly unsigned?: boolean;
}

/** What a delivery is signed or checked with. */
export interface Credentials {
  readonly secret?: string;
  readonly token?: string;
}

const MOST_BYTES = 65_536;

/** The environment variable of a provider's secret, token or key. */
export const variableOf = (provider: ProviderName, what: "WEBHOOK_SECRET" | "WEBHOOK_TOKEN" | "API_KEY"): string =>
  `${provider.toUpperCase()}_${what}`;

/** Reads a secret from a file, without the line break at its end, or from the environment. It is never printed from then on. */
export async function readSecret(session: Session, file: string | undefined, variable: string): Promise<string | undefined> {
  const { io, redactor } = session;
  if (file === undefined) {
    const value = io.env[variable];
    return value === undefined || value === "" ? undefined : redactor.hide(value);
  }
  const text = (await readInput(file, io, MOST_BYTES)).toString("utf8").replace(/\r?\n$/, "");
  if (text.trim() === "") throw usageFailure(`The file ${file} has nothing in it but white space.`);
  return redactor.hide(text);
}

/** The credentials of a provider: by options, else by the environment. One of them has to be there, unless it is asked to do without. */
export async function readCredentials(session: Session, provider: ProviderName, options: SecretOptions): Promise<Credentials> {
  if (options.unsigned) {
    if (options.secretFile === undefined && options.tokenFile === undefined) return {};
    throw usageFailure("--unsigned does without a secret and a token. Leave out one or the other.");
  }
  const secret = await readSecret(session, options.secretFile, variableOf(provider, "WEBHOOK_SECRET"));
  const token = await readSecret(session, options.tokenFile, variableOf(provider, "WEBHOOK_TOKEN"));
  if (secret === undefined && token === undefined) {
    throw usageFailure(
      `There is no secret for ${provider}. Set ${variableOf(provider, "WEBHOOK_SECRET")}, or name a file with --secret-file.`,
    );
  }
  return { ...(secret !== undefined && { secret }), ...(token !== undefined && { token }) };
}
