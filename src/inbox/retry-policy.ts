import { ConfigurationError } from "../errors.ts";

/** When a failed event is tried again. */
export interface RetryPolicy {
  /**
   * Runs of the handlers before an event is dead. A run that a crash cut off counts.
   * @default 8
   */
  readonly attempts?: number | undefined;
  /**
   * The longest wait after the first failure, in milliseconds; it doubles with every further one.
   * @default 1000
   */
  readonly backoffMs?: number | undefined;
  /**
   * The longest wait at all, in milliseconds.
   * @default 900000
   */
  readonly maxBackoffMs?: number | undefined;
}

/** The names of its options. */
export const retryOptions: readonly (keyof RetryPolicy)[] = ["attempts", "backoffMs", "maxBackoffMs"];

/** A {@link RetryPolicy} without gaps. */
export type CompletePolicy = { readonly [Key in keyof RetryPolicy]-?: NonNullable<RetryPolicy[Key]> };

/**
 * Fills a policy with the defaults.
 *
 * @throws {@link ConfigurationError} for numbers that cannot work
 */
export function completePolicy({ attempts = 8, backoffMs = 1000, maxBackoffMs = 900_000 }: RetryPolicy): CompletePolicy {
  if (!Number.isSafeInteger(attempts) || attempts < 1 || attempts > 1000) {
    throw new ConfigurationError("The option attempts must be a whole number from 1 to 1000.");
  }
  for (const [name, value] of Object.entries({ backoffMs, maxBackoffMs })) {
    if (!(value >= 0 && value <= 2 ** 31)) throw new ConfigurationError(`The option ${name} must be a number of milliseconds.`);
  }
  return { attempts, backoffMs, maxBackoffMs };
}

/**
 * How long to wait after a failed attempt: anything up to a limit that doubles each time, so that events which failed together do not
 * come back together.
 *
 * @param attempt 1 for the first
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function backoff({ backoffMs, maxBackoffMs }: CompletePolicy, attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1));
}
