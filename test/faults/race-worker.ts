import { createParticipant, deliveriesOf, type Tally } from "./race.ts";
import { openStore, type StorePlace } from "./stores.ts";
import { obey, say, settingsOf } from "./worker.ts";

export interface RaceSettings extends StorePlace {
  readonly events: number;
}

export type RaceMessage =
  | { readonly says: "ready" }
  | { readonly says: "raced"; readonly tally: Tally; readonly handled: readonly string[] }
  | { readonly says: "delivered again"; readonly tally: Tally };

const { events, ...place } = settingsOf<RaceSettings>();
const { store } = await openStore(place);
const { handled, race, again } = createParticipant(store, await deliveriesOf(events));

// Connected before the start, so that all start at once.
const warmUp = { fingerprint: "f", leaseMs: 1, ttlMs: 1 };
await Promise.all(["one", "two"].map((name) => store.claim(`${process.pid}-${name}`, warmUp)));

obey({
  async go() {
    say<RaceMessage>({ says: "raced", tally: await race(), handled });
  },
  async again() {
    say<RaceMessage>({ says: "delivered again", tally: await again() });
  },
});
say<RaceMessage>({ says: "ready" });
