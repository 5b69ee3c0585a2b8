import { ConfigurationError } from "../errors.ts";
import type { IoredisClient } from "../idempotency/redis.ts";

/** The part of a job of BullMQ that is used. */
export interface BullMqJob {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly opts: { attempts?: number; readonly delivery?: string };
  readonly progress: unknown;
  /** Claims so far, also those that a crash ended. */
  readonly attemptsStarted: number;
  /** Claims that ended with a failure. */
  readonly attemptsMade: number;
  readonly timestamp: number;
  readonly processedOn?: number | undefined;
  readonly finishedOn?: number | undefined;
  readonly failedReason?: string | undefined;
  extendLock(token: string, milliseconds: number): Promise<number>;
  moveToCompleted(result: unknown, token: string, fetchNext: false): Promise<unknown>;
  moveToFailed(error: Error, token: string, fetchNext: false): Promise<unknown>;
  moveToWait(token: string): Promise<unknown>;
  updateProgress(progress: object): Promise<void>;
  retry(state: "completed" | "failed", options: { resetAttemptsMade: boolean; resetAttemptsStarted: boolean }): Promise<void>;
  promote(): Promise<void>;
  changePriority(options: { priority: number; lifo: boolean }): Promise<void>;
}

/** Where BullMQ keeps a job, as its lists and sets are called. */
export type BullMqJobType = "wait" | "active" | "delayed" | "completed" | "failed";

/** The part of a queue of BullMQ that is used. */
export interface BullMqQueue {
  add(name: string, data: unknown, options: object): Promise<unknown>;
  getJob(id: string): Promise<BullMqJob | undefined>;
  getJobState(id: string): Promise<string>;
  isPaused(): Promise<boolean>;
  /** Whether as many are active as may be in all processes. */
  isMaxed(): Promise<boolean>;
  getJobCounts(...types: BullMqJobType[]): Promise<Record<string, number>>;
  getRanges(types: BullMqJobType[], start: number, end: number, ascending: boolean): Promise<string[]>;
  getBackend(): {
    /** The same for several types at one moment, apart from each other. */
    getRanges(types: readonly BullMqJobType[], start: number, end: number, ascending: boolean): Promise<string[][]>;
  };
  addJobLog(id: string, row: string, keepLogs: number): Promise<unknown>;
  getJobLogs(id: string): Promise<{ readonly logs: readonly string[] }>;
  clean(graceMs: number, limit: number, type: "completed" | "failed"): Promise<string[]>;
  toKey(type: string): string;
  on(event: "error", listener: () => void): unknown;
  close(): Promise<void>;
}

/** The part of a worker of BullMQ that is used. */
export interface BullMqWorker {
  waitUntilReady(): Promise<unknown>;
  getNextJob(token: string, options: { block: false }): Promise<BullMqJob | undefined>;
  startStalledCheckTimer(): Promise<void>;
  on(event: "error", listener: () => void): unknown;
  close(force: true): Promise<void>;
}

/** The part of the package `bullmq` that is used. */
export interface BullMq {
  Queue: new (name: string, options: object) => BullMqQueue;
  Worker: new (name: string, processor: null, options: object) => BullMqWorker;
  UnrecoverableError: new (message: string) => Error;
}

/** The part of a client of `ioredis` that is used beside those of the idempotency store. */
export interface BullMqRedis extends IoredisClient {
  readonly status: string;
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: unknown) => void): unknown;
  off(event: "error", listener: (error: unknown) => void): unknown;
  info(section: string): Promise<string>;
  config(command: "GET", setting: string): Promise<readonly string[]>;
  set(key: string, value: string, unit: "PX", milliseconds: number): Promise<unknown>;
  del(key: string): Promise<number>;
  sadd(key: string, member: string): Promise<unknown>;
  smembers(key: string): Promise<string[]>;
  hget(key: string, field: string): Promise<string | null>;
  hgetall(key: string): Promise<Record<string, string>>;
  hincrby(key: string, field: string, by: number): Promise<unknown>;
  pttl(key: string): Promise<number>;
  zscore(key: string, member: string): Promise<string | null>;
  zcount(key: string, from: number | string, to: number | string): Promise<number>;
}

/** Where Redis is: a URL, or the options of an `ioredis` client, or such a client, whose options are used. */
export type BullMqConnection = string | { readonly [option: string]: unknown } | { readonly options: object };

/**
 * Loads the optional package `bullmq`.
 *
 * @throws {@link ConfigurationError} where it is not installed
 */
export async function loadBullMq(): Promise<BullMq> {
  try {
    return (await import("bullmq")) as unknown as BullMq;
  } catch (cause) {
    throw new ConfigurationError("The Redis inbox needs the packages bullmq 6 and ioredis. Install them: npm install bullmq ioredis.", {
      cause,
    });
  }
}

