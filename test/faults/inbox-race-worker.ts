import type { InboxEvent } from "../../src/inbox/intake.ts";
import type { InboxWorker } from "../../src/inbox/worker.ts";
import type { InboxPlace } from "./inbox-engine.ts";
import { loadInbox } from "./inbox-opening.ts";
import { pause } from "./inbox-sender.ts";
import type { Variant } from "./inbox-variants.ts";
import { obey, say, settingsOf } from "./worker.ts";

export interface InboxRaceSettings extends InboxPlace {
  readonly variant: Variant;
  readonly events: number;
}

export type InboxRaceMessage =
  | { readonly says: "ready" }
  /** Which events were new here. */
  | { readonly says: "stored"; readonly fresh: readonly string[] }
  | { readonly says: "working" }
  | { readonly says: "stopped"; readonly handled: readonly string[]; readonly problems: readonly string[] };

/** How many events a process stores at once, and for how long it rests at most, so that none stores all of them before the others come. */
const BATCH = 8;
const REST_MS = 5;

const { events, variant, ...place } = settingsOf<InboxRaceSettings>();
const inbox = await (await loadInbox(place, variant))();
const handled: string[] = [];
const problems: string[] = [];
let worker: InboxWorker | undefined;

const eventOf = (index: number): InboxEvent => ({
  provider: "heygen",
  endpoint: "default",
  type: "avatar_video.success",
  id: `heygen/default/avatar_video.success/v${index}`,
  fingerprint: "a".repeat(64),
  rawBody: new TextEncoder().encode("{}"),
  headers: {},
  authenticity: { method: "none" },
  receivedAt: Date.now(),
});

/** Stores all events in an order of its own, so that two may also come to the same ones from different sides. */
async function store(): Promise<readonly string[]> {
  const order = Array.from({ length: events }, (_, index) => ({ index, at: Math.random() })).sort((left, right) => left.at - right.at);
  const fresh: string[] = [];
  for (let from = 0; from < events; from += BATCH) {
    const batch = order.slice(from, from + BATCH).map(({ index }) => eventOf(index));
    const stored = await Promise.all(batch.map((event) => inbox.accept(event)));
    fresh.push(...batch.filter((_, index) => !stored[index]?.duplicate).map(({ id }) => id));
    await pause(Math.random() * REST_MS);
  }
  return fresh;
}

function work(): void {
  const router = {
    provider: { name: "heygen", endpoint: "default" },
    async handle({ id }: InboxEvent) {
      await pause(Math.random() * REST_MS);
      handled.push(id);
      return { result: "processed" } as const;
    },
  };
  worker = inbox.work(router, { leaseMs: 600_000, pollMs: 20, onProblem: ({ problem }) => problems.push(problem) });
}

obey({
  async store() {
    say<InboxRaceMessage>({ says: "stored", fresh: await store() });
  },
  work() {
    work();
    say<InboxRaceMessage>({ says: "working" });
  },
  async stop() {
    await worker?.stop();
    await inbox.close();
    say<InboxRaceMessage>({ says: "stopped", handled, problems });
  },
});
say<InboxRaceMessage>({ says: "ready" });
