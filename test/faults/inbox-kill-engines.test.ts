import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeWith, postgresServer, redisServer, urlThrough } from "../suites/servers.ts";
import { bullMqEngine } from "./inbox-engine-bullmq.ts";
import { pgBossEngine } from "./inbox-engine-pg-boss.ts";
import { killAgainAndAgain } from "./inbox-kill.ts";
import { loseLeases } from "./inbox-leases.ts";
import { startServer } from "./inbox-process.ts";
import { runsIn } from "./inbox-runs.ts";
import { post } from "./inbox-sender.ts";
import { openRelay } from "./relay.ts";

/** Far above what it takes, for machines that do something else as well. */
const MOST_MS = 180_000;

/** Shipped are 30 seconds, for which the long form waits. */
const HEARTBEAT_SECONDS = 2;

const describePostgres = await describeWith(postgresServer);
const describeRedis = await describeWith(redisServer);

const engines = [
  ["pg-boss", describePostgres, postgresServer, () => pgBossEngine(postgresServer.url, HEARTBEAT_SECONDS)],
  ["BullMQ", describeRedis, redisServer, () => bullMqEngine(redisServer.url)],
] as const;

/** A folder that is deleted when the test ends. */
function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

for (const [name, describe, server, create] of engines) {
  describe(`a server with an inbox on ${name}`, () => {
    it(
      "that is killed 8 times loses nothing that it acknowledged, and completes no event twice",
      async () => {
        const report = await killAgainAndAgain({ engine: create(), folder: newFolder(), kills: 8, events: 300, variant: "sound" });
        console.log(`${name}, 8 kills: ${JSON.stringify(report)}`);
        expect(report).toMatchObject({ acknowledged: 300, stored: 300, lost: 0, completedTwice: 0, unfinished: 0, integrity: "ok" });
        expect(report).toMatchObject({ handled: 300, afterCompletion: 0, shared: 0 });
        // Otherwise no kill met a request or an answer, and nothing was tested.
        expect(report.resets).toBeGreaterThan(0);
      },
      MOST_MS,
    );

    it(
      "loses acknowledged events when it answers first, so the kills come at the right moments",
      async () => {
        const report = await killAgainAndAgain({
          engine: create(),
          folder: newFolder(),
          kills: 3,
          events: 20_000,
          flood: true,
          variant: "answers first",
        });
        console.log(`${name}, answers first, 3 kills: ${JSON.stringify(report)}`);
        expect(report.lost).toBeGreaterThan(0);
      },
      MOST_MS,
    );

    it(
      "closes and ends while the database is away",
      async () => {
        const engine = create();
        const inspection = await engine.inspect();
        const relay = await openRelay(server);
        const url = urlThrough(server, relay.port);
        const runs = path.join(newFolder(), "runs");
        const running = startServer({ ...engine.place, url, port: 0, variant: "sound", leaseMs: 60_000, runs });
        onTestFinished(async () => {
          await running.kill();
          await relay.close();
          await inspection.close();
        });
        await running.hear("ready");
        running.tell("open");
        const { port } = await running.hear("listening");
        expect(await post(port, "v")).toMatchObject({ status: 200 });
        await expect.poll(() => runsIn(runs, new Map()).handled, { timeout: MOST_MS / 6 }).toBe(1);
        await relay.cut();
        running.tell("leave");
        expect(await running.gone).toBe(0);
      },
      MOST_MS / 3,
    );
  });
}

// A lease on pg-boss is a heartbeat of seconds, which no handler blocks for so long that it could be lost all the time.
describeRedis("two servers with an inbox on BullMQ", () => {
  it(
    "complete no event twice when leases are lost all the time",
    async () => expect((await loseLeases(bullMqEngine(redisServer.url), "sound")).completedTwice).toBe(0),
    MOST_MS,
  );
});
