import { type Counter, counting, heygenDelivery, heygenRouter, proveReceiving, secret } from "./deliveries.ts";
import { heygenBody, nameOfSize } from "./events.ts";
import { ofOwnContests, printGrowth } from "./growth.ts";
import { type Contestant, contest, type Result } from "./measure.ts";
import { prove, type Run } from "./part.ts";
import { sampleReceiver } from "./sample.ts";

// Up to the most that a router takes by default.
const BODY_SIZES = [300, 2048, 16_384, 65_536, 262_144, 1_048_576] as const;

/** What a delivery costs as its body grows. */
export async function growWithBody({ effort }: Run): Promise<void> {
  const mine: Counter = { handled: 0 };
  const theirs: Counter = { handled: 0 };
  const router = heygenRouter(mine, { idempotency: false });
  const sample = sampleReceiver(secret, counting(theirs));
  await proveReceiving("receive", mine, async (delivery) => (await router.receive(delivery)).status);
  await proveReceiving("the sample", theirs, sample);
  const results: Result[] = [];
  for (const bytes of BODY_SIZES) {
    const delivery = heygenDelivery(heygenBody(bytes));
    const ours: Contestant = { name: "receive", run: () => router.receive(delivery) };
    const other: Contestant = { name: "sample", run: () => sample(delivery) };
    mine.handled = theirs.handled = 0;
    const result = await contest([ours, other], effort.growth);
    prove(mine.handled === result.calls.get(ours.name), "receive ran the handler for every delivery");
    prove(theirs.handled === result.calls.get(other.name), "the sample ran the handler for every delivery");
    results.push(result);
  }
  printGrowth({
    title: "Growth with the size of the body",
    note: "`router.receive`, and the sample of the guides. The two take turns, the sizes do not.",
    axis: "body",
    sizes: BODY_SIZES.map(nameOfSize),
    series: [ofOwnContests("receive", results, "receive"), ofOwnContests("sample", results, "sample")],
    compared: { what: "receive / sample", ratios: results.map((result) => result.ratio("receive", "sample")) },
  });
}
