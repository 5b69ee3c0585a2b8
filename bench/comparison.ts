import { type BarName, bars, limitOf } from "./bars.ts";
import { duration, middleHalf, plain } from "./format.ts";
import { endTable, printColumns, printHeading, printRow } from "./markdown.ts";
import type { Result } from "./measure.ts";
import type { Verdicts } from "./verdicts.ts";

/** One line of a table: two contestants of one contest. */
export interface Line {
  readonly size: string;
  readonly result: Result;
  readonly name: string;
  readonly other: string;
  readonly bar?: BarName;
}

/** Prints how contestants compare at each body size, and notes what has a bar. */
export function printComparison(verdicts: Verdicts, title: string, lines: readonly Line[]): void {
  printHeading(title);
  printColumns(["ours / theirs", "body:", "ratio", "middle half", "bar", "ours", "theirs"]);
  for (const { size, result, name, other, bar } of lines) {
    const ratio = result.ratio(name, other);
    printRow([
      `${name} / ${other}`,
      size,
      `**${plain(ratio.median)}**`,
      middleHalf(ratio),
      bar ? limitOf(bars[bar]) : "",
      duration(result.nanoseconds(name)),
      duration(result.nanoseconds(other)),
    ]);
    if (bar) verdicts.found(bar, ratio.median, size);
  }
  endTable();
}
