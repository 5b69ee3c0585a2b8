import { createInterface } from "node:readline/promises";
import { failed, usageFailure } from "./failure.ts";
import type { Session } from "./session.ts";

/** Asks before something that cannot be undone. Where nobody can answer it has to be said beforehand, by `--yes`. */
export async function confirm({ io, output }: Session, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true || output.json) {
    throw usageFailure(`${question} Say --yes: there is no terminal to ask at.`);
  }
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    lines.close();
  }
  throw failed("cancelled", "Nothing was changed.");
}
