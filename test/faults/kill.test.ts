import type { IdempotencyStore } from "video-webhooks/idempotency";
import { expect, it, onTestFinished } from "vitest";
import { describeWith, postgresServer, redisServer, type TestServer, uniqueName } from "../suites/servers.ts";
import { inspect } from "./inspection.ts";
import type { Held, KillMessage, KillSettings, Run } from "./kill-worker.ts";
import { startProcess } from "./processes.ts";
import { type Driver, openStore, type StorePlace } from "./stores.ts";
import { now } from "./worker.ts";

const EVENTS = 50;
// Long enough that a survivor is not taken for dead while the machine does something else.
const LEASE_MS = 4000;
const SURVIVORS = 3;
const MOST_MS = 120_000;

/** What a dead process may still have sent, and whether the store took any of it. */
async function actAsDead(store: IdempotencyStore, { key, token }: Held): Promise<readonly boolean[]> {
  return [await store.extend(key, token, 60_000), await store.complete(key, token, { ttlMs: 60_000 }), await store.release(key, token)];
}

/** Runs of an event that began while another one went on. */
function overlapping(runs: readonly Run[]): readonly Run[] {
  return runs.filter((run) =>
    runs.some((other) => other !== run && other.key === run.key && other.beganAt <= run.beganAt && run.beganAt < other.endedAt),
  );
}

async function killAndSurvive(driver: Driver, { url }: TestServer): Promise<void> {
  const place: StorePlace = { driver, url, space: uniqueName() };
  const inspection = inspect(place);
  onTestFinished(() => inspection.close());
  const start = (doomed: boolean) =>
    startProcess<KillMessage>("kill-worker.ts", { ...place, events: EVENTS, leaseMs: LEASE_MS, doomed } satisfies KillSettings);
  const doomed = start(true);
  const survivors = Array.from({ length: SURVIVORS }, () => start(false));
  await Promise.all([doomed, ...survivors].map((each) => each.hear("ready")));

  doomed.tell("go");
  const { claims } = await doomed.hear("holding");
  expect(claims).toHaveLength(EVENTS);
  const claimOf = new Map(claims.map((held) => [held.key, held]));
  for (const each of survivors) each.tell("go");
  const killedAt = now();
  await doomed.kill();
  expect(killedAt, "the process was killed while it held its claims").toBeLessThan(Math.min(...claims.map((held) => held.leaseEndsAt)));

  const { store, close } = await openStore(place);
  onTestFinished(async () => void (await close()));
  // While a survivor handles the event, the dead process' token is as good as none.
  const during: Promise<readonly boolean[]>[] = [];
  for (const each of survivors) {
    each.on((message) => {
      const held = message.says === "began" ? claimOf.get(message.key) : undefined;
      if (held) during.push(actAsDead(store, held));
    });
  }
  const ends = await Promise.all(survivors.map((each) => each.hear("done")));
  const runs = ends.flatMap((end) => end.runs);

  expect(overlapping(runs)).toEqual([]);
  expect(runs.map(({ key }) => key).sort()).toEqual([...claimOf.keys()].sort());
  const waits = runs.map(({ key, beganAt }) => beganAt - (claimOf.get(key)?.leaseEndsAt ?? Number.NaN));
  console.log(`${driver}: first run ${Math.round(Math.min(...waits))} ms after its lease, last ${Math.round(Math.max(...waits))} ms`);
  expect(Math.min(...waits)).toBeGreaterThan(0);
  const refusals = ends.flatMap((end) => end.refusals);
  expect(new Set(refusals)).toEqual(new Set(["in_progress"]));
  expect(refusals.length).toBeGreaterThanOrEqual(EVENTS);

  expect(during).toHaveLength(EVENTS);
  expect((await Promise.all(during)).flat()).toEqual(Array(3 * EVENTS).fill(false));
  const kept = await inspection.events();
  expect((await Promise.all(claims.map((held) => actAsDead(store, held)))).flat()).toEqual(Array(3 * EVENTS).fill(false));
  expect(await inspection.events()).toEqual(kept);
}

(await describeWith(redisServer))("a process that is killed while it holds claims in Redis", () => {
  it(
    "is survived: others handle each of its events once, and not before its lease ends",
    () => killAndSurvive("ioredis", redisServer),
    MOST_MS,
  );
});

(await describeWith(postgresServer))("a process that is killed while it holds claims in Postgres", () => {
  it(
    "is survived: others handle each of its events once, and not before its lease ends",
    () => killAndSurvive("pg", postgresServer),
    MOST_MS,
  );
});
