// Runs everything that has to hold before a change lands, and ends with a table of it: npm run verify
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
  /** Whether a test runner counts its checks, it is one itself, or only makes another possible, which then fails without it. */
  readonly kind: "tests" | "check" | "preparation";
  /** What its one line is called; absent where there is one for each folder of tests. */
  readonly area?: string;
  /** What has to end before. All else runs beside it. */
  readonly after: readonly string[];
}

/** How long all of it should take, on two cores: whoever has to wait longer runs it less often. */
const SHOULD_TAKE_MINUTES = 15;

/**
 * In the order in which they are printed, whichever ends first. The tests run alone, since some of them measure times. What reads the built
 * files follows one another, so that nobody builds them meanwhile, and the rest follows one another beside it.
 */
const steps: readonly Step[] = [
  { script: "test", kind: "tests", after: [] },
  { script: "lint", kind: "check", area: "format and lint", after: ["download"] },
  { script: "lint:security", kind: "check", area: "mistakes of promises, expressions and secrets", after: ["lint"] },
  { script: "check", kind: "check", area: "types of the source, tests, examples and benchmarks", after: ["test"] },
  { script: "test:types", kind: "check", area: "types as users see them", after: ["lint:security"] },
  { script: "test:package", kind: "tests", area: "package", after: ["check"] },
  { script: "download", kind: "preparation", after: ["test"] },
  {
    script: "test:runtimes",
    kind: "tests",
    area: "package on other runtimes, compilers, installers",
    after: ["test:package", "download"],
  },
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

/** What a script came to. */
interface Ran {
  readonly succeeded: boolean;
  readonly minutes: number;
}

/** A script that runs, or will when those before it have ended. */
interface Running {
  readonly ended: Promise<Ran>;
  /** Prints what it has printed so far, and from now on what it prints. */
  show(): void;
}

function startAll(): ReadonlyMap<string, Running> {
  const all = new Map<string, Running>();
  const endOf = async (scripts: readonly string[]): Promise<void> => {
    // Those that come later in the list are started as well when this goes on.
    await undefined;
    for (const script of scripts) await all.get(script)?.ended;
  };
  for (const { script, after } of steps) {
    const kept: Buffer[] = [];
    let isShown = false;
    const print = (chunk: Buffer): void => void (isShown ? process.stdout.write(chunk) : kept.push(chunk));
    const show = (): void => {
      isShown = true;
      for (const chunk of kept.splice(0)) process.stdout.write(chunk);
    };
    all.set(script, { ended: endOf(after).then(() => (isOver(script) ? testsBefore() : run(script, print))), show });
  }
  return all;
}

/** Runs a script of package.json. */
function run(script: string, print: (chunk: Buffer) => void): Promise<Ran> {
  const from = Date.now();
  rmSync(reportOf(script), { force: true });
  const env = { ...process.env, TEST_REPORT: reportOf(script) };
  const child = spawn("npm", ["run", script], { stdio: ["ignore", "pipe", "pipe"], env, shell: process.platform === "win32" });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", print);
  return new Promise((resolve) => {
    const end = (succeeded: boolean): void => resolve({ succeeded, minutes: (Date.now() - from) / 60_000 });
    child.once("error", () => end(false));
    child.once("close", (code) => end(code === 0));
  });
}

/** Whether a script has run before. */
const isOver = (script: string): boolean => script === "test" && flags["tests-ended"] !== undefined;
const testsBefore = (): Ran => ({ succeeded: flags["tests-ended"] === "0", minutes: minutesSince(startedAt) });

function toRows(step: Step, succeeded: boolean): readonly Row[] {
  if (step.kind === "tests") return rowsOf(step, succeeded);
  const { script, kind, area = script } = step;
  return kind === "check" ? [{ area, passed: Number(succeeded), failed: Number(!succeeded), skipped: [] }] : [];
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
const minutesSince = (from: number): number => (Date.now() - from) / 60_000;

const running = startAll();
const rows: Row[] = [];
const times: string[] = [];
for (const step of steps) {
  const { script } = step;
  const one = running.get(script) as Running;
  if (!isOver(script)) console.log(`\n== npm run ${script}`);
  one.show();
  const { succeeded, minutes } = await one.ended;
  times.push(`${script} ${minutes.toFixed(1)}`);
  rows.push(...toRows(step, succeeded));
}

console.log("\n| area | checks | passed | skipped |\n| --- | ---: | ---: | --- |");
for (const { area, passed, failed, skipped } of rows) {
  console.log(
    `| ${area} | ${passed + failed + skipped.length} | ${passed}${failed > 0 ? `, **${failed} failed**` : ""} | ${reasonsOf(skipped)} |`,
  );
}
const minutes = minutesSince(startedAt);
const warning = minutes > SHOULD_TAKE_MINUTES ? `, **warning: longer than ${SHOULD_TAKE_MINUTES}**` : "";
console.log(`| minutes | | ${minutes.toFixed(1)}${warning} | |`);

const failed = rows.reduce((total, row) => total + row.failed, 0);
console.log(`\nMinutes by script: ${times.join(", ")}.`);
console.log(`${failed === 0 ? "Everything holds" : `${failed} failed`}, after ${minutes.toFixed(1)} minutes.`);
process.exitCode = failed === 0 ? 0 : 1;
