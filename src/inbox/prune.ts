import type { PruneOptions } from "./store.ts";

/** What prune() can delete. */
export type PrunableState = "done" | "dead";

/** Hears how many events a step has deleted, and is waited for. */
export type Deleted = (events: number) => Promise<void>;

/** What a store does to events that ended before a number of days. */
export interface PruneSteps {
  /** Counts them; called only when somebody wants to know how far it has come. */
  count(state: PrunableState, olderThanDays: number): Promise<number>;
  /** Deletes them, and tells after each step how many it were; rejects as that does. */
  remove(state: PrunableState, olderThanDays: number, deleted: Deleted): Promise<unknown>;
}

/** Deletes the events that are old enough, and resolves to how many there were. */
export async function pruneEvents({ olderThanDays, deadOlderThanDays, onProgress }: PruneOptions, steps: PruneSteps): Promise<number> {
  const ages: [PrunableState, number][] = [["done", olderThanDays]];
  if (deadOlderThanDays !== undefined) ages.push(["dead", deadOlderThanDays]);
  let total = 0;
  if (onProgress) for (const [state, days] of ages) total += await steps.count(state, days);
  let pruned = 0;
  for (const [state, days] of ages) {
    await steps.remove(state, days, async (events) => {
      pruned += events;
      // Some may have become old enough meanwhile.
      await onProgress?.({ pruned, total: Math.max(total, pruned) });
    });
  }
  // And others may be gone without us.
  await onProgress?.({ pruned, total: pruned });
  return pruned;
}
