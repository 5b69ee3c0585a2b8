// The long form of the tests in this folder: node test/fuzz/run.ts [--cases 5000000] [--seed 1] [--from 0]
// A failure names its case as seed:number; --seed and --from with --cases 1 make it again.

import { parseArgs } from "node:util";
import { runCampaign } from "./campaign.ts";
import { createMemoryMeter, slopeOf } from "./memory.ts";
import { checkSignatures } from "./signatures.ts";

/** Growth that would be noise: a megabyte within a million deliveries. */
const MOST_BYTES_PER_DELIVERY = 1;
/** Fewer deliveries say nothing about memory. */
const LEAST_FOR_MEMORY = 200_000;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "5000000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
  },
});
const [cases, seed, from] = [values.cases, values.seed, values.from].map((text) => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error("--cases, --seed and --from take whole numbers.");
  return number;
}) as [number, number, number];

const million = (count: number): string => count.toLocaleString("en-US");
const startedAt = performance.now();
const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`;

const signatures = await checkSignatures({ seed, cases: Math.min(Math.ceil(cases / 500), 20_000) });
console.log(
  `${million(signatures.signatures)} signatures of another implementation, all of them accepted: ${signatures.problems.length === 0}`,
);
console.log(
  `${million(signatures.flips)} single bits changed, ${million(signatures.same)} of them in a letter case or an unused bit (${seconds()})`,
);

const meter = createMemoryMeter();
const step = Math.max(10_000, Math.round(cases / 50 / 10_000) * 10_000);
const report = await runCampaign({
  seed,
  from,
  cases,
  onProgress(done) {
    if (done % step !== 0) return;
    meter.measure(done);
    const { heap, external } = meter.points.at(-1) as (typeof meter.points)[number];
    if (done % (step * 5) === 0)
      console.log(`${million(done)} deliveries, ${((heap + external) / 2 ** 20).toFixed(1)} MiB in use (${seconds()})`);
  },
});

console.log(`\n| outcome | deliveries |\n| --- | ---: |`);
for (const [result, count] of [...report.outcomes].sort(([, left], [, right]) => right - left))
  console.log(`| ${result} | ${million(count)} |`);

// The first fifth fills what is bounded: stores, caches, compiled code.
const settled = meter.points.filter(({ deliveries }) => deliveries > cases / 5);
const slope = slopeOf(settled);
const isMemoryMeasured = cases >= LEAST_FOR_MEMORY;
const checks: readonly (readonly [string, boolean, string])[] = [
  ["signatures and single bits", signatures.problems.length === 0, `${signatures.problems.length} wrong`],
  ["outcomes outside of the table, and other surprises", report.problems.length === 0, `${report.problems.length}`],
  ["unhandled rejections and exceptions", report.unhandled === 0, `${report.unhandled}`],
  ["prototypes that changed", report.prototypeChanges.length === 0, `${report.prototypeChanges.length}`],
  [
    "growth of memory, in bytes per delivery",
    !isMemoryMeasured || slope < MOST_BYTES_PER_DELIVERY,
    isMemoryMeasured
      ? `${slope.toFixed(3)} over ${million(settled.length * step)} deliveries`
      : `measured from ${million(LEAST_FOR_MEMORY)} cases on`,
  ],
];
console.log(`\n| check | result | |\n| --- | --- | --- |`);
for (const [name, held, found] of checks) console.log(`| ${name} | ${found} | ${held ? "ok" : "FAILED"} |`);
for (const problem of [...signatures.problems.slice(0, 20), ...report.problems.slice(0, 20), ...report.prototypeChanges])
  console.log(problem);
console.log(`\n${million(cases)} cases from seed ${seed}, in ${seconds()}`);
if (checks.some(([, held]) => !held)) process.exitCode = 1;
