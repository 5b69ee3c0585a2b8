// Runs everything that has to hold before a change lands, one after the other, and ends with a table of it: npm run verify
//
//   node .ci/verify.ts --after-tests   takes what the tests came to from the last run of them that left a report

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import type { FileReport } from "../.config/summary-reporter.ts";

const { values: flags } = parseArgs({ options: { "after-tests": { type: "boolean", default: false } } });

/** A script of package.json. */
interface Step {
  readonly script: string;
  /** What its one check is called; absent where a test runner counts. */
  readonly check?: string;
}

const steps: readonly Step[] = [
  { script: "test" },
  { script: "lint", check: "format and lint" },
  { script: "check", check: "types of the source, tests, examples and benchmarks" },
  { script: "test:types", check: "types as users see them" },
  { script: "test:package" },
  { script: "test:runtimes" },
];

/** A line of the table. */
interface Row {
  readonly area: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

const reportOf = (script: string): string => `node_modules/.cache/verify/${script.replace(":", "-")}.json`;

/** The folder that tests are in, below `test`. */
function areaOf({ file }: FileReport): string {
  const [top = "", folder = ""] = file.split("/");
  if (top === "examples") return "examples";
  return folder.endsWith(".ts") || top !== "test" ? "core, documents" : folder;
}

function readReport(script: string): readonly Row[] {
  const report = reportOf(script);
  if (!existsSync(report)) return [{ area: `${script}: no report`, passed: 0, failed: 1, skipped: [] }];
  const areas = new Map<string, Row>();
  for (const file of JSON.parse(readFileSync(report, "utf8")) as readonly FileReport[]) {
    const area = areaOf(file);
    const { passed, failed, skipped } = areas.get(area) ?? { passed: 0, failed: 0, skipped: [] };
    areas.set(area, { area, passed: passed + file.passed, failed: failed + file.failed, skipped: [...skipped, ...file.skipped] });
  }
  return [...areas.values()].sort((left, right) => left.area.localeCompare(right.area));
}

/** Runs a script of package.json, which prints what it prints. Resolves to whether it ended well. */
function run(script: string): Promise<boolean> {
  const env = { ...process.env, TEST_REPORT: reportOf(script) };
  const child = spawn("npm", ["run", script], { stdio: "inherit", env, shell: process.platform === "win32" });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

async function take({ script, check }: Step): Promise<readonly Row[]> {
  console.log(`\n== npm run ${script}`);
  if (check === undefined) rmSync(reportOf(script), { force: true });
  const succeeded = await run(script);
  if (check !== undefined) return [{ area: check, passed: Number(succeeded), failed: Number(!succeeded), skipped: [] }];
  const rows = readReport(script);
  // What fails before or after its tests has no test to show it.
  const silent = !succeeded && rows.every(({ failed }) => failed === 0);
  return silent ? [...rows, { area: `npm run ${script}`, passed: 0, failed: 1, skipped: [] }] : rows;
}

/** Each reason once, with how many tests it kept from running. */
function reasonsOf(skipped: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count}: ${reason}`).join("; ");
}

const startedAt = performance.now();
const rows: Row[] = [];
for (const step of steps) rows.push(...(flags["after-tests"] && step.script === "test" ? readReport("test") : await take(step)));

console.log("\n| area | checks | passed | skipped |\n| --- | ---: | ---: | --- |");
for (const { area, passed, failed, skipped } of rows) {
  console.log(
    `| ${area} | ${passed + failed + skipped.length} | ${passed}${failed > 0 ? `, **${failed} failed**` : ""} | ${reasonsOf(skipped)} |`,
  );
}
const failed = rows.reduce((total, row) => total + row.failed, 0);
console.log(
  `\n${failed === 0 ? "Everything holds" : `${failed} failed`}, after ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes.`,
);
process.exitCode = failed === 0 ? 0 : 1;
