// Runs everything that has to hold before a change lands, one after the other, and ends with a table of it: npm run verify
//
//   --tests-ended 0      npm test has run before, left its report, and ended with this code
//   --started 1760000000 when all began, in Unix seconds

import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import type { FileReport } from "../.config/summary-reporter.ts";

const { values: flags } = parseArgs({ options: { "tests-ended": { type: "string" }, started: { type: "string" } } });

/** A script of package.json. */
interface Step {
  readonly script: string;
  /** What its one line is called; absent where there is one for each folder of tests. */
  readonly area?: string;
  /** Whether a test runner counts its checks. */
  readonly isCounted: boolean;
}

const steps: readonly Step[] = [
  { script: "test", isCounted: true },
  { script: "lint", area: "format and lint", isCounted: false },
  { script: "lint:security", area: "mistakes of promises, expressions and secrets", isCounted: false },
  { script: "check", area: "types of the source, tests, examples and benchmarks", isCounted: false },
  { script: "test:types", area: "types as users see them", isCounted: false },
  { script: "test:package", area: "package", isCounted: true },
  { script: "test:runtimes", area: "package on other runtimes, compilers, installers", isCounted: true },
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
function folderOf({ file }: FileReport): string {
  const [top = "", folder = ""] = file.split("/");
  if (top !== "test") return top;
  return folder.endsWith(".ts") ? "core, documents" : folder;
}

/** What a script without a test to show it has failed with. */
const broken = (what: string): Row => ({ area: what, passed: 0, failed: 1, skipped: [] });

function readReport({ script, area }: Step): readonly Row[] {
  const areas = new Map<string, Row>();
  try {
    for (const file of JSON.parse(readFileSync(reportOf(script), "utf8")) as readonly FileReport[]) {
      const name = area ?? folderOf(file);
      const { passed, failed, skipped } = areas.get(name) ?? { passed: 0, failed: 0, skipped: [] };
      areas.set(name, { area: name, passed: passed + file.passed, failed: failed + file.failed, skipped: [...skipped, ...file.skipped] });
    }
  } catch {
    return [broken(`npm run ${script}: no report`)];
  }
  const found = [...areas.values()].sort((left, right) => left.area.localeCompare(right.area));
  return found.some(({ passed, failed }) => passed + failed > 0) ? found : [...found, broken(`npm run ${script}: no tests`)];
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

async function take(step: Step): Promise<readonly Row[]> {
  const { script, area = script, isCounted } = step;
  if (script === "test" && flags["tests-ended"] !== undefined) return rowsOf(step, flags["tests-ended"] === "0");
  console.log(`\n== npm run ${script}`);
  rmSync(reportOf(script), { force: true });
  const succeeded = await run(script);
  return isCounted ? rowsOf(step, succeeded) : [{ area, passed: Number(succeeded), failed: Number(!succeeded), skipped: [] }];
}

function rowsOf(step: Step, succeeded: boolean): readonly Row[] {
  const rows = readReport(step);
  // What fails before or after its tests has no test to show it.
  return succeeded || rows.some(({ failed }) => failed > 0) ? rows : [...rows, broken(`npm run ${step.script}`)];
}

/** Each reason once, with how many tests it kept from running. */
function reasonsOf(skipped: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count}: ${reason}`).join("; ");
}

const startedAt = flags.started === undefined ? Date.now() : Number(flags.started) * 1000;
const rows: Row[] = [];
for (const step of steps) rows.push(...(await take(step)));

console.log("\n| area | checks | passed | skipped |\n| --- | ---: | ---: | --- |");
for (const { area, passed, failed, skipped } of rows) {
  console.log(
    `| ${area} | ${passed + failed + skipped.length} | ${passed}${failed > 0 ? `, **${failed} failed**` : ""} | ${reasonsOf(skipped)} |`,
  );
}
const failed = rows.reduce((total, row) => total + row.failed, 0);
console.log(
  `\n${failed === 0 ? "Everything holds" : `${failed} failed`}, after ${((Date.now() - startedAt) / 60_000).toFixed(1)} minutes.`,
);
process.exitCode = failed === 0 ? 0 : 1;
