import { signed, success } from "../suites/deliveries.ts";
import { createReceiver } from "./provider.ts";
import { openStore, type StorePlace } from "./stores.ts";
import { obey, say, settingsOf } from "./worker.ts";

export type OutageMessage =
  | { readonly says: "ready" }
  | { readonly says: "answered"; readonly status: number; readonly result: string; readonly milliseconds: number; readonly runs: number };

let runs = 0;
const { store } = await openStore(settingsOf<StorePlace>());
const router = createReceiver(store, () => {
  runs++;
});
const delivery = await signed(success("v"));

obey({
  async deliver() {
    const from = performance.now();
    const { status, result } = await router.receive(delivery);
    say<OutageMessage>({ says: "answered", status, result, milliseconds: performance.now() - from, runs });
  },
});
say<OutageMessage>({ says: "ready" });
