import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createRouter, type Delivery } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import type { Inbox } from "video-webhooks/inbox";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import type { InboxEffort } from "./effort.ts";
import { secret } from "./http-apps.ts";
import { type PreparedRows, prepareRows, unpreparedDelivery } from "./inbox-rows.ts";
import { prove } from "./part.ts";

/** How many rows are stored; the rate at the last is compared with that at the first. */
export const DEPTHS = [1000, 10_000, 100_000, 1_000_000] as const;
/** How many events are handled at once. */
export const CONCURRENCIES = [8, 32] as const;
/** How many events are due beside the others, and are worked off in each round. */
export const DUE = 5000;

/** Whether all that is stored was handled before, apart from {@link DUE} events, or all of it is due. */
export type Kind = "done" | "due";

/** How many events are put in beside them in each round, and how many at once. */
export const PUT = 2048;
export const PUT_AT_ONCE = 64;

/** What putting events into one file came to, or working them off. */
export interface Throughput {
  readonly perSecond: number;
  /** CPU time per event, of all threads. Unlike the rate, it does not count who else uses the machine. */
  readonly cpuMicroseconds: number;
}

/** One figure per round, by the number of stored rows. */
export type Rates = ReadonlyMap<number, readonly Throughput[]>;

/** What files of all depths came to. */
export interface Depths {
  readonly put: Rates;
  /** By how many events were handled at once. */
  readonly drained: ReadonlyMap<number, Rates>;
}

interface Depth {
  readonly stored: number;
  readonly inbox: Inbox;
  readonly rows: PreparedRows;
}

/**
 * Lets inboxes of all depths take turns at storing the same number of new events, and at working off as many with a handler that does
 * nothing, in changing order, so that whatever slows the machine down for a while slows all of them down.
 *
 * @param concurrencies how many events are handled at once
 */
export async function compareDepths(
  folder: string,
  kind: Kind,
  { rounds, deepest }: InboxEffort,
  concurrencies: readonly number[] = CONCURRENCIES,
): Promise<Depths> {
  const own = await mkdtemp(join(folder, "drain-"));
  const depths: Depth[] = [];
  try {
    for (const stored of DEPTHS) {
      if (stored > deepest) continue;
      const path = join(own, `${stored}.db`);
      const rows = await prepareRows(path, kind === "done" ? { done: stored, due: DUE } : { done: 1, due: stored });
      depths.push({ stored, rows, inbox: await openSqliteInbox({ path }) });
    }
    const noRates = (): Map<number, Throughput[]> => new Map(depths.map(({ stored }) => [stored, []]));
    const put = noRates();
    const drained = new Map(concurrencies.map((concurrency) => [concurrency, noRates()]));
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      const order = depths.map((_, index) => depths[(index + (round >> 1) + depths.length) % depths.length] as Depth);
      if (round % 2 === 1) order.reverse();
      for (const each of order) {
        const stored = await putIn(each);
        if (round >= 0) put.get(each.stored)?.push(stored);
      }
      for (const concurrency of concurrencies) {
        for (const each of order) {
          const handled = await workOff(each, concurrency);
          if (round >= 0) drained.get(concurrency)?.get(each.stored)?.push(handled);
        }
      }
    }
    return { put, drained };
  } finally {
    for (const { inbox, rows } of depths) {
      await inbox.close();
      rows.close();
    }
    await rm(own, { recursive: true, force: true });
  }
}

async function putIn({ inbox, rows }: Depth): Promise<Throughput> {
  const router = createRouter(heygen({ secret }), { inbox });
  const deliveries = Array.from({ length: PUT }, () => ({ method: "POST", url: "/", ...unpreparedDelivery() }));
  let next = 0;
  const send = async (): Promise<void> => {
    while (next < PUT) {
      const { result } = await router.receive(deliveries[next++] as Delivery);
      prove(result === "accepted", `every event that is put in is stored (one came to "${result}")`);
    }
  };
  const before = (await inbox.stats()).states.received;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: PUT_AT_ONCE }, send));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const added = (await inbox.stats()).states.received - before;
  prove(added === PUT, `${PUT} events are due beside those before (there are ${added})`);
  rows.restore();
  const left = (await inbox.stats()).states.received;
  prove(left === before, `what was put in is taken out again (${left - before} are left)`);
  return { perSecond: PUT / seconds, cpuMicroseconds: (user + system) / PUT };
}

async function workOff({ inbox, rows }: Depth, concurrency: number): Promise<Throughput> {
  const before = (await inbox.stats()).states;
  const amount = Math.min(DUE, before.received);
  let handled = 0;
  let endedAt = 0;
  let resolve: () => void;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  const router = createRouter(heygen({ secret })).on("avatar_video.success", () => {
    if (++handled !== amount) return;
    endedAt = performance.now();
    resolve();
  });
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const worker = inbox.work(router, { concurrency });
  await promise;
  await worker.stop();
  const { user, system } = process.cpuUsage(cpu);
  const after = (await inbox.stats()).states;
  const done = after.done - before.done;
  prove(done === handled && before.received - after.received === handled, `${handled} events are done (${done} are)`);
  rows.restore();
  return { perSecond: (amount * 1000) / (endedAt - startedAt), cpuMicroseconds: (user + system) / handled };
}
