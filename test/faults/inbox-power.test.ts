// Row 14 of the crash matrix.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cutThePower, type PowerReport, whyNoDisk } from "./inbox-power.ts";
import type { Variant } from "./inbox-variants.ts";

const MOST_MS = 120_000;

const CUTS = 6;

/** Skips the test where no disk can be mounted. */
async function reportOf(variant: Variant, idle: boolean, skip: (reason: string) => void): Promise<PowerReport> {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-power-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const reason = whyNoDisk(folder);
  if (reason !== undefined) skip(reason);
  const report = await cutThePower({ folder, cuts: CUTS, variant, idle });
  console.log(`${variant}, ${idle ? "storing" : "storing and handling"}, ${CUTS} power cuts: ${JSON.stringify(report)}`);
  expect(report.acknowledged).toBeGreaterThanOrEqual(10 * CUTS);
  return report;
}

it(
  `row 14: an inbox that stores, and whose power is cut ${CUTS} times, loses nothing that it acknowledged`,
  async (context) => {
    const report = await reportOf("sound", true, (reason) => context.skip(reason));
    expect(report).toMatchObject({ lost: 0, handled: 0, integrity: "ok", integrities: Array(CUTS).fill("ok") });
  },
  MOST_MS,
);

it(
  `row 14: an inbox that also handles, and whose power is cut ${CUTS} times, loses nothing and completes no event twice`,
  async (context) => {
    const report = await reportOf("sound", false, (reason) => context.skip(reason));
    expect(report).toMatchObject({ lost: 0, unfinished: 0, completedTwice: 0, integrity: "ok", integrities: Array(CUTS).fill("ok") });
    // No run begins after a completion that was on disk, and none is had by two.
    expect(report).toMatchObject({ handled: report.stored, afterCompletion: 0, shared: 0 });
  },
  MOST_MS,
);

it(
  "row 14: loses acknowledged events with synchronous = NORMAL, so the power is cut",
  async (context) => expect((await reportOf("syncs later", true, (reason) => context.skip(reason))).lost).toBeGreaterThan(0),
  MOST_MS,
);
