// Imports the sources, which Node.js 24 runs as they are.

import { createServer } from "node:http";
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { nodeHandler } from "../../src/adapters/node.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret } from "../suites/deliveries.ts";
import { intakeOf, openDatabase, type Variant } from "./inbox-variants.ts";
import { obey, say, settingsOf } from "./worker.ts";

export interface ServerSettings {
  readonly path: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly variant: Variant;
  readonly leaseMs: number;
  /** Every second handler blocks the whole process for this long, so that no lease is extended meanwhile. */
  readonly blockMs?: number;
  /** Whether it only stores. */
  readonly idle?: boolean;
  /** A folder for compiled sources, which makes the starts after the first about three times as fast. */
  readonly compiled?: string;
}

export type ServerMessage =
  | { readonly says: "ready" }
  | { readonly says: "listening"; readonly port: number }
  | { readonly says: "measuring" }
  | { readonly says: "measured"; readonly stallMs: number }
  | { readonly says: "health"; readonly ready: boolean }
  | { readonly says: "closed" };

const { path, port, variant, leaseMs, blockMs = 0, idle = false } = settingsOf<ServerSettings>();
const delays = monitorEventLoopDelay({ resolution: 1 });
const asleep = new Int32Array(new SharedArrayBuffer(4));

async function work(): Promise<void> {
  if (blockMs > 0 && Math.random() < 0.5) Atomics.wait(asleep, 0, 0, blockMs);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
}

async function open(): Promise<void> {
  // A process that is killed uses up an attempt, and it is killed more often here than anywhere.
  const inbox = await openSqliteInbox({ database: openDatabase(path, variant), attempts: 1000, backoffMs: 1 });
  const router = createRouter(heygen({ secret }), { inbox: intakeOf(inbox, variant) })
    .on("avatar_video.success", work)
    .onError(() => undefined);
  if (!idle) inbox.work(router, { leaseMs, pollMs: 20 });
  const server = createServer(nodeHandler(router));
  server.listen(port, "127.0.0.1", () => say<ServerMessage>({ says: "listening", port: (server.address() as AddressInfo).port }));
  obey({
    "start measuring": () => {
      delays.enable();
      delays.reset();
      say<ServerMessage>({ says: "measuring" });
    },
    "stop measuring": () => say<ServerMessage>({ says: "measured", stallMs: delays.max / 1e6 }),
    "tell health": async () => say<ServerMessage>({ says: "health", ready: (await inbox.health()).ready }),
    async close() {
      server.close();
      await inbox.close();
      say<ServerMessage>({ says: "closed" });
    },
  });
}

// By itself that happens at the end, which most of these do not live to see.
flushCompileCache();
obey({ open });
say<ServerMessage>({ says: "ready" });
