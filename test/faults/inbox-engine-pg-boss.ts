import { randomBytes } from "node:crypto";
import pg from "pg";
import type { InboxEngine, Inspection } from "./inbox-engine.ts";

/**
 * An inbox in a schema of its own, on the queues of pg-boss.
 *
 * @param heartbeatSeconds what to use instead of what is shipped, which makes every crash a wait of 30 to 45 seconds
 */
export function pgBossEngine(url: string, heartbeatSeconds?: number): InboxEngine {
  const path = `vw_crash_${randomBytes(6).toString("hex")}`;
  return {
    place: { engine: "pg-boss", url, path, ...(heartbeatSeconds !== undefined && { heartbeatSeconds }) },
    // A heartbeat, two rounds of supervision, and a machine that does something else as well.
    drainMs: 240_000,
    inspect: async () => inspectionOf(url, path),
  };
}

function inspectionOf(url: string, schema: string): Inspection {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const jobs = `(SELECT * FROM ${schema}.job WHERE position('/' in name) > 0) AS jobs`;
  const transitions = `${schema}.inbox_transitions`;
  const count = async (sql: string): Promise<number> =>
    Number((await pool.query<{ count: string }>(`SELECT count(*) FROM ${sql}`)).rows[0]?.count);
  const completions = `(SELECT count(*) FROM ${transitions} WHERE entry = jobs.id AND result = 'processed')`;

  /** A job and what is written down about it are committed together, so neither may be without the other. */
  async function integrity(): Promise<string> {
    const [unlike, orphans, copies] = [
      await count(`${jobs} WHERE (state = 'completed')::int <> ${completions}`),
      await count(`${transitions} WHERE entry NOT IN (SELECT id FROM ${jobs})`),
      await count(`${schema}.job WHERE position('/' in name) = 0`),
    ];
    if (unlike + orphans + copies === 0) return "ok";
    return `${unlike} jobs whose history says something else, ${orphans} lines of no job, ${copies} dead letters`;
  }

  return {
    left: () => count(`${jobs} WHERE state < 'completed'`),
    async remains() {
      return {
        stored: await count(jobs),
        unfinished: await count(`${jobs} WHERE state <> 'completed'`),
        completedTwice: await count(
          `(SELECT FROM ${transitions} WHERE result = 'processed' GROUP BY entry HAVING count(*) > 1) AS entries`,
        ),
        claims: await count(`${transitions} WHERE result = 'claimed'`),
        integrity: await integrity(),
      };
    },
    async events() {
      const { rows } = await pool.query<{ event: string; completed_at: number | null }>(
        `SELECT data->>'event' AS event, extract(epoch FROM completed_on)::float8 * 1000 AS completed_at FROM ${jobs}`,
      );
      return new Map(rows.map(({ event, completed_at }) => [(JSON.parse(event) as { id: string }).id, completed_at ?? undefined]));
    },
    async close() {
      await pool.query("SET client_min_messages = warning");
      await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await pool.end();
    },
  };
}
