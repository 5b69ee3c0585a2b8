import { storedKey } from "../idempotency/stored-key.ts";
import type { InboxEvent } from "./intake.ts";
import type { PgBossClient } from "./pg-boss-client.ts";
import { jobOf, queueOf, queueOptions } from "./pg-boss-job.ts";
import { queriesFor } from "./pg-boss-queries.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import { sourceOf } from "./worker.ts";

/** Puts events into the queues. */
export interface PgBossIntake {
  /** Of the jobs. */
  readonly heartbeatSeconds: number;
  /** With ids, the event is stored only if no event of its queue has one of them. */
  put(event: InboxEvent, unlessKnown?: readonly string[]): Promise<{ readonly duplicate: boolean }>;
  /** Resolves when a queue exists and has the settings of this process. */
  ready(queue: string): Promise<void>;
}

interface Waiting {
  readonly job: { readonly id: string };
  readonly bytes: number;
  readonly unlessKnown: readonly string[] | undefined;
  resolve(stored: { readonly duplicate: boolean }): void;
  reject(error: unknown): void;
}

/** Bodies that go into one statement; a delivery may have a megabyte. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Puts all events that come in one turn of the event loop into their queue with one statement, so that they share a commit. */
export function createIntake(boss: PgBossClient, schema: string, policy: CompletePolicy, heartbeatSeconds: number): PgBossIntake {
  const sql = queriesFor(schema);
  const queues = new Map<string, Promise<void>>();
  const waiting = new Map<string, Waiting[]>();

  function ready(queue: string): Promise<void> {
    const known = queues.get(queue);
    if (known !== undefined) return known;
    const made = makeQueue(queue);
    queues.set(queue, made);
    made.catch(() => queues.delete(queue));
    return made;
  }

  async function makeQueue(queue: string): Promise<void> {
    const options = queueOptions(policy.attempts, policy.maxBackoffMs, heartbeatSeconds);
    await boss.createQueue(queue, options);
    // It may be there with the settings of an earlier release.
    await boss.updateQueue(queue, options);
  }

  async function flush(queue: string): Promise<void> {
    const all = waiting.get(queue) ?? [];
    waiting.delete(queue);
    try {
      // A sender must not wait for a search.
      for (const batch of batchesOf(all.filter(({ unlessKnown }) => unlessKnown === undefined))) await insert(queue, batch);
      for (const batch of batchesOf(await withoutKnown(queue, all))) await insert(queue, batch);
    } catch (error) {
      // Nobody else waits for this, and those who do must not wait for ever.
      for (const { reject } of all) reject(error);
    }
  }

  /** Those that are stored only if they are not known, and are not. The others among them are told so. */
  async function withoutKnown(queue: string, all: readonly Waiting[]): Promise<readonly Waiting[]> {
    const asked = all.filter(({ unlessKnown }) => unlessKnown !== undefined);
    if (asked.length === 0) return asked;
    const keysOf = ({ unlessKnown = [] }: Waiting): readonly string[] => unlessKnown.map(storedKey);
    try {
      const { rows } = await boss.getDb().executeSql(sql.known, [queue, asked.flatMap(keysOf)]);
      const known = new Set((rows as { key: string }[]).map(({ key }) => key));
      return asked.filter((each) => {
        const isNew = !keysOf(each).some((key) => known.has(key));
        if (!isNew) each.resolve({ duplicate: true });
        return isNew;
      });
    } catch (error) {
      for (const { reject } of asked) reject(error);
      return [];
    }
  }

  async function insert(queue: string, batch: readonly Waiting[]): Promise<void> {
    try {
      await ready(queue);
      const jobs = new Map(batch.map(({ job }) => [job.id, job]));
      // In one order, since two processes that insert the same events in different ones could wait for each other.
      const sorted = [...jobs.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
      const fresh = new Set(await boss.insert(queue, sorted, { returnId: true }));
      // The first delivery of an event that was new is the new one, the others in the batch are duplicates of it.
      for (const { job, resolve } of batch) resolve({ duplicate: !fresh.delete(job.id) });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    heartbeatSeconds,
    ready,
    put: (event, unlessKnown) =>
      new Promise((resolve, reject) => {
        const queue = queueOf(sourceOf(event.provider, event.endpoint));
        // Before it is among others, which must not fail for what it is.
        const job = jobOf(event, policy.attempts, heartbeatSeconds);
        const each = { job, bytes: event.rawBody.byteLength, unlessKnown, resolve, reject };
        const others = waiting.get(queue);
        if (others !== undefined) others.push(each);
        else {
          waiting.set(queue, [each]);
          setImmediate(() => void flush(queue));
        }
      }),
  };
}

function* batchesOf(all: readonly Waiting[]): Iterable<readonly Waiting[]> {
  let batch: Waiting[] = [];
  let bytes = 0;
  for (const each of all) {
    bytes += each.bytes;
    if (batch.length > 0 && bytes > BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = each.bytes;
    }
    batch.push(each);
  }
  if (batch.length > 0) yield batch;
}
