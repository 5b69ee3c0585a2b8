// Receives HeyGen's webhooks into a SQLite file, and works them off in the same process. Stop it and start it again: nothing is lost.
//
//   npm run example inbox-sqlite
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… WEBHOOKS_DB=webhooks.db npm run example inbox-sqlite

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { nodeHandler } from "video-webhooks/node";
import { exitUnheard, numberFrom, printTryIt, secretFrom } from "../try-it.ts";

const port = numberFrom("PORT", { fallback: 3000, from: 0, to: 65_535 });
const secret = secretFrom("HEYGEN_WEBHOOK_SECRET");
const file = process.env.WEBHOOKS_DB ?? path.join(tmpdir(), "video-webhooks-example.db");

const inbox = await openSqliteInbox({ path: file });
const router = createRouter(heygen({ secret }), { inbox })
  .on("avatar_video.success", async (event, { signal }) => {
    // The place for what takes long: the sender has its answer. The signal ends it when the worker stops.
    signal.throwIfAborted();
    console.log(`${event.event_data.video_id} is at ${event.event_data.url}`);
  })
  .onJob("failed", (job) => console.log(`${job.provider} ${job.id} failed: ${job.error?.message}`))
  .onError((error) => console.error(error.message));
const worker = inbox.work(router, { concurrency: 4, onProblem: ({ problem }) => console.error(`worker: ${problem}`) });

const handle = nodeHandler(router);
const server = createServer(async (request, response) => {
  if (request.url === "/health") {
    const health = await inbox.health();
    return void response.writeHead(health.ready ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(health));
  }
  return handle(request, response);
});
server.on("error", (error) => exitUnheard(error, port, "inbox-sqlite"));
server.listen(port, "127.0.0.1", () => {
  console.log(`Stored in ${file}`);
  void printTryIt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`, secret);
});

/** No new deliveries and no more events. What is under way may end; what does not is given back, and handled after the next start. */
async function stop(): Promise<void> {
  const answered = new Promise((resolve) => server.close(resolve));
  setTimeout(() => server.closeAllConnections(), 5000).unref();
  await Promise.all([answered, worker.stop()]);
  await inbox.close();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
