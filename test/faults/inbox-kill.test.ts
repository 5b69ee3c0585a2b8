import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { drained, inspect, killAgainAndAgain } from "./inbox-kill.ts";
import { startServer } from "./inbox-process.ts";
import { deliveriesOf, startSender } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

/** Far above what it takes, for machines that do something else as well. */
const MOST_MS = 180_000;

/** A file that is deleted when the test ends. */
function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return path.join(folder, "inbox.db");
}

it(
  "a server that is killed 50 times loses nothing that it acknowledged, and completes no event twice",
  async () => {
    const report = await killAgainAndAgain({ path: newFile(), kills: 50, events: 2000, variant: "sound" });
    console.log(`50 kills: ${JSON.stringify(report)}`);
    expect(report).toMatchObject({ acknowledged: 2000, stored: 2000, lost: 0, completedTwice: 0, unfinished: 0, integrity: "ok" });
    // Otherwise no kill met a request, an answer or a handler, and nothing was tested.
    expect(report.resets).toBeGreaterThan(0);
    expect(report.claims).toBeGreaterThan(2000);
  },
  MOST_MS,
);

it(
  "loses acknowledged events when it answers first, so the kills come at the right moments",
  async () => {
    const report = await killAgainAndAgain({ path: newFile(), kills: 20, events: 100_000, flood: true, variant: "answers first" });
    console.log(`answers first, 20 kills: ${JSON.stringify(report)}`);
    expect(report.lost).toBeGreaterThan(0);
    expect(report.integrity).toBe("ok");
  },
  MOST_MS,
);

/** Two processes with leases that are shorter than their handlers may block them, so that each takes over what the other still runs. */
async function loseLeases(variant: Variant) {
  const events = 300;
  const settings: ServerSettings = { path: newFile(), port: 0, variant, leaseMs: 20, blockMs: 60 };
  const [first, second] = [startServer(settings), startServer(settings)];
  onTestFinished(async () => void (await Promise.all([first.kill(), second.kill()])));
  await Promise.all([first.hear("ready"), second.hear("ready")]);
  first.tell("open");
  const { port } = await first.hear("listening");
  second.tell("open");
  await second.hear("listening");
  const sender = startSender(port, deliveriesOf(events), 0);
  onTestFinished(() => sender.stop());
  sender.allow(events * 2);
  await sender.ended;
  await drained(settings.path);
  for (const each of [first, second]) each.tell("close");
  await Promise.all([first.hear("closed"), second.hear("closed")]);
  const remains = inspect(settings.path);
  console.log(`${variant}, lease of 20 ms: ${JSON.stringify(remains)}`);
  // Otherwise no lease was lost.
  expect(remains.claims).toBeGreaterThan(events);
  expect(remains).toMatchObject({ stored: events, integrity: "ok" });
  return remains;
}

it(
  "completes no event twice when leases are lost all the time",
  async () => expect((await loseLeases("sound")).completedTwice).toBe(0),
  MOST_MS,
);

it(
  "completes events twice without a token, so leases are lost at the right moments",
  async () => expect((await loseLeases("no token")).completedTwice).toBeGreaterThan(0),
  MOST_MS,
);
