import { ConfigurationError } from "../errors.ts";
import { createSample, recipeOf, type SampleDelivery } from "./sample.ts";
import { type SampleDeliveryOptions, sampleDelivery } from "./sample-delivery.ts";
import type { SampleType } from "./sample-payload.ts";
import { type SampleProvider, senderOf } from "./samples/senders.ts";

/** Options of {@link createFakeProvider}. */
export interface FakeProviderOptions<Name extends SampleProvider> {
  /** Whose deliveries it makes. */
  readonly provider: Name;
  /**
   * Where deliveries go. Not needed where `fetch` does not look at the URL, such as `router.fetch`.
   * @default `/webhooks/<provider>` of an invented host
   */
  readonly url?: string | URL | undefined;
  /**
   * What deliveries are signed with; without it they are not.
   * @default not signed
   */
  readonly secret?: string | undefined;
  /**
   * Becomes the query parameter `token` of the URL.
   * @default none
   */
  readonly token?: string | undefined;
  /**
   * Sends a request, such as `router.fetch`.
   * @default the global `fetch`
   */
  readonly fetch?: ((request: Request) => Response | Promise<Response>) | undefined;
  /**
   * Milliseconds since 1970: the times of attempts, and what is signed.
   * @default Date.now
   */
  readonly clock?: (() => number) | undefined;
  /**
   * Waits between attempts; a test moves its clock on instead of waiting.
   * @default a timer, which an aborted signal ends
   */
  readonly sleep?: ((milliseconds: number) => unknown) | undefined;
  /**
   * The waits between attempts, in milliseconds; as many as there are retries.
   * @default what the provider documents, as far as it does
   */
  readonly retryDelaysMs?: readonly number[] | undefined;
  /**
   * How long an answer is waited for, in milliseconds of real time.
   * @default what the provider waits
   */
  readonly ackDeadlineMs?: number | undefined;
}

/** One request of a fake provider, and what came of it. */
export interface FakeAttempt {
  /** When it was sent, by the clock of the fake provider. */
  readonly at: Date;
  /** Until the answer was read, or the attempt given up. */
  readonly milliseconds: number;
  /** Whether the status is 2xx, which ends a delivery. */
  readonly ok: boolean;
  /** Absent where no answer came. */
  readonly status?: number;
  /** The first 2,000 characters of the answer. */
  readonly body?: string;
  /** Why there is no answer, without its URL. */
  readonly error?: { readonly code: "timeout" | "unreachable"; readonly message: string };
}

/** Options of a delivery by type: which event, and a signal that ends the retries. */
export type FakeDeliveryOptions<Name extends SampleProvider, Type extends SampleType<Name>> = Pick<
  SampleDeliveryOptions<Name, Type>,
  "overrides" | "variant" | "id" | "messageId" | "header" | "scheme"
> & {
  /**
   * Ends the attempts, and the waits between them.
   * @default they go on to the last
   */
  readonly signal?: AbortSignal | undefined;
};

