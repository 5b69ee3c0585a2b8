import { ConfigurationError } from "../errors.ts";
import { toDate } from "../job.ts";
import type { Outcome, OutcomeResult } from "../outcome.ts";
import type { Recovery } from "../recover.ts";
import type { HeyGenClient, HeyGenHistoryEvent, HistoryFilter } from "./heygen-client.ts";

/** What {@link backfill} needs of a router. */
export interface RecoveringRouter {
  /** Only HeyGen has a history to read. */
  readonly provider: { readonly name: "heygen" };
  /** Takes an event that was fetched from the API of the provider. */
  recover(recovery: Recovery): Promise<Outcome>;
}

/** Options of {@link backfill}. */
export interface BackfillOptions extends HistoryFilter {
  /** Takes events that were created from then on. */
  readonly since: Date;
  /**
   * Takes events that were created before then. HeyGen repeats deliveries for up to 24 hours: younger events may still come by themselves.
   * @default no limit
   */
  readonly until?: Date | undefined;
  /**
   * How many events are handed over at once. With an inbox in Postgres, those share one search.
   * @default 1, so that handlers see them one by one
   */
  readonly concurrency?: number | undefined;
  /**
   * The most events that are taken; with more, nothing is done. They are all in memory.
   * @default 10000
   */
  readonly maxEvents?: number | undefined;
  /**
   * Stops between two events. What was handed over is finished, and counted.
   * @default it goes on to the end
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Hears of each event, and what became of it. What it throws goes no further.
   * @default nobody is told
   */
  readonly onEvent?: ((event: HeyGenHistoryEvent, outcome: Outcome) => unknown) | undefined;
}

/** What a run of {@link backfill} came to. */
export interface BackfillResult {
  /** Events of the time that was asked for. */
  readonly read: number;
  /** Handled, or stored in the inbox. */
  readonly recovered: number;
  /** Seen before, or being handled just now. */
  readonly known: number;
  /** No handler was for them, or they are behind their job and `staleEvents` is `"skip"`. */
  readonly ignored: number;
  /** Of a type that this library does not know, and handled by `onUnknown` if anything. */
  readonly unknown: number;
  /** A handler, a schema or a store refused them; `onError` has heard why. Another run tries them again. */
  readonly failed: number;
  /** Whether the signal stopped it before the end. */
  readonly aborted: boolean;
}

type Count = Exclude<keyof BackfillResult, "read" | "aborted">;

const countOf: Readonly<Partial<Record<OutcomeResult, Count>>> = {
  processed: "recovered",
  accepted: "recovered",
  discarded: "recovered",
  duplicate: "known",
  in_progress: "known",
  ignored: "ignored",
  stale: "ignored",
  unknown: "unknown",
};

/** As large as may be, without coming near the size at which an answer is refused. */
const PAGE = 50;

/**
 * Recovers what was missed: reads HeyGen's history of events, and hands those that the router's inbox or idempotency store has not seen to
 * `router.recover`, the oldest first. Handlers see `context.authenticity.method === "api"`.
 *
 * An event is recognised by its `event_id`, or by its type and resource where its delivery had no id, whatever its other bytes were. Three
 * kinds are not: those of types without a documented payload (such as `instant_avatar.success`) that came without an id; those of types that
 * this library does not know, which are recognised by their bytes only, so that `onUnknown` may see once more what was delivered; and those
 * that are delivered only after they were recovered. Handlers that are idempotent on the resource are safe with all three. Use the store that
 * the receiver uses: in another process, one in memory knows nothing.
 *
 * @throws {@link ConfigurationError} for options that cannot work, for more events than `maxEvents`, and for a router that remembers nothing
 *   (`idempotency: false` without an inbox), since it would handle everything again; rejects with an `EndpointError` when the history cannot
 *   be read. Nothing was handed over then.
 * @see https://developers.heygen.com/docs/webhooks (stored copy, checked 2026-11-21). That the history has what was never delivered is not
 *   documented.
 *
 * @example
 * ```ts
 * import type { Inbox } from "video-webhooks/inbox";
 * import { createRouter } from "video-webhooks";
 * import { backfill, createHeyGenClient } from "video-webhooks/endpoints";
 * import { heygen } from "video-webhooks/heygen";
 *
 * async function afterAnOutage(inbox: Inbox): Promise<void> {
 *   const router = createRouter(heygen({ secret: process.env.HEYGEN_WEBHOOK_SECRET }), { inbox });
 *   const client = createHeyGenClient({ apiKey: process.env.HEYGEN_API_KEY });
 *   const { read, recovered } = await backfill(router, client, { since: new Date(Date.now() - 3 * 86_400_000) });
 *   console.log(`${recovered} of ${read} events had been missed.`);
 * }
 * ```
 */
