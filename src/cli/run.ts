import { CommanderError } from "commander";
import { systemCode } from "../endpoints/system-code.ts";
import { isWebhookError } from "../errors.ts";
import { CliFailure, type ExitCode, exitCodes, failed, systemReason, unreachable, usageFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { createOutput } from "./output.ts";
import { createProgram } from "./program.ts";
import { createRedactor } from "./redact.ts";
import type { Session, Shell } from "./session.ts";

/** Runs the command line, and resolves to its exit code. It never rejects. */
export async function run(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const redactor = createRedactor();
  const session: Session = { io, redactor, output: createOutput(io, asksForJson(argv), redactor) };
  const shell: Shell = {
    async perform({ json = false }, action) {
      exitCode = await action({ ...session, output: createOutput(io, json, redactor) });
    },
  };
  try {
    refuseSecrets(argv);
    const program = createProgram(shell, io);
    // Without a command there is nothing to do, which is no success.
    if (argv.length === 0) {
      io.stderr.write(program.helpInformation());
      return exitCodes.usage;
    }
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    const failure = toFailure(error);
    if (failure === undefined) return error instanceof CommanderError && error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    session.output.failure(failure);
    return failure.exitCode;
  }
}

const beforeDashes = (argv: readonly string[]): readonly string[] => (argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv);

function asksForJson(argv: readonly string[]): boolean {
  return beforeDashes(argv).includes("--json");
}

/** Looked for before anything else, since an error of the parser would quote the value. */
function refuseSecrets(argv: readonly string[]): void {
  for (const argument of beforeDashes(argv)) {
    const [, option] = /^--(secret|token|api-key)(?:=|$)/.exec(argument) ?? [];
    if (option === undefined) continue;
    throw usageFailure(
      `There is no --${option}: arguments are seen by every user of the machine, and are kept in the history of the shell. ` +
        `Put it into the environment, or into a file and say --${option}-file.`,
    );
  }
}

/** `undefined` for help and version, which end the parser but are no failures. */
function toFailure(error: unknown): CliFailure | undefined {
  if (error instanceof CliFailure) return error;
  if (error instanceof CommanderError) {
    if (["commander.help", "commander.helpDisplayed", "commander.version"].includes(error.code)) return undefined;
    return usageFailure(`${sentence(error.message)} Add --help to see how it is used.`);
  }
  if (isWebhookError(error)) {
    return error.name === "ConfigurationError" ? usageFailure(error.message, error) : failed(error.code, error.message, error);
  }
  if (systemCode(error) !== undefined) return unreachable("system", `Something could not be reached: ${systemReason(error)}.`, error);
  return failed("unexpected", `Something went wrong that should not: ${error instanceof Error ? error.message : typeof error}`, error);
}

/** A message of the parser as a sentence, without the value of an option that it does not know, which may be a secret. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .replace(/(unknown option '-[^'=]*)=[\s\S]*'/, "$1'")
    .replace(/(?<!\s)\s*\n\s*/g, " ");
  const end = /[.?!)]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
