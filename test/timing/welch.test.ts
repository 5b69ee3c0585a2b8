import { expect, it } from "vitest";
import { largestT, welchT } from "./welch.ts";

it("Welch's t is what it is by hand", () => {
  // Means 2.5 and 5, variances 5/3 and 20/3: -2.5 / sqrt(25/12) = -sqrt(3).
  expect(welchT([1, 2, 3, 4], [2, 4, 6, 8])).toBeCloseTo(-Math.sqrt(3), 12);
  expect(welchT([2, 4, 6, 8], [1, 2, 3, 4])).toBeCloseTo(Math.sqrt(3), 12);
  expect(welchT([1, 2, 3], [1, 2, 3])).toBe(0);
});

it("a small difference shows once the few slow measurements that hide it are left out", () => {
  const values = (add: number): Float64Array =>
    Float64Array.from({ length: 20_000 }, (_, index) => (index % 100 === 0 ? 1e5 + index : 100 + (index % 7) + add));
  const [left, right] = [values(0), values(0.5)];
  expect(Math.abs(welchT(left, right))).toBeLessThan(1);
  expect(largestT(left, right)).toBeGreaterThan(10);
  expect(largestT(left, left.slice().reverse())).toBeLessThan(4.5);
});
