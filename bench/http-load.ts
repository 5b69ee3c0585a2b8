import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";

/** The part of `autocannon` that is used; the package has no types. */
interface Client {
  setRequests(requests: readonly { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer }[]): void;
}
interface Options {
  readonly url: string;
  readonly method: "POST";
  readonly connections: number;
  readonly amount: number;
  readonly sampleInt: number;
  readonly bailout: number;
  readonly setupClient: (client: Client) => void;
  readonly expectBody?: string;
}
interface Result {
  readonly "2xx": number;
  readonly non2xx: number;
  readonly errors: number;
  readonly mismatches: number;
}
const autocannon = createRequire(import.meta.url)("autocannon") as (options: Options) => EventEmitter & PromiseLike<Result>;

/** A delivery as it is sent again and again. */
export interface SignedDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How many clients send at the same time, each on a connection of its own and without waiting between two deliveries. */
export const CONNECTIONS = 32;

// How soon the end is noticed, in milliseconds; it does not count into the time.
const NOTICED_AFTER_MS = 5;

/**
 * Sends deliveries, and resolves to the seconds from the first to the last answer. Throws when one was not answered with 2xx, or with
 * another body than expected.
 *
 * @param amount how many deliveries, shared among the clients; each repeats its share of the list
 */
export async function send(url: string, deliveries: readonly SignedDelivery[], amount: number, expectBody?: string): Promise<number> {
  let clients = 0;
  const share = Math.ceil(deliveries.length / CONNECTIONS);
  const setupClient = (client: Client): void => {
    const first = deliveries.length < CONNECTIONS ? 0 : share * clients++;
    // The requests are built into copies of what is given.
    client.setRequests(deliveries.slice(first, first + share).map(({ headers, body }) => ({ headers: { ...headers }, body })));
  };
  const run = autocannon({
    url,
    method: "POST",
    connections: CONNECTIONS,
    amount,
    sampleInt: NOTICED_AFTER_MS,
    bailout: 1,
    setupClient,
    ...(expectBody !== undefined && { expectBody }),
  });
  let startedAt = 0;
  let endedAt = 0;
  run.once("start", () => {
    startedAt = performance.now();
  });
  run.on("response", () => {
    endedAt = performance.now();
  });
  const { "2xx": answered, non2xx, errors, mismatches } = await run;
  if (answered !== amount || non2xx + errors + mismatches > 0) {
    const found = `${answered} answers 2xx, ${non2xx} others, ${errors} errors, ${mismatches} with another body`;
    throw new Error(`Nothing was measured: of ${amount} deliveries to ${url} there were ${found}.`);
  }
  return (endedAt - startedAt) / 1000;
}
