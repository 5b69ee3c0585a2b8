import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { pitfalls, pitfallTests, withPitfalls } from "./suites/pitfalls.ts";

const all = Array.from({ length: 55 }, (_, index) => index + 1);

it("every pitfall has a description, and a test that carries its number", () => {
  const tests = pitfallTests();
  expect(Object.keys(pitfalls).map(Number)).toEqual(all);
  expect(all.filter((number) => !tests.has(number))).toEqual([]);
  expect([...tests.keys()].filter((number) => !all.includes(number))).toEqual([]);
});

it("SECURITY.md lists every pitfall with tests that there are; npm run pitfalls writes it anew", () => {
  const document = readFileSync(new URL("../SECURITY.md", import.meta.url), "utf8");
  expect(document).toBe(withPitfalls(document));
});
