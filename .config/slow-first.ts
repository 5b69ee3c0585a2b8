import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, so that none of them is left over when all others have ended. */
const slow: readonly string[] = [
  "test/adapters/next.test.ts",
  "test/adapters/adapters.test.ts",
  "examples/frameworks.test.ts",
  "test/bench/report.test.ts",
  "test/fuzz/deliveries.test.ts",
  "test/inbox/pg-boss.test.ts",
  "test/cli/listen.test.ts",
  "test/type-messages.test.ts",
  "test/faults/inbox-kill.test.ts",
  "test/faults/inbox-kill-engines.test.ts",
  "test/faults/inbox-matrix-engines.test.ts",
  "test/faults/race.test.ts",
  "test/package/contributing.test.ts",
  "test/package/reference.test.ts",
  "test/package/next.test.ts",
  "test/package/tarball.test.ts",
  "test/package/typescript.test.ts",
];

/** Where a file is in the list above. */
function rankOf({ moduleId }: TestSpecification): number {
  const at = slow.findIndex((file) => moduleId.endsWith(`/${file}`));
  return at < 0 ? slow.length : at;
}

/** Starts the slow files first, and all others as Vitest would. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((left, right) => rankOf(left) - rankOf(right));
  }
}
