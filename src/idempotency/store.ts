/** What is claimed, and for how long. */
export interface ClaimOptions {
  /**
   * Digest of the raw body. Two bodies under one key are two events: each has a claim of its own, so that neither swallows the
   * other.
   */
  readonly fingerprint: string;
  /** How long the claim holds unless it is extended. */
  readonly leaseMs: number;
  /** How long a claim that is neither completed nor released is remembered at most. */
  readonly ttlMs: number;
}

/** The answer to a claim. */
export type Claim =
  /** The caller may handle the event now; the token proves it later. */
  | {
      readonly state: "claimed";
      readonly token: string;
      /** Whether another body is known under the same key; required of a store that passes the suite. */
      readonly otherBody?: boolean;
    }
  /** Somebody else is handling it, for this long unless they extend. */
  | { readonly state: "in_progress"; readonly retryAfterMs: number }
  /** It was handled. */
  | { readonly state: "completed" };

/** How far a job has come, as one event tells it. */
export interface JobState {
  /** 0 for queued, 1 for processing, 2 for succeeded, failed and cancelled. */
  readonly rank: number;
  /** When it came to that, in milliseconds since 1970; `undefined` when the event does not say. */
  readonly at: number | undefined;
}

/**
 * Remembers which events are done or being handled. All methods are atomic and go by the store's own clock. They reject when the
 * store cannot be reached; the sender is then asked to retry.
 *
 * `idempotencyStoreCases` of `video-webhooks/testing` shows whether a store keeps all of this.
 */
export interface IdempotencyStore {
  /** Takes an event that nobody holds, or whose holder let the lease run out. Exactly one of many concurrent callers gets it. */
  claim(key: string, options: ClaimOptions): Promise<Claim>;
  /** Prolongs a lease from now on. `false`: the token is stale, somebody else may hold the event. Never throws for that. */
  extend(key: string, token: string, leaseMs: number): Promise<boolean>;
  /** Records the event as done for `ttlMs`. `false`: the token is stale, and nothing was changed. */
  complete(key: string, token: string, options: { readonly ttlMs: number }): Promise<boolean>;
  /** Gives the event back, so that a redelivery is handled. `false`: the token is stale, and nothing was changed. */
  release(key: string, token: string): Promise<boolean>;
  /**
   * Keeps the furthest state that was seen of a job, for `ttlMs` from now on, and resolves to whether the given one is behind it: of a
   * lower rank, or of the same rank and an earlier time. A higher rank is never behind, whatever the times say. Without this method no
   * event counts as stale.
   */
  observe?(job: string, state: JobState, options: { readonly ttlMs: number }): Promise<boolean>;
  /** Frees what the store opened itself. */
  close?(): Promise<void>;
}
