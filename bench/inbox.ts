// Measures the inboxes: what they accept over HTTP, how fast a worker works them off, and how much memory that takes: the long form.
//
//   node bench/inbox.ts                  everything
//   node bench/inbox.ts --only accept    one part: accept, drain or memory
//   node bench/inbox.ts --rounds 10      how many rounds of the first two
//   node bench/inbox.ts --deepest 100000 without the largest files
//   node bench/inbox.ts --folder path    where the files are, by default the folder for temporary files
//   node bench/inbox.ts --strict         exits with 1 when a bar is missed
//
// DATABASE_URL and REDIS_URL say where the servers are; an inbox that cannot be opened is left out.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BarName } from "./bars.ts";
import { longInbox } from "./effort.ts";
import { withFolder } from "./folder.ts";
import { grouped } from "./format.ts";
import { members } from "./inbox-members.ts";
import { HEAP_OF_1_GB, measureMemory, STEADY_PER_SECOND } from "./inbox-memory.ts";
import { prepareRows } from "./inbox-rows.ts";
import { printSync } from "./inbox-sync.ts";
import { printAccepted, printDepths } from "./inbox-tables.ts";
import { endTable, printColumns, printHeading, printMachine, printRow } from "./markdown.ts";
import { createVerdicts } from "./verdicts.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: String(longInbox.rounds) },
    deepest: { type: "string", default: String(longInbox.deepest) },
    folder: { type: "string", default: tmpdir() },
    strict: { type: "boolean", default: false },
  },
});
const effort = { ...longInbox, rounds: Number(flags.rounds), deepest: Number(flags.deepest) };
const verdicts = createVerdicts();

const WORKED_OFF = 100_000;

async function printMemory(folder: string): Promise<void> {
  const path = join(folder, "memory.db");
  (await prepareRows(path, { done: effort.deepest, due: 0 })).close();
  const rows = `${grouped(effort.deepest)} stored rows`;
  printHeading(`Memory of a server with a worker, ${rows}, ${grouped(WORKED_OFF)} deliveries worked off`);
  printColumns(["server", "node:", "deliveries a second", "when it listens", "at most", "at the end"]);
  for (const stored of [path, undefined]) {
    for (const [flag, perSecond] of [[HEAP_OF_1_GB], [HEAP_OF_1_GB, STEADY_PER_SECOND], []] as const) {
      const { openedMb, peakMb, endMb } = await measureMemory(stored, WORKED_OFF, flag === undefined ? [] : [flag], perSecond);
      const name = stored === undefined ? "without a store, for comparison" : "SQLite and a worker";
      const setting = [flag ?? "without flags", perSecond === undefined ? "as many as it takes" : grouped(perSecond)];
      printRow([name, ...setting, ...[openedMb, peakMb, endMb].map((each) => `${Math.round(each)} MB`)]);
      // Without a limit V8 takes more the more the machine has, so that is for comparison.
      if (stored !== undefined && flag !== undefined) verdicts.found("memory", peakMb, `${rows}, ${setting.join(", ")}`);
    }
  }
  endTable();
}

interface Part {
  readonly bars: readonly BarName[];
  print(folder: string): Promise<void>;
}

const parts: Readonly<Record<string, Part>> = {
  accept: { bars: ["accepted", "options"], print: (folder) => printAccepted(folder, Object.keys(members), effort, verdicts) },
  drain: {
    bars: ["drained"],
    async print(folder) {
      await printDepths(folder, "done", effort, { verdicts });
      await printDepths(folder, "due", effort, { verdicts });
    },
  },
  memory: { bars: ["memory"], print: printMemory },
};

const taking = Object.entries(parts).filter(([name]) => flags.only === "" || name === flags.only);
if (taking.length === 0) throw new Error(`There is no part "${flags.only}": ${Object.keys(parts).join(", ")}.`);
await withFolder(flags.folder, async (folder) => {
  printMachine();
  printSync(folder);
  for (const [, { print }] of taking) await print(folder);
});
verdicts.print(taking.flatMap(([, part]) => part.bars));
if (flags.strict && verdicts.missed().length > 0) process.exitCode = 1;
