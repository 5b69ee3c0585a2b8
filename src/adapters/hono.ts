import { alreadyParsed, complete, incomplete, type ReadBody } from "../body.ts";
import { checkReceiver, type Receiver, type WaitUntil } from "../delivery.ts";
import { keptBody } from "../kept-body.ts";
import { toAnswer } from "../outcome.ts";
import { incomingOf, type ParsedRequest, readFetched } from "./node-http.ts";
import { asError } from "./thrown.ts";

/** The part of a Hono context that is used. */
export interface HonoContext {
  readonly req: {
    readonly method: string;
    readonly url: string;
    readonly raw: Request;
    readonly bodyCache: object;
  };
  /** Bindings; on Node.js the request as `node:http` made it. */
  readonly env: unknown;
  /** Throws where the platform has none. */
  readonly executionCtx: { waitUntil(promise: Promise<unknown>): unknown };
  body(data: string | null, status: never, headers: Record<string, string>): Response;
}

/** Answers a request. */
export type HonoHandler = (context: HonoContext) => Promise<Response>;

/**
 * Makes a handler for Hono 4 on Node.js, Bun, Deno and Cloudflare Workers. Mount it with `app.all`, so that it also answers OPTIONS.
 *
 * Middleware may have called `c.req.arrayBuffer()`, or `c.req.text()` on a delivery with a `Content-Length`. Any other way of reading the
 * body before is answered 500 and reported as `body_already_parsed`. Where Hono has an execution context, handlers that outlive the
 * deadline are passed to its `waitUntil`.
 *
 * @throws {@link ConfigurationError} for what is no router
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { honoHandler } from "video-webhooks/hono";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const app = new Hono();
 * app.all("/webhooks/heygen", honoHandler(router));
 * ```
 */
export function honoHandler(router: Receiver): HonoHandler {
  checkReceiver(router, "honoHandler()");
  return async function handleWebhook(context) {
    const { req } = context;
    const incoming = incomingOf(context.env);
    try {
      const outcome = await router.receive({
        method: req.method,
        url: req.url,
        headers: req.raw.headers,
        body: (maxBytes) => readBody(req, incoming, maxBytes),
        // On Node.js there is no execution context, and to ask for it costs an error.
        waitUntil: incoming ? undefined : waitUntilOf(context),
      });
      const answer = toAnswer(outcome);
      return context.body(answer.body ?? null, answer.status as never, { ...answer.headers });
    } catch (thrown) {
      throw asError(thrown);
    }
  };
}

const FIX =
  "Register app.all(path, honoHandler(router)) before the middleware that reads the body, or let that middleware call " +
  "await c.req.arrayBuffer().";

/** What Hono keeps of a body that somebody read. */
interface BodyCache {
  readonly arrayBuffer?: ArrayBuffer | Promise<ArrayBuffer>;
  readonly text?: string | Promise<string>;
}

async function readBody(
  { raw, bodyCache }: HonoContext["req"],
  incoming: ParsedRequest | undefined,
  maxBytes: number,
): ReturnType<ReadBody> {
  const { headers } = raw;
  const { arrayBuffer, text } = bodyCache as BodyCache;
  try {
    if (arrayBuffer !== undefined) return complete(new Uint8Array(await arrayBuffer), headers.get("content-length"), FIX);
    if (text !== undefined) return keptBody(await text, headers, FIX);
  } catch {
    // Reading fails only when the connection does, which the middleware hears of as well.
    return incomplete;
  }
  if (Object.keys(bodyCache).length > 0) return alreadyParsed(`Middleware parsed the body before. ${FIX}`);
  return readFetched(raw, incoming, maxBytes, FIX);
}

function waitUntilOf(context: HonoContext): WaitUntil | undefined {
  try {
    const executionCtx: Partial<HonoContext["executionCtx"]> | undefined = context.executionCtx;
    return executionCtx?.waitUntil?.bind(executionCtx);
  } catch {
    // Bun and Deno have none, and need none.
    return undefined;
  }
}
