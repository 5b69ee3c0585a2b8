import type { RunContext } from "./context.ts";
import { beforeDeadline } from "./deadline.ts";
import type { DispatchResult } from "./dispatch.ts";
import type { IdempotencyStore } from "./idempotency/store.ts";

/** An event that this process may handle, and nobody else. */
export interface HeldClaim {
  readonly key: string;
  readonly fingerprint: string;
  /** The newest one. */
  token: string;
}

/** How a run under a claim ended. */
export type RunResult = DispatchResult | { readonly result: "store_unavailable"; readonly cause: unknown };

/** What taking an event came to. */
export type Taken =
  | { readonly state: "claimed"; readonly claim: HeldClaim }
  | { readonly state: "in_progress"; readonly retryAfterMs: number }
  | { readonly state: "completed" }
  | { readonly state: "unavailable"; readonly cause: unknown };

/** Options of {@link createClaims}. */
export interface ClaimsOptions {
  readonly store: IdempotencyStore;
  readonly leaseMs: number;
  readonly ttlMs: number;
}

/** The router's use of an idempotency store. No method rejects. */
export interface Claims {
  /** Claims an event; a store that does not answer in the time that is left, in milliseconds, is `unavailable`. */
  take(key: string, fingerprint: string, left: () => number): Promise<Taken>;
  /** Runs the handlers, then records or returns the event. */
  run(claim: HeldClaim, work: () => Promise<DispatchResult>): Promise<RunResult>;
  /** Keeps a claim alive for handlers that outlive the answer; call the result when they end. */
  keep(claim: HeldClaim, context: RunContext): () => void;
}

/** Waits before another try to record a handled event, in milliseconds. */
const RECORD_AGAIN_AFTER_MS = [0, 50, 250];

/** Handled events that could not be recorded; beyond this number the oldest are left to their lease. */
const MOST_UNRECORDED = 10_000;

/** Binds an idempotency store to the times that a router uses. */
export function createClaims({ store, leaseMs, ttlMs }: ClaimsOptions): Claims {
  // Handled here, but the store failed to take it down (pitfall P35): a redelivery must not run the handlers again.
  const unrecorded = new Map<string, HeldClaim>();
  const entryOf = (key: string, fingerprint: string): string => `${key}\n${fingerprint}`;

  /** Records a handled event, if need be under a new claim, which then replaces the old token. Throws when nobody could. */
  async function complete(held: HeldClaim): Promise<void> {
    if (await store.complete(held.key, held.token, { ttlMs })) return;
    // The lease ran out. Unless another run holds the event by now, it can be claimed again and recorded all the same.
    const again = await store.claim(held.key, { fingerprint: held.fingerprint, leaseMs, ttlMs });
    if (again.state === "completed") return;
    if (again.state === "claimed") {
      held.token = again.token;
      if (await store.complete(held.key, held.token, { ttlMs })) return;
    }
    throw new Error("The event was handled, but another run holds its claim.");
  }

  async function record(claim: HeldClaim): Promise<void> {
    let failure: unknown;
    for (const wait of RECORD_AGAIN_AFTER_MS) {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        await complete(claim);
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async function claim(key: string, fingerprint: string): Promise<Taken> {
    try {
      const answer = await store.claim(key, { fingerprint, leaseMs, ttlMs });
      if (answer.state === "claimed") return { state: "claimed", claim: { key, fingerprint, token: answer.token } };
      if (answer.state === "in_progress" || answer.state === "completed") return answer;
      throw new TypeError("claim() of the idempotency store must answer claimed, in_progress or completed.");
    } catch (cause) {
      return { state: "unavailable", cause };
    }
  }

  async function recordLate(claim: HeldClaim): Promise<Taken> {
    try {
      await record(claim);
      unrecorded.delete(entryOf(claim.key, claim.fingerprint));
      return { state: "completed" };
    } catch (cause) {
      return { state: "unavailable", cause };
    }
  }

  async function giveBack(claim: HeldClaim): Promise<void> {
    try {
      await store.release(claim.key, claim.token);
    } catch {
      // The lease ends by itself, and the redelivery after that is handled.
    }
  }

  function remember(claim: HeldClaim): void {
    unrecorded.set(entryOf(claim.key, claim.fingerprint), claim);
    if (unrecorded.size <= MOST_UNRECORDED) return;
    for (const oldest of unrecorded.keys()) {
      unrecorded.delete(oldest);
      break;
    }
  }

  return {
    async take(key: string, fingerprint: string, left: () => number): Promise<Taken> {
      const handled = unrecorded.size > 0 ? unrecorded.get(entryOf(key, fingerprint)) : undefined;
      const taking = handled ? recordLate(handled) : claim(key, fingerprint);
      const taken = await beforeDeadline(taking, left);
      if (taken) return taken;
      // The sender is told to retry, so a claim that comes after all must not block that retry.
      taking.then((late) => (late.state === "claimed" ? giveBack(late.claim) : undefined));
      return { state: "unavailable", cause: new Error("The store did not answer before the deadline.") };
    },

    async run(claim: HeldClaim, work: () => Promise<DispatchResult>): Promise<RunResult> {
      const settled = await work();
      if (settled.result === "handler_failed" || settled.result === "retry_later") {
        await giveBack(claim);
        return settled;
      }
      try {
        await record(claim);
        return settled;
      } catch (cause) {
        remember(claim);
        return { result: "store_unavailable", cause };
      }
    },

    keep(claim: HeldClaim, context: RunContext): () => void {
      let ended = false;
      const extend = async (): Promise<void> => {
        try {
          const held = await store.extend(claim.key, claim.token, leaseMs);
          // Once the run has ended its token is spent, which is no loss.
          if (!held && !ended) context.abort(new Error("The claim on this event was lost; another run may have started."));
        } catch {
          // The store may be back at the next turn, well before the lease ends.
        }
      };
      const timer = setInterval(extend, leaseMs / 3);
      // A handler that never ends must not keep the process alive; Workers and browsers return a number here.
      (timer as { unref?: () => void }).unref?.();
      extend();
      return () => {
        ended = true;
        clearInterval(timer);
      };
    },
  };
}
