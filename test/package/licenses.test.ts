import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { filesIn, root } from "./module-graph.ts";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

test("the licenses of all packages that are built in are passed on, in the versions that are", () => {
  // The comment that the bundler puts before the code of a file.
  const built = new Map<string, string>();
  for (const file of filesIn("dist").filter((each) => /\.c?js$/.test(each))) {
    for (const [, folder = "", name = ""] of read(file).matchAll(/^\/\/ ((?:\S*\/)?node_modules\/((?:@[^/\n]+\/)?[^/\n]+))\//gm))
      built.set(name, (JSON.parse(read(`${folder}/package.json`)) as { version: string }).version);
  }
  expect(built.size).toBe(8);
  const passedOn = [...read("dist/licenses.txt").matchAll(/^(\S+) (\d+\.\d+\.\d+)$/gm)].map(([, name, version]) => [name, version]);
  expect(new Map(passedOn as [string, string][])).toEqual(built);
});
