import { alreadyParsed, announcesMoreThan, readStream, tooLarge } from "../body.ts";
import type { Receiver } from "../delivery.ts";
import { toAnswer } from "../outcome.ts";

/** Makes a function from `Request` to `Response` of a router; `router.fetch` is made by it. */
export function fetchHandler(router: Receiver): (request: Request) => Promise<Response> {
  return async function handleWebhook(request) {
    const outcome = await router.receive({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: async (maxBytes) => {
        if (request.bodyUsed || request.body?.locked) return alreadyParsed(HINT);
        if (announcesMoreThan(request.headers.get("content-length"), maxBytes)) return tooLarge;
        return request.body === null ? new Uint8Array() : readStream(request.body, maxBytes);
      },
    });
    const { status, headers, body = null } = toAnswer(outcome);
    return new Response(body, { status, headers });
  };
}

const HINT =
  "The body of the Request was read before router.fetch got it. Call router.fetch(request) first, or read a copy: await request.clone().text().";
