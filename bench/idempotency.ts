// Measures what each idempotency store adds to the latency of a delivery.
//
//   node bench/idempotency.ts
//
// DATABASE_URL and REDIS_URL say where the servers are; one that cannot be reached is left out.

import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";
import postgres from "postgres";
import { createClient } from "redis";
import { createRouter, type Delivery, type Outcome } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { createMemoryStore, type IdempotencyStore } from "video-webhooks/idempotency";
import { createPostgresStore } from "video-webhooks/idempotency/postgres";
import { createRedisStore } from "video-webhooks/idempotency/redis";
import { heygenBody } from "./events.ts";
import { versionOf } from "./installed.ts";
import { printMachine } from "./markdown.ts";
import { quantile } from "./statistics.ts";

const BODY_BYTES = 2048;
// The drivers' own number, said once more since it decides how many deliveries wait for a connection.
const POOL_CONNECTIONS = 10;

/** Deliveries under way at once, and how many make a batch. */
const LOADS = [
  { title: "One delivery at a time", concurrency: 1, batch: 100 },
  { title: "32 deliveries at a time", concurrency: 32, batch: 160 },
] as const;

// At least 2,000 deliveries of each kind, so that 20 are beyond the 99th percentile; more where the servers are quick.
const ROUNDS = { least: 20, most: 60, mostMs: 45_000 };
const WARM_UP = { events: 10_000, mostMs: 1500 };
// Between two batches, so that the next one does not pay for what servers and drivers do after their last answer.
const SETTLING_MS = 10;
const CONNECT_MS = 2000;
const CLEAN_UP_MS = 10_000;

const databaseUrl = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const redisUrl = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const secret = "whsec_a-secret-for-the-benchmark-only";
/** The schema of each Postgres store and the prefix of each Redis store begin with it. */
const ownName = `vw_bench_${randomBytes(6).toString("hex")}`;

/** A store as it is measured. */
interface Contestant {
  readonly name: string;
  /** Whether a second delivery of an event is a duplicate to it. */
  readonly remembers: boolean;
  receive(delivery: Delivery): Promise<Outcome>;
  /** Waits for what a duplicate leaves behind: it is answered before the store has written down the state of its job. */
  settle(): Promise<void>;
  /** How often the handler has run. */
  handled(): number;
  /** What the router last said about a delivery that it did not accept. */
  failure(): unknown;
  /** How often it should have. */
  expected: number;
  /** How many events it has seen; the next one is new to it. */
  events: number;
}

/** What many batches of one kind came to; latencies are in milliseconds. */
interface Tally {
  readonly latencies: number[];
  /** The median of each batch. */
  readonly medians: number[];
  seconds: number;
}

/** A server whose stores take part. */
interface Server {
  /** What it is, and the settings that its latency depends on. */
  readonly description: string;
  readonly stores: Readonly<Record<string, IdempotencyStore>>;
}

/** What must be undone at the end, the latest first. */
const undo: (() => Promise<unknown>)[] = [];
const interrupted = new AbortController();

function prove(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`The figures are void: not true that ${claim}.`);
}

function deliveryOf(serial: number): Delivery & { readonly headers: Record<string, string> } {
  const body = heygenBody(BODY_BYTES, serial);
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = { host: "example.test", "user-agent": "python-requests/2.32.3", "content-type": "application/json", signature };
  return { method: "POST", url: "/webhooks", headers, body };
}

function contestant(name: string, store: IdempotencyStore | false): Contestant {
  let handled = 0;
  let observing = 0;
  const observe: IdempotencyStore["observe"] = async (...given) => {
    observing++;
    try {
      return store !== false && (await store.observe?.(...given)) === true;
    } finally {
      observing--;
    }
  };
  const idempotency = store && { ...store, observe };
  let failure: unknown;
  const router = createRouter(heygen({ secret }), { idempotency });
  router.onError((error) => {
    failure = error;
  });
  router.on("avatar_video.success", async (event) => {
    if (event.event_data.video_id !== "") handled++;
  });
  return {
    name,
    remembers: store !== false,
    receive: (delivery) => router.receive(delivery),
    handled: () => handled,
    failure: () => failure,
    async settle() {
      do await pause(SETTLING_MS);
      while (observing > 0);
    },
    expected: 0,
    events: 0,
  };
}

async function withPostgres<Answer>(work: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS });
  // What fails rejects too.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

