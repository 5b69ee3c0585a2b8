import ky, { HTTPError, TimeoutError } from "ky";
import type * as z from "zod";
import { ConfigurationError } from "../errors.ts";
import {
  type Answer,
  type Effect,
  failure,
  leavesOpen,
  MOST_BYTES,
  parseJson,
  type Question,
  refused,
  refusedInside,
  toRetryAfterSeconds,
} from "./answer.ts";
import { type ClientOptions, type CompleteClientOptions, completeOptions } from "./client-options.ts";
import { type EndpointError, isEndpointError } from "./endpoint-error.ts";
import { type BaseUrl, checkBaseUrl, checkWebhookUrl, privatePartsOf } from "./endpoint-url.ts";
import { readUpTo } from "./response-body.ts";
import { isUnsent, systemCode } from "./system-code.ts";

/** What a client knows of its API. */
export interface ApiDescription {
  readonly provider: string;
  /** The provider as people write it. */
  readonly title: string;
  readonly baseUrl: string;
  /** The header with the credential. */
  readonly credential: { readonly header: string; readonly value: string; readonly secret: string };
  /** What the member `code` of an answer says of a success. */
  readonly successCodes: readonly number[];
  /**
   * Whether the client has the method `list`.
   * @default true
   */
  readonly canList?: boolean;
}

/** One call. */
export interface ApiCall<Result> {
  /** The method of the client, for messages. */
  readonly operation: string;
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  /** What is `undefined` is left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: Readonly<Record<string, unknown>>;
  /** Of the answer. */
  readonly schema: z.ZodType<Result>;
  readonly idempotencyKey?: string | undefined;
  /** Whether who calls it again makes another one of what it makes. */
  readonly makesAnother?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the calls of a client. */
export interface Api {
  readonly provider: string;
  /** Rejects with an {@link EndpointError}. */
  call<Result>(call: ApiCall<Result>): Promise<Result>;
  /** An error of a call of this API that was answered as a success. */
  failure(operation: string, code: EndpointError["code"], what: string): EndpointError;
  /** Throws a {@link ConfigurationError} for an address that cannot be registered. */
  checkUrl(url: unknown): string;
}

const RETRIED = [408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529];
/** Statuses that have no body, with which a `Response` cannot be made. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * Makes an {@link Api}.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 */
export function createApi(description: ApiDescription, options: ClientOptions): Api {
  const { provider, title, credential, successCodes, canList = true } = description;
  const settings = completeOptions(options, provider);
  const baseUrl = checkBaseUrl(options.baseUrl ?? description.baseUrl, provider);
  const lookFirst = canList ? "Look with list() before you repeat it." : `Look at what ${title} shows of it before you repeat it.`;
  const questionOf = (call: Pick<ApiCall<unknown>, "operation" | "method" | "makesAnother">, secrets: readonly string[]): Question => ({
    provider,
    title,
    operation: call.operation,
    isRead: call.method === "GET",
    lookFirst: call.makesAnother ? lookFirst : undefined,
    secrets: [credential.secret, ...secrets],
  });

  return {
    provider,
    checkUrl: (url) => checkWebhookUrl(url, baseUrl, provider),
    failure: (operation, code, what) => failure(questionOf({ operation, method: "GET" }, []), code, what),

    async call(call) {
      const { url } = call.json ?? {};
      const question = questionOf(call, typeof url === "string" ? privatePartsOf(url) : []);
      const attempts: Attempts = { effect: "none" };
      let answer: Answer;
      try {
        answer = await ask(question, call, { ...settings, baseUrl, credential }, attempts);
        const inside = refusedInside(question, answer, successCodes, attempts.effect);
        if (inside) throw inside;
      } catch (error) {
        // The attempt before has deleted it, and its answer was lost.
        const isGone = call.method === "DELETE" && attempts.effect === "open" && isEndpointError(error) && error.code === "not_found";
        if (isGone) return call.schema.parse(undefined);
        throw error;
      }
      const unexpected = (what: string): EndpointError => failure(question, "unexpected_answer", what, { status: answer.status }, "done");
      if (!answer.isEmpty && answer.body === undefined) throw unexpected("was answered with what is not JSON");
      const parsed = call.schema.safeParse(answer.body);
      if (parsed.success) return parsed.data;
      throw unexpected(`was answered without what it must have (${fieldsOf(parsed.error)})`);
    },
  };
}

/** What is known of the attempts of a call so far. */
interface Attempts {
  effect: Extract<Effect, "none" | "open">;
}

// A PATCH of these APIs sets what it names, so that two do what one does.
const isRepeatable = ({ method, idempotencyKey }: Pick<ApiCall<unknown>, "method" | "idempotencyKey">): boolean =>
  method !== "POST" || idempotencyKey !== undefined;

interface AskSettings extends CompleteClientOptions {
  readonly baseUrl: BaseUrl;
  readonly credential: ApiDescription["credential"];
}

/** Asks until there is an answer, or no attempt left. What ky is given has no credential in it, so that its errors cannot have one. */
async function ask(question: Question, call: ApiCall<unknown>, settings: AskSettings, attempts: Attempts): Promise<Answer> {
  const { timeoutMs, retries, backoffMs, maxWaitMs, baseUrl } = settings;
  const signals = [settings.signal, call.signal].filter((signal) => signal !== undefined);
  const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
  const isKeyed = call.idempotencyKey !== undefined;
  const mayRepeatCall = isRepeatable(call);

  /** `undefined` leaves it to ky: it repeats after these statuses, a timeout and what `fetch` rejects with. */
  function mayRepeat({ error, retryCount }: { readonly error: Error; readonly retryCount: number }): false | undefined {
    if (signal?.aborted || isEndpointError(error)) return false;
    if (!(error instanceof HTTPError)) return mayRepeatCall ? undefined : false;
    const { status, headers } = error.response;
    if (Number(headers.get("retry-after")) * 1000 > maxWaitMs) return false;
    if (status === 429) return undefined;
    // After an attempt without an answer it is that attempt which is still under way. At first, it is somebody else's.
    if (status === 409) return isKeyed && retryCount > 1 ? undefined : false;
    return mayRepeatCall ? undefined : false;
  }

  try {
    signal?.throwIfAborted();
    const response = await ky(addressOf(baseUrl, call), {
      method: call.method,
      fetch: (request) => attempt(question, call, settings, (request as Request).signal, attempts),
      timeout: timeoutMs,
      ...(signal && { signal }),
      retry: {
        limit: retries,
        methods: ["get", "post", "patch", "delete"],
        statusCodes: RETRIED,
        afterStatusCodes: RETRIED,
        maxRetryAfter: maxWaitMs,
        backoffLimit: maxWaitMs,
        delay: (count) => backoffMs * 2 ** (count - 1),
        jitter: true,
        retryOnTimeout: true,
        shouldRetry: mayRepeat,
      },
    });
    return await answerOf(response);
  } catch (error) {
    throw await errorOf(error, question, { timeoutMs, signal, attempts });
  }
}

/** One request, with its whole answer: the time limit and the retries of ky are then for both. */
async function attempt(
  question: Question,
  call: ApiCall<unknown>,
  settings: AskSettings,
  signal: AbortSignal,
  attempts: Attempts,
): Promise<Response> {
  const { baseUrl, credential, fetch: send } = settings;
  const headers: Record<string, string> = { accept: "application/json", [credential.header]: credential.value };
  if (call.json !== undefined) headers["content-type"] = "application/json";
  if (call.idempotencyKey !== undefined) headers["idempotency-key"] = call.idempotencyKey;
  const before = attempts.effect;
  attempts.effect = "open";
  const response = await send(addressOf(baseUrl, call), {
    method: call.method,
    headers,
    ...(call.json !== undefined && { body: JSON.stringify(call.json) }),
    // The credential must not follow one to another host, and a POST would become a GET.
    redirect: "manual",
    signal,
  }).catch((error: unknown) => {
    if (isUnsent(error)) attempts.effect = before;
    throw error;
  });
  const { status } = response;
  if (status >= 300 && !leavesOpen(status)) attempts.effect = before;
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    response.body?.cancel().catch(() => undefined);
    throw failure(question, "unexpected_answer", "was answered with a redirect, which is not followed", { status }, before);
  }
  const { bytes, isCut } = await readUpTo(response, MOST_BYTES);
  if (isCut) {
    const effect = response.ok ? "done" : attempts.effect;
    throw failure(question, "unexpected_answer", `was answered with more than ${MOST_BYTES} bytes`, { status }, effect);
  }
  if (response.ok) attempts.effect = before;
  // ky takes several headers for times to wait, some of which it reads in ways of its own.
  const kept = new Headers();
  const after = toRetryAfterSeconds(response.headers.get("retry-after"));
  if (after !== undefined) kept.set("retry-after", String(after));
  const requestId = response.headers.get("x-request-id");
  if (requestId !== null) kept.set("x-request-id", requestId);
  return new Response(BODILESS.has(status) ? null : bytes, { status, headers: kept });
}

