import type { ReadBody } from "../body.ts";
import { checkReceiver, type Receiver } from "../delivery.ts";
import { answerNode, type NodeRequest, type NodeResponse, readRawBody } from "./node-http.ts";

export type { NodeRequest, NodeResponse, NodeStream } from "./node-http.ts";

/** Answers a request. With a router, the promise never rejects. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => Promise<void>;

/**
 * Makes a request listener for `node:http`, `node:https` and `node:http2`. It reads the raw bytes itself, so mount it before any body
 * parser. Of a request that a platform has drained before, it takes the bytes that were kept in `request.rawBody` or `request.body`.
 *
 * @throws {@link ConfigurationError} for what is no router
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
  checkReceiver(router, "nodeHandler()");
  return function handleWebhook(request, response) {
    const body: ReadBody = (maxBytes) => readRawBody(request, maxBytes, FIX);
    return answerNode(router, request, response, { url: request.url ?? "/", body });
  };
}

const FIX = "Call nodeHandler(router)(request, response) before any body parser, and do not set an encoding on the request.";