export async function backfill(
  router: RecoveringRouter,
  client: Pick<HeyGenClient, "allEvents">,
  options: BackfillOptions,
): Promise<BackfillResult> {
  const { concurrency = 1, signal, onEvent } = options;
  check(router, options);
  const counts = { recovered: 0, known: 0, ignored: 0, unknown: 0, failed: 0 };
  const isAborted = (): boolean => signal?.aborted === true;
  let events: readonly HeyGenHistoryEvent[];
  try {
    events = await collect(client, options);
  } catch (error) {
    if (isAborted()) return { read: 0, ...counts, aborted: true };
    throw error;
  }

  async function recoverOne(event: HeyGenHistoryEvent): Promise<void> {
    const { event_id: _id, ...withoutId } = event;
    const outcome = await router.recover({ body: event, variants: [withoutId], mustRemember: true });
    counts[countOf[outcome.result] ?? "failed"]++;
    try {
      await onEvent?.(event, outcome);
    } catch {
      // A listener that fails must not keep events from being recovered.
    }
  }

  let next = 0;
  while (next < events.length && !isAborted()) {
    const some = events.slice(next, next + concurrency);
    next += some.length;
    await Promise.all(some.map(recoverOne));
  }
  return { read: events.length, ...counts, aborted: next < events.length };
}

/** The events of the time that is asked for, the oldest first. */
async function collect(client: Pick<HeyGenClient, "allEvents">, options: BackfillOptions): Promise<readonly HeyGenHistoryEvent[]> {
  const { since, until, maxEvents = 10_000, eventType, otherEventType, entityId, signal } = options;
  const found: { readonly event: HeyGenHistoryEvent; readonly at: number }[] = [];
  let first: number | undefined;
  let older = 0;
  for await (const event of client.allEvents({ eventType, otherEventType, entityId, limit: PAGE, signal })) {
    // One whose time cannot be read is rather asked for once too often; it comes last.
    const at = toDate(event.created_at)?.getTime() ?? Number.POSITIVE_INFINITY;
    if (Number.isFinite(at)) first ??= at;
    older = at < since.getTime() ? older + 1 : 0;
    // HeyGen documents no order. Where it is the newest first, a page of older ones is the end of what is asked for.
    if (older >= PAGE && first !== undefined && first > at) break;
    if (older > 0 || (until !== undefined && Number.isFinite(at) && at >= until.getTime())) continue;
    found.push({ event, at });
    if (found.length <= maxEvents) continue;
    throw new ConfigurationError(`The history has more than ${maxEvents} events of this time. Take a later since, or raise maxEvents.`);
  }
  // HeyGen's order is kept among equals, reversed where the newest were first.
  const newestFirst = first !== undefined && first > (found.at(-1)?.at ?? first);
  if (newestFirst) found.reverse();
  return found.sort((left, right) => (left.at === right.at ? 0 : left.at - right.at)).map(({ event }) => event);
}

function check(router: RecoveringRouter, { since, until, concurrency = 1, maxEvents = 1 }: BackfillOptions): void {
  if (typeof router?.recover !== "function" || router.provider?.name !== "heygen") {
    throw new ConfigurationError(
      "backfill() needs a router of HeyGen, such as createRouter(heygen({ secret })): only HeyGen has a history.",
    );
  }
  for (const [name, value] of Object.entries({ since, until })) {
    if (name === "until" && value === undefined) continue;
    if (value instanceof Date && !Number.isNaN(value.getTime())) continue;
    throw new ConfigurationError(`The option ${name} of backfill() must be a Date.`);
  }
  if (until !== undefined && until <= since) throw new ConfigurationError("The option until of backfill() must be later than since.");
  for (const [name, value] of Object.entries({ concurrency, maxEvents })) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigurationError(`The option ${name} of backfill() must be a whole number above zero.`);
  }
}
