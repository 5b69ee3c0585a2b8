import { AsyncLocalStorage } from "node:async_hooks";
import { isBytes, type ReadBody } from "../body.ts";
import type { Delivery, Receiver } from "../delivery.ts";
import type { AnyWebhookError } from "../errors.ts";
import type { VideoJob } from "../job.ts";
import type { Outcome } from "../outcome.ts";
import type { EventSchema } from "../provider.ts";
import { parseObject } from "../receive.ts";
import { createRouter } from "../router.ts";
import { forward } from "./forward.ts";
import type { AnyProvider } from "./providers.ts";

/** What became of a delivery. */
export interface Received {
  readonly number: number;
  readonly at: Date;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Absent where the body could not be read. */
  readonly rawBody?: Uint8Array;
  readonly outcome: Outcome;
  readonly milliseconds: number;
  readonly job?: VideoJob;
  /** Why it was refused, or failed. */
  readonly error?: AnyWebhookError;
  /** The status of the receiver it was passed on to, or why there was none. */
  readonly forwarded?: number | string;
}

/** Options of {@link createLocalReceiver}. */
export interface LocalReceiverOptions {
  readonly provider: AnyProvider;
  readonly forwardTo?: URL | undefined;
  /** Hears of every delivery after it was answered. */
  readonly onReceived: (received: Received) => void;
}

interface Notes {
  forwarded?: number | string;
  error?: AnyWebhookError;
}

const MOST_BYTES = 1_048_576;

/** A receiver that checks deliveries as a router does, and tells what it saw. */
export function createLocalReceiver({ provider, forwardTo, onReceived }: LocalReceiverOptions): Receiver {
  // Of one delivery: handlers and listeners of errors are not told whose turn it is.
  const current = new AsyncLocalStorage<{ readonly delivery: Delivery; readonly notes: Notes }>();
  const router = createRouter(provider, { maxBodyBytes: MOST_BYTES });

  async function pass(_event: unknown, { rawBody, signal }: { readonly rawBody: Uint8Array; readonly signal: AbortSignal }): Promise<void> {
    const run = current.getStore();
    if (forwardTo === undefined || run === undefined) return;
    const { delivery, notes } = run;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(provider.ackDeadlineMs)]);
    const headers = headersOf(delivery);
    try {
      notes.forwarded = await forward(forwardTo, { url: delivery.url, headers, rawBody }, limit);
    } catch (error) {
      notes.forwarded = error instanceof Error ? error.message : "for an unknown reason";
    }
    // What failed there has to be delivered again, so it must not count as handled here.
    if (typeof notes.forwarded === "string" || notes.forwarded >= 300) throw new Error("The receiver it was passed on to did not take it.");
  }

  router.onAny(pass as never);
  router.onUnknown(pass);
  router.onError((error) => {
    const run = current.getStore();
    if (run !== undefined) run.notes.error = error;
  });

  let count = 0;
  return {
    async receive(delivery) {
      const number = ++count;
      const [at, started] = [new Date(), performance.now()];
      const notes: Notes = {};
      const read = delivery.method === "POST" ? await readBody(delivery.body) : delivery.body;
      const rawBody = isBytes(read) ? read : undefined;
      const outcome = await current.run({ delivery, notes }, () => router.receive({ ...delivery, body: read }));
      const milliseconds = performance.now() - started;
      // The sender waits for its answer meanwhile.
      setImmediate(() => {
        const { method, url } = delivery;
        const job = outcome.status === 200 && rawBody !== undefined ? jobOf(provider, outcome.type, rawBody) : undefined;
        onReceived({
          number,
          at,
          method,
          url,
          headers: headersOf(delivery),
          outcome,
          milliseconds,
          ...(rawBody && { rawBody }),
          ...(job && { job }),
          ...notes,
        });
      });
      return outcome;
    },
  };
}

/** The bytes of a body, or a function that says why there are none. */
async function readBody(body: Delivery["body"]): Promise<Uint8Array | string | ReadBody> {
  if (typeof body !== "function") return body;
  const read = await body(MOST_BYTES);
  return isBytes(read) ? read : async () => read;
}

/** The job of an event that was accepted. */
function jobOf(provider: AnyProvider, type: string | undefined, rawBody: Uint8Array): VideoJob | undefined {
  if (type === undefined || !Object.hasOwn(provider.events, type)) return undefined;
  const parsed = parseObject(rawBody);
  if (typeof parsed === "string") return undefined;
  const schemas = provider.events as Readonly<Record<string, EventSchema>>;
  const checked = schemas[type]?.safeParse(parsed.body);
  return checked?.success ? provider.toJob(checked.data as never, type as never) : undefined;
}

function headersOf({ headers }: Delivery): Readonly<Record<string, string | readonly string[]>> {
  const found: [string, string | readonly string[]][] = [];
  for (const [name, value] of Object.entries(headers as Readonly<Record<string, string | readonly string[] | undefined>>)) {
    if (value !== undefined) found.push([name, value]);
  }
  return Object.fromEntries(found);
}
