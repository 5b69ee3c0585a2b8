// The reference that npm run docs writes, from the sources, held against what the built declarations export.

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ran, run } from "./consumer.ts";
import { entryPoints } from "./entry-points.ts";
import { root } from "./module-graph.ts";

// One for all, since each would read the declarations of everything anew.
const program = ts.createProgram(
  entryPoints.map(({ esmTypes }) => path.join(root, esmTypes)),
  { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [] },
);
const checker = program.getTypeChecker();

let folder: string;
let written: Ran;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "video-webhooks-reference-"));
  const typedoc = path.join(root, "node_modules/typedoc/bin/typedoc");
  written = await run([typedoc, "--options", ".config/typedoc.ts", "--out", folder], root, { NO_COLOR: "1" });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("npm run docs", () => {
  test("is the command that is tested here", async () => {
    const { scripts } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
    expect(scripts.docs).toBe("typedoc --options .config/typedoc.ts");
  });

  test("has nothing to warn of", () => {
    expect([written.exitCode, written.output.split("\n").filter((line) => !line.startsWith("[info]"))]).toEqual([0, []]);
  });

  test.each(entryPoints)("writes a page for every export of $name", async ({ name, esmTypes }) => {
    const module = path.join(folder, "modules", `${name.replaceAll("/", "_")}.html`);
    const page = await readFile(module, "utf8");
    const links = new Map<string, string>();
    for (const [, href = "", text = ""] of page.matchAll(
      /class="tsd-member-summary-name[^"]*">.*?<a [^>]*?href="([^"]+)"[^>]*>(.*?)<\/a>/g,
    )) {
      links.set(text.replaceAll(/<[^>]*>/g, ""), path.resolve(path.dirname(module), href.replace(/#.*/, "")));
    }
    const names = exportsOf(esmTypes);
    expect(names.length).toBeGreaterThan(0);
    expect([...links.keys()].sort()).toEqual(names);
    expect([...links].filter(([text, file]) => !existsSync(file) || !path.basename(file).endsWith(`.${text}.html`))).toEqual([]);
  });
});

/** The names of values and types alike. */
function exportsOf(declarations: string): readonly string[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(path.join(root, declarations)) as ts.SourceFile) as ts.Symbol;
  return checker
    .getExportsOfModule(module)
    .map((each) => each.name)
    .sort();
}
