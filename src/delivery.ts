import type { ReadBody } from "./body.ts";
import { ConfigurationError } from "./errors.ts";
import type { Outcome } from "./outcome.ts";

/** Anything with a case-insensitive `get`, such as the `Headers` of the Fetch standard. */
export interface HeaderReader {
  /** The value of a header, whatever the letter case of the name; all values where it arrived more than once. */
  get(name: string): string | readonly string[] | null | undefined;
}

/** Headers as any platform has them: `Headers`, or the record of Node.js in any letter case. */
export type HeaderSource = HeaderReader | Readonly<Record<string, string | readonly string[] | undefined>>;

/** One HTTP attempt of a provider, as an adapter hands it to `router.receive`. */
export interface Delivery {
  /** As it came, such as `POST`; nothing else is processed, and `OPTIONS` is answered. */
  readonly method: string;
  /** The request URL, absolute or only path and query. */
  readonly url: string;
  /** All headers, whatever the letter case of their names. */
  readonly headers: HeaderSource;
  /**
   * The raw body: its bytes, its text (only if it never was anything but text), or a function that reads it under a cap.
   * Never a parsed object.
   */
  readonly body: Uint8Array | string | ReadBody;
  /**
   * Where the platform ends a process or an isolate after the answer: asks it to wait for a promise. It gets the handlers as they start,
   * and listeners of `onError` that are not done.
   */
  readonly waitUntil?: WaitUntil | undefined;
}

/** Keeps a process or an isolate alive until a promise settles, such as `ctx.waitUntil` of Workers and `after` of Next.js. */
export type WaitUntil = (promise: Promise<unknown>) => unknown;

/** What an adapter needs of a router. */
export interface Receiver {
  /** Takes a delivery through the whole pipeline. It never rejects, whatever the sender sent. */
  receive(delivery: Delivery): Promise<Outcome>;
}

/**
 * Refuses what is no router as soon as an adapter is made: a framework may call the adapter itself as a handler, and wait for ever.
 *
 * @throws {@link ConfigurationError}
 */
export function checkReceiver(router: Receiver, adapter: string): void {
  if (typeof (router as Partial<Receiver> | undefined)?.receive === "function") return;
  throw new ConfigurationError(`${adapter} needs a router, such as createRouter(heygen({ secret })). Mount what it returns, not itself.`);
}

const isReader = (headers: HeaderSource): headers is HeaderReader => typeof (headers as { get?: unknown }).get === "function";

/**
 * Finds a header whatever the letter case of its name; the one normaliser of the library.
 *
 * @param name in lower case
 * @returns the only value; an array when the header arrived more than once; `undefined` when it is absent
 */
export function headerValue(headers: HeaderSource, name: string): string | readonly string[] | undefined {
  const value = isReader(headers) ? headers.get(name) : fromRecord(headers, name);
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  return value.length === 1 ? value[0] : value.length === 0 ? undefined : value;
}

/**
 * What of the headers may be kept: no signatures, cookies, credentials. Names in lower case, repeated values joined.
 *
 * @param traceparent takes the place of the one that came in, so that a worker is led to this delivery
 */
export function storableHeaders(headers: HeaderSource, traceparent?: string): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  const keep = (name: string, value: string | readonly string[] | undefined): void => {
    const key = name.toLowerCase();
    if (value === undefined || /signature|authorization|cookie|secret|token|password|api-?key/.test(key)) return;
    const text = typeof value === "string" ? value : value.join(", ");
    // eslint-disable-next-line own/no-open-key-writes -- __proto__ takes no text, so that such a header is just not kept
    kept[key] = Object.hasOwn(kept, key) ? `${kept[key]}, ${text}` : text;
  };
  if (!isReader(headers)) for (const name of Object.keys(headers)) keep(name, headers[name]);
  else if (headers instanceof Headers) for (const [name, value] of headers) keep(name, value);
  // Of a reader that does not tell its names, what is most often asked for.
  else for (const name of ["content-type", "user-agent"]) keep(name, headers.get(name) ?? undefined);
  if (traceparent !== undefined) kept.traceparent = traceparent;
  return kept;
}

function fromRecord(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
): string | readonly string[] | undefined {
  let found: string | readonly string[] | undefined;
  for (const key in headers) {
    if (key.length !== name.length || (key !== name && key.toLowerCase() !== name)) continue;
    const value = Object.hasOwn(headers, key) ? headers[key] : undefined;
    // Two spellings of one name are a repeated header (pitfall P20).
    if (value !== undefined) found = found === undefined ? value : [found, value].flat();
  }
  return found;
}
