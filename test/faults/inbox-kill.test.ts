import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { sqliteEngine } from "./inbox-engine-sqlite.ts";
import { killAgainAndAgain } from "./inbox-kill.ts";
import { loseLeases } from "./inbox-leases.ts";

/** Far above what it takes, for machines that do something else as well. */
const MOST_MS = 180_000;

/** A folder that is deleted when the test ends, and an inbox in it. */
function newInbox() {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, engine: sqliteEngine(path.join(folder, "inbox.db")) };
}

it(
  "a server that is killed 50 times loses nothing that it acknowledged, and completes no event twice",
  async () => {
    const report = await killAgainAndAgain({ ...newInbox(), kills: 50, events: 2000, variant: "sound" });
    console.log(`50 kills: ${JSON.stringify(report)}`);
    expect(report).toMatchObject({ acknowledged: 2000, stored: 2000, lost: 0, completedTwice: 0, unfinished: 0, integrity: "ok" });
    expect(report).toMatchObject({ handled: 2000, afterCompletion: 0, shared: 0 });
    // Otherwise no kill met a request, an answer or a handler, and nothing was tested.
    expect(report.resets).toBeGreaterThan(0);
    expect(report.claims).toBeGreaterThan(2000);
  },
  MOST_MS,
);

it(
  "loses acknowledged events when it answers first, so the kills come at the right moments",
  async () => {
    const report = await killAgainAndAgain({ ...newInbox(), kills: 20, events: 100_000, flood: true, variant: "answers first" });
    console.log(`answers first, 20 kills: ${JSON.stringify(report)}`);
    expect(report.lost).toBeGreaterThan(0);
    expect(report.integrity).toBe("ok");
  },
  MOST_MS,
);

it(
  "completes no event twice when leases are lost all the time",
  async () => expect((await loseLeases(newInbox().engine, "sound")).completedTwice).toBe(0),
  MOST_MS,
);

it(
  "completes events twice without a token, so leases are lost at the right moments",
  async () => expect((await loseLeases(newInbox().engine, "no token")).completedTwice).toBeGreaterThan(0),
  MOST_MS,
);
