import type { OutcomeResult } from "../../src/outcome.ts";
import { openDeliverer } from "./deliveries.ts";
import { rememberPrototypes } from "./objects.ts";

/** Which cases to run. The same seed and number always make the same case. */
export interface Campaign {
  readonly seed: number;
  readonly from: number;
  readonly cases: number;
  /** Called now and then with how many are done. */
  readonly onProgress?: (done: number) => void;
}

/** What came of a campaign. */
export interface CampaignReport {
  readonly cases: number;
  /** How many of them came through the Node bridge, over a socket. */
  readonly overSocket: number;
  /** How many an inbox has kept, and a worker then worked off. */
  readonly kept: number;
  readonly outcomes: ReadonlyMap<OutcomeResult, number>;
  /** Rejections and exceptions that nobody caught. */
  readonly unhandled: number;
  readonly prototypeChanges: readonly string[];
  /** The first hundred, with the number to make each again. */
  readonly problems: readonly string[];
}

const MOST_PROBLEMS = 100;
const STEP = 10_000;

/** Delivers cases one after the other, and reports whatever is not as it has to be. */
export async function runCampaign({ seed, from, cases, onProgress }: Campaign): Promise<CampaignReport> {
  const outcomes = new Map<OutcomeResult, number>();
  const problems: string[] = [];
  const note = (index: number, what: string): void => {
    if (problems.length < MOST_PROBLEMS) problems.push(`case ${seed}:${index}: ${what}`);
  };
  let at = from;
  let unhandled = 0;
  const onUnhandled = (): void => {
    unhandled++;
    note(at, "nobody caught a rejection or an exception, here or shortly before");
  };
  process.on("unhandledRejection", onUnhandled);
  process.on("uncaughtException", onUnhandled);
  const { stackTraceLimit } = Error;
  // Each refusal makes an error for onError, and its stack, which nobody looks at, takes longer than the delivery.
  Error.stackTraceLimit = 0;
  const prototypes = rememberPrototypes();
  const deliverer = await openDeliverer();
  try {
    for (; at < from + cases; at++) {
      try {
        const { result, problems: found } = await deliverer.deliver(seed, at);
        outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
        for (const each of found) note(at, each);
      } catch (error) {
        unhandled++;
        note(at, `it threw ${String(error)}`);
      }
      if ((at - from + 1) % STEP !== 0) continue;
      // Lets rejections show that nobody has caught.
      await new Promise((resolve) => setImmediate(resolve));
      onProgress?.(at - from + 1);
    }
    const { kept, problems: found } = await deliverer.workOff();
    for (const each of found) note(at, `${each}, at the end`);
    await new Promise((resolve) => setImmediate(resolve));
    return { cases, overSocket: deliverer.overSocket, kept, outcomes, unhandled, prototypeChanges: prototypes.changes(), problems };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    await deliverer.close();
    process.off("unhandledRejection", onUnhandled);
    process.off("uncaughtException", onUnhandled);
  }
}
