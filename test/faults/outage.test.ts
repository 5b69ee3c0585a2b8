import type { IdempotencyStore } from "video-webhooks/idempotency";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { signed, success } from "../suites/deliveries.ts";
import { describeWith, postgresServer, redisServer, type TestServer, uniqueName, urlThrough } from "../suites/servers.ts";
import { inspect } from "./inspection.ts";
import type { OutageMessage } from "./outage-worker.ts";
import { startProcess } from "./processes.ts";
import { type Call, createReceiver, deliverUntilTaken, type Load, pause, startLoad } from "./provider.ts";
import { openRelay, type Relay } from "./relay.ts";
import { type Driver, openStore, type StorePlace } from "./stores.ts";

/** Longer than the store is waited for, so that deliveries are given up. */
const OUTAGE_MS = 2000;
/** What one delivery may take while the store is away, and what a busy machine adds. */
const ANSWER_MS = 1500;
const ALLOWANCE_MS = 1000;
/** Longer than any driver waits before it connects again, after an outage of this length. */
const RECOVERY_MS = 20_000;
const MOST_MS = 90_000;
const LEASE_MS = 2000;

const rejections: unknown[] = [];
const keep = (reason: unknown): unknown => rejections.push(reason);
beforeAll(() => void process.on("unhandledRejection", keep).on("uncaughtException", keep));
afterAll(() => {
  process.off("unhandledRejection", keep).off("uncaughtException", keep);
});

interface Reached {
  readonly relay: Relay;
  readonly place: StorePlace;
}

/** A place of its own on a server, by way of a relay. */
async function reach(driver: Driver, server: TestServer): Promise<Reached> {
  const relay = await openRelay(server);
  const space = uniqueName();
  const inspection = inspect({ driver, url: server.url, space });
  onTestFinished(async () => {
    await relay.close();
    await inspection.close();
  });
  return { relay, place: { driver, url: urlThrough(server, relay.port), space } };
}

/** The store, until the test ends. */
async function open(place: StorePlace) {
  const { store, close } = await openStore(place);
  onTestFinished(async () => void (await close()));
  return store;
}

interface Outage {
  readonly from: number;
  readonly to: number;
  readonly recoveryMs: number;
}

/** Takes the server away for a while, and then waits until every event that was sent before it came back is taken. */
async function outage(load: Load, away: () => unknown, back: () => unknown): Promise<Outage> {
  const from = performance.now();
  await away();
  await pause(OUTAGE_MS);
  expect(
    load.calls.filter(({ to, outcome }) => to > from && outcome.result === "store_unavailable").length,
    "refusals during the outage",
  ).toBeGreaterThan(0);
  await back();
  const to = performance.now();
  const before = load.events.filter(({ sentAt }) => sentAt <= to);
  const open = (): number => before.filter(({ takenAt }) => takenAt === undefined).length;
  await expect.poll(open, { timeout: RECOVERY_MS, interval: 10, message: "events that are not taken" }).toBe(0);
  const recoveryMs = Math.max(0, ...before.map(({ takenAt = 0 }) => takenAt - to));
  return { from, to, recoveryMs };
}

const slowest = (calls: readonly Call[]): number => Math.round(Math.max(0, ...calls.map(({ from, to }) => to - from)));

