import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import type { Inbox } from "video-webhooks/inbox";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { secret } from "./http-apps.ts";
import { type PreparedRows, prepareRows } from "./inbox-rows.ts";

/** How many rows are stored; the rate at the last is compared with that at the first. */
export const DEPTHS = [1000, 10_000, 100_000, 1_000_000] as const;
/** How many events are handled at once. */
export const CONCURRENCIES = [8, 32] as const;
/** How many events are due beside the others, and are worked off in each round. */
export const DUE = 5000;

/** Whether all that is stored was handled before, apart from {@link DUE} events, or all of it is due. */
export type Kind = "done" | "due";

/** What working off the due events of one file came to. */
export interface Drained {
  readonly perSecond: number;
  /** CPU time per event, of all threads. Unlike the rate, it does not count who else uses the machine. */
  readonly cpuMicroseconds: number;
}

/** One figure per round, by the number of stored rows. */
export type Rates = ReadonlyMap<number, readonly Drained[]>;

interface Depth {
  readonly stored: number;
  readonly inbox: Inbox;
  readonly rows: PreparedRows;
}

/**
 * Lets inboxes of all depths take turns at working off the same number of events with a handler that does nothing, in changing order, so
 * that whatever slows the machine down for a while slows all of them down.
 */
export async function compareDepths(
  folder: string,
  kind: Kind,
  rounds: number,
  deepest: number,
): Promise<ReadonlyMap<(typeof CONCURRENCIES)[number], Rates>> {
  const own = await mkdtemp(join(folder, "drain-"));
  const depths: Depth[] = [];
  try {
    for (const stored of DEPTHS) {
      if (stored > deepest) continue;
      const path = join(own, `${stored}.db`);
      const rows = await prepareRows(path, kind === "done" ? { done: stored, due: DUE } : { done: 1, due: stored });
      depths.push({ stored, rows, inbox: await openSqliteInbox({ path }) });
    }
    const rates = new Map(
      CONCURRENCIES.map((concurrency) => [concurrency, new Map(depths.map(({ stored }) => [stored, [] as Drained[]]))]),
    );
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      const order = depths.map((_, index) => depths[(index + (round >> 1) + depths.length) % depths.length] as Depth);
      if (round % 2 === 1) order.reverse();
      for (const concurrency of CONCURRENCIES) {
        for (const each of order) {
          const drained = await workOff(each, concurrency);
          if (round >= 0) rates.get(concurrency)?.get(each.stored)?.push(drained);
        }
      }
    }
    return rates;
  } finally {
    for (const { inbox, rows } of depths) {
      await inbox.close();
      rows.close();
    }
    await rm(own, { recursive: true, force: true });
  }
}

async function workOff({ inbox, rows }: Depth, concurrency: number): Promise<Drained> {
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
  if (after.done - before.done !== handled || before.received - after.received !== handled) {
    throw new Error(`The figures are void: ${handled} events were handled, but ${after.done - before.done} are done.`);
  }
  rows.restore();
  return { perSecond: (amount * 1000) / (endedAt - startedAt), cpuMicroseconds: (user + system) / handled };
}
