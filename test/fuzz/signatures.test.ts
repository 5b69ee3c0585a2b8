import { expect, it } from "vitest";
import { checkSignatures, schemes } from "./signatures.ts";

it("P6: what another implementation signs verifies by every scheme, and not with any single bit of body, signature or secret changed", async () => {
  const { problems, flips, same, signatures } = await checkSignatures({ seed: 1, cases: 800 });
  expect(problems).toEqual([]);
  expect(signatures).toBe(800 * schemes.length);
  // Bits that change the letter case of a hex digit, and unused bits of base64, are few, but must be among them.
  expect(same).toBeGreaterThan(500);
  expect(same / flips).toBeLessThan(0.05);
}, 300_000);
