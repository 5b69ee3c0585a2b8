import { expect, it } from "vitest";
import { runCampaign } from "./campaign.ts";
import { authentic } from "./deliveries.ts";

it("every one of 100,000 generated deliveries ends as the table of outcomes says, and harms nothing", async () => {
  const { outcomes, overSocket, kept, ...report } = await runCampaign({ seed: 1, from: 0, cases: 100_000 });
  expect(report).toEqual({ cases: 100_000, unhandled: 0, prototypeChanges: [], problems: [] });
  expect(overSocket).toBeGreaterThan(500);
  expect(kept).toBeGreaterThan(500);
  // The generator must reach every side, or the property says little.
  for (const result of [...authentic, "unauthenticated", "validation", "method_not_allowed", "body_too_large"] as const) {
    if (result === "duplicate") continue;
    expect(outcomes.get(result) ?? 0, result).toBeGreaterThan(20);
  }
}, 300_000);
