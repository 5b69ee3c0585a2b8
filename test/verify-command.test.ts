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
const report = (files: unknown): string => `node -e 'fs.mkdirSync(path.dirname(process.env.TEST_REPORT), { recursive: true });
  fs.writeFileSync(process.env.TEST_REPORT, Buffer.from("${Buffer.from(JSON.stringify(files)).toString("base64")}", "base64"))'`;

/** Scripts that all end well, but for those that are given. */
function runWith(scripts: Readonly<Record<string, string>>, args: readonly string[] = [], left?: string) {
  const folder = mkdtempSync(path.join(tmpdir(), "video-webhooks-verify-"));
  folders.push(folder);
  const counted = report(passing).replaceAll("\n", "");
  const others = { lint: "true", "lint:security": "true", check: "true", "test:types": "true" };
  const all = { test: counted, "test:package": counted, "test:runtimes": counted, ...others };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "of-a-test", scripts: { ...all, ...scripts } }));
  if (left !== undefined) {
    mkdirSync(path.join(folder, "node_modules/.cache/verify"), { recursive: true });
    writeFileSync(path.join(folder, "node_modules/.cache/verify/test.json"), left);
  }
  const { status, stdout } = spawnSync(process.execPath, [verify, ...args], { cwd: folder, encoding: "utf8" });
  return { status, table: stdout.slice(stdout.lastIndexOf("| area |")) };
}

describe("npm run verify", () => {
  it("ends with a table of what was checked, and why something was skipped", () => {
    const { status, table } = runWith({});
    expect(table).toContain("| inbox | 4 | 2 | 2: there is no server |\n");
    expect(table).toContain("| core, documents | 3 | 3 |  |\n");
    expect(table).toContain("| format and lint | 1 | 1 |  |\n");
    expect(table).toContain("| package | 7 | 5 | 2: there is no server |\n");
    expect(table).toContain("Everything holds");
    expect(status).toBe(0);
  });

  it.each([
    ["a step that fails", { lint: "false" }, "| format and lint | 1 | 0, **1 failed** |"],
    [
      "tests that fail",
      { "test:package": report([{ ...passing[0], failed: 1 }]).replaceAll("\n", "") },
      "| package | 5 | 2, **1 failed** |",
    ],
    ["a test runner that ends before its report", { test: "exit 1" }, "| npm run test: no report | 1 | 0, **1 failed** |"],
    ["a report of no tests", { "test:runtimes": report([]) }, "| npm run test:runtimes: no tests | 1 | 0, **1 failed** |"],
    ["a failure beside the tests", { test: `${report(passing).replaceAll("\n", "")} && exit 1` }, "| npm run test | 1 | 0, **1 failed** |"],
  ])("fails for %s", (_name, scripts: Readonly<Record<string, string>>, line) => {
    const { status, table } = runWith(scripts);
    expect(table).toContain(line);
    expect(table).toContain("1 failed, after");
    expect(status).toBe(1);
  });

  it("takes what tests came to that ran before", () => {
    const before = runWith({ test: "exit 3" }, ["--tests-ended", "0"], JSON.stringify(passing));
    expect([before.status, before.table]).toEqual([0, expect.stringContaining("| inbox | 4 | 2 |")]);
    const failed = runWith({}, ["--tests-ended", "1"], JSON.stringify(passing));
    expect([failed.status, failed.table]).toEqual([1, expect.stringContaining("| npm run test | 1 | 0, **1 failed** |")]);
    const torn = runWith({}, ["--tests-ended", "0"], "[{");
    expect([torn.status, torn.table]).toEqual([1, expect.stringContaining("| npm run test: no report |")]);
  });
});
