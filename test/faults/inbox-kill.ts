import path from "node:path";
import { freePort } from "../suites/free-port.ts";
import type { InboxEngine, Inspection, Remains } from "./inbox-engine.ts";
import { type ServerProcess, startServer } from "./inbox-process.ts";
import { type Runs, runsIn } from "./inbox-runs.ts";
import { deliveriesOf, pause, type Sender, startSender } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

/** How often a server is killed, and what it is sent meanwhile. */
export interface KillPlan {
  readonly engine: InboxEngine;
  /** Of files beside the inbox. */
  readonly folder: string;
  readonly kills: number;
  readonly events: number;
  readonly variant: Variant;
  /** Sends as much as goes in until the last kill, and handles nothing; `events` is the most. */
  readonly flood?: boolean;
}

/** What came of a run. */
export interface KillReport extends Remains, Runs {
  readonly acknowledged: number;
  /** Events that were acknowledged and are not in the inbox. */
  readonly lost: number;
  readonly resets: number;
  /** Events that were stored although their provider had not seen it. */
  readonly recognised: number;
  readonly seconds: number;
}

/** Longer than a handler takes, short enough that what was cut off runs again soon. */
const LEASE_MS = 400;
/** A life ends at a random moment until then. */
const LIFE_MS = 300;
/** A flooded one lives until it has answered this many, and then for as long. */
const FLOODED = 20;
/** How long a client waits after each delivery, at most, so that there is something to send in all of a life. */
const THINK_MS = 40;

/** Sends events to a server that is killed again and again, and looks at what is left when all were taken and handled. */
export async function killAgainAndAgain(plan: KillPlan): Promise<KillReport> {
  const inspection = await plan.engine.inspect();
  try {
    return await killAndInspect(plan, inspection);
  } finally {
    await inspection.close();
  }
}

async function killAndInspect(
  { engine, folder, kills, events, variant, flood = false }: KillPlan,
  inspection: Inspection,
): Promise<KillReport> {
  const startedAt = performance.now();
  const runs = path.join(folder, "runs");
  const settings: ServerSettings = {
    ...engine.place,
    port: await freePort(),
    variant,
    leaseMs: LEASE_MS,
    idle: flood,
    runs,
    compiled: path.join(folder, "compiled"),
  };
  const running = new Set<ServerProcess>();
  const start = (): ServerProcess => {
    const server = startServer(settings);
    running.add(server);
    return server;
  };
  const deliveries = deliveriesOf(events);
  const sender = startSender(settings.port, deliveries, flood ? 0 : THINK_MS);
  try {
    let server = start();
    for (let life = 0; life < kills; life++) {
      await server.hear("ready");
      server.tell("open");
      // Loaded meanwhile, so that the time goes into lives instead of starts.
      const next = start();
      sender.allow(flood ? deliveries.length : Math.ceil(deliveries.length / (kills + 1)));
      // In every fifth life the kill may come while the file is opened. On a slow machine there would be little else to hit.
      if (flood || life % 5 > 0) await server.hear("listening");
      // Otherwise a machine that is slow to begin would answer nothing that could be lost.
      if (flood) await acknowledges(sender, FLOODED);
      await pause(Math.random() * LIFE_MS);
      await server.kill();
      running.delete(server);
      server = next;
    }
    if (!flood) {
      await server.hear("ready");
      server.tell("open");
      sender.allow(deliveries.length);
      await server.hear("listening");
      await sender.ended;
      await drained(inspection, engine.drainMs);
      server.tell("close");
      await server.hear("closed");
    }
  } finally {
    sender.stop();
    await Promise.all([sender.ended, ...[...running].map((each) => each.kill())]);
  }
  const { acknowledged, resets, recognised } = sender;
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const stored = await inspection.events();
  const lost = [...acknowledged].filter((id) => !stored.has(id)).length;
  const seen = { acknowledged: acknowledged.size, lost, resets, recognised, seconds };
  return { ...(await inspection.remains()), ...runsIn(runs, stored), ...seen };
}

/** Waits until a sender has got this many answers more. */
async function acknowledges(sender: Sender, more: number): Promise<void> {
  for (const enough = sender.acknowledged.size + more; sender.acknowledged.size < enough; ) await pause(1);
}

/** Waits until nothing is left to handle. */
export async function drained(inspection: Inspection, mostMs: number): Promise<void> {
  for (const giveUpAt = performance.now() + mostMs; ; ) {
    const left = await inspection.left();
    if (left === 0) return;
    if (performance.now() > giveUpAt) throw new Error(`${left} events were not handled within ${mostMs} ms.`);
    await pause(20);
  }
}
