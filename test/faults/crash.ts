// The long form of inbox-kill.test.ts and inbox-kill-engines.test.ts: node test/faults/crash.ts [engine] [kills] [events]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EngineName, InboxEngine } from "./inbox-engine.ts";
import { bullMqEngine } from "./inbox-engine-bullmq.ts";
import { pgBossEngine } from "./inbox-engine-pg-boss.ts";
import { sqliteEngine } from "./inbox-engine-sqlite.ts";
import { killAgainAndAgain } from "./inbox-kill.ts";

/** An engine, and how often it is killed with how many events. */
interface Course {
  readonly kills: number;
  readonly events: number;
  create(folder: string): InboxEngine;
}

const courses: Readonly<Record<EngineName, Course>> = {
  sqlite: { kills: 500, events: 10_000, create: (folder) => sqliteEngine(path.join(folder, "inbox.db")) },
  "pg-boss": {
    kills: 100,
    events: 5000,
    create: () => pgBossEngine(process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test"),
  },
  bullmq: { kills: 100, events: 5000, create: () => bullMqEngine(process.env.REDIS_URL ?? "redis://127.0.0.1:6379") },
};

const names = Object.keys(courses) as readonly EngineName[];
const isEngine = (name: string): name is EngineName => (names as readonly string[]).includes(name);

function isCount(count: number): boolean {
  return Number.isInteger(count) && count > 0;
}

/** Runs one engine, says what came of it, and returns whether it was sound. */
async function crash(name: EngineName, kills: number, events: number): Promise<boolean> {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-crash-"));
  try {
    const report = await killAgainAndAgain({ engine: courses[name].create(folder), folder, kills, events, variant: "sound" });
    const { acknowledged, stored, lost, completedTwice, unfinished, integrity, claims, resets, recognised, seconds } = report;
    const { handled, repeated, afterCompletion, shared } = report;
    console.log(`${name}: ${kills} kills, ${events} events and a fifth of them twice, in ${seconds} s`);
    console.log(`  acknowledged ${acknowledged}, stored ${stored}, lost ${lost}`);
    console.log(`  completed twice ${completedTwice}, not completed ${unfinished}, attempts ${claims}`);
    console.log(`  handled ${handled} by the account of the handlers, runs to the end beyond the first ${repeated},`);
    console.log(`    begun after completion ${afterCompletion}, ended twice in one attempt ${shared}`);
    console.log(`  deliveries without an answer ${resets}, stored all the same and recognised when they came again ${recognised}`);
    console.log(`  integrity ${integrity}`);
    const all = [acknowledged, stored, handled].every((count) => count === events);
    const sound = all && lost + completedTwice + unfinished + afterCompletion + shared === 0 && integrity === "ok";
    // Otherwise no kill met a request, an answer or a handler, and nothing was tested.
    const tested = resets > 0 && claims > events;
    if (sound && tested) console.log("  Nothing acknowledged is missing, and nothing was completed twice.");
    else console.log(sound ? "  FAILED: the kills hit nothing." : "  FAILED");
    return sound && tested;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [only, kills, events] = process.argv.slice(2);
if (only !== undefined && !isEngine(only)) throw new Error(`The first argument is an engine: ${names.join(", ")}.`);
for (const name of only === undefined ? names : [only]) {
  const counts = [Number(kills ?? courses[name].kills), Number(events ?? courses[name].events)] as const;
  if (!counts.every(isCount)) {
    throw new Error("The arguments after it are how often to kill, and how many events to send: whole numbers above zero.");
  }
  if (!(await crash(name, ...counts))) process.exitCode = 1;
}
