import type { Delivery } from "video-webhooks";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import type { IdempotencyStore } from "video-webhooks/idempotency";
import { secret, signed, success } from "../suites/deliveries.ts";
import { openStore, type StorePlace } from "./stores.ts";
import { now, obey, say, settingsOf } from "./worker.ts";

export interface KillSettings extends StorePlace {
  readonly events: number;
  /** Whether its handlers never end; the others survive. */
  readonly doomed: boolean;
  /** Of the doomed process. */
  readonly leaseMs: number;
}

/** A claim of the doomed process. */
export interface Held {
  readonly key: string;
  readonly token: string;
  /** Not before then. */
  readonly leaseEndsAt: number;
}

/** One run of the handlers. */
export interface Run {
  readonly key: string;
  readonly beganAt: number;
  readonly endedAt: number;
}

export type KillMessage =
  | { readonly says: "ready" }
  | { readonly says: "holding"; readonly claims: readonly Held[] }
  | { readonly says: "began"; readonly key: string }
  | { readonly says: "done"; readonly runs: readonly Run[]; readonly refusals: readonly string[] };

/** How long a sender waits before it comes again. */
const RETRY_MS = 200;
/** How long the handlers of the survivors take. */
const RUN_MS = 100;

const { events, doomed, leaseMs, ...place } = settingsOf<KillSettings>();
const { store } = await openStore(place);
const deliveries = await Promise.all(Array.from({ length: events }, (_, index) => signed(success(`v${index}`))));
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function hold(): Promise<void> {
  const held = new Map<string, Held>();
  const brief: IdempotencyStore = {
    ...store,
    claim: (key, options) => store.claim(key, { ...options, leaseMs }),
    async extend(key, token) {
      const askedAt = now();
      const extended = await store.extend(key, token, leaseMs);
      if (extended) held.set(key, { key, token, leaseEndsAt: askedAt + leaseMs });
      return extended;
    },
  };
  // The sooner the sender has its answer, the sooner the router extends its claims.
  const router = createRouter(heygen({ secret }), { idempotency: brief, deadlineMs: 400 })
    .onAny(() => new Promise(() => undefined))
    .onError(() => undefined);
  const deliver = async (delivery: Delivery): Promise<void> => {
    while ((await router.receive(delivery)).result === "store_unavailable") await pause(RETRY_MS);
  };
  await Promise.all(deliveries.map(deliver));
  // All at once, so that it is killed well before the first lease ends.
  while (held.size < events) await pause(10);
  await Promise.all([...held.values()].map(({ key, token }) => brief.extend(key, token, leaseMs)));
  say<KillMessage>({ says: "holding", claims: [...held.values()] });
}

async function survive(): Promise<void> {
  const runs: Run[] = [];
  const refusals: string[] = [];
  const router = createRouter(heygen({ secret }), { idempotency: store })
    .onAny(async (_event, { id: key }) => {
      const beganAt = now();
      say<KillMessage>({ says: "began", key });
      await pause(RUN_MS);
      runs.push({ key, beganAt, endedAt: now() });
    })
    .onError(() => undefined);
  const deliver = async (delivery: Delivery): Promise<void> => {
    for (;;) {
      const { status, result } = await router.receive(delivery);
      if (status === 200) return;
      refusals.push(result);
      await pause(RETRY_MS);
    }
  };
  await Promise.all(deliveries.map(deliver));
  say<KillMessage>({ says: "done", runs, refusals });
}

const warmUp = { fingerprint: "f", leaseMs: 1, ttlMs: 1 };
await Promise.all(["one", "two"].map((name) => store.claim(`${process.pid}-${name}`, warmUp)));
obey({ go: doomed ? hold : survive });
say<KillMessage>({ says: "ready" });
