import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adapters } from "./runtimes/members.ts";
import { errorCodes, statuses } from "./suites/outcomes.ts";
import { readme, readmeBlock, readmeBlocksIn, readmeCommands } from "./suites/readme.ts";
import { compileSnippets } from "./suites/snippets.ts";

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

/** The rows of the only table under a heading, without its head. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const [, section = ""] = readme.split(`\n## ${heading}\n`);
  const lines = (section.split("\n## ")[0] as string).split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(2).map((line) => line.slice(2, -2).split(" | "));
}

/** What stands between backticks. */
const namesIn = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

describe("README.md", () => {
  it("has code blocks that compile as they stand", () => {
    const blocks = readmeBlocksIn("ts");
    expect(blocks.length).toBeGreaterThan(5);
    const problems = compileSnippets(new Map(blocks.map(({ heading, code }, index) => [`${heading}, block ${index + 1}`, code])));
    expect(problems).toEqual([]);
  }, 180_000);

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

  it("has every outcome in its table, with the status that the sender gets", () => {
    const rows = tableOf("What the sender sees").flatMap(([outcomes = "", status = ""]) =>
      // What is in parentheses says more about the one before.
      namesIn(outcomes.replaceAll(/\(.*?\)/g, "")).map((outcome) => [outcome, Number.parseInt(status, 10)] as const),
    );
    expect(rows.length).toBe(new Map(rows).size);
    expect(Object.fromEntries(rows)).toEqual(statuses);
  });

  it("has every code of an error in its table, once, with what to do", () => {
    const rows = tableOf("Errors");
    expect(rows.flatMap(([code = ""]) => namesIn(code)).sort()).toEqual([...errorCodes].sort());
    expect(rows.filter(([, fix = ""]) => fix.length < 10)).toEqual([]);
  });

  it("names the adapters that run on every runtime", () => {
    const [, named = ""] = /over\s+real sockets through (.*?), and/s.exec(readme) ?? [];
    expect(namesIn(named)).toEqual(adapters);
  });

  it("has snippets of at most ten lines in the section Frameworks", () => {
    for (const name of ["expressHandler(", "fastifyPlugin,", "honoHandler(", "nextRoute("]) {
      expect(readmeBlock(name).trimEnd().split("\n").length, name).toBeLessThanOrEqual(10);
    }
  });

  // test/package/cli.test.ts runs those of the first five minutes, examples/examples.test.ts what npm start runs.
  it("has commands in three sections, and installs what the package asks for", () => {
    const { name, scripts, peerDependencies, peerDependenciesMeta } = JSON.parse(read("package.json"));
    expect(readmeBlocksIn("sh").map(({ heading }) => heading)).toEqual([
      "Try it from a clone",
      "Install",
      ...Array(3).fill("From nothing to the first event in five minutes"),
    ]);
    const required = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
    expect(readmeCommands("Install")).toEqual([`npm install ${[name, ...required].join(" ")}`]);
    expect(readmeCommands("Try it from a clone").map((line) => line.replace(/ +#.*/, ""))).toEqual(["npm start", "npm it"]);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
  });
});
