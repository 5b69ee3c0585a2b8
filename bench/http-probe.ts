// Loaded into every server that is measured: tells the process that started it what the server has done and used so far.

import { performance } from "node:perf_hooks";

/** What a server has done and used since it started. */
export interface Usage {
  /** How often a handler ran, in both applications together. */
  readonly handled: number;
  /** CPU time of all threads in microseconds, garbage collection included. */
  readonly cpuMicroseconds: number;
  /** Milliseconds that the event loop had something to do. */
  readonly busyMs: number;
}

declare global {
  /** Counts what reaches a handler. Global, because a bundler may make several copies of the module that counts. */
  var handledEvents: number;
}
globalThis.handledEvents = 0;

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  const { active } = performance.eventLoopUtilization();
  const usage: Usage = { handled: globalThis.handledEvents, cpuMicroseconds: user + system, busyMs: active };
  process.send?.(usage);
});
// No server outlives the run, however that ended.
process.on("disconnect", () => process.exit());
