import { BODY_TIMEOUT_MS } from "../body.ts";

interface Reading {
  readonly since: number;
  readonly giveUp: () => void;
}

const TICK_MS = 1000;

// In the order in which they began, so that the first is always the oldest.
const readings = new Set<Reading>();
let ticks = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Calls back once when a body has been read for too long. One timer serves all bodies of the process, because one for each would cost as
 * much as the rest of the reading.
 *
 * @returns a function to call when the body has been read
 */
export function limitReading(giveUp: () => void): () => void {
  const reading = { since: ticks, giveUp };
  readings.add(reading);
  if (timer === undefined) {
    timer = setInterval(tick, TICK_MS);
    timer.unref();
  }
  return () => readings.delete(reading);
}

function tick(): void {
  ticks++;
  for (const reading of readings) {
    if ((ticks - reading.since) * TICK_MS <= BODY_TIMEOUT_MS) return;
    readings.delete(reading);
    reading.giveUp();
  }
  if (readings.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
