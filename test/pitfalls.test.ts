import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));

it("every pitfall has a test that carries its number", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.startsWith("pitfalls"),
  );
  // A number counts at the start of a test's name, alone or in a list such as "P7, P8, P40:".
  const names = files.flatMap((name) => [...readFileSync(folder + name, "utf8").matchAll(/["'`](P\d+(?:(?:, | and )P\d+)*)[":]/g)]);
  const proved = new Set(names.flatMap(([, numbers = ""]) => [...numbers.matchAll(/\d+/g)].map(([number]) => Number(number))));
  const all = Array.from({ length: 55 }, (_, index) => index + 1);
  expect(all.filter((number) => !proved.has(number))).toEqual([]);
});
