import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { SlowFirst } from "./slow-first.ts";

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Fault tests that hold answers or leases to a time, so that nothing may run beside them. */
const timed = ["outage", "kill", "inbox-lock", "inbox-redis"].map((name) => `test/faults/${name}.test.ts`);

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    reporters: ["default", fileOf("./matrix-reporter.ts"), fileOf("./summary-reporter.ts")],
    // Most tests wait for something most of the time, so that two cores have room for three.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    // All times are far above what anything takes, for machines that do something else as well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "library",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: ["test/package/**", "test/runtimes/**", "test/faults/**", "**/node_modules/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          exclude: timed,
          // Each starts processes of its own, of which the tests of the library would see too much.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "timed faults",
          include: timed,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

export default config;
