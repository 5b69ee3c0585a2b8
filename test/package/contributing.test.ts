// Follows the section "Adding a provider" of CONTRIBUTING.md to the letter, in a copy of this repository.

import { exec } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "./module-graph.ts";

/** A fenced block: its language, the file that it names, and its lines. */
interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly code: string;
}

const text = await readFile(path.join(root, "CONTRIBUTING.md"), "utf8");
const [, section = ""] = /^## Adding a provider\n(.*?)^## /ms.exec(text) ?? [];
const blocks: readonly Block[] = [...section.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language = "", file, code = ""]) => ({
  language,
  file,
  code,
}));
const commands = blocks.filter(({ language }) => language === "sh").flatMap(({ code }) => code.trim().split("\n"));

let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(path.join(tmpdir(), "video-webhooks-contributing-"));
  const made = /(?:^|[/\\])(?:node_modules|\.build|\.next)(?:[/\\]|$)/;
  for (const name of [".config", "src", "test", "examples", "bench", "package.json", "tsconfig.json", "tsup.config.ts", "README.md"]) {
    await cp(path.join(root, name), path.join(copy, name), { recursive: true, filter: (from) => !made.test(path.relative(root, from)) });
  }
  // A folder of its own, so that what the copy remembers of its build is its own as well.
  await mkdir(path.join(copy, "node_modules"));
  for (const name of await readdir(path.join(root, "node_modules"))) {
    if (name === ".cache") continue;
    const at = path.join("node_modules", name);
    await symlink(path.join(root, at), path.join(copy, at), (await stat(path.join(root, at))).isDirectory() ? "junction" : "file");
  }
  for (const { language, file, code } of blocks) {
    if (file === undefined) continue;
    const target = path.join(copy, file);
    await mkdir(path.dirname(target), { recursive: true });
    // "wx": a whole file is a new one.
    if (language === "diff") await writeFile(target, changed(await readFile(target, "utf8"), code, file));
    else await writeFile(target, code, { flag: "wx" });
  }
});

afterAll(() => rm(copy, { recursive: true, force: true }));

describe("the section Adding a provider of CONTRIBUTING.md", () => {
  test("has blocks for all that it writes about, and commands", () => {
    expect(blocks.filter(({ language }) => language === "ts")).toHaveLength(3);
    expect(blocks.filter(({ language, file }) => language !== "sh" && file === undefined)).toEqual([]);
    expect(commands).toEqual([expect.stringMatching(/^npm run check$/), expect.stringMatching(/^npm test -- .*clipforge\.test\.ts/)]);
  });

  test("is formatted as everything else", async () => {
    const files = blocks.flatMap(({ file }) => file ?? []).join(" ");
    expect(await command(`biome ci --config-path=${root} ${files}`)).toMatchObject({ exitCode: 0 });
  });

  test.each(commands)("ends with what works: %s", async (line) => {
    const { exitCode, output } = await command(line);
    expect(exitCode, output).toBe(0);
    if (!line.startsWith("npm test")) return;
    expect(output).toMatch(/✓ .*test\/providers\/clipforge\.test\.ts \([1-9]\d+ tests\)/);
    expect(output).toMatch(/^\d+ passed, 0 failed, 0 skipped$/m);
  });
});

test("CONTRIBUTING.md names files and folders that exist", () => {
  const prose = text.replaceAll(/^```.*?^```$/gms, "");
  const made = blocks.flatMap(({ language, file }) => (language === "ts" && file !== undefined ? [file] : []));
  const named = [...prose.matchAll(/(?:src|test|bench|examples|\.github)\/[\w./-]*(?![\w./<-])/g)].map(([file]) => file.replace(/\.$/, ""));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((file) => !existsSync(path.join(root, file)) && !made.includes(file))).toEqual([]);
});

/** Applies a block of changes: `+` is added, `-` taken out, all else has to be there, once, in this order. */
function changed(before: string, block: string, file: string): string {
  let after = before;
  for (const hunk of block.split(/^@@\n/m)) {
    const lines = hunk.trimEnd().split("\n");
    const without = (mark: string): string => lines.flatMap((line) => (line.startsWith(mark) ? [] : line.slice(1))).join("\n");
    const parts = after.split(without("+"));
    if (parts.length !== 2) throw new Error(`${file} has these lines ${parts.length - 1} times instead of once:\n${hunk}`);
    after = parts.join(without("-"));
  }
  return after;
}

/** Runs a line in a shell, with the tools of this project. */
async function command(line: string): Promise<{ readonly exitCode: number; readonly output: string }> {
  const PATH = `${path.join(root, "node_modules/.bin")}${path.delimiter}${process.env.PATH}`;
  try {
    // The report of these tests is not that of the copy's.
    const env = { ...process.env, PATH, NO_COLOR: "1", TEST_REPORT: undefined };
    const { stdout, stderr } = await promisify(exec)(line, { cwd: copy, env, timeout: 280_000 });
    return { exitCode: 0, output: stdout + stderr };
  } catch (error) {
    const { code = 1, stdout, stderr } = error as { code?: number; stdout: string; stderr: string };
    return { exitCode: code, output: stdout + stderr };
  }
}
