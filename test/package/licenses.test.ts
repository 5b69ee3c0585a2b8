import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { filesIn, root } from "./module-graph.ts";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

test("the licenses of all packages that are built in are passed on", () => {
  // The comment that the bundler puts before the code of a file.
  const built = filesIn("dist")
    .filter((file) => /\.c?js$/.test(file))
    .flatMap((file) =>
      [...read(file).matchAll(/^\/\/ (?:\S*\/)?node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)].map(([, name]) => name as string),
    );
  const passedOn = read("dist/licenses.txt");
  expect(new Set(built)).toEqual(
    new Set(["ky", "commander", "cli-progress", "string-width", "strip-ansi", "ansi-regex", "is-fullwidth-code-point", "emoji-regex"]),
  );
  for (const name of new Set(built)) expect(passedOn).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, "m"));
});
