// The emitted declarations under each TypeScript that users have, from the oldest that is supported to the native one.

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { type Consumer, createConsumer, type Ran, run } from "./consumer.ts";
import { entryPoints } from "./entry-points.ts";
import { root } from "./module-graph.ts";

const strict = { target: "ES2022", types: ["node"], strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true };
const projects = {
  "tsconfig.node.json": {
    compilerOptions: { ...strict, module: "Node16", lib: ["ES2022"] },
    files: ["entries.mts", "entries.cts", "typed.mts", "typed.cts"],
  },
  "tsconfig.browser.json": {
    compilerOptions: { ...strict, module: "ESNext", moduleResolution: "Bundler", lib: ["ES2022", "DOM", "DOM.Iterable"] },
    files: ["entries.mts", "typed.ts"],
  },
};

let consumer: Consumer;

beforeAll(async () => {
  consumer = await createConsumer();
  const imports = entryPoints.map(({ name }, index) => `import * as entry${index} from "${name}";\n`);
  const names = entryPoints.map((_entry, index) => `entry${index}`);
  const entries = `${imports.join("")}export const entries: readonly object[] = [${names.join(", ")}];\n`;
  for (const file of ["entries.mts", "entries.cts"]) await writeFile(path.join(consumer.project, file), entries);
  for (const [file, content] of Object.entries(projects)) await writeFile(path.join(consumer.project, file), JSON.stringify(content));
});

afterAll(() => consumer?.dispose());

describe.each(["5.5", "5.9", "6", "7"])("TypeScript %s, with library checks,", (version) => {
  test("compiles the declarations of every entry point and an application, for Node.js", async (context) => {
    const { exitCode, output } = await compile(context, version, "tsconfig.node.json");
    const lines = output.split(/\r?\n/);
    const installed = /^.*\/node_modules\/video-webhooks\//;
    const declarations = entryPoints.flatMap(({ esmTypes, cjsTypes }) => [esmTypes, cjsTypes]);
    expect([exitCode, lines.filter((line) => / error TS\d+/.test(line))]).toEqual([0, []]);
    expect(lines.map((line) => line.replace(installed, ""))).toEqual(expect.arrayContaining(declarations));
  });

  test("compiles them for a bundler, with the types of browsers", async (context) => {
    const { exitCode, output } = await compile(context, version, "tsconfig.browser.json");
    expect([exitCode, output.match(/^.* error TS\d+.*$/gm)]).toEqual([0, null]);
  });
});

function compile(context: TestContext, version: string, file: keyof typeof projects): Promise<Ran> {
  const name = `typescript-${version}`;
  const tsc = path.join(root, "test/package/tools/node_modules", name, "bin/tsc");
  if (existsSync(tsc)) return run([tsc, "--project", file, "--listFiles"], consumer.project);
  if (process.env.CI === "true") throw new Error(`In CI every TypeScript is needed, but ${name} is not installed.`);
  return context.skip(`${name} is not installed`);
}
