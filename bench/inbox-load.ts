import type { EventEmitter } from "node:events";
import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { SignedDelivery } from "./http-load.ts";

/** The part of `autocannon` that is used; the package has no types. */
interface Client {
  setRequests(requests: readonly SignedDelivery[]): void;
}
interface Options {
  readonly url: string;
  readonly method: "POST";
  readonly connections: number;
  readonly amount: number;
  readonly sampleInt: number;
  readonly bailout: number;
  readonly setupClient: (client: Client) => void;
}
interface Result {
  readonly "2xx": number;
  readonly non2xx: number;
  readonly errors: number;
}
const autocannon = createRequire(import.meta.url)("autocannon") as (options: Options) => EventEmitter & PromiseLike<Result>;

/** How many clients send at the same time, each on a connection of its own and without waiting between two deliveries. */
export const CLIENTS = 64;

// How soon the end is noticed, in milliseconds; it does not count into the time.
const NOTICED_AFTER_MS = 5;

/** What a round of deliveries came to; times are in milliseconds. */
export interface Load {
  readonly perSecond: number;
  readonly latencies: readonly number[];
  /** Of the OPTIONS requests that were sent meanwhile. */
  readonly probes: readonly number[];
}

/** Sends each of these deliveries once, and probes meanwhile. Throws when one was not answered with 2xx. */
export async function load(url: string, deliveries: readonly SignedDelivery[]): Promise<Load> {
  const share = deliveries.length / CLIENTS;
  if (!Number.isInteger(share)) throw new Error(`${deliveries.length} deliveries cannot be shared evenly among ${CLIENTS} clients.`);
  let clients = 0;
  const setupClient = (client: Client): void => {
    const first = share * clients++;
    // The requests are built into copies of what is given.
    client.setRequests(deliveries.slice(first, first + share).map(({ headers, body }) => ({ headers: { ...headers }, body })));
  };
  const prober = new Worker(new URL("inbox-probe.ts", import.meta.url), { workerData: url });
  await once(prober, "message");
  const amount = deliveries.length;
  const run = autocannon({ url, method: "POST", connections: CLIENTS, amount, sampleInt: NOTICED_AFTER_MS, bailout: 1, setupClient });
  const latencies: number[] = [];
  let startedAt = 0;
  let endedAt = 0;
  run.once("start", () => {
    startedAt = performance.now();
    prober.postMessage("begin");
  });
  run.on("response", (_client: unknown, _status: number, _bytes: number, milliseconds: number) => {
    endedAt = performance.now();
    latencies.push(milliseconds);
  });
  const { "2xx": answered, non2xx, errors } = await run;
  const probed = once(prober, "message");
  prober.postMessage("end");
  const [probes] = await probed;
  if (answered !== amount || non2xx + errors > 0) {
    const found = `${answered} answers 2xx, ${non2xx} others, ${errors} errors`;
    throw new Error(`Nothing was measured: of ${amount} deliveries to ${url} there were ${found}.`);
  }
  return { perSecond: (amount * 1000) / (endedAt - startedAt), latencies, probes };
}
