// A Cloudflare Worker that receives HeyGen's webhooks.

import { type AnyRouter, createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";

interface Env {
  readonly HEYGEN_WEBHOOK_SECRET: string;
}

interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

// Bindings come with the requests, so that the first one makes the router. It serves all that this isolate gets, and remembers duplicates for
// this isolate only.
let router: AnyRouter | undefined;

function makeRouter({ HEYGEN_WEBHOOK_SECRET: secret }: Env): AnyRouter {
  return createRouter(heygen({ secret }), { logger: console })
    .on("avatar_video.success", (event) => console.log(`${event.event_data.video_id} is at ${event.event_data.url}`))
    .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
    .onError((error) => console.error(error.message));
}

const worker = {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    if (new URL(request.url).pathname !== "/webhooks/heygen") return new Response("Not found\n", { status: 404 });
    router ??= makeRouter(env);
    // With the context, handlers that outlive the answer are kept alive by its waitUntil.
    return router.fetch(request, env, context);
  },
};
export default worker;
