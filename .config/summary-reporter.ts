import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with what failed, its reasons for skipping, and one plain line that scripts can read. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      // A file that does not load, or a suite whose set-up fails, has no tests to fail.
      if (module.errors().length > 0) counts.failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state]++;
        if (result.state === "failed") console.log(`failed: ${test.fullName} (${result.errors[0]?.message ?? "no message"})`);
        if (result.state === "skipped") console.log(`skipped: ${test.fullName} (${result.note ?? "no reason given"})`);
      }
    }
    console.log(`\n${counts.passed} passed, ${counts.failed + counts.pending} failed, ${counts.skipped} skipped`);
  }
}
