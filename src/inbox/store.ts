import type { IdempotencyStore } from "../idempotency/store.ts";
import type { AcceptOptions, InboxEvent } from "./intake.ts";

/**
 * Where an event stands. `received`, then `processing`, then `done`; after a failure `retry` until it is due, or `dead` when no attempt is
 * left. A replay takes `done` and `dead` back to `received`.
 */
export type InboxState = "received" | "processing" | "retry" | "done" | "dead";

/** An event that a worker has claimed. */
export interface ClaimedEvent {
  /** Of the entry in the inbox. */
  readonly entry: string;
  /** Fences this attempt: after the lease, somebody else has another one. */
  readonly token: string;
  /** 1 for the first; rises with the claim, so that a crash counts. */
  readonly attempt: number;
  readonly event: InboxEvent;
}

/** How an attempt ended, and what follows from it. */
export type AttemptEnd =
  | { readonly state: "done"; readonly result: "processed" | "ignored" | "stale"; readonly milliseconds: number }
  | { readonly state: "retry"; readonly result: string; readonly milliseconds: number; readonly reason: string; readonly afterMs: number }
  | { readonly state: "dead"; readonly result: string; readonly milliseconds: number; readonly reason: string };

/** Who did something by hand, and why. Kept with the event. */
export interface Intervention {
  readonly by: string;
  readonly reason: string;
}

/** Which entries an operation is about; all conditions have to hold. */
export interface InboxFilter {
  readonly state?: InboxState | readonly InboxState[] | undefined;
  readonly provider?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly type?: string | undefined;
  /** The dedupe key, as in `context.id`. */
  readonly id?: string | undefined;
  readonly receivedAfter?: Date | undefined;
  readonly receivedBefore?: Date | undefined;
}

/** An event in the inbox, without its payload. */
export interface InboxEntry {
  /** Of the entry, for `get`, `replay` and `discard`. */
  readonly entry: string;
  readonly state: InboxState;
  readonly provider: string;
  readonly endpoint: string;
  readonly type: string;
  /** The dedupe key, as in `context.id`. */
  readonly id: string;
  readonly attempts: number;
  readonly receivedAt: Date;
  /** When it may be taken next; for `processing`, when its lease ends. Absent for `done` and `dead`. */
  readonly dueAt?: Date;
  readonly finishedAt?: Date;
  /** Why it is waiting for a retry, or dead. */
  readonly reason?: string;
}

/** One line of the history of an entry. */
export interface InboxTransition {
  readonly at: Date;
  readonly attempt: number;
  readonly to: InboxState;
  /** How the attempt ended, or what was done by hand: `replayed`, `discarded`. */
  readonly result: string;
  readonly milliseconds?: number;
  readonly reason?: string;
  /** Who did it, if it was done by hand. */
  readonly by?: string;
}

