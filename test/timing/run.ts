// Does an answer tell by its time how much of a signature was right? node test/timing/run.ts [--seconds 6]
// It is a measurement and no proof: run it on a machine that does nothing else.

import { parseArgs } from "node:util";
import { contestants } from "./contestants.ts";
import { measure } from "./measure.ts";

/** Beyond it dudect speaks of a leak. */
const THRESHOLD = 4.5;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "6" } } });
const seconds = Number(values.seconds);
if (!(seconds > 0 && seconds <= 600)) throw new Error("--seconds takes a number above 0 and up to 600, for each row.");

console.log(`The first byte wrong against the last byte wrong, ${seconds} s each, on Node.js ${process.version}\n`);
console.log("| compared | measurements | first wrong | last wrong | largest abs(t) | must be | |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
for (const contestant of contestants) {
  const { name, isControl } = contestant;
  const { measurements, first, last, t } = measure(contestant, seconds);
  const held = isControl ? t > THRESHOLD : t < THRESHOLD;
  if (!held) process.exitCode = 1;
  const times = [first, last].map((each) => `${each.toFixed(0)} ns`).join(" | ");
  const bar = `${isControl ? "above" : "below"} ${THRESHOLD}`;
  console.log(`| ${name} | ${measurements.toLocaleString("en-US")} | ${times} | ${t.toFixed(2)} | ${bar} | ${held ? "ok" : "FAILED"} |`);
}
