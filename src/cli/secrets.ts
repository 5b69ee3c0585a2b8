import { systemCode } from "../endpoints/system-code.ts";
import { type CliFailure, unreachable, usageFailure } from "./failure.ts";
import { readInput } from "./files.ts";
import { printable } from "./printable.ts";
import type { ProviderName } from "./providers.ts";
import type { Session } from "./session.ts";

/** The options of commands that need a secret: one to sign with, or several to check with. */
export interface SecretOptions<Files extends string | readonly string[]> extends SchemeOptions {
  readonly secretFile?: Files;
  readonly tokenFile?: string;
  readonly unsigned?: boolean;
}

/** How deliveries are signed, where an endpoint is set up so. */
export interface SchemeOptions {
  readonly header?: string | undefined;
  readonly scheme?: "standard-webhooks" | "hex" | undefined;
}

/** What a delivery is signed or checked with. */
export interface Credentials<Secret extends string | readonly string[]> {
  readonly secret?: Secret;
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
  const bytes = await readInput(file, io, MOST_BYTES).catch((error: unknown) => {
    throw maybeSecret(file, error) ? notAFile(error) : error;
  });
  const text = bytes.toString("utf8").replace(/\r?\n$/, "");
  if (text.trim() === "") throw usageFailure(`The file ${printable(file)} has nothing in it but white space.`);
  return redactor.hide(text);
}

/** Whether a text that was given for something else begins like a secret or a token, which no message may repeat. */
export const looksSecret = (text: string): boolean => /^(?:whsec_|eyJ)/.test(text);

/** Whether what was given for a file is perhaps the secret itself. */
function maybeSecret(file: string, error: unknown): boolean {
  if (looksSecret(file)) return true;
  return file !== "-" && systemCode((error as CliFailure).cause) !== undefined && !/[/\\.]/.test(file);
}

const notAFile = (cause: unknown): Error =>
  unreachable("unreadable", "There is no such file. Is that the secret itself? The option wants the name of a file that it is in.", cause);

/** The credentials of a provider: by options, else by the environment. One of them has to be there, unless it is asked to do without. */
export async function readCredentials(
  session: Session,
  provider: ProviderName,
  options: SecretOptions<string>,
): Promise<Credentials<string>> {
  const { secretFile, ...rest } = options;
  const files = secretFile === undefined ? {} : { secretFile: [secretFile] };
  const { secret, ...found } = await readReceiverCredentials(session, provider, { ...rest, ...files });
  const [first] = secret ?? [];
  return { ...found, ...(first !== undefined && { secret: first }) };
}

/** The same for who checks: several secrets are accepted while one is replaced by another. */
export async function readReceiverCredentials(
  session: Session,
  provider: ProviderName,
  options: SecretOptions<readonly string[]>,
): Promise<Credentials<readonly string[]>> {
  if (options.scheme !== undefined && provider !== "kling") throw usageFailure(`${provider} has one scheme only. Leave out --scheme.`);
  if (options.unsigned) {
    if (options.secretFile === undefined && options.tokenFile === undefined) return {};
    throw usageFailure("--unsigned does without a secret and a token. Leave out one or the other.");
  }
  const secrets: string[] = [];
  for (const file of options.secretFile ?? [undefined]) {
    const found = await readSecret(session, file, variableOf(provider, "WEBHOOK_SECRET"));
    if (found !== undefined) secrets.push(found);
  }
  const secret = secrets.length > 0 ? secrets : undefined;
  const token = await readSecret(session, options.tokenFile, variableOf(provider, "WEBHOOK_TOKEN"));
  if (secret === undefined && token === undefined) {
    throw usageFailure(
      `There is no secret for ${provider}. Set ${variableOf(provider, "WEBHOOK_SECRET")}, or name a file with --secret-file.`,
    );
  }
  return { ...(secret !== undefined && { secret }), ...(token !== undefined && { token }) };
}
