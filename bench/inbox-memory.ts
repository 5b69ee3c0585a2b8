import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { secret } from "./http-apps.ts";
import { CLIENTS, load } from "./inbox-load.ts";
import type { MemoryReport } from "./inbox-memory-process.ts";
import { signedDelivery } from "./inbox-rows.ts";

/** Deliveries that are sent in one go; all that are under way have to be kept here. */
const BATCH = CLIENTS * 125;

/**
 * V8 lets its young generation grow with the heap that it may have, which is with the memory of the machine, whether much of it is in use or
 * not. This is about the heap that it gives itself where it finds 1 GB, for example in a container.
 */
export const HEAP_OF_1_GB = "--max-heap-size=512";

/** How many deliveries a second a busy receiver gets, as a multiple of the clients: ninety million a day. */
export const STEADY_PER_SECOND: number = CLIENTS * 16;

/** Memory of one process, in megabytes of a million bytes. */
export interface Memory {
  /** As soon as everything is open. */
  readonly openedMb: number;
  /** The most at any moment. */
  readonly peakMb: number;
  /** When all deliveries are handled. */
  readonly endMb: number;
  readonly handled: number;
}

/**
 * How much memory a process needs that takes deliveries over HTTP and works them off at the same time.
 *
 * @param path a file that nobody else has open; without one, the same server without a store, for comparison
 * @param flags of Node.js
 * @param perSecond how many deliveries come in on average; without it as many as the server takes
 */
export async function measureMemory(
  path: string | undefined,
  deliveries: number,
  flags: readonly string[],
  perSecond: number = Number.POSITIVE_INFINITY,
): Promise<Memory> {
  // What Node.js needs to read TypeScript would be counted, so it gets JavaScript.
  const code = stripTypeScriptTypes(readFileSync(new URL("inbox-memory-process.ts", import.meta.url), "utf8"));
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", code, path ?? "", secret], {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exit = once(child, "exit");
  const ask = async (question?: string): Promise<MemoryReport> => {
    const answer = Promise.race([once(child, "message"), exit.then(() => Promise.reject(new Error("The process ended.")))]);
    if (question !== undefined) child.send(question);
    const [message] = await answer;
    return message as MemoryReport;
  };
  try {
    const { url, rssMb: openedMb } = await ask();
    // Others than those of an earlier run on the same file.
    const first = randomInt(2 ** 31);
    const batch = Math.min(BATCH, perSecond);
    for (let sent = 0; sent < deliveries; sent += batch) {
      const amount = Math.min(batch, Math.ceil((deliveries - sent) / CLIENTS) * CLIENTS);
      const dueAt = performance.now() + (amount * 1000) / perSecond;
      await load(
        url,
        Array.from({ length: amount }, (_, index) => signedDelivery(first + sent + index)),
      );
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
    }
    const { rssMb: endMb, peakMb, handled } = await ask("finish");
    if (handled < deliveries) throw new Error(`The figures are void: of ${deliveries} deliveries ${handled} were handled.`);
    return { openedMb, peakMb, endMb, handled };
  } finally {
    if (child.connected) child.disconnect();
    await exit;
  }
}
