import type { Inbox } from "../../src/inbox/inbox.ts";
import type { RetryPolicy } from "../../src/inbox/retry-policy.ts";
import type { TestServer } from "../suites/servers.ts";
import type { EngineLife } from "./inbox-engine-life.ts";
import type { Framer } from "./inbox-frames.ts";
import type { Moment } from "./inbox-wire.ts";

/** By when, of the moments of a process that the crash matrix names; each may come in several ways. */
export type Moments = Readonly<Record<string, Moment>>;

/** How the crash matrix is gone through on an engine. */
export interface MatrixEngine {
  readonly name: string;
  readonly server: TestServer;
  readonly framer: () => Framer;
  /** How long a claim holds without a sign of life. */
  readonly leaseMs: number;
  /** Row 2: nothing was stored. */
  readonly beforeStored: Moments;
  /** Row 4. */
  readonly afterStored: Moment;
  /** Row 6: nothing was claimed. */
  readonly beforeClaimed: Moments;
  /** Row 6: claimed, and the handlers have not begun. */
  readonly afterClaimed: Moments;
  /** Rows 8 and 10: the handlers have ended, and nothing is on record. */
  readonly beforeEnded: Moments;
  readonly beforeFailed: Moments;
  /** Row 8: the completion is on record, and the engine does not know. None where both are one transaction. */
  readonly afterRecorded: Moments;
  /** Row 9. */
  readonly afterEnded: Moment;
  /** Row 11. */
  readonly afterFailed: Moment;
  /** Row 12. */
  readonly beforeDead: Moments;
  /** Row 16: how many of three events are replayed, or deleted, when it dies at this moment. */
  readonly duringReplay: readonly (readonly [how: string, Moment, replayed: number])[];
  readonly duringPrune: readonly (readonly [how: string, Moment, deleted: number])[];
  /** Whether history is written in the same transaction as what it tells of. */
  readonly exactHistory: boolean;
  open(port: number, space: string, policy: RetryPolicy): Promise<Inbox>;
  /** What moves the time of a space, and deletes it. */
  openSpace(space: string): Promise<MatrixSpace>;
}

/** A schema or a prefix of a test. */
export interface MatrixSpace {
  /** Lets time pass for what is stored: all that is to come moves towards now. The clocks of servers are out of reach. */
  pass(milliseconds: number): Promise<void>;
  /** Resolves when the engine has looked for workers that died, which is more than once where it takes that. */
  look(life: EngineLife): Promise<void>;
  /** Deletes everything. */
  close(): Promise<void>;
}
