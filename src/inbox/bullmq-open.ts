import { ConfigurationError } from "../errors.ts";
import { createRedisStore } from "../idempotency/redis.ts";
import { checkOptionNames } from "../option-names.ts";
import { type BullMqConnection, checkServer, connectRedis, loadBullMq } from "./bullmq-driver.ts";
import { createQueues } from "./bullmq-queues.ts";
import { createBullMqStore } from "./bullmq-store.ts";
import { createTallies } from "./bullmq-tallies.ts";
import { completePolicy, type RetryPolicy, retryOptions } from "./retry-policy.ts";
import type { InboxStore } from "./store.ts";

/** Options of `openBullMqInbox`. */
export interface BullMqInboxOptions extends RetryPolicy {
  /** Where Redis 6.2 or newer is: a URL, or the options of an `ioredis` client. */
  readonly connection: BullMqConnection;
  /**
   * What all keys begin with, and BullMQ's prefix.
   * @default "video-webhooks-inbox"
   */
  readonly prefix?: string | undefined;
  /**
   * How long handled events are kept; until then they are recognised as duplicates. BullMQ deletes older ones as others are completed.
   * @default 30
   */
  readonly keepDoneDays?: number | undefined;
  /**
   * How often events are looked for whose worker has died, in milliseconds. They are taken again within two of these after their lease.
   * @default 15000
   */
  readonly stalledIntervalMs?: number | undefined;
  /**
   * Hears what Redis may lose by the way it is set up.
   * @default console.warn
   */
  readonly onWarning?: ((message: string) => unknown) | undefined;
}

/** Opens what `openBullMqInbox` makes an inbox of. */
export async function openBullMqStore(options: BullMqInboxOptions): Promise<InboxStore> {
  const own = ["connection", "prefix", "keepDoneDays", "stalledIntervalMs", "onWarning"];
  checkOptionNames("openBullMqInbox()", options ?? {}, [...own, ...retryOptions]);
  const { connection, prefix = "video-webhooks-inbox", keepDoneDays = 30, stalledIntervalMs = 15_000 } = options ?? {};
  const { onWarning = (message: string) => console.warn(message), attempts, backoffMs, maxBackoffMs } = options ?? {};
  const policy = completePolicy({ attempts, backoffMs, maxBackoffMs });
  if (typeof connection !== "string" && (typeof connection !== "object" || connection === null)) {
    throw new ConfigurationError("openBullMqInbox() needs the option connection: a URL, or the options of an ioredis client.");
  }
  if (typeof prefix !== "string" || prefix === "") throw new ConfigurationError("The option prefix must be a text that is not empty.");
  if (!(keepDoneDays > 0)) throw new ConfigurationError("The option keepDoneDays must be a number of days above zero.");
  if (!(stalledIntervalMs > 0 && stalledIntervalMs < 2 ** 31)) {
    throw new ConfigurationError("The option stalledIntervalMs must be a number of milliseconds above zero.");
  }
  const bullmq = await loadBullMq();
  const redis = await connectRedis(connection);
  try {
    await checkServer(redis, onWarning);
    const queues = createQueues({ bullmq, redis, prefix, stalledIntervalMs });
    const completions = createRedisStore(redis, { prefix: `${prefix}:` });
    const tallies = createTallies(redis, `${prefix}:tallies`);
    return createBullMqStore({ bullmq, redis, queues, completions, tallies, policy, prefix, keepDoneDays });
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}
