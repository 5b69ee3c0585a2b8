import { BodyMap, type KnownBody } from "./body-map.ts";
import type { RunContext } from "./context.ts";
import { beforeDeadline, countdown, within } from "./deadline.ts";
import type { DispatchResult, Running } from "./dispatch.ts";
import type { Claim, IdempotencyStore, JobState } from "./idempotency/store.ts";

/** An event that may be claimed. */
export interface Claimable extends KnownBody {
  /** What the event tells about a job, if it is about one. */
  readonly job: { readonly key: string; readonly state: JobState } | undefined;
}

/** A delivery that is being taken or handled in this process. */
interface Flight extends KnownBody {
  /** Duplicates that wait for how it ends. */
  waiting: Set<(told: NotTaken) => void> | undefined;
  /** When the store may hand the event to somebody else. */
  leaseEndsAt: number;
  /** Whether the handlers have ended, so that losing the claim no longer means anything. */
  ended: boolean;
}

/** An event that this process may handle, and nobody else. */
export interface HeldClaim extends KnownBody {
  /** The newest one. */
  token: string;
  readonly flight: Flight;
}

/** How a run under a claim ended. */
export type RunResult = DispatchResult | { readonly result: "store_unavailable"; readonly cause: unknown };

/** An event that is not to be handled now, and why. */
export type NotTaken =
  | { readonly state: "in_progress"; readonly retryAfterMs: number }
  | { readonly state: "completed" }
  /** `late` settles when what the store may still do has been undone. */
  | { readonly state: "unavailable"; readonly cause: unknown; readonly late?: Promise<unknown> };

/** What taking an event came to. */
export type Taken =
  | {
      readonly state: "claimed";
      readonly claim: HeldClaim;
      /** Whether a later state of the same job was seen before. */
      readonly stale: boolean;
      /** Whether another body is known under the same key. */
      readonly otherBody: boolean;
    }
  | NotTaken;

/** Options of {@link createClaims}. */
export interface ClaimsOptions {
  readonly store: IdempotencyStore;
  readonly leaseMs: number;
  readonly ttlMs: number;
}

/** The router's use of an idempotency store. No method rejects. */
export interface Claims {
  /**
   * Claims an event. If this process is handling it already, waits for that run and tells how it ended. A store that does not answer soon,
   * or not in the time that is left, in milliseconds, is `unavailable`.
   */
  take(event: Claimable, left: () => number): Promise<Taken>;
  /** Runs the handlers, then records or returns the event. */
  run(claim: HeldClaim, work: () => Running): Promise<RunResult>;
  /** Records an event without a run, if the store can. */
  skip(claim: HeldClaim): Promise<void>;
  /** Gives an event back without a run. */
  free(claim: HeldClaim): Promise<void>;
  /** Keeps a claim alive for handlers that outlive the answer; call the result when they end. */
  keep(claim: HeldClaim, context: RunContext): () => void;
}

/**
 * How long the store may take for one step, in milliseconds. The drivers' own limits are half a minute or none; a sender waits for less,
 * and comes again.
 */
export const STORE_TIMEOUT_MS = 1400;

/** Waits before another try to record a handled event, in milliseconds. */
const RECORD_AGAIN_AFTER_MS = [0, 50, 250];

/** How often it is tried again later, in milliseconds. */
const SETTLE_LATER_MS = 5000;

/** Events that could not be recorded or given back; beyond this number the oldest are left to their lease. */
const MOST_UNRECORDED = 10_000;

/**
 * How many deliveries may ask a store at once that has just missed its time; each answer in time allows one more. Drivers queue what they
 * cannot send, without end, and a store that comes back would first have to answer what nobody waits for any more.
 */
const MOST_ASKING_A_SLOW_STORE = 8;

/** When a duplicate of an event that failed is asked to come again, in milliseconds. */
const AFTER_FAILURE_MS = 5000;

