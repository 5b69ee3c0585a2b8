import { bars, limitOf } from "./bars.ts";
import type { HttpEffort } from "./effort.ts";
import { grouped, middleHalf, percent, plain } from "./format.ts";
import { BODY_BYTES, compare, type Pair, type Round, type Variant } from "./http-contest.ts";
import { CONNECTIONS } from "./http-load.ts";
import { type Member, members, nextMembers } from "./http-members.ts";
import { endTable, printColumns, printHeading, printNote, printRow } from "./markdown.ts";
import type { Run } from "./part.ts";
import { spread } from "./statistics.ts";
import type { Verdicts } from "./verdicts.ts";

/** Compares all adapters but those of Next.js with a handler by hand. */
export function compareAdapters({ effort, verdicts }: Run): Promise<void> {
  const taking = members.filter(({ longOnly }) => longOnly !== true);
  return compareMembers(taking, effort.http, verdicts);
}

/** Builds an application with Next.js, and compares the adapters of both of its routers. */
export async function compareNextAdapters({ effort, verdicts }: Run): Promise<void> {
  const { buildNextApp } = await import("./http-next.ts");
  const app = await buildNextApp();
  try {
    await compareMembers(nextMembers(app), effort.http, verdicts, ", Next.js");
  } finally {
    await app.remove();
  }
}

/** Measures one member after the other and prints a line for each as soon as it is known. */
export async function compareMembers(taking: readonly Member[], effort: HttpEffort, verdicts: Verdicts, which = ""): Promise<void> {
  printHeading(`Requests per second over HTTP, of the adapter / of a handler written by hand for the same framework${which}`);
  printNote(`${CONNECTIONS} connections, bodies of ${BODY_BYTES} bytes. Above 1 the adapter is faster.`);
  printColumns(["framework", "ratio", "middle half", "bar", "CPU", "middle half", "ours/s", "by hand/s", "busy"]);
  for (const each of taking) {
    const ratio = printLine(each, await compare(each, effort));
    if (each.bar) verdicts.found(each.bar, ratio, each.name);
  }
  endTable();
}

function printLine({ name, bar }: Member, pairs: readonly Pair[]): number {
  const ratio = spread(pairs.map(({ ours, byHand }) => ours.perSecond / byHand.perSecond));
  const cpu = spread(pairs.map(({ ours, byHand }) => byHand.cpuMicroseconds / ours.cpuMicroseconds));
  const median = (variant: Variant, of: (round: Round) => number): number => spread(pairs.map((pair) => of(pair[variant]))).median;
  const perSecond = ({ perSecond }: Round): number => perSecond;
  const busy = ({ busy }: Round): number => busy;
  printRow([
    name,
    `**${plain(ratio.median)}**`,
    middleHalf(ratio),
    bar ? limitOf(bars[bar]) : "",
    plain(cpu.median),
    middleHalf(cpu),
    grouped(median("ours", perSecond)),
    grouped(median("byHand", perSecond)),
    percent(Math.min(median("ours", busy), median("byHand", busy))),
  ]);
  return ratio.median;
}
