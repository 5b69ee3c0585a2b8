import { type BullMqInboxOptions, openBullMqStore } from "./bullmq-open.ts";
import { createInbox, type Inbox } from "./inbox.ts";

export type { BullMqConnection } from "./bullmq-driver.ts";
export type { BullMqInboxOptions } from "./bullmq-open.ts";

/**
 * Opens an inbox in Redis by BullMQ: for many processes and machines. Each endpoint of a provider is one queue, so BullMQ's dashboards show
 * them. It needs Redis 6.2 or newer, and the packages `bullmq` 6 and `ioredis`.
 *
 * What Redis acknowledges is as safe as Redis keeps it: `appendonly yes` with `appendfsync always` outlasts a power cut, `everysec` loses up
 * to a second of it, and without an append-only file everything is lost. `maxmemory-policy` must be `noeviction`. While Redis is away,
 * deliveries reject at once and the sender is told to retry.
 *
 * `router.recover` recognises an event for `keepDoneDays` after it was last delivered, by a key of its own. Events that an older version of
 * this library has stored have none.
 *
 * Each router that is worked on has a connection of its own and is asked for at every poll. With hundreds of tenants, use one router with a
 * secret function, or another inbox.
 *
 * While a queue is paused, as dashboards can do, its events are stored, and neither handled nor discarded.
 *
 * `list` goes through the endpoints one by one, and through each by state, the newest first in each. An event whose retry has become due
 * counts as `received` in `stats`.
 *
 * @throws {@link ConfigurationError} where a package is missing, Redis cannot be reached, is too old, or may evict what is stored
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { openBullMqInbox } from "video-webhooks/inbox/bullmq";
 *
 * const inbox = await openBullMqInbox({ connection: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { inbox });
 * const worker = inbox.work(router);
 * ```
 */
export async function openBullMqInbox(options: BullMqInboxOptions): Promise<Inbox> {
  return createInbox(await openBullMqStore(options), options);
}
