// A complete Hono application on Node.js that receives HeyGen's webhooks beside routes of its own.
//
//   npm run example hono
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… TRUST_PROXY=1 npm run example hono

import type { Server } from "node:http";
import { isIPv6 } from "node:net";
import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { type Context, Hono } from "hono";
import { validator } from "hono/validator";
import { rateLimiter } from "hono-rate-limiter";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { honoHandler } from "video-webhooks/hono";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const port = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const perMinute = numberFrom("RATE_LIMIT", { fallback: 600, from: 1, to: 1_000_000 });
const behindProxy = numberFrom("TRUST_PROXY", { fallback: 0, from: 0, to: 1 }) === 1;
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");

const router = createRouter(heygen({ secret }))
  .on("avatar_video.success", (event) => console.log(`${event.event_data.video_id} is at ${event.event_data.url}`))
  .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
  .onError((error) => console.error(error.message));

const app = new Hono();

// Per client address, in this process. A burst of 100 deliveries passes with all its retries. Refused deliveries and OPTIONS count too:
// each costs no more than a hash, so what the number bounds is the log. One that is too low delays events: 429 says when to retry,
// and HeyGen delivers again for up to 24 hours.
const limiter = rateLimiter({ windowMs: 60_000, limit: perMinute, keyGenerator: (c) => networkOf(clientOf(c)) });
app.all("/webhooks/heygen", limiter, honoHandler(router));

const json = validator("json", (value: unknown) => value);
app.post("/videos", json, (c) => c.json({ ordered: c.req.valid("json") }, 202));

// TLS ends at the reverse proxy, which appends the client's address to X-Forwarded-For; without one, senders write there what they like.
// The last entry holds only because nobody gets past the proxy: the server listens on loopback.
function clientOf(c: Context): string {
  const forwarded = behindProxy ? c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return forwarded ?? getConnInfo(c).remote.address ?? "";
}

// A client with IPv6 has 2^64 addresses to choose from; the first four groups are what it cannot choose.
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [start = [], end = []] = address.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  return [...start, ...Array<string>(8 - start.length - end.length).fill("0"), ...end].slice(0, 4).join(":");
}

const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, (address) => {
  void printTryIt(`http://127.0.0.1:${address.port}/webhooks/heygen`, secret);
}) as Server;
server.on("error", (error) => exitUnheard(error, port, "hono"));

function stop(): void {
  // Deliveries under way are answered within HeyGen's 5 seconds. What is still connected then, a proxy merely keeps open.
  server.close();
  setTimeout(() => server.closeAllConnections(), 5000).unref();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
