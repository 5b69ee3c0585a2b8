import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string): string => readFileSync(root + file, "utf8");

const workflows = readdirSync(`${root}.github/workflows`).map((name) => ({ name, text: read(`.github/workflows/${name}`) }));

describe("the workflows", () => {
  it("are one that tests and one that releases", () => {
    expect(workflows.map(({ name }) => name).sort()).toEqual(["release.yml", "test.yml"]);
  });

  it.each(workflows)("pin every action to a commit, and name its version: $name", ({ text }) => {
    const uses = text.match(/^.*\buses:.*$/gm) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((line) => !/^ +- uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  it("pin an action to one commit everywhere", () => {
    const pinned = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (\S+)@(.+)$/gm)]).map(([, action, commit]) => [action, commit]);
    expect(new Set(pinned.map(String)).size).toBe(new Map(pinned as [string, string][]).size);
  });

  it.each(workflows)("may read and no more, except that a release is signed: $name", ({ name, text }) => {
    const granted = text.match(/^ *[\w-]+: (?:read|write|read-all|write-all)$/gm)?.map((line) => line.trim());
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\S/m);
    expect(granted).toEqual(name === "release.yml" ? ["contents: read", "id-token: write"] : ["contents: read"]);
    expect(text).not.toMatch(/pull_request_target|secrets\./);
    expect(text.match(/actions\/checkout@/g)).toHaveLength(text.match(/persist-credentials: false/g)?.length ?? 0);
  });

  it("release a version by its tag, with provenance, after everything was tested", () => {
    const { text = "" } = workflows.find(({ name }) => name === "release.yml") ?? {};
    expect(text).toMatch(/^on:\n {2}push:\n {4}tags: \["v\*"\]\npermissions:/m);
    const [pack = "", publish = ""] = text.split(/^ {2}(?=publish:$)/m);
    const stepsOf = (job: string): readonly string[] => [...job.matchAll(/^ +(?:- )?run: (.*)$/gm)].map(([, command = ""]) => command);
    const packing = stepsOf(pack);
    expect(text.match(/^ {2}\w+:$/gm)).toEqual(["  push:", "  pack:", "  publish:"]);
    expect(packing[0]).toContain('"$GITHUB_REF_NAME"');
    expect(packing[1]).toMatch(/^grep -qxF "## \$\{GITHUB_REF_NAME#v\}" CHANGELOG\.md && ! grep -qxF "## Unreleased" CHANGELOG\.md$/);
    // What was built and tested is packed as it is: no later step builds, and packing runs no script.
    const tested = packing.slice(packing.indexOf("bash .ci/run"));
    expect(tested).toEqual(["bash .ci/run", expect.stringMatching(/^npm pkg set "repository/), "npm pack --ignore-scripts"]);
    expect(pack).not.toContain("id-token");
    // Whoever may sign runs nothing but npm.
    expect(publish).toMatch(/^publish:\n {4}needs: pack\n/);
    expect(publish).toContain("id-token: write");
    expect(stepsOf(publish)).toEqual(["npm publish ./*.tgz --ignore-scripts --provenance --access public"]);
  });

  it("test what npm run verify does, on every supported Node.js", () => {
    const { text = "" } = workflows.find(({ name }) => name === "test.yml") ?? {};
    expect(text).toContain("node: [20, 22, 24, 26]");
    expect(text).toContain("- run: bash .ci/run\n");
    // `npm it` is `npm install` and `npm test`.
    const run = read(".ci/run");
    expect(run).toMatch(/^\S+ npm it 2>&1/m);
    expect(run).toContain('npm run verify -- --tests-ended "$tests" --started "$started"\nfailed=$?\n');
    expect(run.trimEnd().endsWith('exit "$failed"')).toBe(true);
  });
});
