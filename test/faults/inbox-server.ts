// Imports the sources, which Node.js 24 runs as they are.

import { createServer } from "node:http";
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { nodeHandler } from "../../src/adapters/node.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret } from "../suites/deliveries.ts";
import type { InboxPlace } from "./inbox-engine.ts";
import { loadInbox } from "./inbox-opening.ts";
import { openRunLog } from "./inbox-runs.ts";
import { intakeOf, type Variant } from "./inbox-variants.ts";
import { obey, say, settingsOf } from "./worker.ts";

export interface ServerSettings extends InboxPlace {
  /** 0 for any that is free. */
  readonly port: number;
  readonly variant: Variant;
  readonly leaseMs: number;
  /** Every second handler blocks the whole process for this long, so that no lease is extended meanwhile. */
  readonly blockMs?: number;
  /** Whether it only stores. */
  readonly idle?: boolean;
  /** A file that takes down the runs of the handlers. */
  readonly runs?: string;
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

const { port, variant, leaseMs, blockMs = 0, idle = false, runs, ...place } = settingsOf<ServerSettings>();
const delays = monitorEventLoopDelay({ resolution: 1 });
const asleep = new Int32Array(new SharedArrayBuffer(4));

const openInbox = await loadInbox(place, variant);
const log = runs === undefined ? undefined : openRunLog(runs);

async function work(_event: unknown, { id, attempt }: { readonly id: string; readonly attempt: number }): Promise<void> {
  log?.began(id, attempt);
  if (blockMs > 0 && Math.random() < 0.5) Atomics.wait(asleep, 0, 0, blockMs);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
  log?.ended(id, attempt);
}

async function open(): Promise<void> {
  const inbox = await openInbox();
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
    // Ends once nothing is left that keeps it alive.
    async leave() {
      server.close().closeAllConnections();
      await inbox.close();
      process.removeAllListeners("disconnect").disconnect();
    },
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
