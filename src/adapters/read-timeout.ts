import { BODY_TIMEOUT_MS } from "../body.ts";
import { type Linked, LinkedList } from "../linked-list.ts";

/** A body that is being read. */
export interface Reading extends Linked<Reading> {
  /** Set when the reading begins. */
  since: number;
  /** Called once when it takes too long; has to call {@link endReading}. */
  giveUp(): void;
}

const TICK_MS = 1000;

// In the order in which they began, so that the first is always the oldest.
const readings = new LinkedList<Reading>();
let ticks = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Gives up a body that has been read for too long, unless {@link endReading} is called before. One timer serves all bodies of the process,
 * because one for each would cost as much as the rest of the reading.
 */
export function limitReading(reading: Reading): void {
  reading.since = ticks;
  readings.add(reading);
  if (timer !== undefined) return;
  timer = setInterval(tick, TICK_MS);
  timer.unref();
}

/** To be called once, when a body has been read or given up. */
export function endReading(reading: Reading): void {
  readings.remove(reading);
}

function tick(): void {
  ticks++;
  for (let { first } = readings; first !== undefined && (ticks - first.since) * TICK_MS > BODY_TIMEOUT_MS; { first } = readings)
    first.giveUp();
  if (readings.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
