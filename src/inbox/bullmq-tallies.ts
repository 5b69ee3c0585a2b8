import type { BullMqRedis } from "./bullmq-driver.ts";
import type { InboxTypeStats } from "./store.ts";
import { bucketOf, type TallyRow, typesOf } from "./tallies.ts";

/** Stands for the attempts that failed, beside the buckets. */
const FAILED = -1;

/** Counts how attempts ended: one field of a hash for each provider, type and bucket. */
export interface Tallies {
  add(event: { readonly provider: string; readonly type: string }, succeeded: boolean, milliseconds: number): Promise<unknown>;
  read(): Promise<readonly InboxTypeStats[]>;
}

/** Makes {@link Tallies}. */
export function createTallies(redis: BullMqRedis, key: string): Tallies {
  return {
    add({ provider, type }, succeeded, milliseconds) {
      const bucket = succeeded ? bucketOf(milliseconds) : FAILED;
      return redis.hincrby(key, JSON.stringify([provider, type, bucket]), 1);
    },

    async read() {
      const rows = Object.entries(await redis.hgetall(key)).map(([field, count]): TallyRow => {
        const [provider, type, bucket] = JSON.parse(field) as [string, string, number];
        return { provider, type, succeeded: bucket !== FAILED, bucket, count: Number(count) };
      });
      return typesOf(rows.sort((left, right) => left.bucket - right.bucket));
    },
  };
}
