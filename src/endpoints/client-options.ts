import { ConfigurationError } from "../errors.ts";

/** What makes the requests: the global `fetch`, or anything like it. It gets the address as text. */
export type EndpointFetch = (url: string, init: RequestInit) => Promise<Response>;

/** Options that every client takes beside its credential. */
export interface ClientOptions {
  /**
   * Where the API is. `https:`, or `http:` on this machine, for tests.
   * @default the provider's own address
   */
  readonly baseUrl?: string | undefined;
  /**
   * Makes the requests, for tests and proxies.
   * @default the global `fetch`
   */
  readonly fetch?: EndpointFetch | undefined;
  /**
   * How long one attempt may take, its whole answer included, in milliseconds.
   * @default 10000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How often a call is repeated after 429, 5xx, a timeout or a failed connection. A call that must not be done twice is repeated only after
   * 429, by which the API says that it did nothing, or under an idempotency key.
   * @default 2
   */
  readonly retries?: number | undefined;
  /**
   * The longest wait before the first repetition, in milliseconds; it doubles each time, and the wait is a random part of it. Where the API
   * says how long to wait, that counts instead.
   * @default 500
   */
  readonly backoffMs?: number | undefined;
  /**
   * The longest wait before any repetition, in milliseconds. Where the API asks for more, the call fails at once.
   * @default 30000
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Ends all calls of the client.
   * @default they end by themselves
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one call. */
export interface CallOptions {
  /**
   * Ends this call. What it has changed by then stays changed.
   * @default that of the client
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a call that changes something, where the API takes an idempotency key. */
export interface WriteOptions extends CallOptions {
  /**
   * Two calls under one key within 24 hours are one. 1 to 255 letters, digits and `_ : . -`.
   * @default a random one for each call, which all of its attempts share
   */
  readonly idempotencyKey?: string | undefined;
}

/** {@link ClientOptions} with the defaults filled in. */
export interface CompleteClientOptions {
  readonly fetch: EndpointFetch;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly backoffMs: number;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Fills in the defaults.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 */
export function completeOptions(options: ClientOptions, provider: string): CompleteClientOptions {
  const { timeoutMs = 10_000, retries = 2, backoffMs = 500, maxWaitMs = 30_000, signal } = options;
  // Looked up at each call, so that tests and instrumentation that replace the global one are heard.
  const { fetch: send = (url: string, init: RequestInit): Promise<Response> => globalThis.fetch(url, init) } = options;
  if (typeof send !== "function") throw new ConfigurationError("The option fetch must be a function.", { provider });
  // Timers overflow beyond 2^31 milliseconds and then fire at once.
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    throw new ConfigurationError("The option timeoutMs must be a number of milliseconds above zero.", { provider });
  }
  if (!Number.isInteger(retries) || retries < 0 || retries > 20) {
    throw new ConfigurationError("The option retries must be a whole number from 0 to 20.", { provider });
  }
  for (const [name, value] of Object.entries({ backoffMs, maxWaitMs })) {
    if (!(value >= 0 && value < 2 ** 31))
      throw new ConfigurationError(`The option ${name} must be a number of milliseconds.`, { provider });
  }
  return { fetch: send, timeoutMs, retries, backoffMs, maxWaitMs, signal };
}

/**
 * Checks a credential, since `fetch` quotes a header that it cannot send in its error.
 *
 * @throws {@link ConfigurationError} for what cannot be one
 */
export function checkCredential(name: string, value: unknown, provider: string): string {
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  const found = typeof value === "string" ? (value === "" ? "empty" : "not ASCII text without spaces and line breaks") : typeof value;
  throw new ConfigurationError(`The option ${name} is ${found}. Pass it as ${provider} shows it, for example from the environment.`, {
    provider,
  });
}
