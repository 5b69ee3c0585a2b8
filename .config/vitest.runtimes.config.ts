import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["test/runtimes/**/*.test.ts"],
    reporters: ["default", fileOf("./matrix-reporter.ts"), fileOf("./summary-reporter.ts")],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default config;
