import { createRouter, type Router } from "video-webhooks";
import { type HeyGenEventMap, heygen } from "video-webhooks/heygen";
import { createMemoryStore, type IdempotencyStore } from "video-webhooks/idempotency";
import { type Counter, counting, type HeyGenDelivery, heygenDelivery, secret } from "./deliveries.ts";
import { heygenBody } from "./events.ts";
import { grouped } from "./format.ts";
import { ofOwnContests, printGrowth } from "./growth.ts";
import { type Contestant, contest, type Result } from "./measure.ts";
import { prove, type Run } from "./part.ts";

const BATCH = 1024;
/** How many events are stored, and for how many batches a store is used: the largest is full, and stays as large. */
const STORES = [
  { entries: 0, batches: 1 },
  { entries: 10_000, batches: 8 },
  { entries: 100_000, batches: Number.POSITIVE_INFINITY },
] as const;
const TTL_MS = 7 * 24 * 3600 * 1000;

/** A store as routers have it by default, with so many events and jobs. */
async function filledStore(entries: number): Promise<IdempotencyStore> {
  const store = createMemoryStore({ maxEntries: 100_000 });
  for (let index = 0; index < entries; index++) {
    const key = `heygen/default/an event of ${index}`;
    const claim = await store.claim(key, { fingerprint: index.toString(16).padStart(64, "0"), leaseMs: 60_000, ttlMs: TTL_MS });
    prove(claim.state === "claimed", "a new event can be claimed");
    if (claim.state === "claimed") await store.complete(key, claim.token, { ttlMs: TTL_MS });
    await store.observe?.(`heygen/default/a job of ${index}`, { rank: 1, at: index }, { ttlMs: TTL_MS });
  }
  return store;
}

/** What a delivery costs as the in-memory store holds more events. */
export async function growWithEntries({ effort }: Run): Promise<void> {
  let serial = 0;
  const results: Result[] = [];
  for (const { entries, batches } of STORES) {
    const counter: Counter = { handled: 0 };
    const openRouter = async (): Promise<Router<"heygen", HeyGenEventMap>> => {
      return createRouter(heygen({ secret }), { idempotency: await filledStore(entries) }).on("avatar_video.success", counting(counter));
    };
    let router = await openRouter();
    let deliveries: readonly HeyGenDelivery[] = [];
    let used = 0;
    const receiving: Contestant = {
      name: "receive",
      batch: BATCH,
      async beforeBatch() {
        deliveries = Array.from({ length: BATCH }, () => heygenDelivery(heygenBody(2048, serial++)));
        if (used++ % batches === 0 && used > 1) router = await openRouter();
      },
      run: (index) => router.receive(deliveries[index] as HeyGenDelivery),
    };
    const result = await contest([receiving], effort.growth);
    prove(counter.handled === result.calls.get(receiving.name), "the handler ran for every event");
    results.push(result);
  }
  printGrowth({
    title: "Growth with the events in the in-memory store",
    note: `Deliveries of 2 KB, each new to a store for 100,000 events. The full one forgets the oldest for each, the others are renewed before they are much larger.`,
    axis: "stored events",
    sizes: STORES.map(({ entries }) => grouped(entries)),
    series: [ofOwnContests("one delivery", results, "receive")],
  });
}
