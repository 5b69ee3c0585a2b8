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
  /** As it was stored. */
  readonly event: InboxEvent;
}

/** How an attempt ended, and what follows from it. */
export type AttemptEnd =
  | { readonly state: "done"; readonly result: "processed" | "ignored" | "stale"; readonly milliseconds: number }
  | { readonly state: "retry"; readonly result: string; readonly milliseconds: number; readonly reason: string; readonly afterMs: number }
  | { readonly state: "dead"; readonly result: string; readonly milliseconds: number; readonly reason: string };

/** Who did something by hand, and why. Kept with the event. */
export interface Intervention {
  /** A person or a program. */
  readonly by: string;
  /** For whoever reads the history. */
  readonly reason: string;
}

/** Which entries an operation is about; all conditions have to hold. */
export interface InboxFilter {
  /** One state, or any of several. */
  readonly state?: InboxState | readonly InboxState[] | undefined;
  /** The name of a provider. */
  readonly provider?: string | undefined;
  /** The identity of an endpoint. */
  readonly endpoint?: string | undefined;
  /** An event type. */
  readonly type?: string | undefined;
  /** The dedupe key, as in `context.id`. */
  readonly id?: string | undefined;
  /** Received later than this. */
  readonly receivedAfter?: Date | undefined;
  /** Received earlier than this. */
  readonly receivedBefore?: Date | undefined;
}

/** An event in the inbox, without its payload. */
export interface InboxEntry {
  /** Of the entry, for `get`, `replay` and `discard`. */
  readonly entry: string;
  /** Where it stands. */
  readonly state: InboxState;
  /** The name of the provider. */
  readonly provider: string;
  /** The identity of the endpoint. */
  readonly endpoint: string;
  /** The event type; `"(unreadable)"` for an authentic body that names none. */
  readonly type: string;
  /** The dedupe key, as in `context.id`. */
  readonly id: string;
  /** How often it was claimed since it was stored or replayed, crashes included. */
  readonly attempts: number;
  /** When it was stored. */
  readonly receivedAt: Date;
  /** When it may be taken next; for `processing`, when its lease ends. Absent for `done` and `dead`. */
  readonly dueAt?: Date;
  /** When it was done or dead. */
  readonly finishedAt?: Date;
  /** Why it is waiting for a retry, or dead. */
  readonly reason?: string;
}

/** One line of the history of an entry. */
export interface InboxTransition {
  /** When it happened. */
  readonly at: Date;
  /** The number of the attempt; 0 before the first. */
  readonly attempt: number;
  /** The state that it led to. */
  readonly to: InboxState;
  /** How the attempt ended, or what was done by hand: `replayed`, `discarded`. */
  readonly result: string;
  /** How long the attempt took. */
  readonly milliseconds?: number;
  /** Why it failed, or why somebody stepped in. */
  readonly reason?: string;
  /** Who did it, if it was done by hand. */
  readonly by?: string;
}

