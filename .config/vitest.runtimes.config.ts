import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { SlowFirst } from "./slow-first.ts";

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    // What needs other runtimes, compilers, installers and test runners than those of this project.
    include: [
      "test/runtimes/**/*.test.ts",
      "test/package/typescript.test.ts",
      "test/package/installers.test.ts",
      "test/package/jest.test.ts",
    ],
    exclude: ["**/node_modules/**"],
    globalSetup: fileOf("../test/package/pack-once.ts"),
    reporters: ["default", fileOf("./matrix-reporter.ts"), fileOf("./summary-reporter.ts")],
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

export default config;
