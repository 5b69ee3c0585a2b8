import { readFileSync } from "node:fs";

/** The README as it stands. */
export const readme: string = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** A block of code of the README. */
export interface ReadmeBlock {
  /** The heading that it stands under. */
  readonly heading: string;
  /** Such as `ts`, `sh` or `text`. */
  readonly language: string;
  readonly code: string;
}

/** All blocks of code of the README, in order. */
export const readmeBlocks: readonly ReadmeBlock[] = findBlocks();

function findBlocks(): ReadmeBlock[] {
  const blocks: ReadmeBlock[] = [];
  let heading = "";
  for (const [, title, language = "", code = ""] of readme.matchAll(/^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$/gms)) {
    if (title === undefined) blocks.push({ heading, language, code });
    else heading = title;
  }
  return blocks;
}

/** Its blocks in one language. */
export const readmeBlocksIn = (language: string): readonly ReadmeBlock[] => readmeBlocks.filter((block) => block.language === language);

/** The only TypeScript block that contains a text. */
export function readmeBlock(text: string): string {
  const [found, ...others] = readmeBlocksIn("ts").filter(({ code }) => code.includes(text));
  if (found === undefined) throw new Error(`No block of the README contains "${text}".`);
  if (others.length > 0) throw new Error(`${others.length + 1} blocks of the README contain "${text}".`);
  return found.code;
}

/** The commands of all shell blocks under a heading, in order. */
export function readmeCommands(heading: string): readonly string[] {
  const blocks = readmeBlocksIn("sh").filter((block) => block.heading === heading);
  return blocks.flatMap(({ code }) => code.trimEnd().split("\n"));
}
