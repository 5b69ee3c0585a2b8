// A complete Express application that receives HeyGen's webhooks beside routes of its own.
//
//   npm run example express
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… TRUST_PROXY=1 npm run example express

import type { AddressInfo } from "node:net";
import express from "express";
import { rateLimit } from "express-rate-limit";
import { createRouter } from "video-webhooks";
import { expressHandler } from "video-webhooks/express";
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

const app = express();
// TLS ends at the reverse proxy, which appends the client's address to X-Forwarded-For; without one, senders write there what they like.
// A number of proxies holds only because nobody gets past them: the server listens on loopback.
if (behindProxy) app.set("trust proxy", 1);

// Per client address, in this process. A burst of 100 deliveries passes with all its retries. Refused deliveries and OPTIONS count too:
// each costs no more than a hash, so what the number bounds is the log. One that is too low delays events: 429 says when to retry,
// and HeyGen delivers again for up to 24 hours.
const limiter = rateLimit({ windowMs: 60_000, limit: perMinute });
app.all("/webhooks/heygen", limiter, expressHandler(router));

// Below the webhook, which needs the bytes as they were signed.
app.use(express.json());
app.post("/videos", (request, response) => {
  response.status(202).json({ ordered: request.body });
});

const server = app.listen(port, "127.0.0.1", (error) => {
  if (error) exitUnheard(error, port, "express");
  void printTryIt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`, secret);
});

function stop(): void {
  // Deliveries under way are answered within HeyGen's 5 seconds. What is still connected then, a proxy merely keeps open.
  server.close();
  setTimeout(() => server.closeAllConnections(), 5000).unref();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
