// Measures the inboxes: what they accept over HTTP, how fast a worker works them off, and how much memory that takes.
//
//   node bench/inbox.ts                  everything
//   node bench/inbox.ts --only accept    one part: accept, drain or memory
//   node bench/inbox.ts --rounds 10      how many rounds of the first two
//   node bench/inbox.ts --deepest 100000 without the largest files
//   node bench/inbox.ts --folder path    where the files are, by default the folder for temporary files
//   node bench/inbox.ts --strict         exits with 1 when a bar is missed
//
// DATABASE_URL and REDIS_URL say where the servers are; an inbox that cannot be opened is left out.

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareInboxes, type Round } from "./inbox-accept.ts";
import { CONCURRENCIES, compareDepths, DEPTHS, type Drained, DUE, type Kind } from "./inbox-drain.ts";
import { CLIENTS } from "./inbox-load.ts";
import { WITHOUT_STORE } from "./inbox-members.ts";
import { measureMemory, SMALL_YOUNG_GENERATION } from "./inbox-memory.ts";
import { BODY_BYTES, prepareRows } from "./inbox-rows.ts";
import { createReport } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "16" },
    deepest: { type: "string", default: String(DEPTHS.at(-1)) },
    folder: { type: "string", default: tmpdir() },
    strict: { type: "boolean", default: false },
  },
});
const rounds = Number(flags.rounds);
const deepest = Number(flags.deepest);

const BARS = { accepted: 0.5, probeMs: 100, drain: 0.8, memoryMb: 150 };
const WORKED_OFF = 100_000;
const verdicts: string[] = [];

function judge(label: string, found: number, limit: number, atLeast: boolean): void {
  const held = atLeast ? found >= limit : found < limit;
  if (!held && flags.strict) process.exitCode = 1;
  verdicts.push(`${held ? "held  " : "missed"} ${label}: ${found.toFixed(2)}, bar ${atLeast ? "≥" : "<"} ${limit}`);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

const grouped = (value: number): string => Math.round(value).toLocaleString("en");
const plain = (value: number): string => value.toFixed(2);
const milliseconds = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)));
const row = (cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`);

/** How long the disk takes to keep a page, which decides what anything that waits for it can do. */
function syncMs(folder: string): { readonly median: number; readonly p99: number } {
  const file = openSync(join(folder, "sync"), "w");
  const page = Buffer.alloc(4096);
  const times = Array.from({ length: 200 }, () => {
    writeSync(file, page);
    const startedAt = performance.now();
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  return { median: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

async function accept(folder: string): Promise<void> {
  const { rounds: byName, leftOut } = await compareInboxes(folder, rounds);
  console.log(`### Accepted deliveries per second over HTTP, ${CLIENTS} clients, bodies of ${BODY_BYTES} bytes\n`);
  for (const [name, reason] of Object.entries(leftOut)) console.log(`Left out: ${name}. ${reason}\n`);
  row([
    "inbox",
    "per second",
    "ratio",
    "middle half",
    "answer p50",
    "p99",
    "max",
    "OPTIONS p99",
    "max",
    "loop delay p99",
    "max",
    "busy",
    "CPU",
  ]);
  row(["---", ...Array.from({ length: 12 }, () => "---:")]);
  const floor = byName.get(WITHOUT_STORE) ?? [];
  for (const [name, measured] of byName) {
    const median = (of: (round: Round) => number): number => quantile(measured.map(of), 0.5);
    const ratios = measured.map(({ perSecond }, index) => perSecond / (floor[index] as Round).perSecond);
    const answers = measured.flatMap(({ latencies }) => latencies);
    const probes = measured.flatMap(({ probes }) => probes);
    const ratio = quantile(ratios, 0.5);
    row([
      name,
      grouped(median(({ perSecond }) => perSecond)),
      `**${plain(ratio)}**`,
      `${plain(quantile(ratios, 0.25))} – ${plain(quantile(ratios, 0.75))}`,
      ...[0.5, 0.99, 1].map((share) => `${milliseconds(quantile(answers, share))} ms`),
      ...[0.99, 1].map((share) => `${milliseconds(quantile(probes, share))} ms`),
      `${milliseconds(median(({ delayMs }) => delayMs.p99))} ms`,
      `${milliseconds(Math.max(...measured.map(({ delayMs }) => delayMs.max)))} ms`,
      `${Math.round(median(({ busy }) => busy) * 100)} %`,
      `${Math.round(median(({ cpuMicroseconds, latencies }) => cpuMicroseconds / latencies.length))} µs`,
    ]);
    if (name !== "SQLite") continue;
    judge("accepted per second with SQLite / without a store", ratio, BARS.accepted, true);
    judge(`OPTIONS p99 with SQLite, of ${probes.length} probes, in ms`, quantile(probes, 0.99), BARS.probeMs, false);
  }
  console.log("");
}

