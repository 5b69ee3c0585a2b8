import { alreadyParsed, type ReadBody } from "../body.ts";
import { checkReceiver, type Receiver } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import { isEncoded, wholeBody } from "../kept-body.ts";
import { type Answer, toAnswer } from "../outcome.ts";
import {
  cutOff,
  dropRest,
  headersOf,
  ignore,
  ignoreStreamErrors,
  isUnread,
  keptOf,
  type NodeRequest,
  type NodeResponse,
  type NodeStream,
  readNodeStream,
  readRawBody,
} from "./node-http.ts";
import { asError } from "./thrown.ts";

export type { NodeRequest, NodeResponse, NodeStream } from "./node-http.ts";

/** The part of a Fastify request that is used. */
export interface FastifyRequest {
  /** Its `originalUrl` is the URL as it arrived, where `rewriteUrl` has changed it. */
  readonly raw: NodeRequest & { readonly originalUrl?: string | undefined };
  headers: object;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** The part of a Fastify reply that is used. */
export interface FastifyReply {
  readonly sent: boolean;
  readonly raw: NodeResponse;
  code(status: number): this;
  header(name: string, value: string): this;
  send(body?: unknown): this;
}

/** @inline */
type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** The part of a Fastify instance that is used. */
export interface FastifyInstance {
  register(plugin: (scope: FastifyInstance) => Promise<void>): unknown;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string[],
    parser: (request: FastifyRequest, payload: NodeStream, done: (error: Error | null, body?: unknown) => void) => void,
  ): unknown;
  route(options: {
    readonly method: Method[];
    readonly url: string;
    readonly exposeHeadRoute: boolean;
    readonly config: object;
    readonly onRequest: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;
    readonly handler: (request: FastifyRequest, reply: FastifyReply) => void;
  }): unknown;
}

/** Options of {@link fastifyPlugin}. */
export interface FastifyPluginOptions {
  /** What takes the deliveries of this path. */
  readonly router: Receiver;
  /** The path to answer, below the `prefix` of the registration if there is one. */
  readonly path: string;
}

/**
 * Answers one path of a Fastify 5 application. Register it once for each router. Its content type parser lives in a context of its own, so
 * that it concerns no other route, and they parse JSON as before.
 *
 * @throws {@link ConfigurationError} for what is no router, or no path
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { createRouter } from "video-webhooks";
 * import { fastifyPlugin } from "video-webhooks/fastify";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const app = fastify();
 * app.register(fastifyPlugin, { router, path: "/webhooks/heygen" });
 * ```
 */
export async function fastifyPlugin(instance: FastifyInstance, options: FastifyPluginOptions): Promise<void> {
  const { router, path } = options ?? {};
  checkReceiver(router, "fastifyPlugin");
  if (typeof path !== "string") {
    throw new ConfigurationError('fastifyPlugin needs a path: app.register(fastifyPlugin, { router, path: "/webhooks/heygen" }).');
  }
  // Also where the instance is the application's own, as behind the package fastify-plugin.
  instance.register(async (scope) => mount(scope, router, path));
}