/** An entry with all that is known of it. */
export interface InboxEntryDetails extends InboxEntry {
  readonly history: readonly InboxTransition[];
  /** Only when asked for. */
  readonly rawBody?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How the events of one provider and type fared. */
export interface InboxTypeStats {
  readonly provider: string;
  readonly type: string;
  readonly processed: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Of all attempts that ended, from 0 to 1; `undefined` when there were none. */
  readonly successRate: number | undefined;
  /** How long the handlers of successful attempts took; upper bounds of about 20 %, in milliseconds. */
  readonly latencyMs: { readonly p50: number | undefined; readonly p90: number | undefined; readonly p99: number | undefined };
}

/** The state of an inbox. */
export interface InboxStats {
  readonly states: Readonly<Record<InboxState, number>>;
  /** How long the oldest event that is due has been waiting, in milliseconds; `undefined` when none is. */
  readonly oldestDueMs: number | undefined;
  readonly types: readonly InboxTypeStats[];
}

/** A page of entries. */
export interface InboxPage {
  readonly entries: readonly InboxEntry[];
  /** Pass it as `after` for the next page; absent on the last one. */
  readonly next?: string;
}

/** When rows are deleted. */
export interface PruneOptions {
  /** Handled events older than this. Until then they are recognised as duplicates. */
  readonly olderThanDays: number;
  /**
   * Dead letters older than this.
   * @default never
   */
  readonly deadOlderThanDays?: number | undefined;
  /** Called after each step, and at the end, with how far it has come; waited for. What it throws ends the work there. */
  readonly onProgress?: ((progress: PruneProgress) => unknown) | undefined;
}

/** How far {@link Inbox.prune} has come. */
export interface PruneProgress {
  /** Events that are deleted. */
  readonly pruned: number;
  /** Those and all that were old enough at the start; at the end the same. */
  readonly total: number;
}

/** Whether an inbox can be used. */
export interface InboxHealth {
  /**
   * Whether it can be ready again without a restart of the process: `false` once it was closed. An inbox whose disk or server is away is
   * live, since a restart does not bring that back.
   */
  readonly live: boolean;
  /** Whether deliveries can be stored now. */
  readonly ready: boolean;
  /** What is wrong. */
  readonly reason?: string;
}

/** What a store that is closed, or being closed, tells of its health. */
export const CLOSED: InboxHealth = { live: false, ready: false, reason: "The inbox is closed." };

/** What keeps the events of an inbox. Methods reject when the store fails. */
export interface InboxStore {
  /**
   * Stores an event durably, unless the same is there. Resolves to whether it was. With `unlessKnown`, any event under one of those ids
   * counts as the same; one that another process stores at that moment may be overlooked.
   */
  put(event: InboxEvent, options?: AcceptOptions): Promise<{ readonly duplicate: boolean }>;
  /**
   * Takes events that are due, at most `limit`, of these sources (`provider/endpoint`), each for one caller only until its lease ends.
   * Those whose last attempt was lost to a crash become dead instead.
   */
  claim(options: {
    readonly sources: readonly string[];
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly ClaimedEvent[]>;
  /** Prolongs a lease from now on. `false`: the token is stale. */
  extend(claimed: ClaimedEvent, leaseMs: number): Promise<boolean>;
  /** Ends an attempt. `false`: the token is stale, and nothing was changed. */
  settle(claimed: ClaimedEvent, end: AttemptEnd): Promise<boolean>;
  /** Gives an event back as if it had not been claimed. `false`: the token is stale. */
  release(claimed: ClaimedEvent): Promise<boolean>;
  /** Calls back when this process has stored something; returns how to stop that. Others are found by polling. */
  onPut(listener: () => void): () => void;
  /** A page of the entries that a filter lets through. */
  list(filter: InboxFilter, page: { readonly limit: number; readonly after?: string | undefined }): Promise<InboxPage>;
  /** One entry with its attempts, with or without its payload; `undefined` when there is none. */
  get(entry: string, options: { readonly payload: boolean }): Promise<InboxEntryDetails | undefined>;
  /** Takes entries that are done or dead back to `received`, with all attempts again. Resolves to how many. */
  replay(which: readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /** Makes entries that wait (`received`, `retry`) dead. Resolves to how many. */
  discard(which: readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /** What {@link Inbox.stats} tells. */
  stats(): Promise<InboxStats>;
  /** Deletes entries that ended before a time, and tells `onProgress` how far it has come. Resolves to how many. */
  prune(options: PruneOptions): Promise<number>;
  /** What {@link Inbox.health} tells, within 1.5 seconds also where nothing answers. Never rejects, and says so when it is closed. */
  health(): Promise<InboxHealth>;
  /** Sources that have events which are due, registered or not; for reports. */
  dueSources(): Promise<readonly string[]>;
  /** For `context.stale`. */
  readonly observe?: IdempotencyStore["observe"];
  /** Closes what the store has opened itself. Safe to call again. */
  close(): Promise<void>;
}
