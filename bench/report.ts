import { cpus } from "node:os";
import type { Ratio, Result } from "./measure.ts";

/** A figure that has to hold for every body size. */
export interface Bar {
  readonly label: string;
  readonly limit: number;
  /** Whether the limit itself still holds; otherwise the ratio has to be below it. */
  readonly inclusive: boolean;
}

/** One line of a table: two contestants of one contest. */
export interface Line {
  readonly size: string;
  readonly result: Result;
  readonly name: string;
  readonly other: string;
  readonly bar?: Bar;
}

const plain = (value: number): string => value.toFixed(2);

function duration(nanoseconds: number): string {
  return nanoseconds < 10_000 ? `${Math.round(nanoseconds)} ns` : `${(nanoseconds / 1000).toFixed(1)} µs`;
}

const limitOf = ({ limit, inclusive }: Bar): string => `${inclusive ? "≤" : "<"} ${plain(limit)}`;

/** Collects lines, prints them as tables, and judges the bars. */
export function createReport(): {
  head(): void;
  table(title: string, lines: readonly Line[]): void;
  /** Prints one line per bar; whether all are held. */
  verdict(): boolean;
} {
  const measured = new Map<Bar, { readonly size: string; readonly ratio: Ratio }[]>();
  return {
    head() {
      const [cpu] = cpus();
      console.log(`Node.js ${process.version}, ${cpu?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores\n`);
    },
    table(title, lines) {
      console.log(`### ${title}\n`);
      console.log("| ours / theirs | body | ratio | middle half | bar | ours | theirs |");
      console.log("| --- | --- | ---: | :---: | :---: | ---: | ---: |");
      for (const { size, result, name, other, bar } of lines) {
        const ratio = result.ratio(name, other);
        const middle = `${plain(ratio.low)} – ${plain(ratio.high)}`;
        const times = `${duration(result.nanoseconds(name))} | ${duration(result.nanoseconds(other))}`;
        console.log(`| ${name} / ${other} | ${size} | **${plain(ratio.median)}** | ${middle} | ${bar ? limitOf(bar) : ""} | ${times} |`);
        if (bar) measured.set(bar, [...(measured.get(bar) ?? []), { size, ratio }]);
      }
      console.log("");
    },
    verdict() {
      let all = true;
      for (const [bar, found] of measured) {
        const worst = found.reduce((most, each) => (each.ratio.median > most.ratio.median ? each : most));
        const held = bar.inclusive ? worst.ratio.median <= bar.limit : worst.ratio.median < bar.limit;
        all &&= held;
        console.log(
          `${held ? "held  " : "missed"} ${bar.label}: at most ${worst.ratio.median.toFixed(3)} (${worst.size}), bar ${limitOf(bar)}`,
        );
      }
      return all;
    },
  };
}