function mount(instance: FastifyInstance, router: Receiver, path: string): void {
  instance.removeAllContentTypeParsers();
  // The usual type on its own, since Fastify takes longer to find the parser for all others.
  instance.addContentTypeParser(["application/json", "*"], (request, payload, done) => {
    // The handler reads it. A hook that has begun to read would otherwise leave nothing but the end.
    if (payload.readableFlowing) payload.pause();
    // The stream of a hook may fail, for example on what it cannot decompress, and an error that nobody hears ends the process.
    if (payload !== request.raw) payload.on("error", ignore);
    done(null, payload);
  });
  instance.route({
    method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    url: path,
    exposeHeadRoute: false,
    // For fastify-raw-body, whose second copy of the body nobody needs, and @fastify/cors, which would answer the probes with 400 and
    // looks at this since 10.1.
    config: { rawBody: false, cors: false },
    onRequest(request, _reply, done) {
      // Fastify refuses a malformed type before any parser is asked. The router gets the headers as they arrived.
      const type = request.raw.headers["content-type"];
      if (type !== undefined && type !== "application/json" && !mediaType.test(String(type)))
        request.headers = { "content-type": "application/octet-stream" };
      done();
    },
    // Not async: Fastify would wait for the promise only to find that everything was sent.
    handler: function handleWebhook(request, reply) {
      const { raw } = request;
      ignoreStreamErrors(raw, reply.raw);
      const body: ReadBody = (maxBytes) => readBody(request, maxBytes);
      router
        .receive({ method: raw.method ?? "", url: raw.originalUrl ?? raw.url ?? "/", headers: headersOf(raw), body })
        .then((outcome) => sendReply(raw, reply, toAnswer(outcome)))
        .catch((thrown: unknown) => reply.send(asError(thrown)));
    },
  });
}

// RFC 9110, section 8.3.1.
const mediaType = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/;

const FIX = "Register fastifyPlugin outside of the plugin whose hook reads or replaces the body.";

function readBody({ raw, rawBody, body }: FastifyRequest, maxBytes: number): ReturnType<ReadBody> {
  // Nearly always, and then without another promise.
  if (body === raw && rawBody === undefined) return readRawBody(raw, maxBytes, FIX);
  const payload = isStream(body) ? body : raw;
  for (const kept of [rawBody, body]) {
    const whole = wholeBody(kept, headersOf(raw), FIX, raw, payload);
    if (whole !== undefined) return Promise.resolve(whole);
  }
  if (payload !== raw) {
    // A hook has put another stream in place; one that decompresses does not give the bytes that were signed.
    if (isEncoded(headersOf(raw))) return Promise.resolve(alreadyParsed(`A hook replaced a compressed body. ${FIX}`));
    return readNodeStream(payload, raw.headers, maxBytes, FIX);
  }
  if ((body ?? raw) === raw) return readRawBody(raw, maxBytes, FIX);
  return Promise.resolve(keptOf(raw, FIX) ?? alreadyParsed(`A hook parsed the body before. ${FIX}`));
}

function isStream(body: unknown): body is NodeStream {
  return typeof (body as Partial<NodeStream> | null | undefined)?.on === "function";
}

/** Fastify adds the charset to whatever is JSON, which takes longer than to have it ready. */
const withCharset: ReadonlyMap<string, string> = new Map(
  ["application/json", "application/problem+json"].map((type) => [type, `${type}; charset=utf-8`]),
);

function sendReply(request: NodeRequest, reply: FastifyReply, { status, headers, body }: Answer): void {
  if (reply.sent) return;
  if (status !== 200) reply.code(status);
  for (const name of Object.keys(headers)) {
    const value = headers[name] as string;
    reply.header(name, withCharset.get(value) ?? value);
  }
  const isSent = !isUnread(request);
  if (isSent || body === undefined || request.httpVersionMajor >= 2) {
    reply.send(body);
    if (!isSent) cutOff(request);
    return;
  }
  // As for node:http, the answer is whole at once and ends when the rest of the body was dropped.
  reply.header("connection", "close").header("content-length", String(body.length)).send(lingering(request, body));
}

function lingering(request: NodeRequest, body: string): ReadableStream<Uint8Array> {
  let sent = false;
  let left = false;
  return new ReadableStream(
    {
      pull(controller) {
        if (!sent) {
          sent = true;
          return controller.enqueue(new TextEncoder().encode(body));
        }
        return new Promise<void>((resolve) => {
          dropRest(request, () => {
            if (!left) controller.close();
            resolve();
          });
        });
      },
      cancel() {
        left = true;
      },
    },
    // Nothing before Fastify asks for it, after the last hook.
    { highWaterMark: 0 },
  );
}
