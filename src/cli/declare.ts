import type { Command } from "commander";

/** What the help of commands that need a secret says about it. */
export const SECRET_HELP = `
Secrets:
  The secret comes from KONPRO_WEBHOOK_SECRET, HEYGEN_WEBHOOK_SECRET, VIDEOPILOT_WEBHOOK_SECRET or
  KLING_WEBHOOK_SECRET, or from the file of --secret-file, whose last line break is left out. A
  token for the URL comes from …_WEBHOOK_TOKEN or --token-file. Neither is ever printed.`;

/** What the help of every command says about how it ends. */
export const EXIT_HELP = `
Exit codes:
  0  it worked
  1  what was asked about failed: not a 2xx answer, not authentic, not found, refused
  2  the command was used wrongly
  3  something could not be reached, opened or written: network, file, database, full disk`;

/** Lines of the help under the title "Examples:". */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => (line === "" ? "" : `  $ video-webhooks ${line}`)).join("\n")}`;
}

/** Adds the option that every command has, to a command and those below it. */
export function addJson(command: Command): void {
  if (command.commands.length === 0) command.option("--json", "print JSON on stdout, and errors as JSON on stderr");
  for (const each of command.commands) addJson(each);
}
