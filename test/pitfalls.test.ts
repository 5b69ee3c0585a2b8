import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, it } from "vitest";
import { pitfalls, pitfallTests, titleOf, withPitfalls } from "./suites/pitfalls.ts";

const all = Array.from({ length: 55 }, (_, index) => index + 1);

it("every pitfall has a description, and a test that carries its number", () => {
  const tests = pitfallTests();
  expect(Object.keys(pitfalls).map(Number)).toEqual(all);
  expect(all.filter((number) => !tests.has(number))).toEqual([]);
  expect([...tests.keys()].filter((number) => !all.includes(number))).toEqual([]);
});

it("only the name of a test that runs counts as one, or of a row that becomes one", () => {
  const source = `
    it("P1: a", () => expect("no 1").toBe("no 2"));
    describe("P2: a", () => test.skipIf(isWindows)(\`P3: \${a}\`, () => {}));
    it.each(["x"])("P4: %s", check("P5: a"));
    it.each([["P6: a", "no 3"], ["P7: a"]] as const)("%s", () => {});
    const table: Rows = [["P8: a", 1]];
    it.each(table)("%s", () => {});
    for (const [name] of [["P9: a"]] as const) check(name, () => {});
    const others = [["no 4"]];
    for (const [each] of others) console.log(each);
    const exceptions = { "no 5": "no 6" };
    it.skip("no 7", () => {});
    it.todo("no 8");
    it.skip.each([["no 9"]])("no 10", () => {});
    describe.skip("no 11", () => it("no 12", () => {}));
    console.log("no 13");
  `;
  const titles: string[] = [];
  ts.forEachChild(ts.createSourceFile("a.test.ts", source, ts.ScriptTarget.ES2022, true), function visit(node): void {
    titles.push(...((titleOf(node)?.text ?? "").match(/P\d|no \d+/g) ?? []));
    ts.forEachChild(node, visit);
  });
  expect(titles).toEqual(["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"]);
});

it("shows for two pitfalls the tests that are about them", () => {
  const names = (number: number): readonly string[] =>
    pitfallTests()
      .get(number)
      ?.map(({ name }) => name) ?? [];
  expect(names(35).filter((name) => !name.startsWith("after the handler"))).toEqual([]);
  expect(names(38)).toEqual(["is not routed by an unsigned header"]);
});

it("SECURITY.md lists every pitfall with tests that there are; npm run pitfalls writes it anew", () => {
  const document = readFileSync(new URL("../SECURITY.md", import.meta.url), "utf8");
  expect(document).toBe(withPitfalls(document));
});
