import { createMemoryStore } from "video-webhooks/idempotency";
import { expect, it, onTestFinished } from "vitest";
import { describeWith, postgresServer, redisServer, type TestServer, uniqueName } from "../suites/servers.ts";
import { inspect } from "./inspection.ts";
import { startProcess } from "./processes.ts";
import { COPIES, createParticipant, deliveriesOf, type Tally } from "./race.ts";
import type { RaceMessage, RaceSettings } from "./race-worker.ts";
import type { Driver } from "./stores.ts";

const EVENTS = 100;
const RACERS = 16;
/** Far above what it takes, for machines that do something else as well. */
const MOST_MS = 120_000;

interface Raced {
  readonly handled: readonly string[];
  readonly tally: Tally;
  readonly again: Tally;
}

/** Lets processes race for the same events over one store. */
async function raceOf(driver: Driver, { url }: TestServer): Promise<Raced> {
  // Two for each process stay below the hundred that a Postgres allows by default.
  const settings: RaceSettings = { driver, connections: 2, url, space: uniqueName(), events: EVENTS };
  onTestFinished(() => inspect(settings).close());
  const processes = Array.from({ length: RACERS }, () => startProcess<RaceMessage>("race-worker.ts", settings));
  await Promise.all(processes.map((each) => each.hear("ready")));

  const startedAt = performance.now();
  for (const each of processes) each.tell("go");
  const raced = await Promise.all(processes.map((each) => each.hear("raced")));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const each of processes) each.tell("again");
  const again = await Promise.all(processes.map((each) => each.hear("delivered again")));

  const tally = sumOf(raced.map((each) => each.tally));
  console.log(`${driver}: ${RACERS} processes, ${EVENTS} events x ${COPIES}, in ${seconds.toFixed(1)} s: ${JSON.stringify(tally)}`);
  return { handled: raced.flatMap((each) => each.handled), tally, again: sumOf(again.map((each) => each.tally)) };
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = {};
  for (const tally of tallies) {
    for (const [result, count] of Object.entries(tally)) sum[result] = (sum[result] ?? 0) + count;
  }
  return sum;
}

/** How often each event was handled that was not handled once. */
function notHandledOnce(handled: readonly string[]): ReadonlyMap<string, number> {
  const runs = new Map(Array.from({ length: EVENTS }, (_, index) => [`v${index}`, 0]));
  for (const id of handled) runs.set(id, (runs.get(id) ?? 0) + 1);
  return new Map([...runs].filter(([, count]) => count !== 1));
}

function expectOnce({ handled, tally, again }: Raced): void {
  expect(notHandledOnce(handled)).toEqual(new Map());
  // On a machine that is too busy, some answers of the store come too late, also to the record of what was handled.
  const { processed = 0, duplicate = 0, in_progress = 0, store_unavailable = 0, ...others } = tally;
  expect(others).toEqual({});
  expect(processed + duplicate + in_progress + store_unavailable).toBe(EVENTS * COPIES * RACERS);
  expect(processed).toBeLessThanOrEqual(EVENTS);
  if (store_unavailable === 0) expect(processed).toBe(EVENTS);
  // Without it nobody has come while another handled the event.
  expect(in_progress).toBeGreaterThan(0);
  expect(again).toEqual({ duplicate: EVENTS * RACERS });
}

(await describeWith(redisServer))("sixteen processes that get the same deliveries, over Redis", () => {
  it("handle each event exactly once", async () => expectOnce(await raceOf("ioredis", redisServer)), MOST_MS);

  it(
    "handle some events more than once with a store that looks before it writes, so the race is real",
    async () => {
      const { handled, tally } = await raceOf("get-then-set", redisServer);
      const more = [...notHandledOnce(handled)].filter(([, count]) => count > 1);
      console.log(`get-then-set: ${more.length} of ${EVENTS} events handled more than once, ${handled.length} runs`);
      expect(more.length).toBeGreaterThan(0);
      expect(tally.processed).toBeGreaterThan(EVENTS);
    },
    MOST_MS,
  );
});

(await describeWith(postgresServer))("sixteen processes that get the same deliveries, over Postgres", () => {
  it("handle each event exactly once", async () => expectOnce(await raceOf("pg", postgresServer)), MOST_MS);
});

it(
  "sixteen routers of one process over the store in memory handle each event exactly once",
  async () => {
    const store = createMemoryStore();
    const deliveries = await deliveriesOf(EVENTS);
    const participants = Array.from({ length: RACERS }, () => createParticipant(store, deliveries));
    const tally = sumOf(await Promise.all(participants.map(({ race }) => race())));
    const again = sumOf(await Promise.all(participants.map((each) => each.again())));
    expectOnce({ handled: participants.flatMap(({ handled }) => handled), tally, again });
  },
  MOST_MS,
);
