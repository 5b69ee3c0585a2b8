import { storedKey } from "../idempotency/stored-key.ts";
import { sha256Hex } from "../signature/hmac.ts";
import type { InboxEvent } from "./intake.ts";
import type { PgBossJob } from "./pg-boss-client.ts";
import type { ClaimedEvent } from "./store.ts";
import { sourceOf } from "./worker.ts";

/** The payload of a job. */
export interface JobData {
  /** All but the body, as JSON in a string: `jsonb` refuses NUL and lone surrogates, which a provider may well send. */
  readonly event: string;
  /** Base64. */
  readonly body: string;
  /** How often it may be tried, as of the process that stored it. */
  readonly attempts: number;
  /** As in the event, for lists. */
  readonly receivedAt: number;
}

/** The settings of a queue for the events of one source. */
export function queueOptions(attempts: number, maxBackoffMs: number, heartbeatSeconds: number): object {
  return {
    deadLetter: DEAD_LETTERS,
    retryLimit: attempts - 1,
    // What becomes of events that were lost to a crash; workers say themselves when the others are due.
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: Math.ceil(maxBackoffMs / 1000),
    // Below 10 seconds pg-boss takes it for jobs only.
    heartbeatSeconds: Math.max(10, heartbeatSeconds),
    // It is the heartbeat that finds a crash. This is the most that pg-boss takes, and more than any handler needs.
    expireInSeconds: 86_400,
    ...FOREVER,
  };
}

/** Nothing is deleted but by prune(): neither what waits for a router that is not there, nor what duplicates are recognised by. */
export const FOREVER = { deleteAfterSeconds: 0, retentionSeconds: 2_147_483_647 } as const;

/** The queue that pg-boss copies dead letters to. Names of other queues have a slash. */
export const DEAD_LETTERS = "dead-letters";

/** The name of the queue of a source. pg-boss takes letters, digits, and four other characters, of which one introduces the rest. */
export function queueOf(source: string): string {
  return source.replace(/[^A-Za-z0-9./-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

/** The source of a queue. */
export function sourceOfQueue(queue: string): string {
  return queue.replace(/_([0-9a-f]+)_/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

/** A job for an event. The same event in the same queue has the same id, and pg-boss keeps one. */
export function jobOf(event: InboxEvent, attempts: number, heartbeatSeconds: number): { readonly id: string } {
  const { rawBody, ...rest } = event;
  const data: JobData = {
    event: JSON.stringify(rest),
    body: Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString("base64"),
    attempts,
    receivedAt: event.receivedAt,
  };
  const { provider, endpoint, id, fingerprint, type } = event;
  return jobWith(uuidOf(JSON.stringify([sourceOf(provider, endpoint), id, fingerprint])), data, { id, type }, heartbeatSeconds);
}

/** The columns that lists are filtered by hold what would otherwise be unpacked from every payload. */
export function jobWith(
  id: string,
  data: JobData,
  event: Pick<InboxEvent, "id" | "type">,
  heartbeatSeconds: number,
): { readonly id: string } {
  const keys = { singletonKey: storedKey(event.id), group: { id: storedKey(event.type) } };
  const job = { id, data, retryLimit: data.attempts - 1, heartbeatSeconds, ...keys };
  return job;
}

/** Version 8 of RFC 9562: 122 bits of one's own, here of SHA-256. */
function uuidOf(name: string): string {
  const hex = sha256Hex(name);
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}

/** The event in a job, or `undefined` for a job that somebody else has put into the queue. */
export function eventOf(data: unknown): InboxEvent | undefined {
  const { event, body, attempts } = (data ?? {}) as Partial<Record<keyof JobData, unknown>>;
  if (typeof event !== "string" || typeof body !== "string" || typeof attempts !== "number") return undefined;
  return { ...(JSON.parse(event) as Omit<InboxEvent, "rawBody">), rawBody: new Uint8Array(Buffer.from(body, "base64")) };
}

/** What fences a claim, and what has to be known to end it. */
export interface Claim {
  readonly id: string;
  readonly queue: string;
  readonly retryCount: number;
  readonly retryLimit: number;
  /** A job that was replayed starts to count anew, so that its count alone would not tell claims apart. */
  readonly startedAt: number;
}

/** What identifies a claim in a statement. */
export const fenceOf = ({ queue, id, retryCount, startedAt }: Claim): unknown[] => [queue, id, retryCount, startedAt];

/** The number of the attempt that a fetched job is in: those it was given, without those that are left. */
export function attemptOf({ data, retryCount, retryLimit }: PgBossJob): number {
  return (data as JobData).attempts - (retryLimit - retryCount);
}

/** The token of a claim. */
export function tokenOf({ id, retryCount, retryLimit, startedOn }: PgBossJob): string {
  return [id, retryCount, retryLimit, startedOn.getTime()].join(" ");
}

/** What a token says. */
export function claimOf({ token, event }: ClaimedEvent): Claim {
  const [id = "", retryCount, retryLimit, startedAt] = token.split(" ");
  const queue = queueOf(sourceOf(event.provider, event.endpoint));
  return { id, queue, retryCount: Number(retryCount), retryLimit: Number(retryLimit), startedAt: Number(startedAt) };
}

/** Text as Postgres takes it: without NUL and lone surrogates. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}
