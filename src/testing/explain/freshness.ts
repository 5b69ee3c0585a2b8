import type { LimitedTime } from "./check.ts";
import type { Mistake } from "./finding.ts";

/** A time that is this near when it is read in another unit is meant in that unit. */
const NEAR_SECONDS = 30 * 86_400;

/** Holds a signed time against a limit, as the router does. */
export function ageMistake({ signedAt, limit }: LimitedTime, now: number): Mistake | undefined {
  if (signedAt === undefined || !Number.isFinite(signedAt)) {
    return { code: "timestamp_malformed", facts: { where: ", which maxAgeSeconds requires" } };
  }
  const age = (now - signedAt) / 1000;
  if (Math.abs(age) <= limit) return undefined;
  // As seconds, milliseconds are 50,000 years ahead; as milliseconds, seconds are in 1970.
  if (Math.abs(now - signedAt / 1000) / 1000 <= Math.max(limit, NEAR_SECONDS)) return { code: "timestamp_in_milliseconds" };
  if (Math.abs(now - signedAt * 1000) / 1000 <= Math.max(limit, NEAR_SECONDS)) return { code: "timestamp_in_seconds" };
  const seconds = Math.round(Math.abs(age));
  const facts = { seconds, over: Math.max(1, Math.round(Math.abs(age) - limit)), limit };
  return { code: age > 0 ? "timestamp_too_old" : "timestamp_too_new", facts };
}