/** The URL or the options of a connection; those of a client that is not ours are taken over. */
function optionsOf(connection: BullMqConnection): string | object {
  if (typeof connection === "string") return connection;
  const { options, defineCommand, isCluster, duplicate } = connection as { readonly [member: string]: unknown };
  const isClient = typeof duplicate === "function";
  // A client of another package would be taken for options that name no host, and a cluster for a single server.
  if (isClient && (typeof defineCommand !== "function" || isCluster === true)) {
    throw new ConfigurationError(
      "The option connection must be a URL, or the options of an ioredis client of one server, or such a client.",
    );
  }
  const given = (isClient ? options : connection) as { readonly keyPrefix?: unknown };
  if (given.keyPrefix) throw new ConfigurationError("BullMQ refuses the option keyPrefix of ioredis. Use the option prefix of the inbox.");
  return given;
}

/** How long Redis may take for one command. */
const COMMAND_TIMEOUT_MS = 5000;

/**
 * Connects to Redis. Commands are never kept back for a connection that is lost: they reject, so that the sender is told to retry.
 *
 * @throws {@link ConfigurationError} where `ioredis` is not installed, or nothing can be connected
 */
export async function connectRedis(connection: BullMqConnection): Promise<BullMqRedis> {
  let Redis: new (...options: unknown[]) => BullMqRedis;
  try {
    ({ Redis } = (await import("ioredis")) as never);
  } catch (cause) {
    throw new ConfigurationError("The Redis inbox needs the package ioredis. Install it: npm install ioredis.", { cause });
  }
  const settings = {
    lazyConnect: true,
    enableOfflineQueue: false,
    // What was under way when the connection was lost rejects at once, instead of being sent again when nobody waits any more.
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
  };
  const given = optionsOf(connection);
  const redis = typeof given === "string" ? new Redis(given, settings) : new Redis({ ...given, ...settings });
  let lastError: unknown;
  const remember = (error: unknown): void => {
    lastError = error;
  };
  // Stays, since Node.js ends the process for an error event that nobody listens to.
  redis.on("error", () => undefined);
  redis.on("error", remember);
  try {
    await redis.connect();
  } catch (cause) {
    redis.disconnect();
    throw new ConfigurationError("Redis cannot be reached for the inbox. Check the option connection, and that the server runs.", {
      cause: lastError ?? cause,
    });
  } finally {
    redis.off("error", remember);
  }
  return redis;
}

/** The oldest Redis that BullMQ 6 works on without a complaint. */
const OLDEST_REDIS = [6, 2] as const;

/**
 * Refuses a server that is too old, or may throw stored events away, and says what it may lose when it stops.
 *
 * @throws {@link ConfigurationError} for an old version or an eviction policy
 */
export async function checkServer(redis: Pick<BullMqRedis, "info" | "config">, warn: (message: string) => unknown): Promise<void> {
  checkVersion(fieldOf(await redis.info("server"), "redis_version"), warn);
  const policy = fieldOf(await redis.info("memory"), "maxmemory_policy");
  if (policy === undefined) warn("Redis does not tell its maxmemory-policy. It has to be noeviction, or stored events may be evicted.");
  else if (policy !== "noeviction") {
    throw new ConfigurationError(
      `Redis may evict stored events, since its maxmemory-policy is ${policy}. Set it to noeviction, or use another server.`,
    );
  }
  const appendOnly = fieldOf(await redis.info("persistence"), "aof_enabled");
  if (appendOnly !== "1") {
    warn("Redis has no append-only file: events that were acknowledged are lost when it stops. Set appendonly yes.");
    return;
  }
  if ((await syncOf(redis)) === "always") return;
  warn("Redis syncs its append-only file once per second or less: a power cut loses what came since. Set appendfsync always.");
}

function checkVersion(version: string | undefined, warn: (message: string) => unknown): void {
  const [major, minor] = OLDEST_REDIS;
  const [, foundMajor, foundMinor] = /^(\d+)\.(\d+)/.exec(version ?? "") ?? [];
  if (foundMajor === undefined) warn(`Redis does not tell its version. It has to be ${major}.${minor} or newer.`);
  else if (Number(foundMajor) < major || (Number(foundMajor) === major && Number(foundMinor) < minor)) {
    throw new ConfigurationError(`Redis ${version} is too old for the inbox, which needs ${major}.${minor} or newer.`);
  }
}

async function syncOf(redis: Pick<BullMqRedis, "config">): Promise<string | undefined> {
  try {
    return (await redis.config("GET", "appendfsync"))[1];
  } catch {
    // Hosted servers forbid CONFIG.
    return undefined;
  }
}

// eslint-disable-next-line security/detect-non-literal-regexp -- the names are in this file
const fieldOf = (info: string, name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1];
