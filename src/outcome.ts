/**
 * Every way a delivery can end. This file is the only place where an HTTP status is chosen.
 *
 * - `accepted`: the event is stored in the inbox, and will be handled.
 * - `processed`: every matching handler succeeded.
 * - `duplicate`: the event was handled before.
 * - `ignored`: no handler is registered for this event.
 * - `unknown`: the provider sent an event type this library does not know.
 * - `discarded`: a handler threw `Discard`.
 * - `stale`: the job had come further before, and `staleEvents` is `"skip"`.
 * - `validation`: an OPTIONS probe, answered without touching a secret or a store.
 * - All others are refusals or failures; the sender sees the status of the same row in the README.
 */
export type OutcomeResult =
  | "accepted"
  | "processed"
  | "duplicate"
  | "ignored"
  | "unknown"
  | "discarded"
  | "stale"
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
  /** Which end it came to. */
  readonly result: OutcomeResult;
  /** The HTTP status the sender gets. */
  readonly status: number;
  /** The event type, once the delivery is authentic and names one. */
  readonly type?: string;
  /** The dedupe key, as in `context.id`. */
  readonly id?: string;
  /** Which check failed, when `result` is `"unauthenticated"`, or the reason of a `Discard`. Never part of the answer. */
  readonly reason?: string;
  /**
   * Another body came under the same `id` before, or is being handled. Both count as events of their own. Only idempotency stores tell: an
   * inbox stores both and marks neither.
   */
  readonly otherBody?: true;
  /** Seconds sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** An HTTP answer in parts that every framework can send. All header names are lower case. */
export interface Answer {
  /** Of HTTP. */
  readonly status: number;
  /** To be sent as they are. */
  readonly headers: Readonly<Record<string, string>>;
  /** ASCII text, absent for 204. */
  readonly body?: string;
}

const statuses: Readonly<Record<OutcomeResult, number>> = {
  accepted: 200,
  processed: 200,
  duplicate: 200,
  ignored: 200,
  unknown: 200,
  discarded: 200,
  stale: 200,
  validation: 204,
  method_not_allowed: 405,
  body_too_large: 413,
  body_incomplete: 400,
  body_already_parsed: 500,
  unauthenticated: 401,
  body_not_utf8: 400,
  body_not_json: 400,
  body_not_object: 400,
  event_type_missing: 400,
  payload_invalid: 422,
  in_progress: 503,
  deadline_exceeded: 503,
  retry_later: 503,
  handler_failed: 500,
  store_unavailable: 503,
  configuration: 500,
};

// RFC 9110, section 15.
const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  405: "Method Not Allowed",
  413: "Content Too Large",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/**
 * The HTTP status of a result.
 *
 * @param stored whether the event is in the inbox all the same, so that the sender need not come again
 */
export function statusOf(result: OutcomeResult, stored = false): number {
  return stored ? 200 : statuses[result];
}

const allow = "POST, OPTIONS";

/**
 * Translates an outcome to the HTTP answer for the sender. Adapters send it as it is. Problem bodies follow RFC 9457 and consist of fixed
 * texts, so that nothing is learnt by probing.
 *
 * @example
 * ```ts
 * import { createRouter, toAnswer } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const outcome = await router.receive({ method: "OPTIONS", url: "/webhooks", headers: {}, body: "" });
 * console.log(toAnswer(outcome)); // { status: 204, headers: { allow: "POST, OPTIONS" } }
 * ```
 */
export function toAnswer(outcome: Outcome): Answer {
  const { result, status, id, retryAfterSeconds } = outcome;
  if (status === 204) return { status, headers: { allow } };
  if (status === 200) {
    const about = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
    return { status, headers: { "content-type": "application/json" }, body: `{"result":"${result}"${about}}` };
  }
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (status === 405) headers.allow = allow;
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  return { status, headers, body: JSON.stringify({ type: "about:blank", title: titles[status], status, code: result }) };
}
