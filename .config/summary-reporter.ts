import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

interface Failure {
  readonly message?: string;
}

/** What the tests of one file came to. */
export interface FileReport {
  /** From the root of the repository. */
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  /** The reason of each test that was skipped. */
  readonly skipped: readonly string[];
}

interface Counts {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

/** Ends a run with what failed, its reasons for skipping, and one plain line that scripts can read; `TEST_REPORT` names a file for the same. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly Failure[]): void {
    const files = modules.map((module) => ({ file: module.relativeModuleId, ...countModule(module) }));
    const outside: Counts = { passed: 0, failed: 0, skipped: [] };
    for (const error of unhandled) fail(outside, "outside of tests", [error]);
    const all: readonly FileReport[] = outside.failed > 0 ? [...files, { file: "outside of tests", ...outside }] : files;
    const sum = (of: (file: FileReport) => number): number => all.reduce((total, file) => total + of(file), 0);
    console.log(
      `\n${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed, ${sum(({ skipped }) => skipped.length)} skipped`,
    );
    const report = process.env.TEST_REPORT;
    if (report === undefined) return;
    mkdirSync(dirname(report), { recursive: true });
    writeFileSync(report, JSON.stringify(all));
  }
}

function countModule(module: TestModule): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] };
  // A file that does not load, or a suite whose set-up fails, has no tests to fail.
  if (module.errors().length > 0) fail(counts, module.relativeModuleId, module.errors());
  for (const suite of module.children.allSuites()) if (suite.errors().length > 0) fail(counts, suite.fullName, suite.errors());
  for (const test of module.children.allTests()) {
    const result = test.result();
    if (result.state === "passed") counts.passed++;
    else if (result.state === "failed") fail(counts, test.fullName, result.errors);
    else if (result.state === "pending") fail(counts, test.fullName, [{ message: "it never ended" }]);
    else {
      const reason = result.note ?? "no reason given";
      counts.skipped.push(reason);
      console.log(`skipped: ${test.fullName} (${reason})`);
    }
  }
  return counts;
}

function fail(counts: Counts, name: string, errors: readonly Failure[]): void {
  counts.failed++;
  console.log(`failed: ${name} (${errors[0]?.message ?? "no message"})`);
}
