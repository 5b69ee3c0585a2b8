// Sends OPTIONS requests to a server that is under load, on a thread of its own so that the load does not delay them here.

import { Agent, request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** How often a server is probed, in milliseconds. */
export const PROBE_EVERY_MS = 50;

if (parentPort && typeof workerData === "string") {
  const port = parentPort;
  const agent = new Agent({ keepAlive: true });
  const latencies: number[] = [];
  let waiting = 0;
  let ending = false;

  const probe = (count: (milliseconds: number) => void): void => {
    const startedAt = performance.now();
    waiting++;
    const sent = request(workerData, { method: "OPTIONS", agent }, (response) => {
      if (response.statusCode !== 204) throw new Error(`A probe was answered ${response.statusCode}.`);
      response.resume().once("end", () => {
        waiting--;
        count(performance.now() - startedAt);
        finish();
      });
    });
    sent.end();
  };
  const finish = (): void => {
    if (!ending || waiting > 0) return;
    agent.destroy();
    port.postMessage(latencies);
    port.close();
  };
  let probing: ReturnType<typeof setInterval> | undefined;
  port.on("message", (message: "begin" | "end") => {
    if (message === "begin") {
      probing = setInterval(() => probe((milliseconds) => latencies.push(milliseconds)), PROBE_EVERY_MS);
      return;
    }
    ending = true;
    clearInterval(probing);
    finish();
  });
  // Starting the thread and its connection takes a while, in which a round could be over.
  probe(() => port.postMessage("ready"));
}
