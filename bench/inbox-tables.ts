import { bars, limitOf } from "./bars.ts";
import type { InboxEffort } from "./effort.ts";
import { grouped, middleHalf, milliseconds, percent, plain } from "./format.ts";
import { compareInboxes, type Round } from "./inbox-accept.ts";
import { compareDepths, DUE, type Kind, PUT_AT_ONCE, type Rates, type Throughput } from "./inbox-drain.ts";
import { CLIENTS } from "./inbox-load.ts";
import { WITHOUT_STORE } from "./inbox-members.ts";
import { BODY_BYTES } from "./inbox-rows.ts";
import { endTable, printColumns, printHeading, printNote, printRow } from "./markdown.ts";
import { quantile, type Ratio, spread } from "./statistics.ts";
import type { Verdicts } from "./verdicts.ts";

const SQLITE = "SQLite";

/**
 * Measures what servers with inboxes accept, of what the one without a store does.
 *
 * @param taking the names of the inboxes
 */
export async function printAccepted(folder: string, taking: readonly string[], effort: InboxEffort, verdicts: Verdicts): Promise<void> {
  const { rounds: byName, leftOut } = await compareInboxes(folder, taking, effort);
  printHeading(`Accepted deliveries per second over HTTP, ${CLIENTS} clients, bodies of ${BODY_BYTES} bytes`);
  for (const [name, reason] of Object.entries(leftOut)) {
    printNote(`Left out: ${name}. ${reason}`);
    if (name !== SQLITE) continue;
    for (const bar of ["accepted", "options"] as const) verdicts.absent(bar, `left out: ${reason}`);
  }
  const columns = ["ratio", "middle half", "bar", "answer p50", "p99", "max", "OPTIONS p99", "max", "loop delay p99", "max", "busy", "CPU"];
  printColumns(["inbox", "per second", ...columns]);
  const floor = byName.get(WITHOUT_STORE) ?? [];
  for (const [name, measured] of byName) {
    const median = (of: (round: Round) => number): number => quantile(measured.map(of), 0.5);
    const ratio = spread(measured.map(({ perSecond }, index) => perSecond / (floor[index] as Round).perSecond));
    const answers = measured.flatMap(({ latencies }) => latencies);
    const probes = measured.flatMap(({ probes }) => probes);
    printRow([
      name,
      grouped(median(({ perSecond }) => perSecond)),
      `**${plain(ratio.median)}**`,
      middleHalf(ratio),
      name === SQLITE ? limitOf(bars.accepted) : "",
      ...[0.5, 0.99, 1].map((share) => milliseconds(quantile(answers, share))),
      ...[0.99, 1].map((share) => milliseconds(quantile(probes, share))),
      milliseconds(median(({ delayMs }) => delayMs.p99)),
      milliseconds(Math.max(...measured.map(({ delayMs }) => delayMs.max))),
      percent(median(({ busy }) => busy)),
      `${Math.round(median(({ cpuMicroseconds, latencies }) => cpuMicroseconds / latencies.length))} µs`,
    ]);
    if (name !== SQLITE) continue;
    verdicts.found("accepted", ratio.median, name);
    verdicts.found("options", quantile(probes, 0.99), `${name}, of ${probes.length} probes`);
  }
  endTable();
}

/** What is different where {@link printDepths} is not the long form. */
export interface DepthOptions {
  readonly title?: string;
  /** How many events a worker handles at once. */
  readonly concurrencies?: readonly number[];
  /** Absent where files do not get as large as the bar is for. */
  readonly verdicts?: Verdicts;
}

/** Measures how storing events and working them off change as a SQLite file grows. */
export async function printDepths(
  folder: string,
  kind: Kind,
  effort: InboxEffort,
  { title, concurrencies, verdicts }: DepthOptions = {},
): Promise<void> {
  const { put, drained } = await compareDepths(folder, kind, effort, concurrencies);
  const which = kind === "done" ? `${grouped(DUE)} due, all others handled before` : "all of them due";
  printHeading(title ?? `Events per second that a SQLite inbox stores and a worker handles, ${which}`);
  printNote(`By stored rows, ${which}. Ratios to the fewest: below 1 is slower for events per second, above 1 for CPU time per event.`);
  printColumns(["what", "at once", "stored", "per second", "ratio", "middle half", "CPU", "ratio"]);
  printRates("put in", PUT_AT_ONCE, put);
  for (const [concurrency, rates] of drained) {
    const ratio = printRates("worked off", concurrency, rates);
    const deepest = [...rates.keys()].at(-1) ?? 0;
    verdicts?.found("drained", ratio.median, `${grouped(deepest)} rows, ${concurrency} at once, ${which}`);
  }
  endTable();
}

/** Prints a line for each depth, and returns the ratio of the deepest. */
function printRates(what: string, atOnce: number, rates: Rates): Ratio {
  const floor = [...rates.values()][0] ?? [];
  let last = spread([]);
  for (const [stored, measured] of rates) {
    const median = (of: (each: Throughput) => number): number => quantile(measured.map(of), 0.5);
    const ratioOf = (of: (each: Throughput) => number): Ratio =>
      spread(measured.map((each, index) => of(each) / of(floor[index] as Throughput)));
    last = ratioOf(({ perSecond }) => perSecond);
    printRow([
      what,
      String(atOnce),
      grouped(stored),
      grouped(median(({ perSecond }) => perSecond)),
      `**${plain(last.median)}**`,
      middleHalf(last),
      `${Math.round(median(({ cpuMicroseconds }) => cpuMicroseconds))} µs`,
      plain(ratioOf(({ cpuMicroseconds }) => cpuMicroseconds).median),
    ]);
  }
  return last;
}
