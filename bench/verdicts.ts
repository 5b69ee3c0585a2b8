import { type Bar, type BarName, barNames, bars, figureOf, holds, limitOf } from "./bars.ts";
import { endTable, printColumns, printHeading, printRow } from "./markdown.ts";

/** What a run has found out about the bars. */
export interface Verdicts {
  /** Notes a figure. Of several for one bar the worst counts. */
  found(name: BarName, value: number, where: string): void;
  /** Notes why there is no figure. */
  absent(name: BarName, reason: string): void;
  /** Whether there is a figure or a reason. */
  settled(name: BarName): boolean;
  /** The bars whose figure is on the wrong side. */
  missed(): readonly BarName[];
  /** The rows of the last table, one for each of these bars. */
  rows(names?: readonly BarName[]): readonly (readonly string[])[];
  print(names?: readonly BarName[]): void;
}

interface Finding {
  readonly value: number;
  readonly where: string;
}

const isWorse = ({ sense }: Bar, one: number, other: number): boolean => (sense === "≥" ? one < other : one > other);

/** Starts without any finding. */
export function createVerdicts(): Verdicts {
  const worst = new Map<BarName, Finding>();
  const reasons = new Map<BarName, string>();

  function verdictOn(name: BarName, bar: Bar): readonly [found: string, where: string, verdict: string] {
    const finding = worst.get(name);
    if (finding) return [`**${figureOf(bar, finding.value, 1)}**`, finding.where, holds(bar, finding.value) ? "held" : "**missed**"];
    return ["", "", reasons.get(name) ?? (bar.by.startsWith("npm run ") ? `not part of this: \`${bar.by}\`` : "not measured")];
  }

  const verdicts: Verdicts = {
    found(name, value, where) {
      // A figure that is none would hold every bar or none of them, depending on how it is asked.
      if (!Number.isFinite(value)) throw new Error(`Nothing was measured: ${bars[name].what} came to ${value}.`);
      const before = worst.get(name);
      if (before === undefined || isWorse(bars[name], value, before.value)) worst.set(name, { value, where });
    },
    absent(name, reason) {
      reasons.set(name, reason);
    },
    settled: (name) => worst.has(name) || reasons.has(name),
    missed: () => [...worst].filter(([name, { value }]) => !holds(bars[name], value)).map(([name]) => name),
    rows: (names = barNames) => names.map((name) => rowOf(bars[name], verdictOn(name, bars[name]))),
    print(names) {
      printHeading("Bars");
      printColumns(["row", "found", "at worst where:", "bar", "verdict:"]);
      for (const row of verdicts.rows(names)) printRow(row);
      endTable();
    },
  };
  return verdicts;
}

function rowOf(bar: Bar, [found, where, verdict]: readonly [string, string, string]): readonly string[] {
  return [bar.what, found, where, limitOf(bar), verdict];
}
