import type { AnyRouter, Delivery, Outcome } from "video-webhooks";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import type { IdempotencyStore } from "video-webhooks/idempotency";
import { secret, signed, success } from "../suites/deliveries.ts";

/** How long a provider waits before it comes again, in milliseconds. */
const RETRY_MS = 400;

/** How long handlers run, in milliseconds: some are at it whenever the store goes away. */
const RUN_MS = 100;

/** A new event comes this often, in milliseconds. */
const EVERY_MS = 20;

/** One call of `receive`. */
export interface Call {
  readonly video: string;
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
}

/** An event, which its provider sends until it is taken. */
export interface SentEvent {
  readonly video: string;
  readonly sentAt: number;
  /** When the last of its first deliveries was answered with 2xx. */
  takenAt?: number;
}

/** A receiver and a provider that sends to it all the time. */
export interface Load {
  readonly events: readonly SentEvent[];
  readonly calls: readonly Call[];
  /** How often the handlers of each event have begun. */
  readonly runs: ReadonlyMap<string, number>;
  /** Events for which 2xx was answered before their handlers had succeeded. */
  readonly answeredTooEarly: readonly string[];
  /** Sends nothing new, and resolves when every event was taken. */
  stop(): Promise<void>;
  /** Sends nothing any more, whatever was taken. */
  abandon(): Promise<void>;
}

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Makes a receiver whose handlers do something short, and count their runs. */
export function createReceiver(store: IdempotencyStore, work: (video: string) => unknown): AnyRouter {
  return createRouter(heygen({ secret }), { idempotency: store })
    .on("avatar_video.success", (event) => work(event.event_data.video_id))
    .onError(() => undefined);
}

/** Delivers until the answer is 2xx, as providers do, and hands over each call. */
export async function deliverUntilTaken(
  router: AnyRouter,
  delivery: Delivery,
  seen: (call: Omit<Call, "video">) => void,
  over?: AbortSignal,
): Promise<void> {
  while (!over?.aborted) {
    const from = performance.now();
    const outcome = await router.receive(delivery);
    seen({ from, to: performance.now(), outcome });
    if (outcome.status === 200) return;
    await pause(RETRY_MS);
  }
}

/** Sends new events all the time: each twice at once, and once more when it was taken. */
export function startLoad(store: IdempotencyStore): Load {
  const events: SentEvent[] = [];
  const calls: Call[] = [];
  const runs = new Map<string, number>();
  const succeeded = new Set<string>();
  const answeredTooEarly: string[] = [];
  const sending: Promise<void>[] = [];
  const over = new AbortController();

  const router = createReceiver(store, async (video) => {
    runs.set(video, (runs.get(video) ?? 0) + 1);
    await pause(RUN_MS);
    succeeded.add(video);
  });

  async function send(event: SentEvent): Promise<void> {
    const { video } = event;
    const delivery = await signed(success(video));
    const deliver = (): Promise<void> =>
      deliverUntilTaken(
        router,
        delivery,
        (call) => {
          calls.push({ video, ...call });
          if (call.outcome.status === 200 && !succeeded.has(video)) answeredTooEarly.push(video);
        },
        over.signal,
      );
    await Promise.all([deliver(), deliver()]);
    event.takenAt = performance.now();
    await pause(RETRY_MS);
    await deliver();
  }

  const timer = setInterval(() => {
    const event: SentEvent = { video: `v${events.length}`, sentAt: performance.now() };
    events.push(event);
    sending.push(send(event));
  }, EVERY_MS);

  return {
    events,
    calls,
    runs,
    answeredTooEarly,
    async stop() {
      clearInterval(timer);
      await Promise.all(sending);
    },
    async abandon() {
      over.abort();
      clearInterval(timer);
      await Promise.all(sending);
    },
  };
}
