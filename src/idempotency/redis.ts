import { ConfigurationError } from "../errors.ts";
import { createAttempts } from "./attempts.ts";
import { ignoreErrorEvents } from "./error-events.ts";
import type { Claim, ClaimOptions, IdempotencyStore, JobState } from "./store.ts";
import { storedKey } from "./stored-key.ts";

/** The part of an `ioredis` client (5 or newer; also its Cluster) that is used. */
export interface IoredisClient {
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  evalsha(...given: never[]): unknown;
}

/** The part of a `redis` client (5 or newer; also its cluster and its pool) that is used. */
export interface NodeRedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  evalSha(...given: never[]): unknown;
}

/** Options of {@link createRedisStore}. */
export interface RedisStoreOptions {
  /**
   * What all keys begin with.
   * @default "video-webhooks:"
   */
  readonly prefix?: string | undefined;
}

/**
 * An idempotency store in Redis 5 or newer, for any number of processes and machines. Every operation is one script, so it is atomic, and
 * goes by the clock of the server. Each event is one hash and each job another, with an expiry, so nothing has to be cleaned up.
 *
 * The client stays yours: connect it before, and close it after. One of `redis` without a listener for `error` gets one that does nothing,
 * since Node.js ends the process otherwise; what fails reaches `onError` as `store_unavailable`. Give `ioredis` a `socketTimeout`, so that it
 * notices a connection that has died without a word. Redis must not evict keys (`maxmemory-policy noeviction`), and remembers across a
 * restart what it was told to persist.
 *
 * @param client of `ioredis` or `redis`
 * @throws {@link ConfigurationError} for what is neither
 *
 * @example
 * ```ts
 * import { Redis } from "ioredis";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { createRedisStore } from "video-webhooks/idempotency/redis";
 *
 * const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", { socketTimeout: 5000 });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { idempotency: createRedisStore(redis) });
 * ```
 */
export function createRedisStore(client: IoredisClient | NodeRedisClient, options: RedisStoreOptions = {}): IdempotencyStore {
  const { prefix = "video-webhooks:" } = options;
  if (typeof prefix !== "string") throw new ConfigurationError("The option prefix must be a text.");
  const run = runnerOf(client);
  const attempts = createAttempts();
  const eventKey = (key: string): string => `${prefix}event:${storedKey(key)}`;
  const split = (token: string): readonly [id: string, fingerprint: string] => {
    const end = token.indexOf(".");
    return [token.slice(0, end), token.slice(end + 1)];
  };
  // A client of ioredis prints such errors where nobody listens, and goes on.
  if ("evalSha" in client) ignoreErrorEvents(client);

  return {
    claim(key: string, { fingerprint, leaseMs, ttlMs }: ClaimOptions): Promise<Claim> {
      const redisKey = eventKey(key);
      return attempts.claim(`${redisKey}\n${fingerprint}`, async (id) => {
        const given = [fingerprint, id, milliseconds(leaseMs), milliseconds(Math.max(leaseMs, ttlMs))];
        const [state, detail] = (await run(CLAIM, redisKey, given)) as readonly [unknown, unknown];
        switch (String(state)) {
          case "claimed":
            return { state: "claimed", token: `${id}.${fingerprint}`, otherBody: Number(detail) > 0 };
          case "in_progress":
            return { state: "in_progress", retryAfterMs: Number(detail) };
          case "completed":
            return { state: "completed" };
          default:
            throw new TypeError("The script for claims answered something else.");
        }
      });
    },

    async extend(key: string, token: string, leaseMs: number): Promise<boolean> {
      const [id, fingerprint] = split(token);
      return Number(await run(EXTEND, eventKey(key), [fingerprint, id, milliseconds(leaseMs)])) === 1;
    },

    async complete(key: string, token: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const [id, fingerprint] = split(token);
      return Number(await run(COMPLETE, eventKey(key), [fingerprint, id, milliseconds(ttlMs)])) === 1;
    },

    async release(key: string, token: string): Promise<boolean> {
      const [id, fingerprint] = split(token);
      return Number(await run(RELEASE, eventKey(key), [fingerprint, id])) === 1;
    },

    async observe(job: string, { rank, at }: JobState, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
      const given = [String(rank), at === undefined ? "" : String(at), milliseconds(ttlMs)];
      return Number(await run(OBSERVE, `${prefix}job:${storedKey(job)}`, given)) === 1;
    },
  };
}

type Run = (script: string, key: string, given: string[]) => Promise<unknown>;

function runnerOf(client: IoredisClient | NodeRedisClient): Run {
  const { eval: run, evalsha, evalSha } = (client ?? {}) as Partial<Record<"eval" | "evalsha" | "evalSha", unknown>>;
  if (typeof run === "function" && typeof evalSha === "function") {
    const redis = client as NodeRedisClient;
    return async (script, key, given) => redis.eval(script, { keys: [key], arguments: given });
  }
  if (typeof run === "function" && typeof evalsha === "function") {
    const ioredis = client as IoredisClient;
    return async (script, key, given) => ioredis.eval(script, 1, key, ...given);
  }
  throw new ConfigurationError("createRedisStore() needs a client of ioredis or redis, such as new Redis(url), not its options.");
}

const milliseconds = (value: number): string => String(Math.ceil(value));

// An event is a hash with a field for each body: "<end of lease> <end of memory> <token>", of which a handled one has no token.
// Numbers are written without an exponent, which Lua would give them.
const COMMON = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_end, forget_at, token = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0 0 ', '^(%d+) (%d+) (.*)$')
local function write(lease_ms, ttl_ms, holder)
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f %s', now + lease_ms, now + ttl_ms, holder))
  if redis.call('PTTL', KEYS[1]) < tonumber(ttl_ms) then redis.call('PEXPIRE', KEYS[1], ttl_ms) end
end
`;

const CLAIM = `${COMMON}
if tonumber(forget_at) > now then
  if token == '' then return {'completed', 0} end
  if tonumber(lease_end) > now and token ~= ARGV[2] then return {'in_progress', lease_end - now} end
end
write(ARGV[3], ARGV[4], ARGV[2])
local others = 0
if redis.call('HLEN', KEYS[1]) > 1 then
  local fields = redis.call('HGETALL', KEYS[1])
  for index = 1, #fields, 2 do
    if tonumber(string.match(fields[index + 1], '^%d+ (%d+)')) <= now then redis.call('HDEL', KEYS[1], fields[index])
    elseif fields[index] ~= ARGV[1] then others = others + 1 end
  end
end
return {'claimed', others}
`;

const EXTEND = `${COMMON}
if token == '' or token ~= ARGV[2] then return 0 end
write(ARGV[3], math.max(forget_at - now, ARGV[3]), token)
return 1
`;

const COMPLETE = `${COMMON}
if token == '' or token ~= ARGV[2] then return 0 end
write(0, ARGV[3], '')
return 1
`;

const RELEASE = `${COMMON}
if token == '' or token ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`;

// A job is a hash with the furthest rank and its time, which is empty when unknown.
const OBSERVE = `
local rank, at = tonumber(ARGV[1]), ARGV[2]
local seen = redis.call('HMGET', KEYS[1], 'rank', 'at')
local last_rank, last_at = tonumber(seen[1] or -1), seen[2] or ''
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if rank < last_rank then return 1 end
if rank == last_rank then
  if at == '' then return 0 end
  if last_at ~= '' and tonumber(at) < tonumber(last_at) then return 1 end
end
redis.call('HSET', KEYS[1], 'rank', ARGV[1], 'at', at)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
`;
