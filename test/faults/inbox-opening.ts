import type { Inbox } from "../../src/inbox/inbox.ts";
import type { InboxPlace } from "./inbox-engine.ts";
import { openDatabase, type Variant } from "./inbox-variants.ts";

// A process that is killed uses up an attempt, and it is killed more often here than anywhere. The last one is what pg-boss adds to that.
const policy = { attempts: 1000, backoffMs: 1, maxBackoffMs: 1000 };

/** How often BullMQ looks for what dead workers have left. */
const STALLED_INTERVAL_MS = 200;
const POSTGRES_CONNECTIONS = 6;

/** Loads what an inbox needs, and returns what opens it, so that a start takes no time of a life. */
export async function loadInbox(
  { engine = "sqlite", path, url = "", heartbeatSeconds }: InboxPlace,
  variant: Variant,
): Promise<() => Promise<Inbox>> {
  switch (engine) {
    case "sqlite": {
      const { openSqliteInbox } = await import("../../src/inbox/sqlite.ts");
      return (): Promise<Inbox> => openSqliteInbox({ database: openDatabase(path, variant), ...policy });
    }
    case "pg-boss": {
      const place = { connectionString: url, schema: path, connections: POSTGRES_CONNECTIONS };
      await import("pg-boss");
      if (heartbeatSeconds === undefined) {
        const { openPgBossInbox } = await import("../../src/inbox/pg-boss.ts");
        return (): Promise<Inbox> => openPgBossInbox({ ...place, ...policy });
      }
      const [{ createInbox }, { openPgBossStore }] = await Promise.all([
        import("../../src/inbox/inbox.ts"),
        import("../../src/inbox/pg-boss-open.ts"),
      ]);
      return async (): Promise<Inbox> => createInbox(await openPgBossStore(place, policy, { heartbeatSeconds }), policy);
    }
    case "bullmq": {
      await Promise.all([import("bullmq"), import("ioredis")]);
      const { openBullMqInbox } = await import("../../src/inbox/bullmq.ts");
      const onWarning = (): void => undefined;
      return (): Promise<Inbox> =>
        openBullMqInbox({ connection: url, prefix: path, stalledIntervalMs: STALLED_INTERVAL_MS, onWarning, ...policy });
    }
  }
}
