import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const overrideConfigFile = fileURLToPath(new URL("../.config/eslint.config.mjs", import.meta.url));

/** Lines that a rule of ours has to find, and lines that only look like them. */
const lines: Readonly<Record<string, { readonly found: readonly string[]; readonly passed: readonly string[] }>> = {
  "no-restricted-syntax": {
    found: [
      "a.signature === b",
      "b !== a.webhookSecret",
      "digest == b",
      "b != token",
      "expected === given",
      "given !== expected",
      "digest.equals(b)",
      "b.equals(a.signature)",
      "b.startsWith(secret)",
      "a.signature.startsWith(b)",
      "b.endsWith(token)",
      "digest.localeCompare(b)",
      "Buffer.compare(digest, b)",
      "import(b)",
      "b in a",
    ],
    passed: [
      "secret === undefined",
      'digest === ""',
      "expected === b",
      "b.equals(b)",
      'secret.startsWith("whsec_")',
      "secret.startsWith(SECRET_PREFIX)",
      "b.startsWith(b)",
      'import("node:path")',
      '"signature" in a',
    ],
  },
  "own/no-open-key-writes": {
    found: ["record[b] = 1", "delete record[b]", "record[b]++", "record[anything] = 1"],
    passed: ["record[known] = 1", "record.known = 1", "record[0] = 1", "list[length] = b"],
  },
  "no-restricted-imports": {
    found: ['import "child_process"', 'import "node:child_process"', 'import "vm"', 'import "node:vm"'],
    passed: ['import "node:path"'],
  },
};

const prelude = `
declare const a: { readonly signature: string; readonly webhookSecret: string };
declare const b: string & { equals(other: unknown): boolean };
declare const [digest, secret, token, expected, given]: (string & { equals(other: unknown): boolean })[];
declare const SECRET_PREFIX: string;
declare const Buffer: { compare(left: unknown, right: unknown): number };
declare const record: Record<string | number, unknown>;
declare const anything: any;
declare const known: "one" | "two";
declare const list: string[];
declare const length: number;
`;

describe("npm run lint:security", () => {
  let folder: string;
  const reported = new Map<string, readonly string[]>();

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "video-webhooks-lint-"));
    mkdirSync(path.join(folder, "src"));
    mkdirSync(path.join(folder, ".config"));
    const options = { strict: true, target: "ES2022", module: "NodeNext", lib: ["ES2022"], types: [], moduleDetection: "force" };
    writeFileSync(path.join(folder, ".config/tsconfig.src.json"), JSON.stringify({ compilerOptions: options, include: ["../src"] }));
    const all = Object.values(lines).flatMap(({ found, passed }) => [...found, ...passed]);
    const before = prelude.split("\n").length - 1;
    writeFileSync(path.join(folder, "src/code.ts"), `${prelude}${all.map((line) => `${line};\n`).join("")}`);
    const overrideConfig = { files: ["src/**/*.ts"], languageOptions: { parserOptions: { tsconfigRootDir: folder } } };
    const eslint = new ESLint({ cwd: folder, overrideConfigFile, overrideConfig });
    const [result] = await eslint.lintFiles(["src/code.ts"]);
    for (const { line, ruleId, message } of result?.messages ?? []) {
      const code = all[line - before - 1] ?? "";
      reported.set(code, [...(reported.get(code) ?? []), ruleId ?? message]);
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const [rule, { found, passed }] of Object.entries(lines)) {
    it.each(found)(`${rule} finds %s`, (line) => expect(reported.get(line)).toContain(rule));
    it.each(passed)(`${rule} lets pass %s`, (line) => expect(reported.get(line) ?? []).not.toContain(rule));
  }
});
