import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { createClient, createClientPool } from "redis";
import { createClient as createClient5 } from "redis-5";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createRedisStore, type IoredisClient, type NodeRedisClient } from "../../src/idempotency/redis.ts";
import { idempotencyStoreCases } from "../../src/testing/index.ts";
import { describeWith, redisServer, registerCases, uniqueName } from "../suites/servers.ts";

const describeRedis = await describeWith(redisServer);
const { url } = redisServer;

interface Connection {
  readonly client: IoredisClient | NodeRedisClient;
  close(): unknown;
}

const connections: Readonly<Record<string, () => Promise<Connection>>> = {
  async "ioredis 6"() {
    const client = new Redis(url);
    return { client, close: () => client.quit() };
  },
  async "ioredis 5"() {
    const client = new Redis5(url);
    return { client, close: () => client.quit() };
  },
  async "redis 6"() {
    const client = await createClient({ url }).connect();
    return { client, close: () => client.close() };
  },
  async "redis 6, a pool"() {
    const client = createClientPool({ url }, { minimum: 1, maximum: 4 });
    await client.connect();
    return { client, close: () => client.close() };
  },
  async "redis 5"() {
    const client = await createClient5({ url }).connect();
    return { client, close: () => client.close() };
  },
};

describeRedis("createRedisStore", () => {
  // What the tests look at the server with.
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(url);
  });
  afterAll(async () => {
    await redis.quit();
  });

  const keysOf = (prefix: string): Promise<string[]> => redis.keys(`${prefix}*`);
  async function clear(prefix: string): Promise<void> {
    const keys = await keysOf(prefix);
    if (keys.length > 0) await redis.del(...keys);
  }

  /** Moves everything below a prefix into the past, since the clock of the server is out of reach. */
  async function age(prefix: string, milliseconds: number): Promise<void> {
    for (const key of await keysOf(prefix)) {
      const left = (await redis.pttl(key)) - milliseconds;
      if (left <= 0) {
        await redis.del(key);
        continue;
      }
      await redis.pexpire(key, left);
      if (!key.startsWith(`${prefix}event:`)) continue;
      for (const [field, value] of Object.entries(await redis.hgetall(key))) {
        const [leaseEndsAt, forgetAt, token] = value.split(" ");
        await redis.hset(key, field, `${Number(leaseEndsAt) - milliseconds} ${Number(forgetAt) - milliseconds} ${token}`);
      }
    }
  }

  for (const [name, open] of Object.entries(connections)) {
    describe(`with ${name}`, () => {
      const prefix = `${uniqueName()}:`;
      const opened: Connection[] = [];
      const connect = async (): Promise<Connection> => {
        const connection = await open();
        opened.push(connection);
        return connection;
      };
      afterAll(async () => {
        for (const { close } of opened) await close();
        await clear(prefix);
      });

      registerCases(
        it,
        idempotencyStoreCases({
          open: async () => createRedisStore((await connect()).client, { prefix }),
          advance: (milliseconds) => age(prefix, milliseconds),
          async openClosed() {
            const { client, close } = await open();
            await close();
            return createRedisStore(client, { prefix });
          },
        }),
      );
    });
  }

  describe("by the clock of the server", () => {
    const prefix = `${uniqueName()}:`;
    const claiming = { fingerprint: "f", leaseMs: 40, ttlMs: 60_000 };
    afterAll(() => clear(prefix));

    it("ends a lease, and hands the event over", async () => {
      const store = createRedisStore(redis, { prefix });
      const dead = await store.claim("k", claiming);
      expect(dead.state).toBe("claimed");
      await expect.poll(async () => (await store.claim("k", claiming)).state, { interval: 5 }).toBe("claimed");
      expect(await store.complete("k", dead.state === "claimed" ? dead.token : "", { ttlMs: 1000 })).toBe(false);
    });

    it("gives every key an expiry, so that nothing stays for ever", async () => {
      const store = createRedisStore(redis, { prefix });
      const claim = await store.claim("done", claiming);
      await store.claim("running", claiming);
      await store.complete("done", claim.state === "claimed" ? claim.token : "", { ttlMs: 5000 });
      await store.observe?.("job", { rank: 1, at: 5 }, { ttlMs: 5000 });
      const keys = await keysOf(prefix);
      expect(keys.length).toBeGreaterThanOrEqual(3);
      for (const key of keys) expect(await redis.pttl(key), key).toBeGreaterThan(0);
      expect(await redis.pttl(`${prefix}event:running`)).toBeGreaterThan(50_000);
    });

    it("keeps the expiry of a key as long as that of its longest body", async () => {
      const store = createRedisStore(redis, { prefix });
      await store.claim("two", claiming);
      const short = await store.claim("two", { ...claiming, fingerprint: "g", ttlMs: 100 });
      await store.complete("two", short.state === "claimed" ? short.token : "", { ttlMs: 100 });
      expect(await redis.pttl(`${prefix}event:two`)).toBeGreaterThan(50_000);
    });
  });

  it("recognises its own claim when the answer to the first attempt was lost", async () => {
    const prefix = `${uniqueName()}:`;
    let losing = true;
    const lossy: IoredisClient = {
      async eval(...given) {
        const answer = await redis.eval(...given);
        if (losing) throw new Error("connection reset");
        return answer;
      },
      evalsha: () => undefined,
    };
    const store = createRedisStore(lossy, { prefix });
    const claiming = { fingerprint: "f", leaseMs: 60_000, ttlMs: 60_000 };
    await expect(store.claim("k", claiming)).rejects.toThrow("connection reset");
    losing = false;
    const states = await Promise.all(Array.from({ length: 5 }, async () => (await store.claim("k", claiming)).state));
    expect(states.filter((state) => state === "claimed")).toHaveLength(1);
    expect((await createRedisStore(redis, { prefix }).claim("k", claiming)).state).toBe("in_progress");
    await clear(prefix);
  });

  it("no longer counts bodies whose time is over, and removes them", async () => {
    const prefix = `${uniqueName()}:`;
    const store = createRedisStore(redis, { prefix });
    const brief = await store.claim("k", { fingerprint: "f", leaseMs: 1, ttlMs: 60_000 });
    await store.complete("k", brief.state === "claimed" ? brief.token : "", { ttlMs: 1 });
    const next = { fingerprint: "g", leaseMs: 60_000, ttlMs: 60_000 };
    await expect.poll(async () => Date.now()).toBeGreaterThan(Date.now() + 5);
    expect(await store.claim("k", next)).toMatchObject({ state: "claimed", otherBody: false });
    expect(await redis.hkeys(`${prefix}event:k`)).toEqual(["g"]);
    await clear(prefix);
  });

  it("begins all keys with the prefix", async () => {
    const store = createRedisStore(redis);
    const key = uniqueName();
    await store.claim(key, { fingerprint: "f", leaseMs: 1000, ttlMs: 1000 });
    expect(await redis.del(`video-webhooks:event:${key}`)).toBe(1);
  });

  it("does not let a lost connection end the process, unless the application listens itself", async () => {
    const silent = createClient({ url });
    createRedisStore(silent);
    createRedisStore(silent);
    expect(silent.listenerCount("error")).toBe(1);
    const listened = createClient({ url }).on("error", () => undefined);
    createRedisStore(listened);
    expect(listened.listenerCount("error")).toBe(1);
    // This one prints what nobody listens to, and goes on.
    const ioredis = new Redis(url, { lazyConnect: true });
    createRedisStore(ioredis);
    expect(ioredis.listenerCount("error")).toBe(0);
  });
});

describe("createRedisStore, given something else", () => {
  it.each([undefined, null, {}, "redis://127.0.0.1", { eval: () => undefined }, { url: "redis://127.0.0.1" }])("refuses %j", (client) => {
    expect(() => createRedisStore(client as never)).toThrow(ConfigurationError);
  });

  it("refuses a prefix that is no text", () => {
    expect(() => createRedisStore({ eval: async () => 1, evalsha: () => 1 }, { prefix: 1 as never })).toThrow(ConfigurationError);
  });
});
