import { type Line, printComparison } from "./comparison.ts";
import { type Counter, counting, forge, type HeyGenDelivery, heygenDelivery, heygenRouter, proveReceiving, secret } from "./deliveries.ts";
import type { ContestEffort } from "./effort.ts";
import { heygenBody, nameOfSize, sizes } from "./events.ts";
import { type Contestant, contest, type Result } from "./measure.ts";
import { prove, type Run } from "./part.ts";
import { sampleReceiver } from "./sample.ts";

/** `router.receive` and the receiver of the providers' guides, by turns, with a contest for each size of the body. */
export async function contestWithSample(bodySizes: readonly number[], effort: ContestEffort): Promise<readonly Result[]> {
  const mine: Counter = { handled: 0 };
  const theirs: Counter = { handled: 0 };
  const router = heygenRouter(mine, { idempotency: false });
  const sample = sampleReceiver(secret, counting(theirs));
  await proveReceiving("receive", mine, async (delivery) => (await router.receive(delivery)).status);
  await proveReceiving("the sample", theirs, sample);
  const results: Result[] = [];
  for (const size of bodySizes) {
    const delivery = heygenDelivery(heygenBody(size));
    const ours: Contestant = { name: "receive", run: () => router.receive(delivery) };
    const other: Contestant = { name: "sample", run: () => sample(delivery) };
    mine.handled = theirs.handled = 0;
    const result = await contest([ours, other], effort);
    prove(mine.handled === result.calls.get(ours.name), "receive ran the handler for every delivery");
    prove(theirs.handled === result.calls.get(other.name), "the sample ran the handler for every delivery");
    results.push(result);
  }
  return results;
}

/** `router.receive`, against the receiver of the providers' guides. */
export async function receiveAgainstSample({ effort, verdicts }: Run): Promise<void> {
  const results = await contestWithSample(sizes, effort.contest);
  const lines = results.map(
    (result, index): Line => ({ size: nameOfSize(sizes[index] as number), result, name: "receive", other: "sample", bar: "sample" }),
  );
  printComparison(verdicts, "Verify, parse, validate and route, against the sample of the guides (no schema)", lines);
}

/** Every event is new to the store, which is renewed after each batch; the sample gets the same events. */
export async function receiveOnce({ effort, verdicts }: Run): Promise<void> {
  const lines: Line[] = [];
  for (const size of sizes) {
    const batch = size > 4096 ? 128 : 1024;
    const deliveries = Array.from({ length: batch }, (_, serial) => heygenDelivery(heygenBody(size, serial)));
    const mine: Counter = { handled: 0 };
    const theirs: Counter = { handled: 0 };
    let router = heygenRouter(mine);
    const sample = sampleReceiver(secret, counting(theirs));
    await proveReceiving("receive with a store", mine, async (delivery) => (await router.receive(delivery)).status);
    const ours: Contestant = {
      name: "receive, in-memory store",
      batch,
      beforeBatch: () => {
        router = heygenRouter(mine);
      },
      run: (index) => router.receive(deliveries[index] as HeyGenDelivery),
    };
    const other: Contestant = { name: "sample", batch, run: (index) => sample(deliveries[index] as HeyGenDelivery) };
    const result = await contest([ours, other], effort.contest);
    prove(mine.handled === result.calls.get(ours.name), "receive with a store ran the handler for every event");
    prove(theirs.handled === result.calls.get(other.name), "the sample ran the handler for every event");
    lines.push({ size: nameOfSize(size), result, name: ours.name, other: other.name });
  }
  printComparison(verdicts, "The same with duplicates recognised, which the sample does not do", lines);
}

/** A wrong signature, against a right one. */
export async function refusalAgainstAcceptance({ effort, verdicts }: Run): Promise<void> {
  const lines: Line[] = [];
  const router = heygenRouter({ handled: 0 }, { idempotency: false });
  for (const size of sizes) {
    const genuine = heygenDelivery(heygenBody(size));
    const forged = heygenDelivery(genuine.body, forge(genuine.headers.signature));
    prove((await router.receive(forged)).reason === "signature_mismatch", "a forged signature is refused as a mismatch");
    const refused: Contestant = { name: "wrong signature", run: () => router.receive(forged) };
    const accepted: Contestant = { name: "right signature", run: () => router.receive(genuine) };
    const result = await contest([refused, accepted], effort.contest);
    lines.push({ size: nameOfSize(size), result, name: refused.name, other: accepted.name, bar: "refusal" });
  }
  printComparison(verdicts, "Refusing, against accepting", lines);
}
