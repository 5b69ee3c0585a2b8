// Compares each adapter with a handler written by hand for the same framework, under load over loopback.
//
//   node bench/http.ts                    everything but Next.js
//   node bench/http.ts --next             Next.js too, which is built first
//   node bench/http.ts --only express     those whose name has this in it
//   node bench/http.ts --strict           exits with 1 when a bar is missed

import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { parseArgs } from "node:util";
import { BODY_BYTES, type Contest, compare, type Pair, type Round, signedDelivery, type Variant } from "./http-contest.ts";
import { CONNECTIONS, type SignedDelivery } from "./http-load.ts";
import { buildNextApp, type NextApp } from "./http-next.ts";
import { startApps } from "./http-process.ts";
import type { Ratio } from "./measure.ts";
import { createReport } from "./report.ts";

const { values: flags } = parseArgs({
  options: { next: { type: "boolean" }, only: { type: "string", default: "" }, strict: { type: "boolean" } },
});

const BAR = 0.95;

/** A line of the table. */
interface Member extends Contest {
  /** Whether the bar is for it; otherwise it is printed only. */
  readonly judged: boolean;
}

function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) throw new Error(`${name} is not installed.`);
  return JSON.parse(readFileSync(file, "utf8")).version;
}

const onHono = `@hono/node-server ${versionOf("@hono/node-server")}`;
const same = [signedDelivery()];

/** Makes the `deliveries` that go on where those of the round before ended. */
function differentDeliveries(): (amount: number) => readonly SignedDelivery[] {
  // So many that a store of 1,000 events has forgotten each of them before it comes again.
  const all: SignedDelivery[] = [];
  let next = 0;
  return (amount) => {
    while (all.length < 16_384) all.push(signedDelivery(all.length));
    const taken = Array.from({ length: amount }, (_, index) => all[(next + index) % all.length] as SignedDelivery);
    next += amount;
    return taken;
  };
}

const member = (app: string, name: string): Member => ({ name, start: () => startApps(app), deliveries: () => same, judged: true });
const nextMember = (app: NextApp, router: "App" | "Pages"): Member => ({
  name: `Next.js ${versionOf("next")}, ${router} Router`,
  start: () => app.start(router),
  deliveries: () => same,
  judged: true,
});

const members: readonly Member[] = [
  { ...member("control", "control: node:http by hand, twice"), judged: false },
  member("node", "node:http"),
  member("express-4", `Express ${versionOf("express-4")}`),
  member("express", `Express ${versionOf("express")}`),
  member("fastify", `Fastify ${versionOf("fastify")}`),
  member("hono", `Hono ${versionOf("hono")} on ${onHono}`),
  member("fetch", `router.fetch on ${onHono}`),
  { ...member("store", "node:http, every event new to the in-memory store"), deliveries: differentDeliveries(), judged: false },
];

/** The median and the quartiles. */
function spread(values: readonly number[]): Ratio {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share;
    const below = sorted[Math.floor(place)] as number;
    return below + ((sorted[Math.ceil(place)] as number) - below) * (place - Math.floor(place));
  };
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

const plain = (value: number): string => value.toFixed(2);
const grouped = (value: number): string => Math.round(value).toLocaleString("en");
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function printLine({ name, judged }: Member, pairs: readonly Pair[]): number {
  const ratio = spread(pairs.map(({ ours, byHand }) => ours.perSecond / byHand.perSecond));
  const cpu = spread(pairs.map(({ ours, byHand }) => byHand.cpuMicroseconds / ours.cpuMicroseconds));
  const median = (variant: Variant, of: (round: Round) => number): number => spread(pairs.map((pair) => of(pair[variant]))).median;
  const perSecond = ({ perSecond }: Round): number => perSecond;
  const busy = ({ busy }: Round): number => busy;
  const cells = [
    name,
    `**${plain(ratio.median)}**`,
    `${plain(ratio.low)} – ${plain(ratio.high)}`,
    judged ? `≥ ${plain(BAR)}` : "",
    plain(cpu.median),
    `${plain(cpu.low)} – ${plain(cpu.high)}`,
    grouped(median("ours", perSecond)),
    grouped(median("byHand", perSecond)),
    percent(Math.min(median("ours", busy), median("byHand", busy))),
  ];
  console.log(`| ${cells.join(" | ")} |`);
  return ratio.median;
}

/** Measures one member after the other and prints a line for each as soon as it is known. */
async function run(contests: readonly Member[]): Promise<void> {
  const taking = contests.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()));
  if (taking.length === 0) throw new Error(`Nobody is named "${flags.only}": ${contests.map(({ name }) => name).join(", ")}.`);
  createReport().head();
  console.log("### Requests per second over HTTP, of the adapter / of a handler written by hand for the same framework\n");
  console.log(`${CONNECTIONS} connections, bodies of ${BODY_BYTES} bytes. Above 1 the adapter is faster.\n`);
  console.log("| framework | ratio | middle half | bar | CPU | middle half | ours/s | by hand/s | busy |");
  console.log("| --- | ---: | :---: | :---: | ---: | :---: | ---: | ---: | ---: |");
  const verdicts: string[] = [];
  for (const each of taking) {
    const ratio = printLine(each, await compare(each));
    if (!each.judged) continue;
    const held = ratio >= BAR;
    if (!held && flags.strict) process.exitCode = 1;
    verdicts.push(`${held ? "held  " : "missed"} ${each.name}: ${ratio.toFixed(3)}, bar ≥ ${plain(BAR)}`);
  }
  console.log(`\n${verdicts.join("\n")}`);
}

const nextApp = flags.next ? await buildNextApp() : undefined;
try {
  await run(nextApp ? [...members, nextMember(nextApp, "App"), nextMember(nextApp, "Pages")] : members);
} finally {
  await nextApp?.remove();
}
