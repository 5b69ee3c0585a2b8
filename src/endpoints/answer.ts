import { isRecord } from "../providers/fields.ts";
import { EndpointError, type EndpointErrorCode } from "./endpoint-error.ts";

/** The largest answer that is read, in bytes. */
export const MOST_BYTES: number = 1024 * 1024;

/** An answer as it arrived. */
export interface Answer {
  readonly status: number;
  /** Parsed; `undefined` where there was none, or it is not JSON. */
  readonly body: unknown;
  readonly isEmpty: boolean;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | undefined;
}

/** Who was asked for what, for messages. */
export interface Question {
  readonly provider: string;
  /** The provider as people write it. */
  readonly title: string;
  /** The method of the client. */
  readonly operation: string;
  /** Whether the call changes nothing. */
  readonly isRead: boolean;
  /** What to do before it is called again after it may have taken effect; `undefined` where two calls do what one does. */
  readonly lookFirst?: string | undefined;
  /** Texts that no error may repeat. */
  readonly secrets: readonly string[];
}

const codes: ReadonlyMap<number, EndpointErrorCode> = new Map([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
  [408, "unavailable"],
  [409, "conflict"],
  [410, "not_found"],
  [429, "rate_limited"],
]);

function codeOf(status: number): EndpointErrorCode {
  return codes.get(status) ?? (status >= 500 ? "unavailable" : "invalid_request");
}

const advice: Readonly<Record<EndpointErrorCode, string>> = {
  unauthorized: "Check the credential, and that it may manage webhooks.",
  not_found: "Check the id with list().",
  conflict: "Wait for the call that is under way, or use another idempotency key.",
  rate_limited: "Call less often.",
  invalid_request: "Check what was asked for; a webhook's URL has to be public and to answer OPTIONS within a second.",
  unavailable: "Try again later.",
  timeout: "Try again later, or raise timeoutMs.",
  aborted: "",
  unexpected_answer: "Check baseUrl, and look for a newer version of video-webhooks.",
};

/**
 * Whether a call that failed has taken effect: it cannot have, nobody knows, or its status says so. A call that changes nothing has none.
 */
export type Effect = "none" | "open" | "done";

/** Makes an error for a question. */
export function failure(
  { provider, title, operation, isRead, lookFirst }: Question,
  code: EndpointErrorCode,
  what: string,
  details: Partial<ConstructorParameters<typeof EndpointError>[2]> = {},
  effect: Effect = "none",
): EndpointError {
  const said = details.providerMessage === undefined ? "" : ` ${title} says: ${details.providerMessage}`;
  const unsure =
    isRead || effect === "none" ? "" : effect === "open" ? "; it may have taken effect" : "; the status says that it has taken effect";
  // Who follows the usual advice to try again would do it twice.
  const next = unsure !== "" && lookFirst !== undefined ? lookFirst : advice[code];
  return new EndpointError(code, `${title}: ${operation}() ${what}${unsure}. ${next}${said}`.trim(), { provider, ...details });
}

/** Whether somebody may have begun to do what was asked before this status came. */
export const leavesOpen = (status: number): boolean => status === 408 || status >= 500;

/** The error for an answer with a status that is no success. */
export function refused(question: Question, answer: Answer, effect: Effect): EndpointError {
  const { status, requestId, retryAfterSeconds } = answer;
  const details = {
    status,
    retryAfterSeconds,
    requestId: toShort(requestId, question.secrets),
    ...detailsOf(answer.body, question.secrets),
  };
  return failure(question, codeOf(status), `was answered with status ${status}`, details, effect);
}

/**
 * The error in an answer that has a status of success and says otherwise inside; `undefined` when it does not.
 *
 * @param successCodes what the member `code` says of a success
 */
export function refusedInside(
  question: Question,
  answer: Answer,
  successCodes: readonly number[],
  effect: Effect,
): EndpointError | undefined {
  const { body, status, requestId } = answer;
  if (!isRecord(body)) return undefined;
  const code = body.code ?? undefined;
  const hasError = isRecord(body.error) || (typeof body.error === "string" && body.error !== "");
  const failed = code === undefined ? hasError : !successCodes.includes(Number(code));
  if (!failed) return undefined;
  const details = detailsOf(body, question.secrets);
  // The codes of these APIs mostly begin with the status that is meant. HeyGen's 40009 is its page's row for a wrong key.
  const meant = details.providerCode === "40009" ? 401 : Number(/^[45]\d\d/.exec(details.providerCode ?? "")?.[0] ?? 400);
  return failure(
    question,
    codeOf(meant),
    "was refused inside of an answer with a status of success",
    { status, requestId: toShort(requestId, question.secrets), ...details },
    leavesOpen(meant) ? "open" : effect,
  );
}

interface ProviderDetails {
  readonly providerCode?: string | undefined;
  readonly providerMessage?: string | undefined;
}

/**
 * The provider's own code and words. HeyGen v3 has `error: { code, message }`, its v1 and Kling `code` and `message`, KonPro's page shows
 * none; `error` as text, `msg` and `detail` are what such APIs answer beside that.
 */
function detailsOf(body: unknown, secrets: readonly string[]): ProviderDetails {
  if (!isRecord(body)) return {};
  const inner = isRecord(body.error) ? body.error : body;
  const code = inner.code ?? body.code;
  const words = [inner.message, inner.msg, body.message, body.msg, body.error, body.detail];
  return {
    providerCode: toShort(typeof code === "number" ? String(code) : code, secrets),
    providerMessage: toShort(
      words.find((text) => typeof text === "string" && text !== ""),
      secrets,
    ),
  };
}

/** Text from outside that may be shown: short, printable, and without anything that is secret. */
function toShort(value: unknown, secrets: readonly string[]): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > 300 || /\p{C}|whsec_/u.test(value)) return undefined;
  return secrets.some((secret) => value.includes(secret)) ? undefined : value;
}

/** The seconds of a `Retry-After` (RFC 9110, section 10.2.3), from now on; `undefined` for anything else. */
export function toRetryAfterSeconds(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,10}$/.test(value)) return Number(value);
  const at = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Parses JSON; `undefined` for what is none, since a SyntaxError would quote it. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Whoever asked says that it is not JSON.
    return undefined;
  }
}
