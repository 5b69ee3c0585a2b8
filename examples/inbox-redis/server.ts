// Keeps HeyGen's webhooks in Redis before it answers, and works them off beside that. Start it more than once to share the work.
//
//   docker compose -f examples/inbox-redis/compose.yaml up      for those who have no Redis
//   npm run example inbox-redis
//   PORT=8080 REDIS_URL=redis://127.0.0.1:6379 HEYGEN_WEBHOOK_SECRET=whsec_… npm run example inbox-redis

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openBullMqInbox } from "video-webhooks/inbox/bullmq";
import { nodeHandler } from "video-webhooks/node";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const port = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");

const inbox = await openBullMqInbox({
  connection: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  prefix: process.env.INBOX_PREFIX,
}).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});

// Handlers may take their time: the sender has its answer. What they throw leads to a retry, and after the last one to a dead letter.
const router = createRouter(heygen({ secret }), { inbox })
  .on("avatar_video.success", (event, context) => {
    console.log(`${event.event_data.video_id} is at ${event.event_data.url} (attempt ${context.attempt})`);
  })
  .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
  .onError((error) => console.error(error.message));

const worker = inbox.work(router, { onProblem: ({ problem, source = "" }) => console.error(`worker: ${problem} ${source}`) });

const receive = nodeHandler(router);
const server = createServer(async (request, response) => {
  const [path] = (request.url ?? "/").split("?");
  if (path === "/webhooks/heygen") return void receive(request, response);
  const health = path === "/health" ? await inbox.health() : undefined;
  response.writeHead(health === undefined ? 404 : health.ready ? 200 : 503, { "content-type": "application/json" });
  response.end(JSON.stringify(health ?? { error: "Nothing here." }));
});
server.on("error", (error) => exitUnheard(error, port, "inbox-redis"));
server.listen(port, "127.0.0.1", () => {
  void printTryIt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`, secret);
});

/** Takes no new deliveries and no more events, answers what is under way, lets running handlers end, and gives the rest back. */
async function stop(): Promise<void> {
  const answered = new Promise((resolve) => server.close(resolve));
  setTimeout(() => server.closeAllConnections(), 5000).unref();
  await Promise.all([answered, worker.stop({ graceMs: 10_000 })]);
  await inbox.close();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
