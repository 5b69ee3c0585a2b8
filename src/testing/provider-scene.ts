import type { HandlerContext } from "../context.ts";
import type { HeaderSource } from "../delivery.ts";
import type { AnyWebhookError } from "../errors.ts";
import type { VideoJob } from "../job.ts";
import type { Outcome } from "../outcome.ts";
import type { JsonObject, MaxAgeOptions, Provider, ProviderOptions } from "../provider.ts";
import { createRouter, type RouterOptions, type UnknownEvent } from "../router.ts";

/** An event as the provider sends it. */
export interface ProviderUnderTestSample {
  /** The declared type whose handler has to get it. */
  readonly type: string;
  /** Before it is written as JSON. */
  readonly body: JsonObject;
  /**
   * Dotted paths of what the schema requires, such as `["kind", "clip.id"]`: everything else has to be optional and may be `null`, and
   * nothing of these may be missing. Without it, neither is tested for this sample.
   */
  readonly required?: readonly string[];
}

/** A delivery whose signature was not made by the code under test. */
export interface ProviderVector {
  /** What it was signed with. */
  readonly secret: string;
  /** Those that carry the signature, at least. */
  readonly headers: Readonly<Record<string, string>>;
  /** What was signed. */
  readonly rawBody: Uint8Array | string;
  /** Milliseconds since 1970 at which it is received, where a time is signed. */
  readonly now?: number;
}

/** A provider made with `defineProvider`, and what the cases need to know of it. */
export interface ProviderUnderTest {
  /** The factory, such as `clipforge`. */
  create(options: ProviderOptions & MaxAgeOptions): Provider<string, object>;
  /** A secret of the form that the provider issues. */
  readonly secret: string;
  /** Another one of that form. */
  readonly otherSecret: string;
  /**
   * Signs as the provider does. Best made without this library, so that a mistake is not made twice.
   *
   * @param now milliseconds since 1970, for schemes that sign a time
   * @returns the headers that belong to the signature, and no others
   */
  sign(rawBody: Uint8Array, secret: string, now: number): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** At least one event of every type; different events, also where they tell of one job. */
  readonly samples: readonly ProviderUnderTestSample[];
  /** A body that has this in the place of the event type. Without it, types that the provider does not declare are not tested. */
  named?(type: unknown): JsonObject;
  /**
   * Whether `sign` signs a time beside the body.
   * @default whether the scheme has a `maxAgeSeconds`
   */
  readonly signsTime?: boolean;
  /** Deliveries of the provider's documentation or of another implementation. Without them, only `sign` stands for the provider. */
  readonly vectors?: readonly ProviderVector[];
}

/** A router with a handler for everything, and what these were given. */
export interface Observed {
  readonly events: readonly { readonly type: string; readonly event: unknown; readonly context: HandlerContext }[];
  readonly jobs: readonly VideoJob[];
  readonly unknown: readonly UnknownEvent[];
  readonly errors: readonly AnyWebhookError[];
  receive(
    rawBody: Uint8Array | string,
    headers?: HeaderSource,
    more?: { readonly url?: string; readonly method?: string },
  ): Promise<Outcome>;
}

/** What a case works with. */
export interface ProviderScene {
  readonly test: ProviderUnderTest;
  readonly now: number;
  readonly first: ProviderUnderTestSample;
  /** A new router; by default for a provider with the secret. */
  observe(provider?: Provider<string, object>, options?: RouterOptions): Observed;
  /** The signature of a body at the time of the scene. */
  sign(body: JsonObject | Uint8Array | string, secret?: string): Promise<Readonly<Record<string, string>>>;
  /** Signs and delivers. */
  send(body: JsonObject | Uint8Array | string, to?: Observed): Promise<Outcome>;
}

/** One thing that has to hold. Rejects with what was expected and what was found. */
export type ProviderPlay = (scene: ProviderScene) => Promise<void>;

/** A token that endpoints take. */
export const TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e";

/** A body as it is sent. */
export function bytesOf(body: JsonObject | Uint8Array | string): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

/** Sets up the scene of a case. */
export function createScene(test: ProviderUnderTest): ProviderScene {
  const now = Date.now();
  const { secret } = test;
  const [first] = test.samples;
  if (first === undefined) throw new Error("A provider cannot be tested without a sample.");
  const observe: ProviderScene["observe"] = (provider = test.create({ secret }), options = {}) =>
    observed(provider, { clock: () => now, ...options });
  const sign: ProviderScene["sign"] = async (body, by = secret) => test.sign(bytesOf(body), by, now);
  return {
    test,
    now,
    first,
    observe,
    sign,
    send: async (body, to = observe()) => to.receive(bytesOf(body), await sign(body)),
  };
}

function observed(provider: Provider<string, object>, options: RouterOptions): Observed {
  const events: { type: string; event: unknown; context: HandlerContext }[] = [];
  const jobs: VideoJob[] = [];
  const unknown: UnknownEvent[] = [];
  const errors: AnyWebhookError[] = [];
  const router = createRouter(provider, options);
  for (const type of Object.keys(provider.events)) {
    router.on(type as never, (event: unknown, context) => void events.push({ type, event, context }));
  }
  router
    .onJob("*", (job) => void jobs.push(job))
    .onUnknown((event) => void unknown.push(event))
    .onError((error) => void errors.push(error));
  return {
    events,
    jobs,
    unknown,
    errors,
    receive: (rawBody, headers = {}, { url = "/webhooks", method = "POST" } = {}) =>
      router.receive({ method, url, headers, body: rawBody }),
  };
}
