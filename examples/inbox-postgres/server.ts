// A receiver that commits deliveries of HeyGen to Postgres before it answers, and handles them afterwards. Start as many as you like.
//
//   docker compose -f examples/inbox-postgres/compose.yaml up -d
//   npm run example inbox-postgres
//   PORT=8080 DATABASE_URL=postgres://… HEYGEN_WEBHOOK_SECRET=whsec_… npm run example inbox-postgres

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openPgBossInbox } from "video-webhooks/inbox/pg-boss";
import { nodeHandler } from "video-webhooks/node";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const port = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const connectionString = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");

const inbox = await openPgBossInbox({ connectionString, schema: process.env.DATABASE_SCHEMA }).catch((error: Error) => {
  console.error(`Postgres cannot be used: ${error.message}. Start it, or set DATABASE_URL.`);
  process.exit(1);
});

const router = createRouter(heygen({ secret }), { inbox })
  // A handler that throws is tried again, 8 times in all. It may run twice for one event, so what it does has to bear that.
  .on("avatar_video.success", (event, context) => {
    console.log(`${event.event_data.video_id} is at ${event.event_data.url} (attempt ${context.attempt} of ${context.id})`);
  })
  .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
  .onError((error) => console.error(error.message));

const worker = inbox.work(router, { onProblem: ({ problem, cause }) => console.error(problem, cause ?? "") });

const webhooks = nodeHandler(router);
const server = createServer(async (request, response) => {
  if (request.url === "/webhooks/heygen") return webhooks(request, response);
  // For a load balancer: no deliveries while Postgres cannot store them.
  const { ready } = request.url === "/health" ? await inbox.health() : { ready: undefined };
  response.writeHead(ready === undefined ? 404 : ready ? 200 : 503).end();
});
server.on("error", (error) => exitUnheard(error, port, "inbox-postgres"));
server.listen(port, "127.0.0.1", () => {
  void printTryIt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`, secret);
});

/** Takes no new deliveries and no more events. Answers and handlers under way may end; what they do not finish is there for the next process. */
async function stop(): Promise<void> {
  const answered = new Promise((resolve) => server.close(resolve));
  setTimeout(() => server.closeAllConnections(), 5000).unref();
  await Promise.all([answered, worker.stop({ graceMs: 20_000 })]);
  await inbox.close();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
