import type { AnyRouter, Delivery, IdempotencyStore } from "video-webhooks";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { secret, signed, success } from "../suites/deliveries.ts";

/** How often each event comes to each participant at once. */
export const COPIES = 8;

/** How many events a participant takes at once; a store must answer all of them before its time is up. */
const BATCH = 8;

/** How many deliveries had which outcome. */
export type Tally = Record<string, number>;

/** One receiver in a race. */
export interface Participant {
  /** The video ids that its handlers ran for. */
  readonly handled: readonly string[];
  /** Delivers every event {@link COPIES} times at once. */
  race(): Promise<Tally>;
  /** Delivers every event until it is taken, as a provider does, and counts how it was taken. */
  again(): Promise<Tally>;
}

/** The same signed deliveries in the same order, whoever asks. */
export function deliveriesOf(events: number): Promise<readonly Delivery[]> {
  return Promise.all(Array.from({ length: events }, (_, index) => signed(success(`v${index}`))));
}

/** Makes a receiver over a store. */
export function createParticipant(store: IdempotencyStore, deliveries: readonly Delivery[]): Participant {
  const handled: string[] = [];
  const router = createRouter(heygen({ secret }), { idempotency: store })
    .on("avatar_video.success", async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      handled.push(event.event_data.video_id);
    })
    .onError(() => undefined);
  return {
    handled,
    race: () => deliverAll(router, deliveries, COPIES),
    again: () => deliverUntilTaken(router, deliveries),
  };
}

async function deliverUntilTaken(router: AnyRouter, deliveries: readonly Delivery[]): Promise<Tally> {
  const tally: Tally = {};
  for (const delivery of deliveries) {
    let outcome = await router.receive(delivery);
    while (outcome.status === 503) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      outcome = await router.receive(delivery);
    }
    tally[outcome.result] = (tally[outcome.result] ?? 0) + 1;
  }
  return tally;
}

async function deliverAll(router: AnyRouter, deliveries: readonly Delivery[], copies: number): Promise<Tally> {
  const tally: Tally = {};
  for (let from = 0; from < deliveries.length; from += BATCH) {
    const batch = deliveries.slice(from, from + BATCH).flatMap((delivery) => Array<Delivery>(copies).fill(delivery));
    for (const { result } of await Promise.all(batch.map((delivery) => router.receive(delivery)))) {
      tally[result] = (tally[result] ?? 0) + 1;
    }
  }
  return tally;
}
