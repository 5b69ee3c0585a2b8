// Row 14 of the crash matrix.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cutThePower, whyNoDisk } from "./inbox-power.ts";
import type { Variant } from "./inbox-variants.ts";

const MOST_MS = 120_000;

async function losses(variant: Variant, skip: (reason: string) => void): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-power-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const reason = whyNoDisk(folder);
  if (reason !== undefined) skip(reason);
  const report = await cutThePower({ folder, cuts: 10, variant });
  console.log(`${variant}, 10 power cuts: ${JSON.stringify(report)}`);
  expect(report.acknowledged).toBeGreaterThanOrEqual(100);
  return report.lost;
}

it(
  "row 14: an inbox whose power is cut 10 times loses nothing that it acknowledged",
  async (context) => expect(await losses("sound", (reason) => context.skip(reason))).toBe(0),
  MOST_MS,
);

it(
  "row 14: loses acknowledged events with synchronous = NORMAL, so the power is cut",
  async (context) => expect(await losses("syncs later", (reason) => context.skip(reason))).toBeGreaterThan(0),
  MOST_MS,
);
