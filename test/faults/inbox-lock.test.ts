import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it, onTestFinished } from "vitest";
import { startServer } from "./inbox-process.ts";
import { pause, post } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

const LOCK_MS = 3000;
const QUIET_MS = 1500;
/** Of an odd number, more than half say what is usual; a machine that does something else as well spoils single ones. */
const ROUNDS = 5;
const MOST_MS = 180_000;

interface Round {
  /** The longest time for which the event loop of the server stood still while it answered the same requests and nobody held the lock. */
  readonly quietMs: number;
  /** The same while this process held the lock. */
  readonly stallMs: number;
  /** How long the longest validation request waited for its answer. */
  readonly optionsMs: number;
  /** How long the delivery waited. */
  readonly answerMs: number;
  readonly answer: string;
}

function options(port: number): Promise<number> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method: "OPTIONS", path: "/webhooks/heygen" }, (response) => {
      response.resume().on("end", () => resolve(performance.now() - from));
    });
    outgoing.on("error", reject).end();
  });
}

/** Posts deliveries to one server, with and without a lock for writing that this process, which is a foreign one to the server, holds. */
async function deliverWhileLocked(variant: Variant, rounds: number): Promise<readonly Round[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-lock-"));
  const settings: ServerSettings = { path: path.join(folder, "inbox.db"), port: 0, variant, leaseMs: 60_000 };
  const server = startServer(settings);
  const other = new DatabaseSync(settings.path);
  onTestFinished(async () => {
    other.close();
    await server.kill();
    rmSync(folder, { recursive: true });
  });
  await server.hear("ready");
  server.tell("open");
  const { port } = await server.hear("listening");
  // Schemas are built and functions compiled on first use.
  for (let index = 0; index < 30; index++) await post(port, `warm-up-${index}`);

  /** Posts one delivery and asks for options all the time, for a while or until the delivery is answered. */
  async function measure(video: string, milliseconds: number, during: () => Promise<unknown>): Promise<Omit<Round, "quietMs">> {
    server.tell("start measuring");
    await server.hear("measuring");
    const from = performance.now();
    const over = during();
    const delivered = post(port, video).then(({ status, result }) => ({
      answer: `${status} ${result}`,
      answerMs: performance.now() - from,
    }));
    let optionsMs = 0;
    while (performance.now() - from < milliseconds) {
      optionsMs = Math.max(optionsMs, await options(port));
      await pause(50);
    }
    await over;
    const answered = await delivered;
    server.tell("stop measuring");
    return { ...answered, optionsMs, stallMs: (await server.hear("measured")).stallMs };
  }

  const measured: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const quiet = await measure(`quiet-${round}`, QUIET_MS, async () => undefined);
    const locked = await measure(`locked-${round}`, LOCK_MS, async () => {
      other.exec("BEGIN IMMEDIATE");
      await pause(LOCK_MS);
      other.exec("COMMIT");
    });
    measured.push({ ...locked, quietMs: quiet.stallMs });
    console.log(`${variant}, lock of ${LOCK_MS} ms: ${JSON.stringify(measured.at(-1))}`);
  }
  return measured;
}

const medianOf = (values: readonly number[]): number => [...values].sort((left, right) => left - right)[values.length >> 1] as number;

it(
  "a lock that another process holds for 3 s delays the delivery and nothing else",
  async () => {
    const rounds = await deliverWhileLocked("sound", ROUNDS);
    for (const { answer, answerMs, optionsMs } of rounds) {
      expect(answer).toBe("200 accepted");
      expect(answerMs).toBeGreaterThan(LOCK_MS - 1);
      expect(optionsMs).toBeLessThan(1000);
    }
    // What the machine adds when it does something else as well is in both.
    const stallMs = medianOf(rounds.map((round) => round.stallMs));
    expect(stallMs - medianOf(rounds.map(({ quietMs }) => quietMs))).toBeLessThan(50);
  },
  MOST_MS,
);

it(
  "stops the whole process when SQLite does the waiting, so the lock is real",
  async () => {
    for (const { stallMs, optionsMs } of await deliverWhileLocked("waits in SQLite", 1)) {
      expect(stallMs).toBeGreaterThan(1000);
      // The validation request of a provider has one second.
      expect(optionsMs).toBeGreaterThan(1000);
    }
  },
  MOST_MS,
);
