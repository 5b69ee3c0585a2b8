import { isBusy, isOwnFailure, type SqliteDatabase } from "./sqlite-driver.ts";

/** Writes to a database in groups. */
export interface SqliteWriter {
  /**
   * Runs an operation in a transaction, together with all others of this turn of the event loop: one sync to disk serves them all.
   * Resolves with its result when the transaction is durable. Rejects when it is not; then nothing of it is there.
   *
   * @param bytes how much it writes, where that may be much: what is too large for one transaction is spread over several
   */
  write<Result>(operation: () => Result, bytes?: number): Promise<Result>;
  /** Reads, and comes back when another connection holds a lock just then. */
  read<Result>(operation: () => Result): Promise<Result>;
  /** Resolves when everything that was asked for before has been written. */
  drain(): Promise<void>;
  /** What the last write failed with, if it did. */
  readonly failure: unknown;
}

interface Pending {
  readonly operation: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
  readonly bytes: number;
  readonly giveUpAt: number;
}

/** How long another connection may hold a lock. */
const LOCK_TIMEOUT_MS = 10_000;

/** The lock is asked for again after 2 to 8 ms: others pause for 10 in the middle of long work, and two that wait must not keep in step. */
const nextTry = (): number => 2 + Math.random() * 6;

const MOST_OPERATIONS = 1000;
/** What is written in one transaction at most, unless a single operation writes more: nothing else runs until it is on disk. */
export const MOST_BYTES: number = 4 * 1024 * 1024;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Makes the writer of a database whose own waiting for locks is switched off: it would block the event loop. */
export function createWriter(database: SqliteDatabase): SqliteWriter {
  let queue: Pending[] = [];
  let flushing: Promise<void> | undefined;
  let failure: unknown;

  /** Runs a group in one transaction. Throws when nothing of it was written; `failed` is then the operation that is to blame, if any. */
  function attempt(batch: readonly Pending[], blame: (failed: Pending) => void): void {
    // Takes the lock for writing at once, so that no statement after it can find it taken.
    database.exec("BEGIN IMMEDIATE");
    const results: unknown[] = [];
    let current: Pending | undefined;
    try {
      for (const pending of batch) {
        current = pending;
        results.push(pending.operation());
      }
      current = undefined;
      database.exec("COMMIT");
    } catch (error) {
      rollBack();
      if (current) blame(current);
      throw error;
    }
    failure = undefined;
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as never);
  }

  function rollBack(): void {
    try {
      database.exec("ROLLBACK");
    } catch {
      // SQLite has done so itself, as it does when the disk fails.
    }
  }

  async function commit(batch: readonly Pending[]): Promise<void> {
    let left = batch;
    while (left.length > 0) {
      let blamed: Pending | undefined;
      try {
        attempt(left, (failed) => {
          blamed = failed;
        });
        return;
      } catch (error) {
        if (isBusy(error)) {
          const now = performance.now();
          for (const { giveUpAt, reject } of left) if (giveUpAt <= now) reject(error);
          left = left.filter(({ giveUpAt }) => giveUpAt > now);
          if (left.length > 0) await wait(nextTry());
          continue;
        }
        failure = error;
        // An operation that fails by itself is left out, and the others are tried again; a disk that fails concerns all.
        const guilty = isOwnFailure(error) ? blamed : undefined;
        for (const each of left) if (guilty === undefined || each === guilty) each.reject(error);
        left = guilty === undefined ? [] : left.filter((each) => each !== guilty);
        if (left.length > 0) await nextTurn();
      }
    }
  }

  async function flush(): Promise<void> {
    // Everything that arrives in this turn goes into the first group.
    await nextTurn();
    while (queue.length > 0) {
      const size = sizeOfBatch(queue);
      const batch = queue.slice(0, size);
      queue = queue.slice(size);
      await commit(batch);
      // Answers, probes and refusals go in between.
      if (queue.length > 0) await nextTurn();
    }
    flushing = undefined;
  }

  return {
    write<Result>(operation: () => Result, bytes = 0): Promise<Result> {
      return new Promise<Result>((resolve, reject) => {
        queue.push({ operation, resolve: resolve as never, reject, bytes, giveUpAt: performance.now() + LOCK_TIMEOUT_MS });
        flushing ??= flush();
      });
    },
    async read<Result>(operation: () => Result): Promise<Result> {
      const giveUpAt = performance.now() + LOCK_TIMEOUT_MS;
      for (;;) {
        try {
          return operation();
        } catch (error) {
          if (!isBusy(error) || performance.now() > giveUpAt) throw error;
          await wait(nextTry());
        }
      }
    },
    async drain(): Promise<void> {
      while (flushing) await flushing;
    },
    get failure() {
      return failure;
    },
  };
}

/** How many of those that wait go into the next transaction; at least one. */
function sizeOfBatch(queue: readonly Pending[]): number {
  let size = 0;
  let bytes = 0;
  for (const each of queue) {
    bytes += each.bytes;
    if (size === MOST_OPERATIONS || (size > 0 && bytes > MOST_BYTES)) break;
    size++;
  }
  return size;
}
