import { createHmac } from "node:crypto";
import type { HttpEffort } from "./effort.ts";
import { heygenBody } from "./events.ts";
import { secret } from "./http-apps.ts";
import { CONNECTIONS, type SignedDelivery, send } from "./http-load.ts";
import type { RunningServer, Urls } from "./http-process.ts";
import { prove } from "./part.ts";

/** One of the two applications of a framework. */
export type Variant = keyof Urls;

/** A server with both, and what is sent to it. */
export interface Contest {
  readonly name: string;
  start(): Promise<RunningServer>;
  /** What is sent in a round of so many; a single one is sent again and again. */
  deliveries(amount: number): readonly SignedDelivery[];
}

/** What one variant did in one round. */
export interface Round {
  readonly perSecond: number;
  /** CPU time of the server per request, of all its threads. */
  readonly cpuMicroseconds: number;
  /** Share of the time that the event loop of the server had something to do. */
  readonly busy: number;
}

/** A round of each variant, one right after the other. */
export type Pair = Readonly<Record<Variant, Round>>;

/** The size of all bodies. */
export const BODY_BYTES = 2048;

const ROUND_SECONDS = 0.1;
const LEAST_PER_CLIENT = 8;

/** A delivery of HeyGen as it arrives; another serial makes it another event. */
export function signedDelivery(serial = 0): SignedDelivery {
  const body = heygenBody(BODY_BYTES, serial);
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  // No Accept-Encoding: Next.js would compress the answers, which has nothing to do with either handler.
  const headers = { "user-agent": "python-requests/2.32.3", accept: "*/*", "content-type": "application/json", signature };
  return { headers, body };
}

const otherThan = (variant: Variant): Variant => (variant === "ours" ? "byHand" : "ours");

/** Resolves to the answers to a delivery, if both variants behave alike. */
async function proveEqualWork(
  name: string,
  { urls, usage }: RunningServer,
  { headers, body }: SignedDelivery,
): Promise<Readonly<Record<Variant, string>>> {
  const answers: Record<Variant, string> = { ours: "", byHand: "" };
  for (const variant of ["ours", "byHand"] as const) {
    const deliver = async (signature: string | undefined): Promise<{ status: number; answer: string; handled: number }> => {
      const before = await usage();
      const { signature: _, ...rest } = headers;
      const init = { method: "POST", headers: { ...rest, ...(signature !== undefined && { signature }) }, body: new Uint8Array(body) };
      const response = await fetch(urls[variant], init);
      const answer = await response.text();
      return { status: response.status, answer, handled: (await usage()).handled - before.handled };
    };
    const genuine = headers.signature as string;
    // The form is right, so everything up to the comparison has to be done.
    const forged = genuine.slice(0, -1) + (genuine.endsWith("0") ? "1" : "0");
    for (const signature of [forged, undefined]) {
      const refused = await deliver(signature);
      prove(
        refused.status === 401,
        `${variant} of ${name} answers 401 to a ${signature ? "forged" : "missing"} signature, not ${refused.status}`,
      );
      prove(refused.handled === 0, `${variant} of ${name} keeps a forged event from the handler`);
    }
    const accepted = await deliver(genuine);
    prove(accepted.status === 200, `${variant} of ${name} answers 200 to a genuine delivery, not ${accepted.status}`);
    prove(accepted.handled === 1, `${variant} of ${name} runs the handler once`);
    JSON.parse(accepted.answer);
    answers[variant] = accepted.answer;
  }
  prove(answers.ours.length === answers.byHand.length, `both answers of ${name} have one length: ${answers.ours} ${answers.byHand}`);
  return answers;
}

/**
 * Lets both variants take turns under load. They share a process, so that they share what luck or misfortune it has with its memory and
 * the compiler; each has an application and a port of its own, so that neither is found behind the other's route. (Next.js finds its
 * routes by a table, where that makes no difference.)
 */
export async function compare(contest: Contest, effort: HttpEffort): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < effort.processes; index++) {
    const server = await contest.start();
    try {
      // The variant that comes first has the compiler to itself for a while.
      pairs.push(...(await compareIn(server, contest, effort, index % 2 === 0 ? "ours" : "byHand")));
    } finally {
      await server.stop();
    }
  }
  return pairs;
}

async function compareIn(
  server: RunningServer,
  { name, deliveries }: Contest,
  { warmUp, blocksPerProcess }: HttpEffort,
  first: Variant,
): Promise<readonly Pair[]> {
  const answers = await proveEqualWork(name, server, deliveries(1)[0] as SignedDelivery);
  const load = (variant: Variant, amount: number): Promise<number> => {
    const taken = deliveries(amount);
    return send(server.urls[variant], taken, amount, taken.length === 1 ? answers[variant] : undefined);
  };

  const startedAt = performance.now();
  let seconds: number;
  let elapsed: number;
  let rounds = 0;
  do {
    seconds = (await load(first, warmUp.requests)) + (await load(otherThan(first), warmUp.requests));
    elapsed = (performance.now() - startedAt) / 1000;
  } while (elapsed < warmUp.mostSeconds && (++rounds < 2 || elapsed < warmUp.leastSeconds));

  // The same work in every round, about as long as wanted.
  const perClient = Math.max(LEAST_PER_CLIENT, Math.round((ROUND_SECONDS * 2 * warmUp.requests) / seconds / CONNECTIONS));
  const amount = perClient * CONNECTIONS;
  const measure = async (variant: Variant): Promise<Round> => {
    const before = await server.usage();
    const seconds = await load(variant, amount);
    const after = await server.usage();
    prove(after.handled - before.handled === amount, `${variant} of ${name} ran the handler for every delivery`);
    return {
      perSecond: amount / seconds,
      cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / amount,
      busy: Math.min(1, (after.busyMs - before.busyMs) / (seconds * 1000)),
    };
  };

  const pairs: Pair[] = [];
  const addPair = async (earlier: Variant): Promise<void> => {
    const rounds = [await measure(earlier), await measure(otherThan(earlier))] as const;
    const [ours, byHand] = earlier === "ours" ? rounds : [rounds[1], rounds[0]];
    pairs.push({ ours, byHand });
  };
  for (let block = 0; block < blocksPerProcess; block++) {
    // A B B A, so that a machine that slows down or speeds up favours nobody.
    await addPair(first);
    await addPair(otherThan(first));
  }
  return pairs;
}