async function drain(folder: string, kind: Kind): Promise<void> {
  const byConcurrency = await compareDepths(folder, kind, rounds, deepest);
  const which = kind === "done" ? `${grouped(DUE)} due, all others handled before` : "all of them due";
  console.log(`### Events per second that a worker handles, by stored rows, ${which}\n`);
  row(["at once", "stored", "per second", "ratio", "middle half", "CPU", "ratio"]);
  row(["---:", "---:", "---:", "---:", ":---:", "---:", "---:"]);
  for (const concurrency of CONCURRENCIES) {
    const rates = [...(byConcurrency.get(concurrency) ?? [])];
    const floor = rates[0]?.[1] ?? [];
    for (const [stored, drained] of rates) {
      const ratiosOf = (of: (each: Drained) => number): readonly number[] =>
        drained.map((each, index) => of(each) / of(floor[index] as Drained));
      const median = (of: (each: Drained) => number): number => quantile(drained.map(of), 0.5);
      const ratios = ratiosOf(({ perSecond }) => perSecond);
      const ratio = quantile(ratios, 0.5);
      row([
        String(concurrency),
        grouped(stored),
        grouped(median(({ perSecond }) => perSecond)),
        `**${plain(ratio)}**`,
        `${plain(quantile(ratios, 0.25))} – ${plain(quantile(ratios, 0.75))}`,
        `${Math.round(median(({ cpuMicroseconds }) => cpuMicroseconds))} µs`,
        plain(
          quantile(
            ratiosOf(({ cpuMicroseconds }) => cpuMicroseconds),
            0.5,
          ),
        ),
      ]);
      if (stored === rates.at(-1)?.[0])
        judge(`worked off at ${grouped(stored)} rows, ${concurrency} at once, ${which}`, ratio, BARS.drain, true);
    }
  }
  console.log("");
}

async function memory(folder: string): Promise<void> {
  const path = join(folder, "memory.db");
  (await prepareRows(path, { done: deepest, due: 0 })).close();
  console.log(`### Memory of a server with a worker, ${grouped(deepest)} stored rows, ${grouped(WORKED_OFF)} deliveries worked off\n`);
  row(["server", "node", "when it listens", "at most", "at the end"]);
  row(["---", "---", "---:", "---:", "---:"]);
  for (const stored of [path, undefined]) {
    for (const flag of [SMALL_YOUNG_GENERATION, undefined]) {
      const { openedMb, peakMb, endMb } = await measureMemory(stored, WORKED_OFF, flag === undefined ? [] : [flag]);
      const name = stored === undefined ? "without a store, for comparison" : "SQLite and a worker";
      row([name, flag ?? "without flags", ...[openedMb, peakMb, endMb].map((each) => `${Math.round(each)} MB`)]);
      if (stored !== undefined && flag !== undefined) judge(`memory in MB with ${flag}`, peakMb, BARS.memoryMb, false);
    }
  }
  console.log("");
}

const parts: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  accept,
  async drain(folder) {
    await drain(folder, "done");
    await drain(folder, "due");
  },
  memory,
};

const taking = Object.keys(parts).filter((name) => flags.only === "" || name === flags.only);
if (taking.length === 0) throw new Error(`There is no part "${flags.only}": ${Object.keys(parts).join(", ")}.`);
const folder = await mkdtemp(join(flags.folder, "video-webhooks-bench-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  createReport().head();
  const { median, p99 } = syncMs(folder);
  console.log(`The disk keeps a page in ${plain(median)} ms, at worst (p99) in ${plain(p99)} ms.\n`);
  for (const name of taking) await parts[name]?.(folder);
  console.log(verdicts.join("\n"));
} finally {
  await rm(folder, { recursive: true, force: true });
}
