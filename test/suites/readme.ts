import { readFileSync } from "node:fs";

/** The README as it stands. */
export const readme: string = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The TypeScript blocks of the README. */
export const readmeBlocks: readonly string[] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code as string);

/** The only block that contains a text. */
export function readmeBlock(text: string): string {
  const [found, ...others] = readmeBlocks.filter((block) => block.includes(text));
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} blocks of the README contain "${text}".`);
  return found;
}
