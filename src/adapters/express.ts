import type { ReadBody } from "../body.ts";
import { checkReceiver, type Receiver } from "../delivery.ts";
import { answerNode, type NodeResponse, type ParsedRequest, readParsedBody } from "./node-http.ts";

export type { NodeRequest, NodeResponse, NodeStream, ParsedRequest } from "./node-http.ts";

/** The part of an Express request that is used. */
export interface ExpressRequest extends ParsedRequest {
  /** The URL as it arrived; `url` lacks the path of the `app.use` or router around the handler. */
  readonly originalUrl?: string;
}

/** Answers a request. What could only be a defect goes to `next`, so that the promise never rejects (pitfall P51). */
export type ExpressHandler = (request: ExpressRequest, response: NodeResponse, next: (error?: unknown) => void) => Promise<void>;

/**
 * Makes a handler for Express 4.18 and newer, and 5. Mount it with `app.all`, so that it also answers OPTIONS.
 *
 * It takes the bytes from `request.rawBody`, from a `Buffer` or text in `request.body`, or from the unread stream. A body that
 * `express.json()` has parsed is answered 500 and reported as `body_already_parsed`, with the line to move.
 *
 * @throws {@link ConfigurationError} for what is no router
 *
 * @example
 * ```ts
 * import express from "express";
 * import { createRouter } from "video-webhooks";
 * import { expressHandler } from "video-webhooks/express";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const app = express();
 * app.all("/webhooks/heygen", expressHandler(router));
 * app.use(express.json());
 * ```
 */
export function expressHandler(router: Receiver): ExpressHandler {
  checkReceiver(router, "expressHandler()");
  return function handleWebhook(request, response, next) {
    const body: ReadBody = (maxBytes) => readParsedBody(request, maxBytes, FIX);
    return answerNode(router, request, response, { url: request.originalUrl ?? request.url ?? "/", body }).catch(next);
  };
}

const FIX =
  "Move app.all(path, expressHandler(router)) above app.use(express.json()) and other body parsers, " +
  "or keep the bytes: express.json({ verify: (req, _res, bytes) => { req.rawBody = bytes; } }).";
