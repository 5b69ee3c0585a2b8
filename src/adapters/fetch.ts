import type { Receiver, WaitUntil } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import { toAnswer } from "../outcome.ts";
import { incomingOf, type ParsedRequest, readFetched } from "./node-http.ts";
import { asError } from "./thrown.ts";

/**
 * Answers a `Request`. `platform` is whatever else the platform passes; an object with a method `waitUntil` among it keeps handlers
 * alive that outlive the deadline.
 */
export type FetchHandler = (request: Request, ...platform: readonly unknown[]) => Promise<Response>;

/** Makes a function from `Request` to `Response` of a router; `router.fetch` is made by it. */
export function fetchHandler(router: Receiver): FetchHandler {
  return function handleWebhook(request, ...platform) {
    // At once, since frameworks whose handler this is not answer what is thrown, and may never look at a promise.
    if (typeof (request as Partial<Request> | undefined)?.headers?.get !== "function") throw notFetch();
    // On Node.js, @hono/node-server passes the request of node:http behind the one of Fetch.
    return answerRequest(router, request, FIX, waitUntilOf(platform), incomingOf(platform[0]));
  };
}

function notFetch(): ConfigurationError {
  return new ConfigurationError(
    "router.fetch() takes a Request of Fetch, and got something else. Express, Fastify, Hono, the Pages Router of Next.js and node:http have handlers of their own, such as expressHandler(router) of video-webhooks/express.",
  );
}

const FIX = "Call router.fetch(request) first, or read a copy: await request.clone().text().";

/** Takes a `Request` through a router; `fix` is a sentence with the line to change if its body was read before. */
export async function answerRequest(
  router: Receiver,
  request: Request,
  fix: string,
  waitUntil: WaitUntil | undefined,
  incoming?: ParsedRequest | undefined,
): Promise<Response> {
  try {
    const outcome = await router.receive({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: (maxBytes) => readFetched(request, incoming, maxBytes, fix),
      waitUntil,
    });
    const { status, headers, body = null } = toAnswer(outcome);
    return new Response(body, { status, headers });
  } catch (thrown) {
    throw asError(thrown);
  }
}

/** Workers pass it after the bindings, Netlify right after the request. */
function waitUntilOf(platform: readonly unknown[]): WaitUntil | undefined {
  for (const given of platform as readonly ({ readonly waitUntil?: unknown } | null | undefined)[]) {
    try {
      if (typeof given?.waitUntil === "function") return (promise) => (given as { waitUntil: WaitUntil }).waitUntil(promise);
    } catch {
      // An environment that checks its names throws for one it does not know.
    }
  }
  return undefined;
}
