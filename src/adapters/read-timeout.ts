import { BODY_TIMEOUT_MS } from "../body.ts";
import { type Linked, LinkedList } from "../linked-list.ts";

/** One body that is being read. */
interface Reading extends Linked<Reading> {
  readonly since: number;
  readonly giveUp: () => void;
}

const TICK_MS = 1000;

// In the order in which they began, so that the first is always the oldest.
const readings = new LinkedList<Reading>();
let ticks = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Calls back once when a body has been read for too long. One timer serves all bodies of the process, because one for each would cost as
 * much as the rest of the reading.
 *
 * @returns a function to call once, when the body has been read
 */
export function limitReading(giveUp: () => void): () => void {
  const reading: Reading = { since: ticks, giveUp, before: undefined, after: undefined };
  readings.add(reading);
  if (timer === undefined) {
    timer = setInterval(tick, TICK_MS);
    timer.unref();
  }
  return () => readings.remove(reading);
}

function tick(): void {
  ticks++;
  for (let { first } = readings; first !== undefined && (ticks - first.since) * TICK_MS > BODY_TIMEOUT_MS; { first } = readings)
    first.giveUp();
  if (readings.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
