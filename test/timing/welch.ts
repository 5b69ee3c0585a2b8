// Whether two ways of calling something take the same time, in the manner of dudect: Reparaz, Balasch, Verbauwhede, "Dude, is my code
// constant time?", 2017 (https://eprint.iacr.org/2016/1123).

/** Running mean and variance, by Welford. */
interface Moments {
  count: number;
  mean: number;
  squares: number;
}

function add(moments: Moments, value: number): void {
  moments.count++;
  const delta = value - moments.mean;
  moments.mean += delta / moments.count;
  moments.squares += delta * (value - moments.mean);
}

/** Welch's t between two samples: how many standard errors their means are apart. */
export function welchT(
  left: readonly number[] | Float64Array,
  right: readonly number[] | Float64Array,
  below: number = Number.POSITIVE_INFINITY,
): number {
  const [first, second] = [left, right].map((values) => {
    const moments: Moments = { count: 0, mean: 0, squares: 0 };
    for (const value of values) if (value < below) add(moments, value);
    return moments;
  }) as [Moments, Moments];
  if (first.count < 2 || second.count < 2) return 0;
  const error = Math.sqrt(first.squares / (first.count - 1) / first.count + second.squares / (second.count - 1) / second.count);
  return error === 0 ? 0 : (first.mean - second.mean) / error;
}

/** How many limits are tried, beside none at all. */
const CROPS = 20;

/**
 * The largest |t| over all measurements, and over those below several limits. What is slow is slow because of something else: an interrupt,
 * a collection. The limits are quantiles of both samples together, ever closer to the end, as in dudect.
 */
export function largestT(left: Float64Array, right: Float64Array): number {
  const sorted = Float64Array.from([...left, ...right]).sort();
  let largest = Math.abs(welchT(left, right));
  for (let crop = 1; crop <= CROPS; crop++) {
    const quantile = 1 - 0.5 ** ((10 * crop) / CROPS);
    const limit = sorted[Math.floor(sorted.length * quantile)] as number;
    largest = Math.max(largest, Math.abs(welchT(left, right, limit)));
  }
  return largest;
}
