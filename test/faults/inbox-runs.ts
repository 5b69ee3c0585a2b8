import { existsSync, openSync, readFileSync, writeSync } from "node:fs";

/** A line of the log that handlers write, apart from the inbox and before it knows. */
type Line = readonly [id: string, attempt: number, what: "began" | "ended", at: number];

/** Takes down the runs of the handlers, in a file that all lives share. */
export interface RunLog {
  began(id: string, attempt: number): void;
  ended(id: string, attempt: number): void;
}

/** What handlers did, by their own account. */
export interface Runs {
  /** Events whose handlers came to an end at least once. */
  readonly handled: number;
  /** Runs beyond the first of each event that came to an end: the price of crashes. */
  readonly repeated: number;
  /** Runs that began when the completion of the event was on record already. */
  readonly afterCompletion: number;
  /** Attempts that came to an end twice: one claim that two had. */
  readonly shared: number;
}

/** Opens a log to write to. */
export function openRunLog(file: string): RunLog {
  const log = openSync(file, "a");
  const write = (...line: Line): void => void writeSync(log, `${JSON.stringify(line)}\n`);
  return {
    began: (id, attempt) => write(id, attempt, "began", Date.now()),
    ended: (id, attempt) => write(id, attempt, "ended", Date.now()),
  };
}

/**
 * Reads a log.
 *
 * @param events the events in the inbox, and when each was completed
 */
export function runsIn(file: string, events: ReadonlyMap<string, number | undefined>): Runs {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  const parsed = lines.map((line) => JSON.parse(line) as Line);
  const ended = parsed.filter(([, , what]) => what === "ended");
  const handled = new Set(ended.map(([id]) => id)).size;
  return {
    handled,
    repeated: ended.length - handled,
    afterCompletion: parsed.filter(([id, , what, at]) => what === "began" && at > (events.get(id) ?? Number.POSITIVE_INFINITY)).length,
    shared: ended.length - new Set(ended.map(([id, attempt]) => `${attempt} ${id}`)).size,
  };
}
