import type { Reporter, TestModule, TestSuite } from "vitest/node";

type Row = Map<string, string>;

/** Prints the table of a shared suite, members × cases: for every `describe("<family> suite: <member>")`. */
export default class MatrixReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tables = new Map<string, { readonly members: Set<string>; readonly rows: Map<string, Row> }>();
    const reasons: string[] = [];
    for (const suite of modules.flatMap((module) => [...module.children.allSuites()])) {
      const [, family, member] = /^(\w+) suite: (.+)$/.exec(suite.name) ?? [];
      if (family === undefined || member === undefined) continue;
      const table = tables.get(family) ?? { members: new Set(), rows: new Map() };
      tables.set(family, table);
      table.members.add(member);
      for (const [name, mark] of marksOf(suite, member, reasons)) {
        const row: Row = table.rows.get(name) ?? new Map();
        table.rows.set(name, row.set(member, mark));
      }
    }
    for (const [family, { members, rows }] of tables) print(family, [...members], rows);
    for (const reason of reasons) console.log(reason);
  }
}

function marksOf(suite: TestSuite, member: string, reasons: string[]): [string, string][] {
  return [...suite.children.allTests()].map((test) => {
    const result = test.result();
    if (result.state === "skipped") reasons.push(`"${test.name}" does not hold for ${member}: ${result.note ?? "no reason given"}`);
    return [test.name, { passed: "pass", failed: "FAIL", skipped: "n/a", pending: "open" }[result.state]];
  });
}

function print(family: string, members: readonly string[], rows: ReadonlyMap<string, Row>): void {
  console.log(`\nThe ${family} suite: ${members.length} members × ${rows.size} cases`);
  for (const [index, member] of members.entries()) console.log(`  ${String.fromCharCode(65 + index)}  ${member}`);
  console.log(`\n| case | ${members.map((_member, index) => String.fromCharCode(65 + index).padEnd(4)).join(" | ")} |`);
  console.log(`| --- |${members.map(() => " ---- |").join("")}`);
  for (const [name, row] of rows) console.log(`| ${name} | ${members.map((member) => (row.get(member) ?? "").padEnd(4)).join(" | ")} |`);
}
