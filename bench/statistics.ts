/** The median of some figures, and the quartiles around it. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The value that this share of the values lies below, between two of them where it has to be. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** The median and the quartiles. */
export function spread(values: readonly number[]): Ratio {
  return { low: quantile(values, 0.25), median: quantile(values, 0.5), high: quantile(values, 0.75) };
}
