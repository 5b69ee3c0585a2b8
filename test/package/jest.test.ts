// The tarball in an application that is tested with Jest: as Jest comes, which takes CommonJS, and with modules.

import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Consumer, createConsumer, run } from "./consumer.ts";
import { root } from "./module-graph.ts";

const jest = path.join(root, "test/package/tools/node_modules/jest/bin/jest.js");

let consumer: Consumer;

beforeAll(async () => {
  consumer = await createConsumer();
});

afterAll(() => consumer?.dispose());

test.for([
  { file: "receive.test.cjs", flags: [] },
  { file: "receive.test.mjs", flags: ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"] },
])("Jest runs $file without a warning", async ({ file, flags }, context) => {
  if (!existsSync(jest)) {
    if (process.env.CI === "true") throw new Error("In CI every test runner is needed, but Jest is not installed.");
    return context.skip("Jest is not installed");
  }
  const { exitCode, output } = await run([...flags, jest, "--ci", file], consumer.project, { NO_COLOR: "1" });
  expect([exitCode, output.match(/^Tests: .*$/m)?.[0].replace(/ +/, " ")], output).toEqual([0, "Tests: 4 passed, 4 total"]);
  expect(output).not.toMatch(/warn|deprecat|did not exit/i);
});
