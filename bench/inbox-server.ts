// Servers with each inbox and one without a store, in a process of their own: node inbox-server.ts <folder> <name>

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { nodeHandler } from "video-webhooks/node";
import { path, secret } from "./http-apps.ts";
import { members, type OpenMember, WITHOUT_STORE } from "./inbox-members.ts";

/** What is there to be measured. */
export interface Started {
  readonly urls: Readonly<Record<string, string>>;
  /** Why others take no part. */
  readonly leftOut: Readonly<Record<string, string>>;
}

/** What the process did since it was asked before. */
export interface Usage {
  /** How late timers of the event loop were, in milliseconds. */
  readonly delayMs: { readonly p99: number; readonly max: number };
  readonly cpuMicroseconds: number;
  /** Share of the time that the event loop had something to do. */
  readonly busy: number;
  /** How many events each inbox holds; for the server without one, how many were handled. */
  readonly events: Readonly<Record<string, number>>;
}

const [folder = "", name = "", ...taking] = process.argv.slice(2);
const opened = new Map<string, OpenMember>();
const urls: Record<string, string> = {};
const leftOut: Record<string, string> = {};
let handled = 0;

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
}

async function closeAll(): Promise<void> {
  for (const { inbox, remove } of opened.values()) {
    await inbox.close();
    await remove();
  }
  opened.clear();
}

async function eventsOf(): Promise<Record<string, number>> {
  const events: Record<string, number> = { [WITHOUT_STORE]: handled };
  for (const [member, { inbox }] of opened) {
    const { states } = await inbox.stats();
    events[member] = Object.values(states).reduce((sum, count) => sum + count, 0);
  }
  return events;
}

const plain = createRouter(heygen({ secret }), { idempotency: false }).on("avatar_video.success", () => {
  handled++;
});
urls[WITHOUT_STORE] = await listen(nodeHandler(plain));
for (const member of taking) {
  try {
    const open = members[member];
    if (open === undefined) throw new Error(`There is no inbox of that name, only ${Object.keys(members).join(", ")}.`);
    const each = await open({ folder, name });
    opened.set(member, each);
    urls[member] = await listen(nodeHandler(createRouter(heygen({ secret }), { inbox: each.inbox })));
  } catch (error) {
    leftOut[member] = error instanceof Error ? error.message : String(error);
  }
}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let cpu = process.cpuUsage();
let loop = performance.eventLoopUtilization();
process.on("message", async () => {
  // Before anything else is asked, since that takes time as well. The monitor counts its own interval in.
  const delayMs = { p99: Math.max(0, delay.percentile(99) / 1e6 - 1), max: Math.max(0, delay.max / 1e6 - 1) };
  const { user, system } = process.cpuUsage(cpu);
  const { utilization } = performance.eventLoopUtilization(loop);
  const usage: Usage = { delayMs, cpuMicroseconds: user + system, busy: utilization, events: await eventsOf() };
  delay.reset();
  cpu = process.cpuUsage();
  loop = performance.eventLoopUtilization();
  process.send?.(usage);
});
// No server outlives the run, however that ended.
process.on("disconnect", () => closeAll().finally(() => process.exit()));
process.send?.({ urls, leftOut } satisfies Started);
