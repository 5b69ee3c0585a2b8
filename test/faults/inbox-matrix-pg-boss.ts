import pg from "pg";
import { PgBoss } from "pg-boss";
import { openPgBossInbox } from "../../src/inbox/pg-boss.ts";
import { postgresServer, urlThrough } from "../suites/servers.ts";
import { postgresFramer } from "./inbox-frames.ts";
import type { MatrixEngine, MatrixSpace } from "./inbox-matrix-engine.ts";
import type { Moment } from "./inbox-wire.ts";

const INSERT = /INSERT INTO \S+\.job\w* \(\s+id,\s+name,\s+data/;
const FETCH = /SET\s+state = 'active'/;
/** What ends a claim begins with a line of history, if it still holds. */
const NOTE = /^WITH held AS/;
const INTERVENE = /inbox_transitions \(entry, attempt, state, result, reason, actor\)/;
const FORGET = /^DELETE FROM \S+inbox_transitions/;

const at = (when: Moment["when"], command: RegExp, within?: RegExp): Moment => ({ when, command, ...(within && { within }) });
const commitOf = (when: Moment["when"], within: RegExp): Moment => at(when, /^COMMIT/, within);
const beforeEnded = {
  "before it says so": at("before", NOTE),
  "when the engine does not know yet": at("after", NOTE),
  "before that is committed": commitOf("before", NOTE),
};

async function openSpace(schema: string): Promise<MatrixSpace> {
  const { url } = postgresServer;
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  // Those of the lives look every ten seconds.
  const supervisor = new PgBoss({ connectionString: url, schema, supervise: false, schedule: false, max: 1, migrate: false });
  supervisor.on("error", () => undefined);
  let started = false;
  async function supervise(): Promise<void> {
    if (!started) await supervisor.start();
    started = true;
    await pool.query(`UPDATE ${schema}.queue SET monitor_on = NULL, monitor_claim_on = NULL`);
    await supervisor.supervise();
  }
  return {
    async pass(milliseconds) {
      const passed = `${milliseconds} * interval '1 millisecond'`;
      const columns = ["start_after", "heartbeat_on", "completed_on"].map((column) => `${column} = ${column} - ${passed}`);
      await pool.query(`UPDATE ${schema}.job SET ${columns.join(", ")}`);
    },
    look: supervise,
    async close() {
      if (started) await supervisor.stop({ graceful: false });
      await pool.query("SET client_min_messages = warning");
      await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await pool.end();
    },
  };
}

export const pgBossMatrix: MatrixEngine = {
  name: "pg-boss",
  server: postgresServer,
  framer: postgresFramer,
  // The heartbeat; whatever the lease is.
  leaseMs: 30_000,
  beforeStored: {
    "before the queue is there": at("before", /create_queue\(/),
    "when only the queue is there": at("after", /create_queue\(/),
    "before the row is sent": at("before", INSERT),
  },
  afterStored: at("after", INSERT),
  beforeClaimed: {
    "before it asks": at("before", FETCH),
    "before the history is written": at("after", FETCH),
    "before that is committed": commitOf("before", FETCH),
  },
  afterClaimed: { "when that is committed": commitOf("after", FETCH) },
  beforeEnded,
  beforeFailed: beforeEnded,
  afterRecorded: {},
  afterEnded: commitOf("after", NOTE),
  afterFailed: commitOf("after", NOTE),
  beforeDead: beforeEnded,
  duringReplay: [
    ["before anything is read", at("before", /FOR UPDATE OF j/), 0],
    ["before that is committed", commitOf("before", INTERVENE), 0],
    ["when that is committed", commitOf("after", INTERVENE), 3],
  ],
  duringPrune: [
    ["before anything is read", at("before", /FOR UPDATE OF j/), 0],
    ["before that is committed", commitOf("before", FORGET), 0],
    ["when that is committed", commitOf("after", FORGET), 3],
  ],
  exactHistory: true,
  open: (port, schema, policy) =>
    openPgBossInbox({ connectionString: urlThrough(postgresServer, port), schema, connections: 4, maxBackoffMs: 1000, ...policy }),
  openSpace,
};
