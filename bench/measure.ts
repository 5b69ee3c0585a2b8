import type { ContestEffort } from "./effort.ts";
import { quantile, type Ratio, spread } from "./statistics.ts";

/** Something whose time per operation is measured. */
export interface Contestant {
  readonly name: string;
  /** One operation. A promise is awaited; anything else is not, so that a synchronous contestant pays for no turn of the loop. */
  run(index: number): unknown;
  /** Operations per batch, where they cannot be chosen freely; `run` then sees every index below it once per batch. */
  readonly batch?: number;
  /** Runs before each batch, outside of the measured time. */
  beforeBatch?(): void | Promise<void>;
}

/** What a contest came to: nanoseconds per operation of each contestant, one figure per round. */
export interface Result {
  /** How often `run` was called in all, to compare with what the contestant itself has counted. */
  readonly calls: ReadonlyMap<string, number>;
  /** The median over the rounds. */
  nanoseconds(name: string): number;
  /** How long `name` takes in units of `other`, over the ratios of each round; below 1 it is faster. */
  ratio(name: string, other: string): Ratio;
}

/** The names of contestants. */
export const namesOf = (contestants: readonly Contestant[]): readonly string[] => contestants.map(({ name }) => name);

const BATCH_MS = 2;
// With fewer, most batches of a slow contestant would see no garbage collection at all, and some a whole one.
const LEAST_PER_BATCH = 16;

/**
 * Lets contestants take turns, a batch each per round and in changing order, so that whatever slows the machine down for a while
 * slows all of them down. The batches of one round are neighbours in time, which is why ratios are taken within rounds. What is
 * measured is the CPU time of all threads of this process, garbage collection included: waiting while other processes have the CPU
 * does not count.
 */
export async function contest(contestants: readonly Contestant[], { rounds, warmUp }: ContestEffort): Promise<Result> {
  const calls = new Map<string, number>();
  const perRound = new Map<string, number[]>();
  const batches = new Map<string, number>();
  for (const { name } of contestants) perRound.set(name, []);

  const time = async (contestant: Contestant, operations: number): Promise<number> => {
    await contestant.beforeBatch?.();
    calls.set(contestant.name, (calls.get(contestant.name) ?? 0) + operations);
    const startedAt = process.cpuUsage();
    await repeat(contestant, operations);
    // What a contestant leaves for later, such as timers, is on its own bill.
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.cpuUsage(startedAt);
    return Math.max(1, ((user + system) * 1000) / operations);
  };

  for (const contestant of contestants) {
    const startedAt = performance.now();
    let operations = contestant.batch ?? 1;
    for (;;) {
      const nanoseconds = await time(contestant, operations);
      const called = calls.get(contestant.name) ?? 0;
      const elapsed = performance.now() - startedAt;
      if (elapsed > warmUp.mostMs || (called >= warmUp.calls && elapsed > warmUp.leastMs)) break;
      operations = contestant.batch ?? Math.min(operations * 2, Math.max(LEAST_PER_BATCH, Math.round((BATCH_MS * 1e6) / nanoseconds)));
    }
    batches.set(contestant.name, operations);
  }

  for (let round = 0; round < rounds; round++) {
    const order = contestants.map((_, index) => contestants[(index + (round >> 1)) % contestants.length] as Contestant);
    if (round % 2 === 1) order.reverse();
    for (const contestant of order) {
      perRound.get(contestant.name)?.push(await time(contestant, batches.get(contestant.name) ?? 1));
    }
  }

  const timesOf = (name: string): readonly number[] => {
    const times = perRound.get(name);
    if (times === undefined) throw new Error(`${name} did not take part.`);
    return times;
  };
  return {
    calls,
    nanoseconds: (name) => quantile(timesOf(name), 0.5),
    ratio(name, other) {
      const others = timesOf(other);
      return spread(timesOf(name).map((nanoseconds, round) => nanoseconds / (others[round] as number)));
    },
  };
}

/** Where results go, so that no engine can tell that nobody wants them. */
let kept: unknown;

async function repeat(contestant: Contestant, operations: number): Promise<void> {
  const first = contestant.run(0);
  if (first instanceof Promise) {
    await first;
    for (let index = 1; index < operations; index++) kept = await contestant.run(index);
  } else {
    for (let index = 1; index < operations; index++) kept = contestant.run(index);
  }
  if (kept === contestant) throw new Error("A contestant returned itself.");
}
