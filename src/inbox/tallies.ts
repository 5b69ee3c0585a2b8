import type { InboxTypeStats } from "./store.ts";

/** How often attempts of a type ended in a way, and how long they took. */
export interface TallyRow {
  readonly provider: string;
  readonly type: string;
  readonly succeeded: boolean;
  readonly bucket: number;
  readonly count: number;
}

/** Each bucket ends a fifth later than the one before. */
const STEP = Math.log(1.2);

/** The bucket of an attempt that took this long. */
export function bucketOf(milliseconds: number): number {
  return Math.max(0, Math.ceil(Math.log(Math.max(1, milliseconds)) / STEP));
}

/** The figures of each type, from rows in the order of their buckets. */
export function typesOf(rows: readonly TallyRow[]): readonly InboxTypeStats[] {
  const byType = new Map<string, TallyRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.provider, row.type]);
    byType.set(key, [...(byType.get(key) ?? []), row]);
  }
  return [...byType.values()].map(statsOf);
}

function statsOf(rows: readonly TallyRow[]): InboxTypeStats {
  const { provider, type } = rows[0] as TallyRow;
  const sum = (some: readonly TallyRow[]): number => some.reduce((total, { count }) => total + count, 0);
  const successes = rows.filter(({ succeeded }) => succeeded);
  const processed = sum(successes);
  const total = sum(rows);
  const at = (share: number): number | undefined => {
    let left = processed * share;
    for (const { bucket, count } of successes) {
      left -= count;
      if (left <= 0) return Math.round(Math.exp(bucket * STEP));
    }
    return undefined;
  };
  return {
    provider,
    type,
    processed,
    failed: total - processed,
    successRate: total > 0 ? processed / total : undefined,
    latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99) },
  };
}
