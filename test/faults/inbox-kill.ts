import { DatabaseSync } from "node:sqlite";
import { freePort, type ServerProcess, startServer } from "./inbox-process.ts";
import { deliveriesOf, pause, startSender } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

/** How often a server is killed, and what it is sent meanwhile. */
export interface KillPlan {
  readonly path: string;
  readonly kills: number;
  readonly events: number;
  readonly variant: Variant;
  /** Sends as much as goes in until the last kill, and handles nothing; `events` is the most. */
  readonly flood?: boolean;
}

/** What is left in an inbox. */
export interface Remains {
  readonly stored: number;
  readonly unfinished: number;
  readonly completedTwice: number;
  /** Claims, each of which ran the handlers unless the process was killed before. */
  readonly claims: number;
  readonly integrity: string;
}

/** What came of a run. */
export interface KillReport extends Remains {
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
/** How long a client waits after each delivery, at most, so that there is something to send in all of a life. */
const THINK_MS = 40;
const DRAIN_MS = 60_000;

/** Sends events to a server that is killed again and again, and looks at what is left when all were taken and handled. */
export async function killAgainAndAgain({ path, kills, events, variant, flood = false }: KillPlan): Promise<KillReport> {
  const startedAt = performance.now();
  const settings: ServerSettings = {
    path,
    port: await freePort(),
    variant,
    leaseMs: LEASE_MS,
    idle: flood,
    compiled: `${path}-compiled`,
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
      if (life % 5 > 0) await server.hear("listening");
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
      await drained(path);
      server.tell("close");
      await server.hear("closed");
    }
  } finally {
    sender.stop();
    await Promise.all([sender.ended, ...[...running].map((each) => each.kill())]);
  }
  const { acknowledged, resets, recognised } = sender;
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  return { ...inspect(path), acknowledged: acknowledged.size, lost: lostOf(path, acknowledged), resets, recognised, seconds };
}

/** Waits until nothing is left to handle. */
export async function drained(path: string): Promise<void> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const left = database.prepare("SELECT count(*) AS count FROM events WHERE due_at IS NOT NULL");
    for (const giveUpAt = performance.now() + DRAIN_MS; ; ) {
      const { count } = left.get() as { count: number };
      if (count === 0) return;
      if (performance.now() > giveUpAt) throw new Error(`${count} events were not handled within ${DRAIN_MS} ms.`);
      await pause(20);
    }
  } finally {
    database.close();
  }
}

/** Looks at an inbox that no process has open. */
export function inspect(path: string): Remains {
  const database = new DatabaseSync(path);
  const count = (sql: string): number => (database.prepare(`SELECT count(*) AS count FROM ${sql}`).get() as { count: number }).count;
  try {
    return {
      stored: count("events"),
      unfinished: count("events WHERE state <> 'done'"),
      completedTwice: count("(SELECT event FROM transitions WHERE result = 'processed' GROUP BY event HAVING count(*) > 1)"),
      claims: count("transitions WHERE result = 'claimed'"),
      integrity: (database.prepare("PRAGMA integrity_check").get() as { integrity_check: string }).integrity_check,
    };
  } finally {
    database.close();
  }
}

/** How many of these ids are not in an inbox. */
export function lostOf(path: string, acknowledged: ReadonlySet<string>): number {
  const database = new DatabaseSync(path);
  try {
    const stored = new Set((database.prepare("SELECT id FROM events").all() as { id: string }[]).map(({ id }) => id));
    return [...acknowledged].filter((id) => !stored.has(id)).length;
  } finally {
    database.close();
  }
}
