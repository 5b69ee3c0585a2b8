import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["test/package/**", "**/node_modules/**"],
    reporters: ["default", fileOf("./matrix-reporter.ts"), fileOf("./summary-reporter.ts")],
    testTimeout: 20_000,
  },
});

export default config;