async function openPostgres(): Promise<Server> {
  const description = await withPostgres(async (client) => {
    const { rows } = await client.query(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS version, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit`,
    );
    const { version, fsync, commit } = rows[0];
    return `Postgres ${version}, fsync ${fsync}, synchronous_commit ${commit}; pools of ${POOL_CONNECTIONS} connections`;
  });
  const schemas = { pg: `${ownName}_pg`, postgres: `${ownName}_postgres` };
  undo.push(() =>
    withPostgres(async (client) => {
      for (const schema of Object.values(schemas)) await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    }),
  );
  const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_CONNECTIONS });
  undo.push(() => pool.end());
  const sql = postgres(databaseUrl, { max: POOL_CONNECTIONS });
  undo.push(() => sql.end());
  return {
    description,
    stores: {
      [`Postgres, pg ${versionOf("pg")}`]: createPostgresStore(pool, { schema: schemas.pg }),
      [`Postgres, postgres ${versionOf("postgres")}`]: createPostgresStore(sql, { schema: schemas.postgres }),
    },
  };
}

type NodeRedis = ReturnType<typeof createClient>;

async function withRedis<Answer>(work: (client: NodeRedis) => Promise<Answer>): Promise<Answer> {
  const client: NodeRedis = createClient({ url: redisUrl, socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false } });
  // What fails rejects too.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.destroy();
  }
}

async function openRedis(): Promise<Server> {
  const description = await withRedis(async (client) => {
    const about = await client.info();
    const fieldOf = (name: string): string => new RegExp(`^${name}:(.*)$`, "m").exec(about)?.[1]?.trim() ?? "unknown";
    return `Redis ${fieldOf("redis_version")}, ${fieldOf("aof_enabled") === "1" ? "with" : "without"} an append-only file; one connection each`;
  });
  undo.push(() =>
    withRedis(async (client) => {
      for await (const keys of client.scanIterator({ MATCH: `${ownName}:*`, COUNT: 1000 })) {
        if (keys.length > 0) await client.unlink(keys);
      }
    }),
  );
  const ioredis = new Redis(redisUrl);
  undo.push(async () => ioredis.disconnect());
  const client = createClient({ url: redisUrl });
  const stores = {
    [`Redis, ioredis ${versionOf("ioredis")}`]: createRedisStore(ioredis, { prefix: `${ownName}:ioredis:` }),
    [`Redis, redis ${versionOf("redis")}`]: createRedisStore(client, { prefix: `${ownName}:redis:` }),
  };
  undo.push(async () => client.destroy());
  await client.connect();
  return { description, stores };
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: string };
  // Of several addresses that all failed, Node.js makes an error without a message.
  return message || code || "unknown reason";
}

async function openServers(): Promise<readonly Server[]> {
  const servers: Server[] = [];
  for (const [name, open] of Object.entries({ Redis: openRedis, Postgres: openPostgres })) {
    try {
      const server = await open();
      servers.push(server);
      console.log(`${server.description}.`);
    } catch (error) {
      console.log(`${name} is left out, since it could not be reached: ${reasonOf(error)}.`);
    }
  }
  return servers;
}

async function proveRecognising(each: Contestant): Promise<void> {
  const { name, remembers, receive, handled } = each;
  const genuine = deliveryOf(each.events++);
  const { signature } = genuine.headers;
  const forged = `${signature?.slice(0, -1)}${signature?.endsWith("0") ? "1" : "0"}`;
  const refused = await receive({ ...genuine, headers: { ...genuine.headers, signature: forged } });
  prove(refused.result === "unauthenticated" && handled() === 0, `${name} refuses a forged signature`);
  const first = await receive(genuine);
  prove(first.result === "processed" && handled() === 1, `${name} runs the handler (the delivery was ${first.result})`);
  const second = await receive(genuine);
  if (remembers) prove(second.result === "duplicate" && handled() === 1, `${name} recognises a duplicate (it was ${second.result})`);
  else prove(second.result === "processed" && handled() === 2, `${name} takes an event twice (the second was ${second.result})`);
  each.expected = handled();
}

/** Sends deliveries, this many at a time, each as soon as one before it has ended. */
async function deliver(each: Contestant, deliveries: readonly Delivery[], concurrency: number, result: Outcome["result"]): Promise<Tally> {
  interrupted.signal.throwIfAborted();
  const latencies: number[] = [];
  let unexpected: string | undefined;
  let next = 0;
  const send = async (): Promise<void> => {
    while (next < deliveries.length) {
      const delivery = deliveries[next++] as Delivery;
      const startedAt = performance.now();
      const outcome = await each.receive(delivery);
      latencies.push(performance.now() - startedAt);
      if (outcome.result !== result) unexpected = outcome.result;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, send));
  const seconds = (performance.now() - startedAt) / 1000;
  if (unexpected !== undefined) {
    throw new Error(`A delivery with ${each.name} should have been ${result}, and was ${unexpected}.`, { cause: each.failure() });
  }
  if (result === "processed") each.expected += deliveries.length;
  await each.settle();
  return { latencies, medians: [quantile(latencies, 0.5)], seconds };
}

/** Sends a batch of events that are new, and then each of them again. */
async function deliverTwice(
  each: Contestant,
  batch: number,
  concurrency: number,
): Promise<{ readonly fresh: Tally; readonly again: Tally }> {
  const deliveries = Array.from({ length: batch }, () => deliveryOf(each.events++));
  const fresh = await deliver(each, deliveries, concurrency, "processed");
  return { fresh, again: await deliver(each, deliveries, concurrency, each.remembers ? "duplicate" : "processed") };
}

async function warmUp(each: Contestant): Promise<void> {
  const startedAt = performance.now();
  while (each.events < WARM_UP.events && performance.now() - startedAt < WARM_UP.mostMs) {
    for (const { batch, concurrency } of LOADS) await deliverTwice(each, batch, concurrency);
  }
}

const newTally = (): Tally => ({ latencies: [], medians: [], seconds: 0 });

function add(tally: Tally, { latencies, medians, seconds }: Tally): void {
  tally.latencies.push(...latencies);
  tally.medians.push(...medians);
  tally.seconds += seconds;
}

/** What one contestant came to under each of the `LOADS`. */
interface Line {
  readonly each: Contestant;
  readonly loads: readonly { readonly concurrency: number; readonly batch: number; readonly fresh: Tally; readonly again: Tally }[];
}

/** Lets the contestants take turns, in changing order, so that whatever slows the machine down for a while slows all of them down. */
async function contest(contestants: readonly Contestant[]): Promise<readonly Line[]> {
  const lines = contestants.map((each) => ({ each, loads: LOADS.map((load) => ({ ...load, fresh: newTally(), again: newTally() })) }));
  const startedAt = performance.now();
  for (let round = 0; round < ROUNDS.most; round++) {
    if (round >= ROUNDS.least && performance.now() - startedAt > ROUNDS.mostMs) break;
    const order = lines.map((_, index) => lines[(index + (round >> 1)) % lines.length] as Line);
    if (round % 2 === 1) order.reverse();
    for (const { each, loads } of order) {
      for (const { batch, concurrency, fresh, again } of loads) {
        const twice = await deliverTwice(each, batch, concurrency);
        add(fresh, twice.fresh);
        add(again, twice.again);
      }
    }
  }
  return lines;
}

function duration(milliseconds: number): string {
  if (Math.abs(milliseconds) >= 0.9995) return `${milliseconds.toFixed(2)} ms`;
  const microseconds = milliseconds * 1000;
  return `${microseconds.toFixed(Math.abs(microseconds) < 99.95 ? 1 : 0)} µs`;
}

const grouped = (value: number): string => Math.round(value).toLocaleString("en");
const signed = (milliseconds: number): string => (milliseconds < 0 ? `−${duration(-milliseconds)}` : `+${duration(milliseconds)}`);

function printTable(title: string, lines: readonly ({ readonly each: Contestant } & Line["loads"][number])[]): void {
  const [floor] = lines;
  if (floor === undefined) return;
  console.log(`### ${title}\n`);
  console.log(`${grouped(floor.fresh.latencies.length)} new events of ${BODY_BYTES} bytes with each store, and as many duplicates.\n`);
  console.log("| store | p50 | middle half | p99 | added p50 | added p99 | new/s | duplicate p50 | p99 | duplicates/s |");
  console.log("| --- | ---: | :---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const { each, fresh, again } of lines) {
    const at = (share: number, { latencies } = fresh): number => quantile(latencies, share);
    const added = (share: number): string => signed(at(share) - at(share, floor.fresh));
    const cells = [
      each.name,
      duration(at(0.5)),
      `${duration(quantile(fresh.medians, 0.25))} – ${duration(quantile(fresh.medians, 0.75))}`,
      duration(at(0.99)),
      each === floor.each ? "" : `**${added(0.5)}**`,
      each === floor.each ? "" : added(0.99),
      grouped(fresh.latencies.length / fresh.seconds),
      each.remembers ? duration(at(0.5, again)) : "",
      each.remembers ? duration(at(0.99, again)) : "",
      each.remembers ? grouped(again.latencies.length / again.seconds) : "",
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log("");
}

async function run(): Promise<void> {
  printMachine();
  const servers = await openServers();
  const stores = Object.assign({}, ...servers.map(({ stores }) => stores)) as Server["stores"];
  const contestants = [
    contestant("none", false),
    contestant("control: none again", false),
    contestant("memory", createMemoryStore()),
    ...Object.entries(stores).map(([name, store]) => contestant(name, store)),
  ];
  for (const each of contestants) await proveRecognising(each);
  for (const each of contestants) await warmUp(each);
  const lines = await contest(contestants);
  for (const each of contestants) {
    prove(each.handled() === each.expected, `the handler ran ${each.expected} times with ${each.name} (it ran ${each.handled()} times)`);
  }
  console.log("");
  for (const [index, { title }] of LOADS.entries()) {
    printTable(
      title,
      lines.map(({ each, loads }) => ({ each, ...(loads[index] as Line["loads"][number]) })),
    );
  }
}

/** Removes what this run has put anywhere, whatever became of it. */
async function cleanUp(): Promise<void> {
  // Clients that try to connect again for ever would keep it waiting.
  const patience = setTimeout(() => {
    console.error(`The servers did not answer, so schemas and keys that begin with ${ownName} may be left.`);
    process.exit(1);
  }, CLEAN_UP_MS);
  for (const each of undo.reverse()) {
    await each().catch((error: unknown) => {
      console.error(`What begins with ${ownName} could not all be removed: ${reasonOf(error)}.`);
      process.exitCode = 1;
    });
  }
  clearTimeout(patience);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort(new Error(`Ended by ${signal}.`)));
}
try {
  await run();
} finally {
  await cleanUp();
}
