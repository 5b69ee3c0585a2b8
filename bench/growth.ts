import { duration, middleHalf, plain } from "./format.ts";
import { endTable, printColumns, printHeading, printNote, printRow } from "./markdown.ts";
import type { Result } from "./measure.ts";
import type { Ratio } from "./statistics.ts";

/** What something costs at each size, the smallest first. */
export interface Series {
  readonly what: string;
  readonly points: readonly Point[];
}

/** What something costs at one size. */
export interface Point {
  readonly cost: string;
  /** How many times what the smallest costs. */
  readonly times: number;
  /** Where half of the rounds were, if both took turns in one contest. */
  readonly spread?: Ratio;
}

/** A table of what something costs as something else grows. */
export interface Growth {
  readonly title: string;
  readonly note: string;
  /** What grows. */
  readonly axis: string;
  readonly sizes: readonly string[];
  readonly series: readonly Series[];
  /** How two series compare at each size. */
  readonly compared?: { readonly what: string; readonly ratios: readonly Ratio[] };
}

/** What contestants cost that took turns in one contest. */
export function ofOneContest(what: string, result: Result, names: readonly string[]): Series {
  const points = names.map((name): Point => {
    const ratio = result.ratio(name, names[0] as string);
    return { cost: duration(result.nanoseconds(name)), times: ratio.median, spread: ratio };
  });
  return { what, points };
}

/**
 * What contestants cost that had a contest each. That is right where one leaves so much memory behind that others would pay for
 * collecting it, but it compares what was not measured at the same time.
 */
export function ofOwnContests(what: string, results: readonly Result[], name: string): Series {
  const times = results.map((result) => result.nanoseconds(name));
  return { what, points: times.map((each) => ({ cost: duration(each), times: each / (times[0] as number) })) };
}

/** Prints a line for each size: what it costs, and how many times what the smallest does. */
export function printGrowth({ title, note, axis, sizes, series, compared }: Growth): void {
  printHeading(title);
  printNote(note);
  const hasSpread = ({ points }: Series): boolean => points.some(({ spread }) => spread);
  printColumns([
    axis,
    ...series.flatMap((each) => [each.what, `× ${sizes[0]}`, ...(hasSpread(each) ? ["middle half"] : [])]),
    ...(compared ? [compared.what, "middle half"] : []),
  ]);
  for (const [index, size] of sizes.entries()) {
    const cells = series.flatMap((each) => {
      const { cost, times, spread } = each.points[index] as Point;
      return [cost, `**${plain(times)}**`, ...(hasSpread(each) ? [index === 0 || !spread ? "" : middleHalf(spread)] : [])];
    });
    const ratio = compared?.ratios[index];
    printRow([size, ...cells, ...(ratio ? [`**${plain(ratio.median)}**`, middleHalf(ratio)] : [])]);
  }
  endTable();
}
