import type { Reporter, TestModule } from "vitest/node";

interface Failure {
  readonly message?: string;
}

/** Ends a run with what failed, its reasons for skipping, and one plain line that scripts can read. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly Failure[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const fail = (name: string, errors: readonly Failure[]): void => {
      counts.failed++;
      console.log(`failed: ${name} (${errors[0]?.message ?? "no message"})`);
    };
    for (const error of unhandled) fail("outside of tests", [error]);
    for (const module of modules) {
      // A file that does not load, or a suite whose set-up fails, has no tests to fail.
      if (module.errors().length > 0) fail(module.relativeModuleId, module.errors());
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) fail(suite.fullName, suite.errors());
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "failed") fail(test.fullName, result.errors);
        else counts[result.state]++;
        if (result.state === "skipped") console.log(`skipped: ${test.fullName} (${result.note ?? "no reason given"})`);
      }
    }
    console.log(`\n${counts.passed} passed, ${counts.failed + counts.pending} failed, ${counts.skipped} skipped`);
  }
}