async function answerOf(response: Response): Promise<Answer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    body: parseJson(bytes),
    isEmpty: bytes.length === 0,
    requestId: response.headers.get("x-request-id"),
    retryAfterSeconds: toRetryAfterSeconds(response.headers.get("retry-after")),
  };
}

interface Asked {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly attempts: Attempts;
}

async function errorOf(error: unknown, question: Question, { timeoutMs, signal, attempts }: Asked): Promise<EndpointError> {
  const { effect } = attempts;
  if (isEndpointError(error)) return error;
  if (error instanceof HTTPError) return refused(question, await answerOf(error.response), effect);
  if (signal?.aborted) return failure(question, "aborted", "was aborted", { cause: signal.reason }, effect);
  if (error instanceof TimeoutError) return failure(question, "timeout", `got no answer within ${timeoutMs} ms`, {}, effect);
  const code = systemCode(error);
  const what = `could not be sent, or was not answered${code === undefined ? "" : ` (${code})`}`;
  return failure(question, "unavailable", what, { cause: error }, effect);
}

function addressOf({ href }: BaseUrl, { path, query = {} }: ApiCall<unknown>): string {
  const parameters = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  const text = new URLSearchParams(parameters).toString();
  return `${href}${path}${text === "" ? "" : `?${text}`}`;
}

/** Where an answer differs from its schema. Names of fields only. */
function fieldsOf({ issues }: z.ZodError): string {
  const names = issues.slice(0, 5).map(({ path }) => path.map((part) => (/^\w{1,40}$/.test(String(part)) ? String(part) : "*")).join("."));
  return names.map((name) => (name === "" ? "body" : name)).join(", ");
}

/**
 * The key of a write: the given one, or a random one.
 *
 * @throws {@link ConfigurationError} for one that the API would not take
 */
export function toIdempotencyKey(given: string | undefined, provider: string): string {
  if (given === undefined) return crypto.randomUUID();
  if (typeof given === "string" && /^[\w:.-]{1,255}$/.test(given)) return given;
  throw new ConfigurationError("The option idempotencyKey must be 1 to 255 letters, digits and _ : . - characters.", { provider });
}
