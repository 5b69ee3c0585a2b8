import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["test/package/**", "**/node_modules/**"],
    reporters: ["default", fileURLToPath(new URL("./summary-reporter.ts", import.meta.url))],
    testTimeout: 20_000,
  },
});

export default config;