/** A provider that delivers to an endpoint under test. */
export interface FakeProvider<Name extends SampleProvider> {
  /** The waits between its attempts. */
  readonly retryDelaysMs: readonly number[];
  /**
   * Delivers a sample of an event type until the answer is 2xx or all retries are used up. The event stays the same at each attempt; a
   * time that is signed beside the body is that of the attempt.
   *
   * @returns the attempts in order, of which only the last can be `ok`
   * @throws the reason of the signal when it is aborted
   */
  deliver<const Type extends SampleType<Name>>(type: Type, options?: FakeDeliveryOptions<Name, Type>): Promise<readonly FakeAttempt[]>;
  /** Delivers a sample as it is, tampered with or not: the same bytes and headers at each attempt, to the URL of this provider if it has one. */
  deliver(sample: SampleDelivery, options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly FakeAttempt[]>;
  /**
   * Probes the URL with OPTIONS, as the provider does when an endpoint is registered.
   *
   * @throws {@link ConfigurationError} for a provider that sends no such probe
   */
  validate(options?: { readonly signal?: AbortSignal | undefined }): Promise<FakeAttempt>;
}

/**
 * Makes a provider to test a receiver with, over HTTP or without: it delivers, waits as long as the provider does for an answer, and comes
 * again on the provider's schedule until the answer is 2xx. HeyGen retries for 24 hours and VideoPilot up to three times; the rest of the
 * schedules is not documented and assumed: waits double from one minute, five retries for KonPro, and 1, 5 and 30 minutes for Kling. No
 * provider is known to heed `Retry-After`, so this one does not. Redirects are answers that are not 2xx.
 *
 * @throws {@link ConfigurationError} for options that cannot work
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { videopilot } from "video-webhooks/videopilot";
 * import { createFakeProvider } from "video-webhooks/testing";
 *
 * let now = Date.now();
 * const secret = "a-secret-of-this-test";
 * const router = createRouter(videopilot({ secret })).on("render.completed", (event) => console.log(event.data.output_url));
 * const fake = createFakeProvider({
 *   provider: "videopilot",
 *   secret,
 *   fetch: router.fetch,
 *   clock: () => now,
 *   sleep: (milliseconds) => (now += milliseconds),
 * });
 * const attempts = await fake.deliver("render.completed");
 * console.log(attempts.map(({ status }) => status));
 * ```
 */
export function createFakeProvider<const Name extends SampleProvider>(options: FakeProviderOptions<Name>): FakeProvider<Name> {
  const { provider, url, secret, token, clock = Date.now, sleep } = options;
  const sender = senderOf(provider);
  const {
    fetch: send = globalThis.fetch,
    retryDelaysMs = sender.retryAfterMinutes.map((each) => each * 60_000),
    ackDeadlineMs = sender.ackDeadlineMs,
  } = options;
  for (const each of [ackDeadlineMs, ...retryDelaysMs]) {
    // Timers overflow beyond 2^31 milliseconds and then fire at once.
    if (!(each >= 0 && each < 2 ** 31))
      throw new ConfigurationError("Waits must be numbers of milliseconds from zero to 2^31.", { provider });
  }
  const sampleAt = (type: SampleType<Name>, now: number, more: object): SampleDelivery =>
    sampleDelivery(provider, type, { ...more, secret, token, url, now });
  // Also says at once when the URL is none.
  const target = sampleAt(Object.keys(sender.payloads)[0] as SampleType<Name>, 0, {}).url;

  const attempt = (request: Request, deadlineMs: number, signal: AbortSignal | undefined): Promise<FakeAttempt> =>
    exchange({ send, request, deadlineMs, signal, clock });

  async function untilAccepted(toRequest: () => Request, signal: AbortSignal | undefined): Promise<readonly FakeAttempt[]> {
    const attempts: FakeAttempt[] = [];
    for (const delayMs of [undefined, ...retryDelaysMs]) {
      signal?.throwIfAborted();
      if (delayMs !== undefined) await unlessAborted(sleep === undefined ? pause(delayMs, signal) : sleep(delayMs), signal);
      const made = await attempt(toRequest(), ackDeadlineMs, signal);
      attempts.push(made);
      if (made.ok) break;
    }
    return attempts;
  }

  return {
    retryDelaysMs,
    async deliver(what: SampleType<Name> | SampleDelivery, { signal, ...more }: FakeDeliveryOptions<Name, SampleType<Name>> = {}) {
      if (typeof what === "object") return untilAccepted(() => (url === undefined ? what.request : movedTo(target, what)), signal);
      // The event goes on telling of the moment at which it was first sent; what is signed beside it is the time of the attempt.
      const recipe = recipeOf(sampleAt(what, clock(), more));
      return untilAccepted(() => createSample({ ...recipe, now: clock() }).request, signal);
    },
    async validate({ signal } = {}) {
      if (sender.validationMs === undefined) {
        throw new ConfigurationError(`${provider} does not probe URLs with OPTIONS.`, { provider });
      }
      return attempt(new Request(target, { method: "OPTIONS" }), sender.validationMs, signal);
    },
  };
}

function movedTo(url: string, { headers, rawBody }: SampleDelivery): Request {
  return new Request(url, { method: "POST", headers, body: new Uint8Array(rawBody) });
}

interface Exchange {
  readonly send: (request: Request) => Response | Promise<Response>;
  readonly request: Request;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly clock: () => number;
}

const MOST_CHARACTERS = 2000;

async function exchange({ send, request, deadlineMs, signal, clock }: Exchange): Promise<FakeAttempt> {
  const startedAt = performance.now();
  const at = new Date(clock());
  const ended = (more: Omit<FakeAttempt, "at" | "milliseconds">): FakeAttempt => ({
    at,
    milliseconds: performance.now() - startedAt,
    ...more,
  });
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), deadlineMs);
  const both = signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]);
  try {
    signal?.throwIfAborted();
    const sent = new Request(request, { signal: both, redirect: "manual" });
    // A handler that is called in place of a server does not look at the signal.
    const response = await unlessAborted(send(sent), both);
    const body = await unlessAborted(beginningOf(response), both);
    return ended({ ok: response.ok, status: response.status, body });
  } catch (cause) {
    signal?.throwIfAborted();
    const timeout = { code: "timeout", message: `No answer within ${deadlineMs} ms.` } as const;
    return ended({ ok: false, error: giveUp.signal.aborted ? timeout : { code: "unreachable", message: reasonOf(cause) } });
  } finally {
    clearTimeout(timer);
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    if (!done && text.length < MOST_CHARACTERS) continue;
    // Nobody waits for the rest, nor for the failure of giving it up.
    if (!done) reader.cancel().catch(() => undefined);
    return text.slice(0, MOST_CHARACTERS);
  }
}

/** The code of the system's error, such as ECONNREFUSED; messages may quote the URL, which may contain a token. */
function reasonOf(cause: unknown): string {
  const error = cause instanceof Error ? cause : undefined;
  const code = (error?.cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : (error?.name ?? "The request failed.");
}

/** Waits for what may take any time, but not once the signal is aborted. */
async function unlessAborted<Value>(work: Value | Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
