import { ConfigurationError } from "./errors.ts";

const brand: unique symbol = Symbol.for("video-webhooks.signal") as never;

/** Options of {@link RetryLater}. */
export interface RetryLaterOptions {
  /**
   * When to try again, in seconds.
   * @default 60
   */
  readonly afterSeconds?: number;
  /**
   * Why, for `onError`.
   * @default none
   */
  readonly cause?: unknown;
}

/**
 * Thrown by a handler that cannot do its work now, for example because a file is not there yet: the event is handled again later.
 * Without an inbox the sender gets 503 with `Retry-After` and decides itself whether and when to deliver again.
 *
 * @throws {@link ConfigurationError} when `afterSeconds` is not a number of seconds
 */
export class RetryLater extends Error {
  /** A literal, to tell it from other errors. */
  override readonly name = "RetryLater";
  /** How long to wait, at least. */
  readonly afterSeconds: number;

  constructor(options: RetryLaterOptions = {}) {
    const { afterSeconds = 60 } = options;
    super(`Try again in ${afterSeconds} seconds.`, "cause" in options ? { cause: options.cause } : undefined);
    if (!(afterSeconds >= 0 && Number.isFinite(afterSeconds))) {
      throw new ConfigurationError("RetryLater needs afterSeconds, a finite number of seconds from zero up.");
    }
    this.afterSeconds = afterSeconds;
    Object.defineProperty(this, brand, { value: "retry" });
  }
}

/**
 * Thrown by a handler for an event that it will never be able to handle: it is acknowledged, and not delivered again. The reason is kept as
 * text, whatever JavaScript hands over.
 */
export class Discard extends Error {
  /** A literal, to tell it from other errors. */
  override readonly name = "Discard";
  /** Kept with a dead letter, and never part of the answer. */
  readonly reason: string;

  constructor(reason: string) {
    const text = toReason(reason);
    super(text);
    this.reason = text;
    Object.defineProperty(this, brand, { value: "discard" });
  }
}

/** A reason as text, which stores can keep and operators can read. */
export function toReason(reason: unknown): string {
  try {
    return String(reason ?? "").trim() === "" ? "No reason was given." : String(reason);
  } catch {
    // An object without a prototype has no text, and a proxy may throw whatever is asked of it (pitfall P48).
    return "The reason that was given is no text.";
  }
}

function branded(thrown: unknown): unknown {
  try {
    return typeof thrown === "object" && thrown !== null ? (thrown as { [brand]?: unknown })[brand] : undefined;
  } catch {
    // A proxy may throw whatever is asked of it (pitfall P48).
    return undefined;
  }
}

/** Whether a handler threw {@link RetryLater}, of this copy of the library or another. */
export function isRetryLater(thrown: unknown): thrown is RetryLater {
  return branded(thrown) === "retry";
}

/** Whether a handler threw {@link Discard}, of this copy of the library or another. */
export function isDiscard(thrown: unknown): thrown is Discard {
  return branded(thrown) === "discard";
}