/** An entry with all that is known of it. */
export interface InboxEntryDetails extends InboxEntry {
  /** Oldest first. */
  readonly history: readonly InboxTransition[];
  /** Only when asked for. */
  readonly rawBody?: Uint8Array;
  /** Only when asked for. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How the events of one provider and type fared. */
export interface InboxTypeStats {
  /** The name of the provider. */
  readonly provider: string;
  /** The event type. */
  readonly type: string;
  /** Attempts that succeeded. */
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
  /** How many events are in each. */
  readonly states: Readonly<Record<InboxState, number>>;
  /** How long the oldest event that is due has been waiting, in milliseconds; `undefined` when none is. */
  readonly oldestDueMs: number | undefined;
  /** One for each provider and type with an attempt that ended. */
  readonly types: readonly InboxTypeStats[];
}

/** A page of entries. */
export interface InboxPage {
  /** As many as were asked for, or the rest. */
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
  /**
   * Called after each step, and at the end, with how far it has come; waited for. What it throws ends the work there.
   * @default nobody is told
   */
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

/**
 * What keeps the events of an inbox. Methods reject when the store fails, and the worker then reports `store_failed` and goes on; each says
 * what has to hold, what the worker does where it does not, and which cases of `inboxStoreCases` prove it.
 */
export interface InboxStore {
  /**
   * Stores an event, unless one with its id and fingerprint is there, and resolves to whether it was; only when neither a crash nor a power
   * cut can lose it any more. With `unlessKnown`, any event under one of those ids counts as the same; one that another process stores at
   * that moment may be overlooked.
   *
   * Where it rejects, or is late, the router answers 503 and the sender comes again. Where it resolves too soon, nobody does: the worker
   * handles what is there, and what is not is lost.
   *
   * Proved by "stores an event once, also when it comes many times at once", "stores an event only if none has one of its ids, when it is
   * asked to" and "gives back what was stored, to the byte"; that it is durable, by kills and power cuts of the store itself.
   */
  put(event: InboxEvent, options?: AcceptOptions): Promise<{ readonly duplicate: boolean }>;
  /**
   * Takes events that are due, at most `limit`, of these sources (`provider/endpoint`), each for one caller only until its lease ends. The
   * attempt counts from here on. Those whose last attempt was lost to a crash become dead instead. Empty only when nothing is due.
   *
   * Where two callers get one event, its handlers run twice at once, and the newer token alone ends it. An empty answer lets the worker wait
   * for {@link InboxStore.onPut} or its next poll, however much is due; what was claimed and not answered, for the lease.
   *
   * Proved by "gives each event to one of many claimants", "leaves events of other sources alone, and names them", "hands an event over when
   * the lease is over, and the old token changes nothing any more" and "is done with an event whose last attempt was lost to a crash".
   */
  claim(options: {
    readonly sources: readonly string[];
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly ClaimedEvent[]>;
  /**
   * Prolongs a lease from now on. `false`: the token is stale.
   *
   * At `false` the worker aborts the signal of the handlers and waits for them no longer. Where it rejects, the worker asks again, and aborts
   * the signal when the lease is over by its own clock. `true` for a stale token lets two go on beside each other.
   *
   * Proved by "prolongs a lease from now on" and "a worker keeps its claim while the handler runs".
   */
  extend(claimed: ClaimedEvent, leaseMs: number): Promise<boolean>;
  /**
   * Ends an attempt, with a line of history that has its `result` and `milliseconds`: all of it or nothing. `false`: the token is stale, and
   * nothing was changed.
   *
   * At `false` the worker reports `claim_lost`, unless it has asked before without an answer and finds that line in {@link InboxStore.get}.
   * Where it rejects, the worker asks again until it does not, so it must not reject for what it is given: reasons are texts of about 500
   * characters at most. Where it takes a stale token, an event is completed twice.
   *
   * Proved by "is done with an event once, and the token is spent", "waits for a retry until it is due" and "hands an event over when the
   * lease is over, and the old token changes nothing any more".
   */
  settle(claimed: ClaimedEvent, end: AttemptEnd): Promise<boolean>;
  /**
   * Gives an event back as if it had not been claimed. `false`: the token is stale.
   *
   * The worker does nothing more at `false`, or where it rejects: the lease ends by itself, and the attempt counts.
   *
   * Proved by "takes an event back as if it had not been claimed" and "a worker that stops ends what runs, and gives back what does not end,
   * without using up an attempt".
   */
  release(claimed: ClaimedEvent): Promise<boolean>;
  /**
   * Calls back when this process has stored something, or taken it back; returns how to stop that.
   *
   * Where it does not, the worker finds the event at its next poll, as it finds those of other processes.
   *
   * Proved by "a worker handles everything, each event once, and not more at once than it may".
   */
  onPut(listener: () => void): () => void;
  /**
   * A page of the entries that a filter lets through, the newest first, at least among those of one source and state. No worker needs it.
   *
   * Proved by "lists by conditions, page by page, the newest first".
   */
  list(filter: InboxFilter, page: { readonly limit: number; readonly after?: string | undefined }): Promise<InboxPage>;
  /**
   * One entry with its attempts, with or without its payload; `undefined` when there is none. The worker asks for it where the answer of
   * {@link InboxStore.settle} was lost, and reports `claim_lost` where the history does not tell.
   *
   * Proved by "gives back what was stored, to the byte".
   */
  get(entry: string, options: { readonly payload: boolean }): Promise<InboxEntryDetails | undefined>;
  /**
   * Takes entries that are done or dead back to `received`, with all attempts again, and resolves to how many. Nothing else may change, and
   * tokens of before are stale. Where one is not, the worker that holds it ends the new run.
   *
   * Proved by "replays what is dead or done, from the first attempt on, and keeps who and why" and "operators replay, discard, count and
   * prune while a worker is busy, and nothing is lost or handled twice at once".
   */
  replay(which: readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /**
   * Makes entries that wait (`received`, `retry`) dead, and resolves to how many. An event that is claimed at that moment is one or the
   * other: where it is both, the worker handles what was discarded.
   *
   * Proved by "discards what waits, and nothing else" and "operators replay, discard, count and prune while a worker is busy, and nothing is
   * lost or handled twice at once".
   */
  discard(which: readonly string[] | InboxFilter, intervention: Intervention): Promise<number>;
  /**
   * What {@link Inbox.stats} tells. No worker needs it.
   *
   * Proved by "counts what was handled and what failed".
   */
  stats(): Promise<InboxStats>;
  /**
   * Deletes entries that ended before a time, and tells `onProgress` how far it has come. Resolves to how many. What is still to be handled
   * must stay, since no worker misses what is gone.
   *
   * Proved by "forgets what is handled when it is pruned, and not before" and "forgets dead letters when they are old enough, and younger
   * ones not".
   */
  prune(options: PruneOptions): Promise<number>;
  /**
   * What {@link Inbox.health} tells, within 1.5 seconds also where nothing answers. Never rejects, and says so when it is closed. No worker
   * needs it.
   *
   * Proved by "says when it is ready, and rejects when it is closed".
   */
  health(): Promise<InboxHealth>;
  /**
   * Sources that have events which are due, registered or not. Where one is left out, the worker does not report that its router is missing.
   *
   * Proved by "a worker reports events that no router is there for, and leaves them".
   */
  dueSources(): Promise<readonly string[]>;
  /**
   * For `context.stale`. Without it the worker takes no event for stale.
   *
   * Proved by "keeps the furthest state of a job".
   */
  readonly observe?: IdempotencyStore["observe"];
  /**
   * Closes what the store has opened itself, after what was asked for before. Safe to call again. Workers have stopped by then; an operation
   * after that rejects.
   *
   * Proved by "stores what was asked for before it is closed" and "says when it is ready, and rejects when it is closed".
   */
  close(): Promise<void>;
}
