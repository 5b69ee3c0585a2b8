// A server and a worker on one SQLite file, whose memory is measured. It gets the file and a secret as arguments; without a file, the
// server runs the handlers itself, and stores nothing.
//
// It loads nothing but the package, and runs without its types, so as not to count what only the benchmark needs.

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { nodeHandler } from "video-webhooks/node";

/** What the process tells about itself. */
export interface MemoryReport {
  readonly url: string;
  readonly rssMb: number;
  readonly peakMb: number;
  readonly handled: number;
}

const [path = "", secret] = process.argv.slice(1);
const inbox = path === "" ? undefined : await openSqliteInbox({ path });
let handled = 0;
const router = createRouter(heygen({ secret }), inbox ? { inbox } : { idempotency: false }).on("avatar_video.success", () => {
  handled++;
});
const worker = inbox?.work(router);
const server = createServer(nodeHandler(router)).listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

// What people look at meanwhile must not read a table into memory either.
const watching = setInterval(() => void Promise.all([inbox?.stats(), inbox?.list({ state: "done" }), inbox?.health()]), 1000);

/** The most memory that this program had, in kilobytes of 1024 bytes. What Linux calls `maxRSS` counts the process that started it, too. */
function peakKb(): number {
  const file = "/proc/self/status";
  const found = existsSync(file) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, "utf8")) : null;
  return found ? Number(found[1]) : process.resourceUsage().maxRSS;
}

function report(): void {
  process.send?.({ url, rssMb: process.memoryUsage.rss() / 1e6, peakMb: (peakKb() * 1024) / 1e6, handled } satisfies MemoryReport);
}

process.on("message", async () => {
  await worker?.idle();
  clearInterval(watching);
  report();
});
process.on("disconnect", () => Promise.resolve(inbox?.close()).finally(() => process.exit()));
report();
