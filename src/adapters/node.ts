import type { Receiver } from "../delivery.ts";
import { toAnswer } from "../outcome.ts";
import { headersOf, ignoreStreamErrors, type NodeRequest, type NodeResponse, readNodeStream, sendAnswer } from "./node-http.ts";

export type { NodeRequest, NodeResponse, NodeStream } from "./node-http.ts";

/** Answers a request; the promise never rejects. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => Promise<void>;

/**
 * Makes a request listener for `node:http` and `node:https`. It reads the raw bytes itself, so mount it before any body parser.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { nodeHandler } from "video-webhooks/node";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const server = createServer(nodeHandler(router));
 * ```
 */
export function nodeHandler(router: Receiver): NodeHandler {
  return async function handleWebhook(request, response) {
    ignoreStreamErrors(request, response);
    const outcome = await router.receive({
      method: request.method ?? "",
      url: request.url ?? "/",
      headers: headersOf(request),
      body: (maxBytes) => readNodeStream(request, request.headers, maxBytes, FIX),
    });
    sendAnswer(request, response, toAnswer(outcome));
  };
}

const FIX = "Call nodeHandler(router)(request, response) before any body parser, and do not set an encoding on the request.";
