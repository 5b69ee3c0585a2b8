// One report of everything that has a bar, and of how costs grow.
//
//   node bench/run.ts                       everything
//   node bench/run.ts --only verify,http    these areas: verify, receive, peers, refusals, growth, package, http, inbox
//   node bench/run.ts --strict              exits with 1 when a bar is missed
//   node bench/run.ts --quick               everything once, to see that it works; the figures mean nothing

import { parseArgs } from "node:util";
import { areas, barNames, bars } from "./bars.ts";
import { quick, usual } from "./effort.ts";
import { missingPackage } from "./installed.ts";
import { endTable, printHeading, printMachine, printNote } from "./markdown.ts";
import { LeftOut, type Run } from "./part.ts";
import { type Part, parts } from "./parts.ts";
import { createVerdicts } from "./verdicts.ts";

const { values: flags } = parseArgs({
  options: { only: { type: "string", multiple: true }, strict: { type: "boolean" }, quick: { type: "boolean" } },
});
const asked = flags.only?.flatMap((names) => names.split(",").map((name) => name.trim())) ?? [...areas];
const unknown = asked.find((name) => !areas.some((area) => area === name));
if (unknown !== undefined) throw new Error(`There is no area "${unknown}": ${areas.join(", ")}.`);

const run: Run = { effort: flags.quick ? quick : usual, verdicts: createVerdicts() };

async function measure({ area, title, bars: expected, measure }: Part): Promise<void> {
  let reason: string;
  try {
    await measure(run);
    const forgotten = expected.find((name) => !run.verdicts.settled(name));
    if (forgotten === undefined) return;
    reason = `failed: nothing was measured for "${bars[forgotten].what}"`;
    process.exitCode = 1;
  } catch (error) {
    const missing = missingPackage(error);
    if (error instanceof LeftOut) reason = `left out: ${error.message}`;
    else if (missing !== undefined) reason = `left out: ${missing} is missing`;
    else {
      process.exitCode = 1;
      console.error(error);
      reason = `failed: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}`;
    }
  }
  // A table may have been begun.
  endTable();
  printHeading(title);
  printNote(`The area "${area}": ${reason}`);
  for (const name of expected) if (!run.verdicts.settled(name)) run.verdicts.absent(name, reason);
}

const startedAt = performance.now();
printMachine();
if (flags.quick) printNote("Everything ran once, to see that it works. **The figures mean nothing.**");
for (const name of barNames)
  if (!asked.includes(bars[name].by) && areas.some((area) => area === bars[name].by)) run.verdicts.absent(name, "not asked for");
for (const part of parts) if (asked.includes(part.area)) await measure(part);
run.verdicts.print();
printNote(`Measured in ${Math.round((performance.now() - startedAt) / 1000)} s.`);
if (flags.strict && run.verdicts.missed().length > 0) process.exitCode = 1;
