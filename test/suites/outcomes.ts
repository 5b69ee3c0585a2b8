import type { WebhookErrorCode } from "../../src/errors.ts";
import type { OutcomeResult } from "../../src/outcome.ts";

/** The status of every outcome, written once more: the library's own table may be wrong. */
export const statuses: Readonly<Record<OutcomeResult, number>> = {
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

/** Every code of an error; a record, so that the compiler misses what is missing. */
const codes: Readonly<Record<WebhookErrorCode, true>> = {
  signature_missing: true,
  signature_malformed: true,
  signature_mismatch: true,
  timestamp_too_old: true,
  timestamp_too_new: true,
  timestamp_malformed: true,
  token_mismatch: true,
  secret_missing: true,
  method_not_allowed: true,
  body_too_large: true,
  body_incomplete: true,
  body_not_utf8: true,
  body_not_json: true,
  body_not_object: true,
  event_type_missing: true,
  payload_invalid: true,
  handler_failed: true,
  retry_later: true,
  deadline_exceeded: true,
  store_unavailable: true,
  in_progress: true,
  configuration: true,
  body_already_parsed: true,
};

/** Every value of `error.code`. */
export const errorCodes: readonly string[] = Object.keys(codes);