/** Binds an idempotency store to the times that a router uses. */
export function createClaims({ store, leaseMs, ttlMs }: ClaimsOptions): Claims {
  // Handled here, but the store failed to take it down (pitfall P35): a redelivery must not run the handlers again.
  const unrecorded = new Map<string, HeldClaim>();
  // Not handled, but the store failed to free them: their redelivery would be told that they are being handled.
  const unreleased = new Map<string, HeldClaim>();
  const flights = new BodyMap<Flight>();
  let settling: ReturnType<typeof setInterval> | undefined;
  let settlingNow = false;
  let asking = 0;
  let mostAsking = Number.POSITIVE_INFINITY;
  const entryOf = ({ key, fingerprint }: KnownBody): string => `${key}\n${fingerprint}`;

  /** Records a handled event, if need be under a new claim, which then replaces the old token. Throws when nobody could. */
  async function complete(held: HeldClaim): Promise<true> {
    if (await store.complete(held.key, held.token, { ttlMs })) return true;
    // The lease ran out. Unless another run holds the event by now, it can be claimed again and recorded all the same.
    const again = await store.claim(held.key, { fingerprint: held.fingerprint, leaseMs, ttlMs });
    if (again.state === "completed") return true;
    if (again.state === "claimed") {
      held.token = again.token;
      if (await store.complete(held.key, held.token, { ttlMs })) return true;
    }
    throw new Error("The event was handled, but another run holds its claim.");
  }

  async function record(claim: HeldClaim): Promise<void> {
    const left = countdown(STORE_TIMEOUT_MS);
    let failure: unknown;
    for (const wait of RECORD_AGAIN_AFTER_MS) {
      if (wait > 0) {
        if (left() <= wait) break;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
      try {
        if (await beforeDeadline(complete(claim), left)) return;
        throw storeTimeout();
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Asks for the state of the job beside the claim, so that the two cost one round trip. */
  async function claim({ key, fingerprint, job }: Claimable, flight: Flight, limit: () => number): Promise<Taken> {
    try {
      const observing = job && store.observe && observe(job);
      const answer: Claim = await store.claim(key, { fingerprint, leaseMs, ttlMs });
      if (answer.state === "in_progress" || answer.state === "completed") return answer;
      if (answer.state !== "claimed") throw new TypeError("claim() must answer claimed, in_progress or completed.");
      const held: HeldClaim = { key, fingerprint, token: answer.token, flight };
      const otherBody = answer.otherBody === true;
      if (observing === undefined) return { state: "claimed", claim: held, stale: false, otherBody };
      // A claim that was granted must not be held for a question that is not answered.
      const observed = (await beforeDeadline(observing, limit)) ?? { failure: storeTimeout() };
      if (typeof observed === "boolean") return { state: "claimed", claim: held, stale: observed, otherBody };
      await giveBack(held);
      return { state: "unavailable", cause: observed.failure };
    } catch (cause) {
      return { state: "unavailable", cause };
    }
  }

  async function observe(job: NonNullable<Claimable["job"]>): Promise<boolean | { readonly failure: unknown }> {
    try {
      return (await store.observe?.(job.key, job.state, { ttlMs })) === true;
    } catch (failure) {
      return { failure };
    }
  }

  async function recordLate(claim: HeldClaim): Promise<NotTaken> {
    try {
      await record(claim);
      unrecorded.delete(entryOf(claim));
      return { state: "completed" };
    } catch (cause) {
      return { state: "unavailable", cause };
    }
  }

  /** Frees an event for its redelivery; if the store cannot be told now, later. */
  async function giveBack(claim: HeldClaim): Promise<void> {
    if (await release(claim)) return;
    unreleased.set(entryOf(claim), claim);
    if (unreleased.size > MOST_UNRECORDED) unreleased.delete(unreleased.keys().next().value as string);
    settleLater();
  }

  async function release(claim: HeldClaim): Promise<boolean> {
    try {
      // Whether it was still held does not matter.
      await within(store.release(claim.key, claim.token), () => STORE_TIMEOUT_MS, storeTimeout);
      return true;
    } catch {
      // Should it never succeed, the lease ends by itself.
      return false;
    }
  }

  function remember(claim: HeldClaim): void {
    unrecorded.set(entryOf(claim), claim);
    if (unrecorded.size > MOST_UNRECORDED) unrecorded.delete(unrecorded.keys().next().value as string);
    settleLater();
  }

  function settleLater(): void {
    if (settling !== undefined) return;
    settling = setInterval(() => void settleAll(), SETTLE_LATER_MS);
    // What is left when the process ends is left to its lease; Workers and browsers return a number here.
    (settling as { unref?: () => void }).unref?.();
  }

  /** Before the lease ends, and another process takes a handled event for one that nobody handled. */
  async function settleAll(): Promise<void> {
    if (settlingNow) return;
    settlingNow = true;
    await settleEach();
    settlingNow = false;
    if (unrecorded.size + unreleased.size > 0) return;
    clearInterval(settling);
    settling = undefined;
  }

  async function settleEach(): Promise<void> {
    for (const [entry, claim] of [...unreleased]) {
      // The store is not back yet.
      if (!(await release(claim))) return;
      unreleased.delete(entry);
    }
    for (const claim of [...unrecorded.values()]) {
      const recorded = await recordLate(claim);
      if (recorded.state === "unavailable" && isTimeout(recorded.cause)) return;
    }
  }

  function land(flight: Flight, told: NotTaken): void {
    if (flights.get(flight.key, flight.fingerprint) === flight) flights.delete(flight);
    if (flight.waiting === undefined) return;
    for (const tell of flight.waiting) tell(told);
    flight.waiting = undefined;
  }

  async function join(flight: Flight, left: () => number): Promise<NotTaken> {
    let tell: ((told: NotTaken) => void) | undefined;
    const landing = new Promise<NotTaken>((resolve) => {
      tell = resolve;
      flight.waiting ??= new Set();
      flight.waiting.add(resolve);
    });
    const told = await beforeDeadline(landing, left);
    if (tell) flight.waiting?.delete(tell);
    return told ?? { state: "in_progress", retryAfterMs: Math.max(0, flight.leaseEndsAt - performance.now()) };
  }

  return {
    async take(event: Claimable, left: () => number): Promise<Taken> {
      const { key, fingerprint } = event;
      const now = performance.now();
      const ahead = flights.get(key, fingerprint);
      // After its lease the store knows more than this process.
      if (ahead !== undefined && ahead.leaseEndsAt > now) return join(ahead, left);
      const flight: Flight = { key, fingerprint, waiting: undefined, leaseEndsAt: now + leaseMs, ended: false };
      flights.add(flight);
      if (asking >= mostAsking) {
        land(flight, { state: "unavailable", cause: storeTimeout() });
        return { state: "unavailable", cause: storeTimeout() };
      }
      const handled = unrecorded.size > 0 ? unrecorded.get(entryOf(event)) : undefined;
      const limit = (): number => Math.min(left(), now + STORE_TIMEOUT_MS - performance.now());
      const taking = handled ? recordLate(handled) : claim(event, flight, limit);
      asking++;
      const taken = await beforeDeadline<Taken>(taking, limit);
      asking--;
      mostAsking = taken === undefined ? MOST_ASKING_A_SLOW_STORE : mostAsking + 1;
      if (taken?.state === "claimed") return taken;
      if (taken !== undefined) {
        land(flight, taken);
        return taken;
      }
      // The sender is told to retry, so a claim that comes after all must not block that retry.
      const late = taking.then((then) => (then.state === "claimed" ? giveBack(then.claim) : undefined));
      land(flight, { state: "unavailable", cause: storeTimeout() });
      return { state: "unavailable", cause: storeTimeout(), late };
    },

    async run(claim: HeldClaim, work: () => Running): Promise<RunResult> {
      const running = work();
      const settled = running.result ?? (await running.ended());
      claim.flight.ended = true;
      if (settled.result === "handler_failed" || settled.result === "retry_later") {
        await giveBack(claim);
        const retryAfterMs = settled.result === "retry_later" ? settled.afterSeconds * 1000 : AFTER_FAILURE_MS;
        land(claim.flight, { state: "in_progress", retryAfterMs });
        return settled;
      }
      try {
        await record(claim);
        land(claim.flight, { state: "completed" });
        return settled;
      } catch (cause) {
        remember(claim);
        land(claim.flight, { state: "unavailable", cause });
        return { result: "store_unavailable", cause };
      }
    },

    async skip(claim: HeldClaim): Promise<void> {
      try {
        await record(claim);
      } catch {
        // The redelivery is just as stale.
      }
      land(claim.flight, { state: "completed" });
    },

    async free(claim: HeldClaim): Promise<void> {
      await giveBack(claim);
      land(claim.flight, { state: "in_progress", retryAfterMs: 0 });
    },

    keep(claim: HeldClaim, context: RunContext): () => void {
      const { flight } = claim;
      const lose = (reason: string): void => {
        context.abort(new Error(`${reason}; another run may have started.`));
        // From now on the store knows more than this process.
        land(flight, { state: "in_progress", retryAfterMs: AFTER_FAILURE_MS });
      };
      const extend = async (): Promise<void> => {
        const askedAt = performance.now();
        if (askedAt >= flight.leaseEndsAt) lose("The lease on this event ran out");
        try {
          const held = await store.extend(claim.key, claim.token, leaseMs);
          if (flight.ended) return;
          if (held) flight.leaseEndsAt = askedAt + leaseMs;
          else lose("The claim on this event was lost");
        } catch {
          // The store may be back at the next turn, well before the lease ends.
        }
      };
      const timer = setInterval(() => void extend(), leaseMs / 3);
      // A handler that never ends must not keep the process alive; Workers and browsers return a number here.
      (timer as { unref?: () => void }).unref?.();
      void extend();
      return () => clearInterval(timer);
    },
  };
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError";

function storeTimeout(): Error {
  const error = new Error("The idempotency store did not answer in time.");
  error.name = "TimeoutError";
  return error;
}
