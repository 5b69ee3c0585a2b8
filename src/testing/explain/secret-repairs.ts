import type { Mistake } from "./finding.ts";

/** A mended text of a secret. */
export interface RepairedSecret {
  readonly text: string;
  readonly repairs: readonly Mistake[];
}

/** Longer texts are no secrets; forms of them would only cost time. */
export const MOST_SECRET_CHARACTERS = 4096;

// Zero-width characters, which trim() leaves, come along when a secret is copied from a page.
const invisible = /^[\s\u200b-\u200d\u2060\ufeff]+|(?<![\s\u200b-\u200d\u2060\ufeff])[\s\u200b-\u200d\u2060\ufeff]+$/g;

const repairers: readonly (readonly [Mistake["code"], (text: string) => string])[] = [
  ["secret_white_space", (text) => text.replace(invisible, "")],
  ["secret_quoted", (text) => /^(["'`\u2018\u201c])([\s\S]*)["'`\u2019\u201d]$/.exec(text)?.[2] ?? text],
  ["secret_escaped_newline", (text) => text.replace(/(?:\\r)?\\n$/, "")],
  ["secret_assignment", (text) => text.replace(/^(?:export )?[A-Z][A-Z0-9_]{2,60}=/, "")],
];

/** A secret as it was given, and what is left after each thing that does not belong to it is taken away. */
export function repairsOf(secret: string): readonly RepairedSecret[] {
  const found: RepairedSecret[] = [{ text: secret, repairs: [] }];
  if (secret.length > MOST_SECRET_CHARACTERS) return found;
  let text = secret;
  let repairs: readonly Mistake[] = [];
  // A quoted secret with a line break behind the quotes needs two rounds.
  for (let round = 0; round < 2; round++) {
    for (const [code, mend] of repairers) {
      const mended = mend(text);
      if (mended === text || mended === "") continue;
      text = mended;
      const mistake: Mistake = code === "secret_white_space" ? { code, facts: { which: "" } } : { code };
      if (!repairs.some((each) => each.code === code)) repairs = [...repairs, mistake];
      found.push({ text, repairs });
    }
  }
  return found;
}
