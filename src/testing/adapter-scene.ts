import type { AnyWebhookError } from "../errors.ts";
import { defineProvider, type EventSchema, type Provider, type ProviderOptions } from "../provider.ts";
import { type AnyRouter, createRouter, type Router, type RouterOptions } from "../router.ts";
import { Discard, RetryLater } from "../signals.ts";
import { hmacHex } from "../signature/hmac-hex.ts";
import { signHmacHex } from "./sign.ts";

/** A server that has mounted a router. */
export interface ServedRouter {
  /** Where requests of every method reach the router through the adapter. */
  readonly url: string;
  /** Ends the server. */
  close(): unknown;
}

/** An adapter, and what the cases need to know of it. */
export interface AdapterUnderTest {
  /** Starts a server on loopback that hands every request, of whatever method, to the router. Each case starts at least one. */
  serve(router: AnyRouter): ServedRouter | Promise<ServedRouter>;
  /** Cases that cannot hold for this adapter or its platform, by name, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>> | undefined;
  /**
   * Sends requests over HTTP.
   * @default the global `fetch`
   */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** The event that the cases deliver. */
interface ClipEvent {
  readonly kind: "clip.done";
  readonly clip: string;
  /** What the handler shall do. */
  readonly wish?: string;
}

interface CaseEvents {
  "clip.done": ClipEvent;
  "clip.failed": ClipEvent;
}

// Without a schema library, so that whoever tests an adapter needs none.
const clipSchema: EventSchema<ClipEvent> = {
  safeParse(body) {
    const { clip } = body as Partial<ClipEvent>;
    return typeof clip === "string" && clip !== ""
      ? { success: true, data: body as ClipEvent }
      : { success: false, error: { issues: [{ code: "invalid_type", path: ["clip"] }] } };
  },
};

function createProvider(options: ProviderOptions): Provider<"adapter-cases", CaseEvents> {
  return defineProvider({
    name: "adapter-cases",
    signature: hmacHex({ headers: [SIGNATURE] }),
    events: { "clip.done": clipSchema, "clip.failed": clipSchema },
    eventType: ({ kind }) => (typeof kind === "string" ? kind : undefined),
    dedupeKey: ({ clip }, type) => [type, clip],
    toJob: () => undefined,
    ackDeadlineMs: 5000,
  })(options);
}

const SIGNATURE = "x-case-signature";
const secret = "whsec_of-the-adapter-cases";

/** What to send; by default a POST without anything. */
export interface Sending {
  readonly method?: string;
  /** With its question mark. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** A router behind the adapter, and what it saw. */
export interface MountedRouter {
  /** What the handler was given. */
  readonly runs: readonly { readonly clip: string; readonly rawBody: Uint8Array; readonly tenant: string | undefined }[];
  readonly errors: readonly AnyWebhookError[];
  /** Resolves when a handler starts. */
  readonly started: Promise<void>;
  /** Resolves when there is an error of this code, or rejects after five seconds. */
  seen(code: string): Promise<void>;
  /** Lets handlers end that hang. */
  release(): void;
  send(sending: Sending): Promise<Response>;
  /** Sends a body with its signature. */
  deliver(body: Uint8Array | string, sending?: Sending): Promise<Response>;
}

/** What a case works with. */
export interface AdapterScene {
  mount(options?: RouterOptions, provider?: ProviderOptions): Promise<MountedRouter>;
}

/** One thing that has to hold. Rejects with what was expected and what was found. */
export type AdapterPlay = (scene: AdapterScene) => Promise<void>;

/** A `clip.done` as it is sent. */
export function clip(id: string, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ kind: "clip.done", clip: id, ...fields });
}

/** The headers that sign a body. */
export function signatureOf(body: Uint8Array | string): Record<string, string> {
  return signHmacHex(body, secret, { header: SIGNATURE });
}

/** Runs a case, and ends every server that it started. */
export async function perform(test: AdapterUnderTest, play: AdapterPlay): Promise<void> {
  const served: ServedRouter[] = [];
  const mounted: MountedRouter[] = [];
  try {
    await play({
      async mount(options = {}, provider = { secret }) {
        const router = createRouter(createProvider(provider), options);
        const server = await test.serve(router);
        served.push(server);
        const watched = watch(router, server, test.fetch ?? globalThis.fetch);
        mounted.push(watched);
        return watched;
      },
    });
  } finally {
    for (const { release } of mounted) release();
    for (const server of served) await server.close();
  }
}

function watch(router: Router<"adapter-cases", CaseEvents>, { url }: ServedRouter, request: typeof globalThis.fetch): MountedRouter {
  const runs: MountedRouter["runs"][number][] = [];
  const errors: AnyWebhookError[] = [];
  const [started, released] = [signal(), signal()];
  const waiting: { readonly code: string; readonly resolve: () => void }[] = [];
  router.on("clip.done", (event, { rawBody, headers }) => {
    runs.push({ clip: event.clip, rawBody, tenant: headers.get("X-Case-Tenant") });
    started.resolve();
    return fulfil(event.wish, released.promise);
  });
  router.onError((error) => {
    errors.push(error);
    for (const { code, resolve } of waiting) if (code === error.code) resolve();
  });
  const send: MountedRouter["send"] = ({ query = "", method = "POST", body = null, ...rest }) => {
    // A stream as a body is sent as it comes; browsers and Node.js ask that this be said.
    const init: RequestInit & { duplex: "half" } = { method, body: body as BodyInit | null, duplex: "half", redirect: "manual", ...rest };
    return request(url + query, { signal: AbortSignal.timeout(10_000), ...init });
  };
  return {
    runs,
    errors,
    started: started.promise,
    release: released.resolve,
    send,
    deliver: (body, { headers, ...sending } = {}) => send({ ...sending, headers: { ...signatureOf(body), ...headers }, body }),
    async seen(code) {
      if (errors.some((error) => error.code === code)) return;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`expected the error ${code} within 5 s, found none.`)), 5000);
        waiting.push({
          code,
          resolve: () => {
            clearTimeout(timer);
            resolve();
          },
        });
      });
    },
  };
}

function fulfil(wish: string | undefined, released: Promise<void>): unknown {
  if (wish === "throw") throw new Error("as asked");
  if (wish === "throw-undefined") throw undefined;
  if (wish === "reject") return Promise.reject(new Error("as asked"));
  if (wish === "retry") throw new RetryLater({ afterSeconds: 30 });
  if (wish === "discard") throw new Discard("as asked");
  return wish === "hang" ? released : undefined;
}

function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
