/**
 * Every way a delivery can end. This file is the only place where an HTTP status is chosen.
 *
 * - `processed`: every matching handler succeeded.
 * - `duplicate`: the event was handled before.
 * - `ignored`: no handler is registered for this event.
 * - `unknown`: the provider sent an event type this library does not know.
 * - `discarded`: a handler threw `Discard`.
 * - `validation`: an OPTIONS probe, answered without touching a secret or a store.
 * - All others are refusals or failures; the sender sees the status of the same row in the README.
 */
export type OutcomeResult =
  | "processed"
  | "duplicate"
  | "ignored"
  | "unknown"
  | "discarded"
  | "validation"
  | "method_not_allowed"
  | "body_too_large"
  | "body_incomplete"
  | "body_already_parsed"
  | "unauthenticated"
  | "body_not_utf8"
  | "body_not_json"
  | "body_not_object"
  | "event_type_missing"
  | "payload_invalid"
  | "in_progress"
  | "deadline_exceeded"
  | "retry_later"
  | "handler_failed"
  | "store_unavailable"
  | "configuration";

/** What became of a delivery. */
export interface Outcome {
  readonly result: OutcomeResult;
  /** The HTTP status the sender gets. */
  readonly status: number;
  /** The event type, once the delivery is authentic and names one. */
  readonly type?: string;
  /** The dedupe key, as in `context.id`. */
  readonly id?: string;
  /** Which check failed, when `result` is `"unauthenticated"`. Never part of the answer. */
  readonly reason?: string;
  /** Seconds sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** An HTTP answer in parts that every framework can send. All header names are lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** ASCII text, absent for 204. */
  readonly body?: string;
}

interface Row {
  readonly status: number;
  /** Present on refusals and failures only: the fixed text of the problem body. */
  readonly detail?: string;
}

const rows: Readonly<Record<OutcomeResult, Row>> = {
  processed: { status: 200 },
  duplicate: { status: 200 },
  ignored: { status: 200 },
  unknown: { status: 200 },
  discarded: { status: 200 },
  validation: { status: 204 },
  method_not_allowed: { status: 405, detail: "Only POST and OPTIONS are answered here." },
  body_too_large: { status: 413, detail: "The body is larger than this endpoint accepts." },
  body_incomplete: { status: 400, detail: "The body ended before it was complete." },
  body_already_parsed: { status: 500, detail: "The receiver is misconfigured." },
  unauthenticated: { status: 401, detail: "The delivery could not be authenticated." },
  body_not_utf8: { status: 400, detail: "The body is not valid UTF-8." },
  body_not_json: { status: 400, detail: "The body is not valid JSON." },
  body_not_object: { status: 400, detail: "The body is not a JSON object." },
  event_type_missing: { status: 400, detail: "The body names no event type." },
  payload_invalid: { status: 422, detail: "The payload does not have the form documented for its type." },
  in_progress: { status: 503, detail: "The same event is being handled." },
  deadline_exceeded: { status: 503, detail: "The event is still being handled." },
  retry_later: { status: 503, detail: "The receiver asks to be sent this event again later." },
  handler_failed: { status: 500, detail: "The event could not be handled." },
  store_unavailable: { status: 503, detail: "The receiver cannot record the event at the moment." },
  configuration: { status: 500, detail: "The receiver is misconfigured." },
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  405: "Method Not Allowed",
  413: "Content Too Large",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** The HTTP status of a result. */
export function statusOf(result: OutcomeResult): number {
  return rows[result].status;
}

/** Whether a result means that the sender need not deliver the event again. */
export function isSettled(result: OutcomeResult): boolean {
  return rows[result].status < 300;
}

const methods = { allow: "POST, OPTIONS" };
const json = { "content-type": "application/json" };
const problem = { "content-type": "application/problem+json" };

// Serialised once: a refusal must cost the receiver as little as possible, and must not vary.
const problems = new Map<OutcomeResult, string>();
for (const [result, { status, detail }] of Object.entries(rows)) {
  if (detail === undefined) continue;
  const body = { type: "about:blank", title: titles[status], status, detail };
  problems.set(result as OutcomeResult, JSON.stringify(body));
}

/**
 * Translates an outcome to the HTTP answer for the sender. Adapters send it as it is. Problem bodies follow RFC 9457 and
 * consist of fixed texts, so that nothing is learnt by probing.
 */
export function toAnswer(outcome: Outcome): Answer {
  const { result, status, id, retryAfterSeconds } = outcome;
  if (result === "validation") return { status, headers: methods };
  const body = problems.get(result);
  if (body === undefined) {
    const idMember = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
    return { status, headers: json, body: `{"result":"${result}"${idMember}}` };
  }
  if (result === "method_not_allowed") return { status, headers: { ...problem, ...methods }, body };
  if (retryAfterSeconds === undefined) return { status, headers: problem, body };
  return { status, headers: { ...problem, "retry-after": String(retryAfterSeconds) }, body };
}
