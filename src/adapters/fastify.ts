import { alreadyParsed, isBytes, type ReadBody } from "../body.ts";
import type { Receiver } from "../delivery.ts";
import { isEncoded, keptBody } from "../kept-body.ts";
import { type Answer, toAnswer } from "../outcome.ts";
import {
  cutOff,
  headersOf,
  ignore,
  ignoreStreamErrors,
  type NodeRequest,
  type NodeResponse,
  type NodeStream,
  readNodeStream,
} from "./node-http.ts";

export type { NodeRequest, NodeResponse, NodeStream } from "./node-http.ts";

/** The part of a Fastify request that is used. */
export interface FastifyRequest {
  readonly method: string;
  /** The URL as it arrived, before `rewriteUrl`. */
  readonly originalUrl: string;
  readonly raw: NodeRequest;
  headers: object;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

/** The part of a Fastify reply that is used. */
export interface FastifyReply {
  readonly sent: boolean;
  readonly raw: NodeResponse;
  code(status: number): this;
  headers(values: Record<string, string>): this;
  send(body?: string): this;
}

type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** The part of a Fastify instance that is used. */
export interface FastifyInstance {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    parser: (request: FastifyRequest, payload: NodeStream, done: (error: Error | null, body?: unknown) => void) => void,
  ): unknown;
  route(options: {
    readonly method: Method[];
    readonly url: string;
    readonly exposeHeadRoute: boolean;
    readonly config: object;
    readonly preParsing: (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: () => void) => void;
    readonly handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;
  }): unknown;
}

/** Options of {@link fastifyPlugin}. */
export interface FastifyPluginOptions {
  readonly router: Receiver;
  /** The path to answer, below the `prefix` of the registration if there is one. */
  readonly path: string;
}

/**
 * Answers one path of a Fastify 5 application. Register it once for each router. Its content type parser concerns no other route: they
 * parse JSON as before.
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
export async function fastifyPlugin(instance: FastifyInstance, { router, path }: FastifyPluginOptions): Promise<void> {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser("*", (_request, payload, done) => {
    // The handler reads it. A hook that has begun to read would otherwise leave nothing but the end.
    payload.pause();
    // The stream of a hook may fail, for example on what it cannot decompress, and an error that nobody hears ends the process.
    payload.on("error", ignore);
    done(null, payload);
  });
  instance.route({
    method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    url: path,
    exposeHeadRoute: false,
    // For fastify-raw-body: no second copy of the body is needed.
    config: { rawBody: false },
    preParsing(request, _reply, _payload, done) {
      // Fastify refuses a malformed type before any parser is asked. The router gets the headers as they arrived.
      const type = request.raw.headers["content-type"];
      if (type !== undefined && !mediaType.test(String(type))) request.headers = { "content-type": "application/octet-stream" };
      done();
    },
    handler: async function handleWebhook(request, reply) {
      ignoreStreamErrors(request.raw, reply.raw);
      const outcome = await router.receive({
        method: request.method,
        url: request.originalUrl,
        headers: headersOf(request.raw),
        body: (maxBytes) => readBody(request, maxBytes),
      });
      return sendReply(request.raw, reply, toAnswer(outcome));
    },
  });
}

// RFC 9110, section 8.3.1.
const mediaType = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/;

const FIX = "Register fastifyPlugin outside of the plugin whose preParsing hook reads or replaces the body.";

async function readBody({ raw, rawBody, body }: FastifyRequest, maxBytes: number): ReturnType<ReadBody> {
  if (isBytes(rawBody) || typeof rawBody === "string") return keptBody(rawBody, headersOf(raw), FIX);
  const payload = (body ?? raw) as NodeStream;
  // A hook has put another stream in place; one that decompresses does not give the bytes that were signed.
  if (payload !== raw && isEncoded(headersOf(raw))) return alreadyParsed(`A hook replaced a compressed body. ${FIX}`);
  return readNodeStream(payload, raw.headers, maxBytes, FIX);
}

function sendReply(request: NodeRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  if (reply.sent) return reply;
  reply
    .code(answer.status)
    .headers({ ...answer.headers })
    .send(answer.body);
  cutOff(request);
  return reply;
}
