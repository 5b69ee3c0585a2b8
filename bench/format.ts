import type { Ratio } from "./statistics.ts";

/** A ratio as tables show it. */
export const plain = (value: number): string => value.toFixed(2);

/** A count with its thousands apart. */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en");

/** A share of one as people write it. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Where half of the rounds were. */
export const middleHalf = ({ low, high }: Ratio): string => `${plain(low)} – ${plain(high)}`;

/** A time that is given in nanoseconds. */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 10_000) return `${Math.round(nanoseconds)} ns`;
  return nanoseconds < 10_000_000 ? `${(nanoseconds / 1000).toFixed(1)} µs` : `${(nanoseconds / 1e6).toFixed(1)} ms`;
}

/** A time that is given in milliseconds. */
export const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
