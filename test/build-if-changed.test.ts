import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Stands for tsup: copies the source, and counts. */
const build = `
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
appendFileSync("builds", "x");
mkdirSync("dist/deep", { recursive: true });
const source = readFileSync("src/index.ts", "utf8");
writeFileSync("dist/index.js", source);
if (source.includes("fails")) process.exit(3);
if (source.includes("is edited")) appendFileSync("src/index.ts", "// meanwhile\\n");
writeFileSync("dist/deep/other.js", source);
`;

interface Project {
  at(file: string): string;
  /** Builds if something changed, and says how it ended and how many builds there were so far. */
  run(): { readonly status: number | null; readonly builds: number };
}

function createProject(source = "export {};\n"): Project {
  const folder = mkdtempSync(path.join(tmpdir(), "video-webhooks-build-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const at = (file: string): string => path.join(folder, file);
  mkdirSync(at("src"));
  writeFileSync(at("src/index.ts"), source);
  mkdirSync(at("node_modules/tsup/dist"), { recursive: true });
  writeFileSync(at("node_modules/tsup/dist/cli-default.js"), build);
  writeFileSync(at("package.json"), '{ "type": "module" }');
  writeFileSync(at("node_modules/tsup/package.json"), "{}");
  cpSync(path.join(root, ".config/build-if-changed.ts"), at(".config/build-if-changed.ts"));
  return {
    at,
    run: () => {
      const { status } = spawnSync(process.execPath, [at(".config/build-if-changed.ts")], { cwd: folder });
      return { status, builds: existsSync(at("builds")) ? readFileSync(at("builds"), "utf8").length : 0 };
    },
  };
}

describe("a build that is made when something changed", () => {
  it("is made once for the same files", () => {
    const { run } = createProject();
    expect([run(), run()]).toEqual([
      { status: 0, builds: 1 },
      { status: 0, builds: 1 },
    ]);
  });

  it.each<[string, (at: Project["at"]) => void]>([
    ["a source changed", (at) => appendFileSync(at("src/index.ts"), "// more\n")],
    ["a source was added", (at) => writeFileSync(at("src/new.ts"), "")],
    ["the README changed, which llms.txt quotes", (at) => writeFileSync(at("README.md"), "# New\n")],
    ["the manifest changed", (at) => appendFileSync(at("package.json"), "\n")],
    ["other tools were installed", (at) => writeFileSync(at("node_modules/.package-lock.json"), "{}")],
    ["a built file changed", (at) => appendFileSync(at("dist/index.js"), "// by hand\n")],
    ["a built file is missing", (at) => rmSync(at("dist/deep/other.js"))],
    ["there is a file that no build has made", (at) => writeFileSync(at("dist/left.js"), "")],
    ["all of dist is missing", (at) => rmSync(at("dist"), { recursive: true })],
    ["nothing says what dist was made of", (at) => rmSync(at("node_modules/.cache"), { recursive: true })],
  ])("is made again when %s", (_name, change) => {
    const { at, run } = createProject();
    run();
    change(at);
    expect(run()).toEqual({ status: 0, builds: 2 });
  });

  it("fails as the build does, and is made again until it ends well", () => {
    const { at, run } = createProject("fails\n");
    expect([run(), run()]).toEqual([
      { status: 3, builds: 1 },
      { status: 3, builds: 2 },
    ]);
    writeFileSync(at("src/index.ts"), "export {};\n");
    expect([run().status, run().builds]).toEqual([0, 3]);
  });

  it("counts for nothing after it when a later build failed, even for the files of before", () => {
    const { at, run } = createProject();
    run();
    writeFileSync(at("src/index.ts"), "fails\n");
    run();
    writeFileSync(at("src/index.ts"), "export {};\n");
    expect(run()).toEqual({ status: 0, builds: 3 });
  });

  it("is made again when a source was edited while it ran", () => {
    const { run } = createProject("is edited\n");
    run();
    expect(run().builds).toBe(2);
  });
});

it("packing builds whether something changed or not", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
  expect([scripts.build, scripts.prepack]).toEqual(["tsup", "npm run --silent build -- --silent"]);
});
