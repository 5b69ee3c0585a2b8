import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(`${root}README.md`, "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code as string);

// A user's project: strict, declarations checked, no help from this repository's settings. The imports resolve to the built package.
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: ["node"],
};

describe("README.md", () => {
  it("has code blocks that compile as they stand", () => {
    expect(blocks.length).toBeGreaterThan(5);
    const files = new Map(blocks.map((code, index) => [`${root}readme-block-${index + 1}.ts`, code]));
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.readFile = (name) => files.get(name) ?? readFile(name);
    host.getSourceFile = (name, target, ...rest) => {
      const code = files.get(name);
      return code === undefined ? getSourceFile(name, target, ...rest) : ts.createSourceFile(name, code, target);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
    expect(problems).toEqual([]);
  }, 60_000);

  it("stays under 500 lines, and lists the top level of the repository", () => {
    expect(readme.split("\n").length).toBeLessThan(500);
    for (const name of [
      "src/",
      "test/",
      "examples/",
      "bench/",
      "tsconfig.json",
      "tsup.config.ts",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "SECURITY.md",
    ]) {
      expect(readme).toContain(name);
    }
  });
});
