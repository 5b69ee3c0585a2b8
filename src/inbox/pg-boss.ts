import { ConfigurationError } from "../errors.ts";
import { checkOptionNames } from "../option-names.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { openPgBossStore } from "./pg-boss-open.ts";
import { completePolicy, type RetryPolicy, retryOptions } from "./retry-policy.ts";

/** Options of {@link openPgBossInbox}. */
export interface PgBossInboxOptions extends RetryPolicy {
  /** Of a database of Postgres 13 or newer, `postgres://…`. Not by way of a pooler that shares connections between statements. */
  readonly connectionString: string;
  /**
   * The schema that the tables are in. It is created when it does not exist, and belongs to the inbox.
   * @default "video_webhooks_inbox"
   */
  readonly schema?: string | undefined;
  /**
   * How many connections deliveries and workers of this process share; three more are for maintenance and operations.
   * @default 10
   */
  readonly connections?: number | undefined;
  /**
   * Hears what Postgres may lose by the way it is set up.
   * @default console.warn
   */
  readonly onWarning?: ((message: string) => unknown) | undefined;
}

/**
 * Opens an inbox in Postgres, on the queues of pg-boss 12 (12.35 or newer): for any number of processes and machines. An event is
 * committed before its delivery is acknowledged, and how an attempt ended together with the job. Commits wait for the disk also where
 * `synchronous_commit` is off; a server with `fsync` off is warned of.
 *
 * Each source (`provider/endpoint`) is a queue, and dead letters are copied to the queue `dead-letters`. An event whose worker died is
 * taken again after 30 to 45 seconds, whatever its lease is; handlers may take a day. Nothing is deleted but by `prune()`.
 *
 * `router.recover` searches the queue for the id of its event, without an index: recover many at once (`concurrency` of `backfill`), since
 * they share one search.
 *
 * @throws {@link ConfigurationError} where pg-boss is missing or of another version, and for options that cannot work; rejects as
 *   Postgres does where it cannot be reached
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { openPgBossInbox } from "video-webhooks/inbox/pg-boss";
 *
 * const inbox = await openPgBossInbox({ connectionString: "postgres://postgres@127.0.0.1:5432/app" });
 * const router = createRouter(heygen({ secret: "a-long-secret" }), { inbox });
 * const worker = inbox.work(router);
 * ```
 */
export async function openPgBossInbox(options: PgBossInboxOptions): Promise<Inbox> {
  checkOptionNames("openPgBossInbox()", options ?? {}, ["connectionString", "schema", "connections", "onWarning", ...retryOptions]);
  const { connectionString, schema = "video_webhooks_inbox", connections = 10, onWarning = console.warn, ...retries } = options ?? {};
  const policy = completePolicy(retries);
  if (typeof connectionString !== "string" || connectionString.trim() === "") {
    throw new ConfigurationError("The option connectionString must be the URL of a Postgres database, postgres://…");
  }
  // pg-boss takes no longer ones.
  if (typeof schema !== "string" || !/^[a-z_][a-z0-9_]{0,49}$/.test(schema)) {
    throw new ConfigurationError("The option schema must be a name of at most 50 small letters, digits and underscores.");
  }
  if (!Number.isSafeInteger(connections) || connections < 2) {
    throw new ConfigurationError("The option connections must be a whole number, 2 or more.");
  }
  return createInbox(await openPgBossStore({ connectionString, schema, connections }, policy, { onWarning }), policy);
}
