import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { areas, type BarName, barNames, bars, limitOf } from "../../bench/bars.ts";
import { members } from "../../bench/http-members.ts";
import { missingPackage } from "../../bench/installed.ts";
import { parts } from "../../bench/parts.ts";
import { createVerdicts } from "../../bench/verdicts.ts";
import { adapters } from "../package/entry-points.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Report {
  readonly status: number | null;
  readonly printed: string;
  readonly complaints: string;
}

/** What the report prints for these arguments. */
async function report(...args: readonly string[]): Promise<Report> {
  const child = spawn(process.execPath, ["bench/run.ts", ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const [printed, complaints] = [child.stdout, child.stderr].map((stream) => text(stream)) as [Promise<string>, Promise<string>];
  const [status] = await once(child, "close");
  return { status, printed: await printed, complaints: await complaints };
}

/** The verdict in the last table of a report, by what was judged. */
function verdictsIn(printed: string): ReadonlyMap<string, string> {
  const [, last = ""] = printed.split("### Bars\n");
  const rows = last.split("\n").filter((line) => line.startsWith("| "));
  return new Map(
    rows
      .slice(2)
      .map((line) => line.slice(2, -2).split(" | "))
      .map((cells) => [cells[0] ?? "", cells.at(-1) ?? ""]),
  );
}

describe("the bars", () => {
  it("are those that the library is held to", () => {
    const requests: readonly BarName[] = ["node", "express4", "express", "fastify", "hono", "fetch", "nextApp", "nextPages"];
    expect(Object.fromEntries(barNames.map((name) => [name, limitOf(bars[name])]))).toEqual({
      floor: "≤ 1.10",
      sample: "≤ 1.15",
      octokit: "< 1.00",
      stripe: "< 1.00",
      standardwebhooks: "< 1.00",
      standardwebhooksKling: "< 1.00",
      refusal: "≤ 1.00",
      ...Object.fromEntries(requests.map((name) => [name, "≥ 0.95"])),
      size: "≤ 8.0 kB",
      coldImport: "≤ 15.0 ms",
      accepted: "≥ 0.50",
      options: "< 100.0 ms",
      crashes: "≤ 0 events",
      drained: "≥ 0.80",
      memory: "< 150 MB",
    });
  });

  it("are each measured by one part of the report, or by a command that exists", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { scripts: Record<string, string> };
    for (const name of barNames) {
      const by: string = bars[name].by;
      const measuring = parts.filter((part) => part.bars.includes(name)).map(({ area }) => area);
      expect(measuring, name).toEqual(by.startsWith("npm run ") ? [] : [by]);
      if (by.startsWith("npm run ")) expect(Object.keys(scripts), name).toContain(by.slice("npm run ".length));
    }
    expect(new Set(parts.map(({ area }) => area))).toEqual(new Set(areas));
  });

  it("include one for each adapter of the package", () => {
    const judged = barNames.filter((name) => bars[name].by === "http");
    for (const adapter of [...Object.values(adapters).flat(), "router.fetch"]) {
      expect(judged.filter((name) => new RegExp(`\\b${adapter}\\b`).test(bars[name].what)).length, adapter).toBeGreaterThan(0);
    }
    const measured: readonly BarName[] = [...members.flatMap(({ bar }) => bar ?? []), "nextApp", "nextPages"];
    expect([...measured].sort()).toEqual([...judged].sort());
  });
});

describe("the last table", () => {
  const rowOf = (verdicts: ReturnType<typeof createVerdicts>, name: BarName) => verdicts.rows()[barNames.indexOf(name)];

  it("has a row for each bar when nothing was measured, with the command where there is one", () => {
    const verdicts = createVerdicts();
    expect(verdicts.rows().map(([what]) => what)).toEqual(barNames.map((name) => bars[name].what));
    expect(rowOf(verdicts, "sample")?.at(-1)).toBe("not measured");
    expect(rowOf(verdicts, "crashes")).toEqual([bars.crashes.what, "", "", "≤ 0 events", "not part of this: `npm run test:crash`"]);
    expect(verdicts.missed()).toEqual([]);
  });

  it("judges by the worst figure, which is the lowest where more is better", () => {
    const verdicts = createVerdicts();
    for (const [value, where] of [
      [1.1, "300 B"],
      [1.2, "2 KB"],
      [1, "64 KB"],
    ] as const)
      verdicts.found("sample", value, where);
    for (const [value, where] of [
      [0.96, "one"],
      [0.94, "two"],
      [1.2, "three"],
    ] as const)
      verdicts.found("node", value, where);
    expect(rowOf(verdicts, "sample")).toEqual([bars.sample.what, "**1.200**", "2 KB", "≤ 1.15", "**missed**"]);
    expect(rowOf(verdicts, "node")).toEqual([bars.node.what, "**0.940**", "two", "≥ 0.95", "**missed**"]);
    expect(verdicts.missed()).toEqual(["sample", "node"]);
  });

  it("judges before it rounds, and knows whether the bar itself still holds", () => {
    const verdicts = createVerdicts();
    verdicts.found("sample", 1.15, "at the bar");
    verdicts.found("floor", 1.1001, "a little above");
    verdicts.found("stripe", 1, "at the bar");
    verdicts.found("accepted", 0.5, "at the bar");
    expect(verdicts.missed()).toEqual(["floor", "stripe"]);
    expect(rowOf(verdicts, "floor")?.slice(1)).toEqual(["**1.100**", "a little above", "≤ 1.10", "**missed**"]);
  });

  it("takes no figure that is none, and prints why there is none", () => {
    const verdicts = createVerdicts();
    expect(() => verdicts.found("options", Number.NaN, "no probes")).toThrow("came to NaN");
    verdicts.absent("options", "left out: no server");
    expect(verdicts.settled("options")).toBe(true);
    expect(rowOf(verdicts, "options")?.at(-1)).toBe("left out: no server");
    expect(verdicts.missed()).toEqual([]);
  });
});

describe("what is missing", () => {
  const errorOf = (code: string): unknown => {
    const catching = `try { ${code} } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", catching], { cwd: root, encoding: "utf8" });
    return JSON.parse(stdout);
  };

  it.each([
    ["a package", 'await import("no-such-package")', "no-such-package"],
    [
      "a part of a package that is required",
      'process.getBuiltinModule("module").createRequire(import.meta.url)("next/no-such-file")',
      "next/no-such-file",
    ],
    ["a module of Node.js", 'await import("node:no-such-module")', "node:no-such-module"],
  ])("is told by name: %s", (_, code, name) => {
    expect(missingPackage(errorOf(code))).toBe(name);
  });

  it.each([
    ["a file, as before the package was built", 'await import("./no-such-file.ts")'],
    ["something else", "throw new Error(\"Cannot find package 'stripe'\")"],
  ])("is a fault otherwise: %s", (_, code) => {
    expect(missingPackage(errorOf(code))).toBeUndefined();
  });
});

describe("npm run bench", () => {
  it("finds a figure for every bar that it measures", async () => {
    // Requests over HTTP take too long, and Next.js is built for them.
    const asked = areas.filter((area) => area !== "http");
    const { status, printed, complaints } = await report("--quick", "--only", asked.join(","));
    expect(complaints).not.toMatch(/Error/);
    expect(status).toBe(0);
    const verdicts = verdictsIn(printed);
    for (const name of barNames) {
      const { by, what } = bars[name];
      const expected = by.startsWith("npm run ") ? /^not part of this: / : by === "http" ? /^not asked for$/ : /^(held|\*\*missed\*\*)$/;
      expect(verdicts.get(what), what).toMatch(expected);
    }
    for (const { title } of parts.filter(({ area }) => area === "growth")) expect(printed).toContain(`### ${title}\n`);
  }, 300_000);

  it("exits with 1 under --strict when a bar is missed, and with 0 when all are held", async () => {
    const { status, printed } = await report("--quick", "--strict", "--only", "package");
    expect(status).toBe([...verdictsIn(printed).values()].includes("**missed**") ? 1 : 0);
  });

  it("names its areas when asked for another", async () => {
    const { status, complaints } = await report("--only", "speed");
    expect(status).not.toBe(0);
    expect(complaints).toContain(`There is no area "speed": ${areas.join(", ")}.`);
  });
});
