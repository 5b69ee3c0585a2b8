import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { providers } from "../test/package/entry-points.ts";
import { bars, limitOf } from "./bars.ts";
import { milliseconds } from "./format.ts";
import { endTable, printColumns, printHeading, printNote, printRow } from "./markdown.ts";
import type { Run } from "./part.ts";
import { type Ratio, spread } from "./statistics.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What it takes to import some modules, in milliseconds. */
interface Cost {
  readonly clock: number;
  readonly cpu: number;
}

/** A new process that imports one module after the other, and says what the last ones took. */
function importCost(before: readonly string[], measured: readonly string[]): Cost {
  const code = `
    ${before.map((name) => `import "${name}";`).join("\n")}
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    ${measured.map((name) => `await import("${name}");`).join("\n")}
    const clock = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    process.stdout.write(JSON.stringify({ clock, cpu: (user + system) / 1000 }));
  `;
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Nothing was measured: ${measured.join(" and ")} could not be imported: ${error?.message ?? stderr}`);
  return JSON.parse(stdout);
}

/** How much longer a process takes to start with the core and one provider than without. */
export async function measureColdImport({ effort, verdicts }: Run): Promise<void> {
  const modulesOf = (provider: string): readonly string[] => ["video-webhooks", `video-webhooks/${provider}`];
  const programs = new Map<string, () => Cost>();
  for (const provider of providers) {
    // Zod is there already, so that it does not count, whether the package loads it at once or later.
    programs.set(provider, () => importCost(["zod"], modulesOf(provider)));
    programs.set(`${provider} with zod`, () => importCost([], modulesOf(provider)));
  }
  const costs = new Map<string, Cost[]>([...programs.keys()].map((name) => [name, []]));
  // The first round brings the files into the cache of the disk.
  for (let round = -1; round < effort.coldImportRounds; round++) {
    for (const [name, measure] of round % 2 === 0 ? [...programs] : [...programs].reverse()) {
      const cost = measure();
      if (round >= 0) costs.get(name)?.push(cost);
    }
  }
  const of = (name: string, figure: keyof Cost): Ratio => spread((costs.get(name) as Cost[]).map((cost) => cost[figure]));
  printHeading("Cold import of core and one provider");
  printNote(
    "CPU time of new processes with a warm disk: what importing adds to a bare one that has loaded zod, and what to one that has not.",
  );
  printColumns(["provider", "added", "middle half", "bar", "by the clock", "with zod", "by the clock"]);
  for (const provider of providers) {
    const added = of(provider, "cpu");
    printRow([
      provider,
      `**${milliseconds(added.median)}**`,
      `${milliseconds(added.low)} – ${milliseconds(added.high)}`,
      limitOf(bars.coldImport),
      milliseconds(of(provider, "clock").median),
      milliseconds(of(`${provider} with zod`, "cpu").median),
      milliseconds(of(`${provider} with zod`, "clock").median),
    ]);
    verdicts.found("coldImport", added.median, provider);
  }
  endTable();
}
