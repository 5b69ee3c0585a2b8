import type { ReadBody } from "../body.ts";
import { checkReceiver, type Receiver, type WaitUntil } from "../delivery.ts";
import { answerRequest } from "./fetch.ts";
import { answerNode, type NodeResponse, type ParsedRequest, readParsedBody } from "./node-http.ts";

export type { NodeRequest, NodeResponse, NodeStream, ParsedRequest } from "./node-http.ts";

/** Options of {@link nextRoute} and {@link nextApiRoute}. */
export interface NextOptions {
  /**
   * Keeps a serverless function alive for handlers that outlive the deadline: in the App Router `after` from `next/server`, which Next.js
   * has since 15.1, or `waitUntil` from the platform's package.
   * @default none
   */
  readonly waitUntil?: WaitUntil | undefined;
}

/** Answers a request of the App Router. */
export type NextRouteHandler = (request: Request) => Promise<Response>;

/** One handler for every method, so that a `route.ts` exports those it wants. */
export interface NextRoute {
  readonly GET: NextRouteHandler;
  readonly HEAD: NextRouteHandler;
  readonly POST: NextRouteHandler;
  readonly PUT: NextRouteHandler;
  readonly PATCH: NextRouteHandler;
  readonly DELETE: NextRouteHandler;
  readonly OPTIONS: NextRouteHandler;
}

/**
 * Makes the exports of a `route.ts` in the App Router of Next.js 15 and 16, for the Node.js runtime. `POST` and `OPTIONS` are what a
 * webhook needs; Next.js answers other methods with 405.
 *
 * @example
 * ```ts
 * // app/webhooks/heygen/route.ts
 * import { after } from "next/server";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { nextRoute } from "video-webhooks/next";
 *
 * // Read per delivery, since `next build` runs this file, often without secrets.
 * const router = createRouter(heygen({ secret: () => process.env.HEYGEN_WEBHOOK_SECRET ?? "" }));
 * export const { POST, OPTIONS } = nextRoute(router, { waitUntil: after });
 * ```
 */
export function nextRoute(router: Receiver, { waitUntil }: NextOptions = {}): NextRoute {
  checkReceiver(router, "nextRoute()");
  const handleWebhook: NextRouteHandler = (request) => answerRequest(router, request, ROUTE_FIX, waitUntil);
  const handlers = { GET: handleWebhook, POST: handleWebhook, PUT: handleWebhook, PATCH: handleWebhook, DELETE: handleWebhook };
  return { ...handlers, HEAD: handleWebhook, OPTIONS: handleWebhook };
}

const ELSEWHERE =
  "In a custom server, mount Next.js above express.json(). Behind a proxy.ts or middleware.ts, Next.js passes on 10 MB: for larger " +
  "bodies raise experimental.proxyClientMaxBodySize (in Next.js 15 experimental.middlewareClientMaxBodySize).";
const ROUTE_FIX = `Export what nextRoute(router) returns as it is, or read a copy before: await request.clone().text(). ${ELSEWHERE}`;

/** Answers a request of the Pages Router. */
export type NextApiHandler = (request: ParsedRequest, response: NodeResponse) => Promise<void>;

/**
 * Makes the default export of an API route in the Pages Router of Next.js 15 and 16. Turn off the body parser of Next.js beside it, with
 * the line of the example as it stands.
 *
 * @example
 * ```ts
 * // pages/api/heygen.ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { nextApiRoute } from "video-webhooks/next";
 *
 * export const config = { api: { bodyParser: false } };
 * export default nextApiRoute(createRouter(heygen({ secret: process.env.HEYGEN_WEBHOOK_SECRET })));
 * ```
 */
export function nextApiRoute(router: Receiver, { waitUntil }: NextOptions = {}): NextApiHandler {
  checkReceiver(router, "nextApiRoute()");
  return function handleWebhook(request, response) {
    const body: ReadBody = (maxBytes) => readParsedBody(request, maxBytes, API_FIX);
    return answerNode(router, request, response, { url: request.url ?? "/", body, waitUntil });
  };
}

const API_FIX = `Add this line to the file of the API route: export const config = { api: { bodyParser: false } }; ${ELSEWHERE}`;

/**
 * What the `config` of an API route has to be, for tests. Next.js reads `config` without running the file and refuses a reference, so the
 * file itself says `export const config = { api: { bodyParser: false } };`.
 */
export const nextApiConfig: { readonly api: { readonly bodyParser: false } } = { api: { bodyParser: false } };
