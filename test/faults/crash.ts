// The long form of inbox-kill.test.ts: node test/faults/crash.ts [kills] [events]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { killAgainAndAgain } from "./inbox-kill.ts";

const [kills, events] = [process.argv[2] ?? "500", process.argv[3] ?? "10000"].map(Number) as [number, number];
if (!(Number.isInteger(kills) && kills > 0 && Number.isInteger(events) && events > 0)) {
  throw new Error("The arguments are how often to kill, and how many events to send: two whole numbers above zero.");
}

const folder = mkdtempSync(path.join(tmpdir(), "inbox-crash-"));
try {
  const report = await killAgainAndAgain({ path: path.join(folder, "inbox.db"), kills, events, variant: "sound" });
  const { acknowledged, stored, lost, completedTwice, unfinished, integrity, claims, resets, recognised, seconds } = report;
  console.log(`${kills} kills, ${events} events and a fifth of them twice, in ${seconds} s`);
  console.log(`  acknowledged ${acknowledged}, stored ${stored}, lost ${lost}`);
  console.log(`  completed twice ${completedTwice}, not completed ${unfinished}, attempts ${claims}`);
  console.log(`  deliveries without an answer ${resets}, stored all the same and recognised when they came again ${recognised}`);
  console.log(`  integrity ${integrity}`);
  const sound = acknowledged === events && stored === events && lost + completedTwice + unfinished === 0 && integrity === "ok";
  console.log(sound ? "Nothing acknowledged is missing, and nothing was completed twice." : "FAILED");
  if (!sound || resets === 0 || claims <= events) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
