import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { InboxEffort } from "./effort.ts";
import type { SignedDelivery } from "./http-load.ts";
import { CLIENTS, type Load, load } from "./inbox-load.ts";
import { signedDelivery } from "./inbox-rows.ts";
import type { Started, Usage } from "./inbox-server.ts";
import { prove } from "./part.ts";

/** One round of one inbox. */
export interface Round extends Load, Omit<Usage, "events"> {}

/** The rounds of each inbox, and of the server without one, by name. Rounds of one index are neighbours in time. */
export interface Comparison {
  readonly rounds: ReadonlyMap<string, readonly Round[]>;
  readonly leftOut: Started["leftOut"];
}

const PATIENCE_MS = 60_000;

/** A server process with all inboxes. */
interface Server extends Started {
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

async function startServer(folder: string, taking: readonly string[]): Promise<Server> {
  const file = fileURLToPath(new URL("inbox-server.ts", import.meta.url));
  const name = `vw_bench_${randomBytes(6).toString("hex")}`;
  const child: ChildProcess = fork(file, [folder, name, ...taking], { env: { ...process.env, NODE_ENV: "production" } });
  const ended = new AbortController();
  const exit = once(child, "exit").then(() => ended.abort(new Error("The server ended.")));
  const next = async (): Promise<unknown> => {
    const [message] = await once(child, "message", { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE_MS)]) });
    return message;
  };
  const stop = async (): Promise<void> => {
    // It cleans up what it has put into databases, and ends.
    if (child.connected) child.disconnect();
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await exit;
    clearTimeout(patience);
  };
  try {
    const started = (await next()) as Started;
    return {
      ...started,
      async usage() {
        const answer = next();
        child.send("usage");
        return (await answer) as Usage;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

let serial = 0;

/** Deliveries of events that nobody has seen before. */
function newDeliveries(perClient: number): readonly SignedDelivery[] {
  return Array.from({ length: perClient * CLIENTS }, () => signedDelivery(serial++));
}

/** A server is only measured when it refuses what is forged and, with an inbox, stores an event once. */
async function proveStoring(name: string, { urls, usage }: Server): Promise<void> {
  const { headers, body } = signedDelivery(serial++);
  const deliver = async (signature: string | undefined): Promise<{ status: number; result: unknown; events: number }> => {
    const response = await fetch(urls[name] as string, {
      method: "POST",
      headers: { ...headers, signature: signature ?? "" },
      body: new Uint8Array(body),
    });
    const answer = (await response.json()) as { result?: unknown };
    return { status: response.status, result: answer.result, events: (await usage()).events[name] ?? 0 };
  };
  const genuine = headers.signature as string;
  const forged = await deliver(genuine.slice(0, -1) + (genuine.endsWith("0") ? "1" : "0"));
  prove(forged.status === 401, `${name} answers 401 to a forged signature, not ${forged.status}`);
  const first = await deliver(genuine);
  prove(first.status === 200, `${name} answers 200 to a genuine delivery, not ${first.status}`);
  prove(first.events - forged.events === 1, `${name} has one event more after a genuine delivery`);
  if (first.result !== "accepted") return;
  const again = await deliver(genuine);
  prove(again.result === "duplicate", `${name} calls the second delivery of an event a duplicate, not ${again.result}`);
  prove(again.events === first.events, `${name} keeps one event that came twice`);
}

/**
 * Lets inboxes, and the server without one, take turns under load.
 *
 * @param taking the names of the inboxes
 */
export async function compareInboxes(folder: string, taking: readonly string[], effort: InboxEffort): Promise<Comparison> {
  const server = await startServer(folder, taking);
  try {
    const names = Object.keys(server.urls);
    const perClient = new Map<string, number>();
    for (const name of names) {
      await proveStoring(name, server);
      perClient.set(name, await warmUp(server.urls[name] as string, effort));
    }
    const measured = new Map<string, Round[]>(names.map((name) => [name, []]));
    for (let round = 0; round < effort.rounds; round++) {
      // There and back again, so that a machine that slows down or speeds up favours nobody.
      for (const name of round % 2 === 0 ? names : [...names].reverse()) {
        const deliveries = newDeliveries(perClient.get(name) as number);
        const before = await server.usage();
        const loaded = await load(server.urls[name] as string, deliveries);
        const { events, ...usage } = await server.usage();
        const added = (events[name] ?? 0) - (before.events[name] ?? 0);
        prove(added === deliveries.length, `${name} has ${deliveries.length} events more after as many answers (it has ${added})`);
        measured.get(name)?.push({ ...loaded, ...usage });
      }
    }
    return { rounds: measured, leftOut: server.leftOut };
  } finally {
    await server.stop();
  }
}

/** Resolves to how many deliveries each client sends in a round. */
async function warmUp(url: string, { warmUpSeconds, roundSeconds }: InboxEffort): Promise<number> {
  let perSecond = 0;
  for (let seconds = 0; seconds < warmUpSeconds; ) {
    const deliveries = newDeliveries(32);
    ({ perSecond } = await load(url, deliveries));
    seconds += deliveries.length / perSecond;
  }
  return Math.max(8, Math.round((perSecond * roundSeconds) / CLIENTS));
}
