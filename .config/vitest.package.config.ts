import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { SlowFirst } from "./slow-first.ts";

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["test/package/**/*.test.ts"],
    // They need tools that only npm run test:runtimes installs.
    exclude: ["test/package/typescript.test.ts", "test/package/installers.test.ts", "test/package/jest.test.ts", "**/node_modules/**"],
    globalSetup: fileURLToPath(new URL("../test/package/pack-once.ts", import.meta.url)),
    reporters: ["default", fileURLToPath(new URL("./summary-reporter.ts", import.meta.url))],
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});

export default config;
