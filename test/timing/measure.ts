import { randomBytes } from "node:crypto";
import type { Contestant } from "./contestants.ts";
import { largestT } from "./welch.ts";

/** What the measurements of a contestant say. */
export interface Timing {
  readonly measurements: number;
  /** Nanoseconds per call in the middle, where the first byte is wrong. */
  readonly first: number;
  /** The same, where the last byte is wrong. */
  readonly last: number;
  readonly t: number;
}

/** New ones for each round, since where a text lies in memory takes its own time, which must not stick to one of the two kinds. */
const QUESTIONS = 256;
const MOST_MEASUREMENTS = 1_000_000;
const WARM_UP_MS = 500;

/** Asks a contestant for a while, each question once and of a kind that chance decides, and compares how long its answers took. */
export function measure(contestant: Contestant, seconds: number): Timing {
  const { calls, ask } = contestant;
  const taken = new Float64Array(MOST_MEASUREMENTS);
  const isLast = new Uint8Array(MOST_MEASUREMENTS);
  let accepted = 0;
  function run(milliseconds: number): number {
    const end = performance.now() + milliseconds;
    let count = 0;
    while (count + QUESTIONS <= MOST_MEASUREMENTS && performance.now() < end) {
      const kinds = Array.from(randomBytes(QUESTIONS), (byte) => byte & 1);
      const questions = kinds.map((kind) => ask(kind === 0 ? "first" : "last"));
      for (const [index, question] of questions.entries()) {
        const before = performance.now();
        for (let call = 0; call < calls; call++) if (question()) accepted++;
        taken[count] = performance.now() - before;
        isLast[count++] = kinds[index] as number;
      }
    }
    return count;
  }
  run(WARM_UP_MS);
  const count = run(seconds * 1000);
  if (accepted > 0) throw new Error(`${contestant.name} accepted what is wrong.`);
  const ofKind = (kind: number): Float64Array => taken.subarray(0, count).filter((_, index) => isLast[index] === kind);
  const [first, last] = [ofKind(0), ofKind(1)];
  const perCall = (values: Float64Array): number => ((values.slice().sort()[values.length >> 1] as number) * 1e6) / calls;
  return { measurements: count, first: perCall(first), last: perCall(last), t: largestT(first, last) };
}
