import type { Authenticity } from "../signature/authenticate.ts";
import type { InboxEvent } from "./intake.ts";
import type { InboxEntry, InboxState, InboxTransition } from "./store.ts";

/** An event as the table has it, apart from what only claims need. */
export interface Row {
  readonly entry: number;
  readonly provider: string;
  readonly endpoint: string;
  readonly type: string;
  readonly id: string;
  readonly state: InboxState;
  readonly attempts: number;
  readonly due_at: number | null;
  readonly received_at: number;
  readonly finished_at: number | null;
  readonly reason: string | null;
}

/** A whole row of the table of events. */
export interface FullRow extends Row {
  readonly fingerprint: string;
}

/** What is kept apart from what changes. */
export interface PayloadRow {
  readonly headers: string;
  readonly authenticity: string;
  readonly raw_body: Uint8Array;
}

/** Drivers differ: one gives a Buffer, which compares unlike bytes. Either has its memory to itself, so that nothing is copied. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** What was stored, for a worker. */
export function eventOf(row: FullRow, { headers, authenticity, raw_body }: PayloadRow): InboxEvent {
  const { provider, endpoint, type, id, fingerprint, received_at } = row;
  return {
    provider,
    endpoint,
    type,
    id,
    fingerprint,
    receivedAt: received_at,
    headers: JSON.parse(headers) as Record<string, string>,
    authenticity: JSON.parse(authenticity) as Authenticity,
    rawBody: bytesOf(raw_body),
  };
}

/** What operators see of an event. */
export function entryOf({
  entry,
  state,
  provider,
  endpoint,
  type,
  id,
  attempts,
  received_at,
  due_at,
  finished_at,
  reason,
}: Row): InboxEntry {
  return {
    entry: String(entry),
    state,
    provider,
    endpoint,
    type,
    id,
    attempts,
    receivedAt: new Date(received_at),
    ...(due_at !== null && { dueAt: new Date(due_at) }),
    ...(finished_at !== null && { finishedAt: new Date(finished_at) }),
    ...(reason !== null && { reason }),
  };
}

/** A line of the history of an event. */
export interface TransitionRow {
  readonly at: number;
  readonly attempt: number;
  readonly state: InboxState;
  readonly result: string;
  readonly milliseconds: number | null;
  readonly reason: string | null;
  readonly actor: string | null;
}

/** What operators see of its history. */
export function transitionOf({ at, attempt, state, result, milliseconds, reason, actor }: TransitionRow): InboxTransition {
  return {
    at: new Date(at),
    attempt,
    to: state,
    result,
    ...(milliseconds !== null && { milliseconds }),
    ...(reason !== null && { reason }),
    ...(actor !== null && { by: actor }),
  };
}
