import { checkPostgres, type PgBossPlace, startPgBoss } from "./pg-boss-client.ts";
import { createIntake } from "./pg-boss-intake.ts";
import { DEAD_LETTERS, FOREVER } from "./pg-boss-job.ts";
import { createLeases } from "./pg-boss-leases.ts";
import { inboxMigrationSql } from "./pg-boss-schema.ts";
import { createPgBossStore } from "./pg-boss-store.ts";
import type { CompletePolicy } from "./retry-policy.ts";
import type { InboxStore } from "./store.ts";

/** How often a worker has to show that it lives. */
const HEARTBEAT_SECONDS = 30;

/** What tests replace, and who hears of what the server may lose. */
export interface PgBossSurroundings {
  readonly onWarning?: (message: string) => unknown;
  readonly heartbeatSeconds?: number;
  readonly clock?: () => number;
  /** Gets what sends the heartbeats. */
  readonly onLeases?: (beat: () => Promise<void>) => void;
}

/** Starts pg-boss and sets up what the inbox needs. */
export async function openPgBossStore(
  place: PgBossPlace,
  policy: CompletePolicy,
  surroundings: PgBossSurroundings = {},
): Promise<InboxStore> {
  const { heartbeatSeconds = HEARTBEAT_SECONDS, clock = () => performance.now(), onLeases, onWarning } = surroundings;
  const pair = await startPgBoss(place);
  try {
    const database = pair.patient.getDb();
    if (onWarning) await checkPostgres({ executeSql: (text) => database.executeSql(text) }, onWarning);
    await database.executeSql(inboxMigrationSql(place.schema));
    // Before the queues that refer to it. Nothing works on it, so that its jobs stay.
    await pair.patient.createQueue(DEAD_LETTERS, { retryLimit: 0, ...FOREVER });
    const leases = createLeases(pair.quick, { everyMs: (heartbeatSeconds * 1000) / 3, clock });
    onLeases?.(leases.beat);
    return createPgBossStore({
      pair,
      schema: place.schema,
      intake: createIntake(pair.quick, place.schema, policy, heartbeatSeconds),
      leases,
    });
  } catch (error) {
    await pair.close();
    throw error;
  }
}
