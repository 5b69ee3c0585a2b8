import { ConfigurationError } from "../errors.ts";
import { within } from "./within.ts";

/** What runs SQL: the pool of pg-boss, or a transaction on one of its connections. */
export interface PgBossSql {
  executeSql(text: string, values?: unknown[]): Promise<{ readonly rows: readonly object[] }>;
}

interface PgBossDatabase extends PgBossSql {
  beginTransaction?(): Promise<{ readonly db: PgBossSql; commit(): Promise<void>; rollback(): Promise<void> }>;
}

/** One attempt of a job. pg-boss leaves a job alone that is at another attempt by now. */
export interface PgBossAttempt {
  readonly id: string;
  readonly retryCount: number;
}

/** The part of a fetched job that is used. */
export interface PgBossJob extends PgBossAttempt {
  readonly data: unknown;
  readonly retryLimit: number;
  readonly startedOn: Date;
  /** The first job of the chain, if this one went through the dead-letter queue. */
  readonly sourceRootId: string | null;
}

interface WithSql {
  readonly db?: PgBossSql;
}

/** The part of `PgBoss` of `pg-boss` (12.35 or newer in 12) that is used. */
export interface PgBossClient {
  start(): Promise<unknown>;
  stop(options: { readonly graceful: boolean }): Promise<void>;
  on(event: "error", listener: (error: unknown) => void): unknown;
  getDb(): PgBossDatabase;
  supervise(name?: string): Promise<void>;
  createQueue(name: string, options: object): Promise<void>;
  updateQueue(name: string, options: object): Promise<void>;
  insert(name: string, jobs: object[], options: WithSql & { readonly returnId?: boolean }): Promise<string[] | null>;
  fetch(name: string, options: WithSql & { readonly batchSize: number; readonly includeMetadata: true }): Promise<readonly PgBossJob[]>;
  complete(name: string, attempt: PgBossAttempt, output: object | null, options: WithSql): Promise<unknown>;
  fail(name: string, attempt: PgBossAttempt | string, output: object, options: WithSql): Promise<unknown>;
  touch(name: string, attempts: PgBossAttempt[], options?: WithSql): Promise<unknown>;
  cancel(name: string, which: string[] | PgBossAttempt, options: WithSql): Promise<unknown>;
  retry(name: string, ids: string[], options: WithSql): Promise<unknown>;
  resume(name: string, ids: string[], options: WithSql): Promise<unknown>;
  deleteJob(name: string, ids: string[], options: WithSql): Promise<unknown>;
  update(
    name: string,
    data: undefined,
    options: WithSql & { readonly id: string; startAfter?: string; retryLimit?: number },
  ): Promise<unknown>;
}

/** Where the jobs are. */
export interface PgBossPlace {
  readonly connectionString: string;
  readonly schema: string;
  /** How many connections deliveries and workers share. */
  readonly connections: number;
}

/** Runs work in one transaction. What it resolves to is passed on; `undefined` undoes it, as a rejection does. */
export type Transact = <Result>(work: (db: PgBossSql) => Promise<Result>) => Promise<Result>;

/** Two instances of pg-boss on the same tables. */
export interface PgBossPair {
  /** For deliveries and workers: a connection on which nothing answers is given up soon. */
  readonly quick: PgBossClient;
  readonly quickly: Transact;
  /** For maintenance and operations, which may take long on large tables. */
  readonly patient: PgBossClient;
  readonly patiently: Transact;
  close(): Promise<void>;
}

/** Within it a statement of the quick instance is answered, or its connection is replaced. */
const QUERY_TIMEOUT_MS = 10_000;

/** Of the patient instance. */
const PATIENT_CONNECTIONS = 3;

/** How long closing waits for a server that does not answer. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Makes commits wait for the disk where the URL, the role or the database says otherwise: what is acknowledged outlasts a power cut.
 * Settings that wait for more, such as `remote_apply`, stay. Not by `options` of the connection, which many poolers refuse.
 */
const DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/** A century, since Postgres has an end of time. */
export const LONGEST_MS: number = 100 * 365 * 86_400_000;

/** Starts pg-boss; the first time ever it creates its tables. */
export async function startPgBoss({ connectionString, schema, connections }: PgBossPlace): Promise<PgBossPair> {
  const PgBoss = await importPgBoss();
  // A hook of the pool, which hands a connection out when it has resolved, and drops it when it has not.
  const onConnect = (client: { query(text: string): Promise<unknown> }): Promise<unknown> => client.query(DURABLE);
  const common = { connectionString, schema, schedule: false, application_name: "video-webhooks", keepAlive: true, onConnect };
  // How long a claim is waited for after a crash: a heartbeat, and at most this.
  const supervision = { supervise: true, superviseIntervalSeconds: 10, monitorIntervalSeconds: 10 };
  const patient = new PgBoss({ ...common, ...supervision, max: PATIENT_CONNECTIONS });
  const limits = { max: connections, query_timeout: QUERY_TIMEOUT_MS, connectionTimeoutMillis: 5000 };
  const quick = new PgBoss({ ...common, ...limits, supervise: false, migrate: false });
  // Node.js ends the process at an error that nobody listens to. Operations that fail tell their callers, and health() tells everybody.
  for (const boss of [patient, quick]) boss.on("error", () => undefined);

  const close = (): Promise<void> => {
    const stopped = Promise.allSettled([quick, patient].map((boss) => boss.stop({ graceful: false })));
    return within(CLOSE_TIMEOUT_MS, stopped, "pg-boss did not stop in time.").then(
      () => undefined,
      () => undefined,
    );
  };
  try {
    await patient.start();
    await quick.start();
  } catch (error) {
    await close();
    throw error;
  }
  // pg-boss looks for the settings of a queue it does not know on another connection, which would never come if all were in transactions.
  const [quickly, patiently] = [transactionsOn(quick, connections - 1), transactionsOn(patient, PATIENT_CONNECTIONS - 1)];
  return { quick, quickly, patient, patiently, close };
}

/** Says what a server may lose when its machine stops. */
export async function checkPostgres({ executeSql }: PgBossSql, warn: (message: string) => unknown): Promise<void> {
  const [row] = (await executeSql("SELECT current_setting('fsync', true) AS fsync")).rows as { readonly fsync: string | null }[];
  if (row?.fsync !== "off") return;
  warn("Postgres runs with fsync = off: a power cut loses or damages what was acknowledged. Set fsync = on.");
}

async function importPgBoss(): Promise<new (options: object) => PgBossClient> {
  let found: { readonly PgBoss?: unknown };
  try {
    found = (await import("pg-boss")) as object;
  } catch (cause) {
    throw new ConfigurationError(
      "The inbox on Postgres needs the package pg-boss, which could not be loaded. Install it: npm install pg-boss@12",
      { cause },
    );
  }
  if (typeof found.PgBoss !== "function") {
    throw new ConfigurationError("The installed pg-boss has no class PgBoss. Install version 12.35 or newer in 12: npm install pg-boss@12");
  }
  return found.PgBoss as new (
    options: object,
  ) => PgBossClient;
}

function transactionsOn(boss: PgBossClient, limit: number): Transact {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    // Whoever ends hands over to whoever waits.
    if (running === limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await inTransaction(boss, work);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

async function inTransaction<Result>(boss: PgBossClient, work: (db: PgBossSql) => Promise<Result>): Promise<Result> {
  const transaction = await boss.getDb().beginTransaction?.();
  if (transaction === undefined) throw new TypeError("The database of pg-boss has no transactions.");
  try {
    const result = await work(transaction.db);
    if (result === undefined) await transaction.rollback();
    else await transaction.commit();
    return result;
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}
