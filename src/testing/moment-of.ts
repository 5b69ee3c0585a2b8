import { ConfigurationError } from "../errors.ts";

/**
 * A time as milliseconds.
 *
 * @throws {@link ConfigurationError} for what is no time
 */
export function momentOf(now: number | Date = Date.now()): number {
  const milliseconds = Number(now);
  if (!Number.isNaN(new Date(milliseconds).getTime())) return milliseconds;
  throw new ConfigurationError("The option now must be a Date or milliseconds since 1970.");
}
