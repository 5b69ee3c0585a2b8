import { Agent, request } from "node:http";
import { signed, success } from "../suites/deliveries.ts";

/** What a provider saw of one attempt to deliver. */
export interface Answer {
  readonly status: number;
  readonly result: string | undefined;
  /** The dedupe key. */
  readonly id: string | undefined;
  readonly retryAfter: string | undefined;
}

/** A provider that sends what it has until each delivery was answered with 2xx. */
export interface Sender {
  /** Ids of events that were answered with 2xx. */
  readonly acknowledged: ReadonlySet<string>;
  /** How many attempts ended without an answer. */
  readonly resets: number;
  /** How many events were answered as duplicates, though their provider had seen no 2xx. */
  readonly recognised: number;
  /** Lets this many deliveries more go out. */
  allow(deliveries: number): void;
  /** Resolves when everything was answered with 2xx, or when it was stopped. */
  readonly ended: Promise<void>;
  stop(): void;
}

const CLIENTS = 16;
/** Providers wait for seconds; what matters is that they come again. */
const RETRY_MS = 25;

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Posts one signed delivery. Rejects when no answer comes. */
export async function post(port: number, video: string, agent?: Agent): Promise<Answer> {
  const { headers, body } = await signed(success(video));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        method: "POST",
        path: "/webhooks/heygen",
        headers: headers as Record<string, string>,
        agent,
        timeout: 20_000,
      },
      (response) => {
        const chunks: Uint8Array[] = [];
        response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { result, id } = JSON.parse(Buffer.concat(chunks).toString() || "{}");
          resolve({ status: response.statusCode ?? 0, result, id, retryAfter: response.headers["retry-after"] });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("No answer in time.")));
    outgoing.on("error", reject);
    outgoing.end(body as Uint8Array);
  });
}

/** Videos `v0`, `v1` and so on, every fifth of them twice: at about the same time, or a little later. */
export function deliveriesOf(events: number): readonly string[] {
  const placed = Array.from({ length: events }, (_, index) => ({ video: `v${index}`, at: index }));
  const again = placed.filter(({ at }) => at % 5 === 0).map(({ video, at }) => ({ video, at: at + 0.5 + Math.random() * 40 }));
  return [...placed, ...again].sort((left, right) => left.at - right.at).map(({ video }) => video);
}

/**
 * Starts a provider, which sends nothing before it is allowed to.
 *
 * @param thinkMs how long each of its clients waits after a delivery, at most
 */
export function startSender(port: number, deliveries: readonly string[], thinkMs: number): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const acknowledged = new Set<string>();
  const taken = new Set<string>();
  const seen = { resets: 0, recognised: 0 };
  let allowed = 0;
  let next = 0;
  let stopped = false;

  async function deliver(video: string): Promise<void> {
    while (!stopped) {
      const answer = await post(port, video, agent).catch(() => undefined);
      if (answer === undefined) seen.resets++;
      if (answer?.status === 200 && answer.id !== undefined) {
        if (answer.result === "duplicate" && !taken.has(video)) seen.recognised++;
        taken.add(video);
        acknowledged.add(answer.id);
        return;
      }
      await pause(RETRY_MS);
    }
  }

  async function act(): Promise<void> {
    while (next < deliveries.length && !stopped) {
      if (next < allowed) {
        await deliver(deliveries[next++] as string);
        await pause(Math.random() * thinkMs);
      } else await pause(5);
    }
  }

  const ended = Promise.all(Array.from({ length: CLIENTS }, act)).then(() => agent.destroy());
  return {
    acknowledged,
    get resets() {
      return seen.resets;
    },
    get recognised() {
      return seen.recognised;
    },
    allow(more) {
      allowed += more;
    },
    ended,
    stop() {
      stopped = true;
      agent.destroy();
    },
  };
}
