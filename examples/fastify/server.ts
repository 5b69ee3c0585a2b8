// A complete Fastify application that receives HeyGen's webhooks beside routes of its own.
//
//   npm run example fastify
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… TRUST_PROXY=1 npm run example fastify

import rateLimit from "@fastify/rate-limit";
import fastify from "fastify";
import { createRouter } from "video-webhooks";
import { fastifyPlugin } from "video-webhooks/fastify";
import { heygen } from "video-webhooks/heygen";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const port = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const perMinute = numberFrom("RATE_LIMIT", { fallback: 600, from: 1, to: 1_000_000 });
const behindProxy = numberFrom("TRUST_PROXY", { fallback: 0, from: 0, to: 1 }) === 1;
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");

const router = createRouter(heygen({ secret }))
  .on("avatar_video.success", (event) => console.log(`${event.event_data.video_id} is at ${event.event_data.url}`))
  .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
  .onError((error) => console.error(error.message));

// TLS ends at the reverse proxy, which appends the client's address to X-Forwarded-For; without one, senders write there what they like.
// The proxy is named by its address: since 5.12.1, Fastify takes a number of proxies for none.
const app = fastify({ trustProxy: behindProxy ? "127.0.0.1" : false });

app.register(async (webhooks) => {
  // Per client address, in this process. A burst of 100 deliveries passes with all its retries. Refused deliveries and OPTIONS count too:
  // each costs no more than a hash, so what the number bounds is the log. One that is too low delays events: 429 says when to retry,
  // and HeyGen delivers again for up to 24 hours.
  await webhooks.register(rateLimit, { max: perMinute, timeWindow: 60_000 });
  webhooks.register(fastifyPlugin, { router, path: "/webhooks/heygen" });
});

app.post("/videos", async (request, reply) => reply.code(202).send({ ordered: request.body }));

try {
  const base = await app.listen({ port, host: "127.0.0.1" });
  await printTryIt(`${base}/webhooks/heygen`, secret);
} catch (error) {
  exitUnheard(error as Error, port, "fastify");
}

function stop(): void {
  // Deliveries under way are answered within HeyGen's 5 seconds. What is still connected then, a proxy merely keeps open.
  void app.close();
  setTimeout(() => app.server.closeAllConnections(), 5000).unref();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
