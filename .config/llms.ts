import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
}

/**
 * What a language model reads to use the package, in the form of https://llmstxt.org, from package.json, the README and what was built.
 * Its links lead to files of the package, from the folder `dist`.
 *
 * @param root the folder of the package
 * @param names the entry points, as their files in `dist` are named
 */
export async function llmsText(root: string, names: readonly string[]): Promise<string> {
  const { name, version, description } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as Manifest;
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const headings = [...withoutBlocks(readme).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string);
  const [receiver] = /^```ts\n.*?^```$/ms.exec(readme) ?? [];
  const [install] = /^npm install .+$/m.exec(readme) ?? [];
  if (receiver === undefined || install === undefined) throw new Error("The README has no receiver or no line that installs the package.");
  const entries = await Promise.all(
    names.map(async (each) => {
      const exported = Object.keys((await import(pathToFileURL(path.join(root, "dist", `${each}.js`)).href)) as object);
      const notes = exported.sort().map((value) => `\`${value}\``);
      return `- [${each === "index" ? name : `${name}/${each}`}](${each}.d.ts): ${notes.join(", ")}\n`;
    }),
  );
  return `# ${name}

> ${description}

Version ${version}. \`${install}\`, then a complete receiver is:

${receiver}

## README

${headings.map((heading) => `- [${heading}](../README.md#${anchorOf(heading)})\n`).join("")}
## Entry points

${entries.join("")}
## Optional

- [Changes by version](../CHANGELOG.md)
- [Threat model, and the pitfalls with their tests](../SECURITY.md)
`;
}

function withoutBlocks(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```$/gms, "");
}

/** As GitHub and the registry make them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "")
    .replaceAll(" ", "-");
}
