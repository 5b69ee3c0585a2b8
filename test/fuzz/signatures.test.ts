import { expect, it } from "vitest";
import { checkEveryBit, checkSignatures, schemes } from "./signatures.ts";

it("P6: what another implementation signs verifies by every scheme, and not with single bits of body, signature or secret changed", async () => {
  const { problems, flips, same, signatures } = await checkSignatures({ seed: 1, cases: 800 });
  expect(problems).toEqual([]);
  expect(signatures).toBe(800 * schemes.length);
  // Bits that change the letter case of a hex digit, and unused bits of base64, are few, but must be among them.
  expect(same).toBeGreaterThan(500);
  expect(same / flips).toBeLessThan(0.05);
}, 300_000);

it.each(schemes)("P6: none of all single bits of a body of 400 bytes, its headers and its secret can be changed: $name", async (scheme) => {
  const body = Uint8Array.from({ length: 400 }, (_, index) => (index * 167) & 0xff);
  const { problems, flips, same } = await checkEveryBit(scheme, body);
  expect(problems).toEqual([]);
  expect(flips).toBeGreaterThan(400 * 8 + 64 * 8);
  // The case of each hex digit that is a letter, or the unused bits of the last one in base64.
  expect(same).toBeLessThanOrEqual(64);
});
