/** How much work a contest is. */
export interface ContestEffort {
  readonly rounds: number;
  /** Until the optimising compiler is done with a contestant, even where it has to share the machine. */
  readonly warmUp: { readonly calls: number; readonly leastMs: number; readonly mostMs: number };
}

/** How much work a comparison over HTTP is. */
export interface HttpEffort {
  /** What the optimising compiler makes of the code differs from process to process, and no number of rounds in one evens that out. */
  readonly processes: number;
  /** Of four rounds each. */
  readonly blocksPerProcess: number;
  readonly warmUp: { readonly requests: number; readonly leastSeconds: number; readonly mostSeconds: number };
}

/** How much work the parts about the inbox are. */
export interface InboxEffort {
  readonly rounds: number;
  readonly roundSeconds: number;
  readonly warmUpSeconds: number;
  /** The most rows that are stored; each power of ten from 1,000 on is measured, but not more. */
  readonly deepest: number;
}

/** How much work the parts of a report are. */
export interface Effort {
  readonly contest: ContestEffort;
  /** Contests of many, among which are slow ones. */
  readonly growth: ContestEffort;
  readonly http: HttpEffort;
  readonly coldImportRounds: number;
  /** What is accepted over HTTP. */
  readonly accept: InboxEffort;
  /** What is put in and worked off as stored rows grow. */
  readonly depth: InboxEffort;
}

const contest: ContestEffort = { rounds: 80, warmUp: { calls: 20_000, leastMs: 300, mostMs: 600 } };

/** What `npm run bench` does. */
export const usual: Effort = {
  contest,
  growth: { ...contest, rounds: 30 },
  http: { processes: 2, blocksPerProcess: 8, warmUp: { requests: 2048, leastSeconds: 1.5, mostSeconds: 3 } },
  coldImportRounds: 15,
  accept: { rounds: 8, roundSeconds: 1, warmUpSeconds: 2, deepest: 0 },
  depth: { rounds: 3, roundSeconds: 1, warmUpSeconds: 2, deepest: 100_000 },
};

/** What `npm run bench:http` does. */
export const longHttp: HttpEffort = {
  processes: 2,
  blocksPerProcess: 25,
  warmUp: { requests: 4096, leastSeconds: 2, mostSeconds: 5 },
};

/** What `npm run bench:inbox` does. */
export const longInbox: InboxEffort = { rounds: 16, roundSeconds: 1, warmUpSeconds: 2, deepest: 1_000_000 };

const once: ContestEffort = { rounds: 2, warmUp: { calls: 32, leastMs: 0, mostMs: 20 } };
const onceInbox: InboxEffort = { rounds: 1, roundSeconds: 0.3, warmUpSeconds: 0.1, deepest: 1000 };

/** Enough to see that everything works. The figures mean nothing. */
export const quick: Effort = {
  contest: once,
  growth: once,
  http: { processes: 1, blocksPerProcess: 1, warmUp: { requests: 256, leastSeconds: 0, mostSeconds: 0 } },
  coldImportRounds: 2,
  accept: onceInbox,
  depth: onceInbox,
};
