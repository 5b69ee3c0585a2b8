import { BODY_TIMEOUT_MS } from "../body.ts";

/** One body that is being read, in the list of all. */
interface Reading {
  readonly since: number;
  readonly giveUp: () => void;
  before: Reading | undefined;
  after: Reading | undefined;
}

const TICK_MS = 1000;

// A linked list in the order in which they began, so that the first is always the oldest. A Set does the same at twice the cost.
let first: Reading | undefined;
let last: Reading | undefined;
let ticks = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Calls back once when a body has been read for too long. One timer serves all bodies of the process, because one for each would cost as
 * much as the rest of the reading.
 *
 * @returns a function to call once, when the body has been read
 */
export function limitReading(giveUp: () => void): () => void {
  const reading: Reading = { since: ticks, giveUp, before: last, after: undefined };
  if (last === undefined) first = reading;
  else last.after = reading;
  last = reading;
  if (timer === undefined) {
    timer = setInterval(tick, TICK_MS);
    timer.unref();
  }
  return () => remove(reading);
}

function remove({ before, after }: Reading): void {
  if (before === undefined) first = after;
  else before.after = after;
  if (after === undefined) last = before;
  else after.before = before;
}

function tick(): void {
  ticks++;
  while (first !== undefined && (ticks - first.since) * TICK_MS > BODY_TIMEOUT_MS) first.giveUp();
  if (first !== undefined) return;
  clearInterval(timer);
  timer = undefined;
}
