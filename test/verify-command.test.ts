import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const verify = fileURLToPath(new URL("../.ci/verify.ts", import.meta.url));
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const passing = [
  { file: "test/inbox/sqlite.test.ts", passed: 2, failed: 0, skipped: ["there is no server", "there is no server"] },
  { file: "test/router.test.ts", passed: 3, failed: 0, skipped: [] },
];
const report = (files: unknown): string => `mkdir -p "$(dirname "$TEST_REPORT")" && printf %s '${JSON.stringify(files)}' > "$TEST_REPORT"`;

interface Surroundings {
  /** A report of tests that ran before. */
  readonly left?: string;
  readonly path?: string | undefined;
}

/** Stands for npm, which takes half a second to start. */
const npm = `#!/bin/sh
exec sh "$2.sh"
`;

function quick(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "video-webhooks-npm-"));
  folders.push(folder);
  writeFileSync(path.join(folder, "npm"), npm, { mode: 0o755 });
  return `${folder}${path.delimiter}${process.env.PATH}`;
}

/** Scripts that all end well, but for those that are given. */
function runWith(
  scripts: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  { left, path: PATH = quick() }: Surroundings = {},
) {
  const folder = mkdtempSync(path.join(tmpdir(), "video-webhooks-verify-"));
  folders.push(folder);
  const counted = report(passing);
  const others = { lint: "true", "lint:security": "true", check: "true", "test:types": "true", download: "true" };
  const all = { test: counted, "test:package": counted, "test:runtimes": counted, ...others, ...scripts };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "of-a-test", scripts: all }));
  for (const [name, script] of Object.entries(all)) writeFileSync(path.join(folder, `${name}.sh`), script);
  if (left !== undefined) {
    mkdirSync(path.join(folder, "node_modules/.cache/verify"), { recursive: true });
    writeFileSync(path.join(folder, "node_modules/.cache/verify/test.json"), left);
  }
  const env = { ...process.env, PATH };
  const { status, stdout } = spawnSync(process.execPath, [verify, ...args], { cwd: folder, encoding: "utf8", env });
  return { status, stdout, table: stdout.slice(stdout.lastIndexOf("| area |")) };
}

describe("npm run verify", () => {
  it("ends with a table of what was checked, and why something was skipped", () => {
    const { status, table } = runWith({}, [], { path: process.env.PATH });
    expect(table).toContain("| inbox | 4 | 2 | 2: there is no server |\n");
    expect(table).toContain("| core, documents | 3 | 3 |  |\n");
    expect(table).toContain("| format and lint | 1 | 1 |  |\n");
    expect(table).toContain("| package | 7 | 5 | 2: there is no server |\n");
    expect(table).toContain("Everything holds");
    expect(status).toBe(0);
  });

  it.each([
    ["a step that fails", { lint: "false" }, "| format and lint | 1 | 0, **1 failed** |"],
    ["tests that fail", { "test:package": report([{ ...passing[0], failed: 1 }]) }, "| package | 5 | 2, **1 failed** |"],
    ["a test runner that ends before its report", { test: "exit 1" }, "| npm run test: no report | 1 | 0, **1 failed** |"],
    ["a report of no tests", { "test:runtimes": report([]) }, "| npm run test:runtimes: no tests | 1 | 0, **1 failed** |"],
    ["a failure beside the tests", { test: `${report(passing)} && exit 1` }, "| npm run test | 1 | 0, **1 failed** |"],
  ])("fails for %s", (_name, scripts: Readonly<Record<string, string>>, line) => {
    const { status, table } = runWith(scripts);
    expect(table).toContain(line);
    expect(table).toContain("1 failed, after");
    expect(status).toBe(1);
  });

  it("runs what needs nothing of each other side by side, and prints it in one order, each undivided", () => {
    const says = (script: string): string => `echo ${script} says one; echo ${script} says two >&2`;
    const until = (file: string): string => `until test -e ${file}; do sleep 0.1; done`;
    const counted = report(passing);
    const scripts = {
      test: `${says("test")}; ${counted}`,
      lint: says("lint"),
      "lint:security": says("lint:security"),
      // Would never end if nothing ran beside it.
      check: `echo check says one; ${until("types-ended")}; echo check says two`,
      "test:types": `${says("test:types")}; touch types-ended`,
      "test:package": `${says("test:package")}; ${counted}`,
      download: `echo download says one; sleep 0.5; echo download says two; touch downloaded`,
      "test:runtimes": `test -e downloaded && ${says("test:runtimes")}; ${counted}`,
    };
    const { status, stdout } = runWith(scripts);
    const order = ["test", "lint", "lint:security", "check", "test:types", "test:package", "download", "test:runtimes"];
    const lines = stdout.split("\n").filter((line) => /^(?:== |\S+ says )/.test(line));
    expect(lines).toEqual(order.flatMap((script) => [`== npm run ${script}`, `${script} says one`, `${script} says two`]));
    expect(status).toBe(0);
    const times = order.map((script) => `${script} \\d+\\.\\d`).join(", ");
    expect(stdout).toMatch(new RegExp(`^Minutes by script: ${times}\\.$`, "m"));
  });

  it("warns when all of it took longer than 15 minutes, and fails for that alone no more than before", () => {
    expect(runWith({}).table).toMatch(/^\| minutes \| \| 0\.\d \| \|$/m);
    const { status, table } = runWith({}, ["--started", String(Math.floor(Date.now() / 1000) - 16 * 60)]);
    expect([status, table]).toEqual([0, expect.stringMatching(/^\| minutes \| \| 16\.\d, \*\*warning: longer than 15\*\* \| \|$/m)]);
  });

  it("takes what tests came to that ran before", () => {
    const before = runWith({ test: "exit 3" }, ["--tests-ended", "0"], { left: JSON.stringify(passing) });
    expect([before.status, before.table]).toEqual([0, expect.stringContaining("| inbox | 4 | 2 |")]);
    const failed = runWith({}, ["--tests-ended", "1"], { left: JSON.stringify(passing) });
    expect([failed.status, failed.table]).toEqual([1, expect.stringContaining("| npm run test | 1 | 0, **1 failed** |")]);
    const torn = runWith({}, ["--tests-ended", "0"], { left: "[{" });
    expect([torn.status, torn.table]).toEqual([1, expect.stringContaining("| npm run test: no report |")]);
  });
});
