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
  | { readonly state: "claimed"; readonly token: string }
  /** Somebody else is handling it, for this long unless they extend. */
  | { readonly state: "in_progress"; readonly retryAfterMs: number }
  /** It was handled. */
  | { readonly state: "completed" };

/**
 * Remembers which events are done or being handled. All methods are atomic and go by the store's own clock. They reject when the
 * store cannot be reached; the sender is then asked to retry.
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
  /** Frees what the store opened itself. */
  close?(): Promise<void>;
}
