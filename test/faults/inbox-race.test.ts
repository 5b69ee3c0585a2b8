// Processes that store the same events at once, and then claim them at once, with leases that outlast all of it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeWith, postgresServer, redisServer } from "../suites/servers.ts";
import type { InboxEngine, Remains } from "./inbox-engine.ts";
import { bullMqEngine } from "./inbox-engine-bullmq.ts";
import { pgBossEngine } from "./inbox-engine-pg-boss.ts";
import { sqliteEngine } from "./inbox-engine-sqlite.ts";
import { drained } from "./inbox-kill.ts";
import type { InboxRaceMessage, InboxRaceSettings } from "./inbox-race-worker.ts";
import type { Variant } from "./inbox-variants.ts";
import { startProcess } from "./processes.ts";

const EVENTS = 300;
const RACERS = 4;
/** Far above what it takes, for machines that do something else as well. */
const MOST_MS = 120_000;

const IDS: readonly string[] = Array.from({ length: EVENTS }, (_, index) => `heygen/default/avatar_video.success/v${index}`).sort();

interface Raced {
  /** The events that were new to each process. */
  readonly fresh: readonly (readonly string[])[];
  /** The events that the handlers of each process ran for, as often as they did. */
  readonly handled: readonly (readonly string[])[];
  readonly problems: readonly string[];
  readonly remains: Remains;
}

function newSqlite(): InboxEngine {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-race-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return sqliteEngine(path.join(folder, "inbox.db"));
}

async function raceOn(engine: InboxEngine, variant: Variant = "sound"): Promise<Raced> {
  const settings: InboxRaceSettings = { ...engine.place, variant, events: EVENTS };
  const inspection = await engine.inspect();
  onTestFinished(() => inspection.close());
  // They also make the tables at once.
  const processes = Array.from({ length: RACERS }, () => startProcess<InboxRaceMessage>("inbox-race-worker.ts", settings));
  await Promise.all(processes.map((each) => each.hear("ready")));
  const startedAt = performance.now();

  for (const each of processes) each.tell("store");
  const stored = await Promise.all(processes.map((each) => each.hear("stored")));
  const storedAt = performance.now();
  for (const each of processes) each.tell("work");
  await Promise.all(processes.map((each) => each.hear("working")));
  await drained(inspection, engine.drainMs);
  const drainedAt = performance.now();
  for (const each of processes) each.tell("stop");
  const stopped = await Promise.all(processes.map((each) => each.hear("stopped")));

  const raced: Raced = {
    fresh: stored.map(({ fresh }) => fresh),
    handled: stopped.map(({ handled }) => handled),
    problems: stopped.flatMap(({ problems }) => problems),
    remains: await inspection.remains(),
  };
  const shares = (lists: Raced["fresh"]): string => lists.map(({ length }) => length).join("/");
  const times = `${Math.round(storedAt - startedAt)} and ${Math.round(drainedAt - storedAt)} ms`;
  console.log(`${engine.place.engine}, ${variant}: new to ${shares(raced.fresh)}, handled by ${shares(raced.handled)}, in ${times}`);
  return raced;
}

function expectOneWinnerEach({ fresh, handled, problems, remains }: Raced): void {
  expect(fresh.flat().sort()).toEqual(IDS);
  expect(handled.flat().sort()).toEqual(IDS);
  expect(remains).toEqual({ stored: EVENTS, unfinished: 0, completedTwice: 0, claims: EVENTS, integrity: "ok" });
  expect(problems).toEqual([]);
  // Otherwise one was alone, and there was no race.
  for (const lists of [fresh, handled]) expect(lists.filter(({ length }) => length > 0).length).toBeGreaterThan(1);
}

const describePostgres = await describeWith(postgresServer);
const describeRedis = await describeWith(redisServer);
const title = "find each event new in exactly one of them, and handle and complete it once";

it(
  `four processes on one file of SQLite ${title}`,
  async () => {
    expectOneWinnerEach(await raceOn(newSqlite()));
  },
  MOST_MS,
);

it(
  "four processes handle some events more than once where a claim takes what others have claimed, so the race is real",
  async () => {
    const { handled } = await raceOn(newSqlite(), "shares claims");
    expect(handled.flat().length).toBeGreaterThan(EVENTS);
  },
  MOST_MS,
);

describePostgres("four processes on one schema of pg-boss", () => {
  it(title, async () => expectOneWinnerEach(await raceOn(pgBossEngine(postgresServer.url))), MOST_MS);
});

describeRedis("four processes under one prefix of BullMQ", () => {
  it(title, async () => expectOneWinnerEach(await raceOn(bullMqEngine(redisServer.url))), MOST_MS);
});
