import type { Effort } from "./effort.ts";
import type { Verdicts } from "./verdicts.ts";

/** What each part of a report gets. */
export interface Run {
  readonly effort: Effort;
  readonly verdicts: Verdicts;
}

/** Measures something, prints it, and notes what has a bar. */
export type Measure = (run: Run) => Promise<void>;

/** Thrown by a part that cannot run here, such as for want of a server; the message says why. */
export class LeftOut extends Error {}

/** Ends a part whose contestants do not do what they are measured for. */
export function prove(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`Nothing was measured: not true that ${claim}.`);
}