function describeOutage(driver: Driver, server: TestServer): void {
  describe(`over ${server.name} with ${driver}`, () => {
    it(
      "answers in time, says 2xx only for what was handled, handles everything once, and recovers by itself",
      async () => {
        const { relay, place } = await reach(driver, server);
        const load = startLoad(await open(place));
        onTestFinished(() => load.abandon());
        await expect.poll(() => load.events.filter(({ takenAt }) => takenAt !== undefined).length, { timeout: 5000 }).toBeGreaterThan(20);
        const cut = await outage(load, relay.cut, relay.restore);
        const hang = await outage(load, relay.hang, relay.resume);
        await load.stop();

        const during = [cut, hang].map(({ from, to }) => load.calls.filter((call) => call.from < to && call.to > from));
        const [duringCut = [], duringHang = []] = during;
        console.log(
          `${driver}: ${load.events.length} events, ${load.calls.length} deliveries.`,
          `Cut: slowest answer ${slowest(duringCut)} ms, all taken ${Math.round(cut.recoveryMs)} ms after it.`,
          `Hang: slowest answer ${slowest(duringHang)} ms, all taken ${Math.round(hang.recoveryMs)} ms after it.`,
          `Slowest of all: ${slowest(load.calls)} ms.`,
        );
        expect(load.answeredTooEarly).toEqual([]);
        expect([...load.runs].filter(([, count]) => count !== 1)).toEqual([]);
        expect(load.runs.size).toBe(load.events.length);
        const refusals = load.calls.map(({ outcome }) => outcome).filter(({ status }) => status !== 200);
        expect(new Set(refusals.map(({ status, result }) => `${status} ${result}`))).toEqual(
          new Set(["503 store_unavailable", "503 in_progress"].filter((each) => refusals.some(({ result }) => each.endsWith(result)))),
        );
        expect(slowest(during.flat())).toBeLessThan(ANSWER_MS + ALLOWANCE_MS);
        expect(rejections).toEqual([]);
      },
      MOST_MS,
    );

    it.each(["cut", "hang"] as const)(
      "does not run handlers again whose success could not be recorded: %s",
      async (how) => {
        const { relay, place } = await reach(driver, server);
        let runs = 0;
        const router = createReceiver(await open(place), async (video) => {
          if (video !== "v") return;
          runs++;
          await relay[how]();
        });
        // A connection that is there already breaks; one that is not yet made would not get that far.
        await deliverUntilTaken(router, await signed(success("before")), () => undefined);
        const delivery = await signed(success("v"));
        for (let deliveries = 0; deliveries < 2; deliveries++) {
          const from = performance.now();
          expect(await router.receive(delivery)).toMatchObject({ status: 503, result: "store_unavailable" });
          expect(performance.now() - from).toBeLessThan(ANSWER_MS + ALLOWANCE_MS);
        }
        if (how === "cut") await relay.restore();
        else relay.resume();
        const results: string[] = [];
        await deliverUntilTaken(router, delivery, ({ outcome }) => results.push(outcome.result));
        expect(results.at(-1)).toBe("duplicate");
        expect(runs).toBe(1);
        expect(rejections).toEqual([]);
      },
      MOST_MS,
    );

    it(
      "hands an event over when its lease ends, at the latest, whose handler failed and which could not be given back",
      async () => {
        const { relay, place } = await reach(driver, server);
        const store = await open(place);
        const brief: IdempotencyStore = { ...store, claim: (key, options) => store.claim(key, { ...options, leaseMs: LEASE_MS }) };
        let runs = 0;
        const router = createReceiver(brief, async (video) => {
          if (video !== "v" || ++runs > 1) return;
          await relay.cut();
          throw new Error("The handler failed as well.");
        });
        await deliverUntilTaken(router, await signed(success("before")), () => undefined);
        const delivery = await signed(success("v"));
        const from = performance.now();
        expect(await router.receive(delivery)).toMatchObject({ status: 500, result: "handler_failed" });
        expect(performance.now() - from).toBeLessThan(ANSWER_MS + ALLOWANCE_MS);
        await relay.restore();
        const results: string[] = [];
        await deliverUntilTaken(router, delivery, ({ outcome }) => results.push(outcome.result));
        console.log(
          `${driver}: after a lost release, free again after ${Math.round(performance.now() - from)} ms of a lease of ${LEASE_MS} ms`,
        );
        expect(results.at(-1)).toBe("processed");
        expect(runs).toBe(2);
        expect(rejections).toEqual([]);
      },
      MOST_MS,
    );

    it(
      "works in a process that starts while the server is away",
      async () => {
        const { relay, place } = await reach(driver, server);
        await relay.cut();
        const fresh = startProcess<OutageMessage>("outage-worker.ts", place);
        await fresh.hear("ready");
        const deliver = () => {
          fresh.tell("deliver");
          return fresh.hear("answered");
        };
        const refused = await deliver();
        expect(refused).toMatchObject({ status: 503, result: "store_unavailable", runs: 0 });
        expect(refused.milliseconds).toBeLessThan(ANSWER_MS + ALLOWANCE_MS);
        await relay.restore();
        await expect.poll(deliver, { timeout: RECOVERY_MS, interval: 50 }).toMatchObject({ status: 200, result: "processed", runs: 1 });
        expect(await deliver()).toMatchObject({ status: 200, result: "duplicate", runs: 1 });
      },
      MOST_MS,
    );
  });
}

(await describeWith(redisServer))("a store that goes away and comes back", () => {
  describeOutage("ioredis", redisServer);
  describeOutage("redis", redisServer);
});

(await describeWith(postgresServer))("a store that goes away and comes back", () => {
  describeOutage("pg", postgresServer);
  describeOutage("postgres", postgresServer);
});

describe("a store that never answers", () => {
  // What is asked of it waits in the driver. When the server is back, it has to answer all of that before anything new, and while that
  // takes longer than deliveries wait, each of them is asked for again: under load the receiver does not recover.
  it(
    "is not asked again and again for what nobody waits for any more",
    async () => {
      const asked: string[] = [];
      const silent = <Answer>(key: string): Promise<Answer> => {
        asked.push(key);
        return new Promise(() => undefined);
      };
      const router = createReceiver({ claim: silent, extend: silent, complete: silent, release: silent }, () => undefined);
      const deliver = async (from: number): Promise<void> => {
        const deliveries = await Promise.all(Array.from({ length: 100 }, (_, index) => signed(success(`v${from + index}`))));
        const outcomes = await Promise.all(deliveries.map((delivery) => router.receive(delivery)));
        expect(new Set(outcomes.map(({ result }) => result))).toEqual(new Set(["store_unavailable"]));
      };
      await deliver(0);
      expect(asked).toHaveLength(100);
      await deliver(100);
      expect(asked.length).toBeLessThan(120);
    },
    MOST_MS,
  );
});
