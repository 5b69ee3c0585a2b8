import { sha256Hex } from "../signature/hmac.ts";
import type { BullMqJob, BullMqJobType, BullMqQueue } from "./bullmq-driver.ts";
import type { InboxEvent } from "./intake.ts";
import type { InboxEntry, InboxFilter, InboxState, InboxTransition, Intervention } from "./store.ts";
import { sourceOf } from "./worker.ts";

/** What is stored with a job. */
interface JobData extends Omit<InboxEvent, "rawBody" | "type"> {
  /** In base64. */
  readonly body: string;
}

/** Tells whoever claims a job that it must not be handled, and what to write into its history. */
export interface DiscardMark extends Intervention {
  readonly id: string;
}

/** What the inbox keeps on a job beside its data, where BullMQ keeps the progress. */
export interface JobNotes {
  /** Claims that do not count: given back, or made only to bury the job. */
  readonly released?: number;
  /** Of the last replay; a completion is recorded for a run. */
  readonly run?: string;
  /** When it was replayed. */
  readonly since?: number;
  /** The last one, which may have been taken. */
  readonly discard?: DiscardMark;
}

/** The id of a job. BullMQ takes no integer and no colon. */
export function jobIdOf({ provider, endpoint, id, fingerprint }: InboxEvent): string {
  return `h${sha256Hex(`${sourceOf(provider, endpoint)}\0${id}\0${fingerprint}`)}`;
}

/** The key beside the jobs that tells that an event with this id was stored. */
export const knownKeyOf = (id: string): string => `known:${sha256Hex(id)}`;

/** The data of a job for an event; its type is the name of the job. */
export function dataOf({ rawBody, type: _name, ...rest }: InboxEvent): JobData {
  return { ...rest, body: Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString("base64") };
}

/** The event that was stored. */
export function eventOf(job: BullMqJob): InboxEvent {
  const { body, ...rest } = job.data as JobData;
  // A copy, since a Buffer compares unlike bytes and may share its memory.
  return { ...rest, type: job.name, rawBody: new Uint8Array(Buffer.from(body, "base64")) };
}

/** What the inbox noted on a job. */
export function notesOf({ progress }: BullMqJob): JobNotes {
  return typeof progress === "object" && progress !== null ? progress : {};
}

/** Attempts so far. */
export function attemptsOf(job: BullMqJob): number {
  return Math.max(0, job.attemptsStarted - (notesOf(job).released ?? 0));
}

/** What the completion of a job is recorded under; each replay is a new one. */
export function runOf(job: BullMqJob): string {
  return `${job.id}/${notesOf(job).run ?? job.opts.delivery ?? ""}`;
}

/** Since when a job that waits has been due, as far as BullMQ remembers. */
export function waitingSince(job: BullMqJob): number {
  return Math.max(job.timestamp, job.processedOn ?? 0, notesOf(job).since ?? 0);
}

/** Where BullMQ keeps jobs of the inbox, in the order in which they are listed. */
export const ALL_TYPES: readonly BullMqJobType[] = ["wait", "active", "delayed", "failed", "completed"];

/** Where BullMQ keeps what is in a state, in the order in which it is listed. */
export const typesOf: Readonly<Record<InboxState, readonly BullMqJobType[]>> = {
  received: ["wait"],
  processing: ["active"],
  retry: ["wait", "delayed"],
  dead: ["failed"],
  done: ["completed"],
};

/** Where BullMQ keeps a job that it says is in a state; `undefined` for those that only somebody else's hand can bring about. */
export function typeIn(state: string): BullMqJobType | undefined {
  const type = state === "waiting" ? "wait" : state;
  return ALL_TYPES.find((known) => known === type);
}

/** The state of a job. */
export function stateOf(job: BullMqJob, type: BullMqJobType): InboxState {
  switch (type) {
    case "wait":
      return attemptsOf(job) > 0 ? "retry" : "received";
    case "active":
      return "processing";
    case "delayed":
      return "retry";
    case "completed":
      return "done";
    case "failed":
      return "dead";
  }
}

/** The key of an entry: of the job, and of its queue. */
export const entryKey = (source: string, jobId: string): string => `${jobId}@${source}`;

/** What an entry key stands for; `undefined` for what is none. */
export function parseEntryKey(entry: string): { readonly source: string; readonly jobId: string } | undefined {
  const [, jobId, source] = /^(h[0-9a-f]{64})@([!-~]+)$/.exec(entry) ?? [];
  return jobId === undefined || source === undefined ? undefined : { source, jobId };
}

/** An entry without its payload. */
export function entryOf(job: BullMqJob, type: BullMqJobType, dueAt: number | undefined): InboxEntry {
  const { provider, endpoint, id, receivedAt } = job.data as JobData;
  const state = stateOf(job, type);
  const finished = state === "done" || state === "dead";
  // After a success, BullMQ still has the reason of the failure before.
  const reason = state === "retry" || state === "dead" ? job.failedReason : undefined;
  return {
    entry: entryKey(sourceOf(provider, endpoint), job.id),
    state,
    provider,
    endpoint,
    type: job.name,
    id,
    attempts: attemptsOf(job),
    receivedAt: new Date(receivedAt),
    ...(dueAt !== undefined && { dueAt: new Date(dueAt) }),
    ...(finished && job.finishedOn !== undefined && { finishedAt: new Date(job.finishedOn) }),
    ...(reason !== undefined && { reason }),
  };
}

/** Whether a job is meant by a filter. */
export function fits(job: BullMqJob, type: BullMqJobType, filter: InboxFilter): boolean {
  const { provider, endpoint, id, receivedAt } = job.data as JobData;
  const is = (wanted: string | undefined, found: string): boolean => wanted === undefined || wanted === found;
  return (
    is(filter.provider, provider) &&
    is(filter.endpoint, endpoint) &&
    is(filter.type, job.name) &&
    is(filter.id, id) &&
    (filter.state === undefined || [filter.state].flat().includes(stateOf(job, type))) &&
    receivedAt > (filter.receivedAfter?.getTime() ?? Number.NEGATIVE_INFINITY) &&
    receivedAt < (filter.receivedBefore?.getTime() ?? Number.POSITIVE_INFINITY)
  );
}

/** Lines of history that are kept of a job. */
const KEEP_LINES = 100;

/** Adds a line to the history of a job. It is for people: what is missing must not undo what has happened, so this never rejects. */
export async function note(queue: BullMqQueue, job: BullMqJob, transition: Omit<InboxTransition, "at">): Promise<void> {
  await Promise.allSettled([queue.addJobLog(job.id, JSON.stringify({ at: Date.now(), ...transition }), KEEP_LINES)]);
}

/** The transition in a line of the history. */
export function fromLine(line: string): InboxTransition {
  const { at, ...rest } = JSON.parse(line) as Omit<InboxTransition, "at"> & { readonly at: number };
  return { at: new Date(at), ...rest };
}
