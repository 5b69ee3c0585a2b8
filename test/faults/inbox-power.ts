import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../suites/free-port.ts";
import type { Remains } from "./inbox-engine.ts";
import { integrityOf, sqliteEngine } from "./inbox-engine-sqlite.ts";
import { type ServerProcess, startServer } from "./inbox-process.ts";
import { type Runs, runsIn } from "./inbox-runs.ts";
import { deliveriesOf, pause, startSender } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

/** How often the power is cut, and in which folder all of it happens. */
export interface PowerPlan {
  readonly folder: string;
  readonly cuts: number;
  readonly variant: Variant;
  /** Whether it only stores, or a worker handles what is stored as well. */
  readonly idle: boolean;
}

/** What was found after the last cut. */
export interface PowerReport extends Remains, Runs {
  readonly acknowledged: number;
  /** Acknowledged events that are not there. */
  readonly lost: number;
  /** What `PRAGMA integrity_check` has found after each cut. */
  readonly integrities: readonly string[];
}

const DISK_BYTES = 24 * 1024 * 1024;
/** A life ends at a random moment until then, counted from when it has acknowledged so many events. */
const LIFE_MS = 200;
const ACKNOWLEDGED = 10;
const LEASE_MS = 400;
/** How long the last life may take for what the others have left; far above what it takes. */
const DRAIN_MS = 30_000;

/** Mounts a disk where no other process sees it, so that it is gone with the process. */
function mounting(disk: string, place: string): string {
  return `exec unshare -m sh -c 'mount -o loop ${disk} ${place} && exec "$@"' sh "$@"`;
}

function makeDisk(disk: string): boolean {
  writeFileSync(disk, "");
  spawnSync("truncate", ["-s", String(DISK_BYTES), disk]);
  return spawnSync("mkfs.ext4", ["-q", "-F", disk]).status === 0;
}

/** Copies a disk as it is at one moment. When two readings are equal, nothing was written from the end of the first to the second. */
function copyDisk(from: string, to: string): void {
  let last = readFileSync(from);
  for (let next = readFileSync(from); !next.equals(last); next = readFileSync(from)) last = next;
  writeFileSync(to, last);
}

/** Copies a file as a process sees it in its own mounts, which does nothing meanwhile. */
function copyFile({ id }: ServerProcess, from: string, to: string): void {
  process.kill(id, "SIGSTOP");
  for (const file of ["", "-wal", "-shm"]) {
    rmSync(to + file, { force: true });
    const seen = `/proc/${id}/root${from}${file}`;
    // The index of the log is made anew from the log.
    if (file !== "-shm" && existsSync(seen)) copyFileSync(seen, to + file);
  }
  process.kill(id, "SIGCONT");
}

/** Why no disk can be mounted here, if so: it needs root and loop devices. */
export function whyNoDisk(folder: string): string | undefined {
  const [disk, place] = [path.join(folder, "trial.img"), path.join(folder, "trial")];
  mkdirSync(place);
  if (makeDisk(disk) && spawnSync("sh", ["-c", mounting(disk, place), "sh", "true"]).status === 0) return undefined;
  return "a power cut needs root, mkfs.ext4 and a loop device";
}

/**
 * Sends events to a server whose power is cut again and again, and says what is lost, damaged or done twice in the end.
 *
 * Its files are on a file system of their own, in an image that stands for the disk. What the server has written is in memory first, and
 * reaches the image when it is synced, or when the system finds the time. A cut is a copy of the image: the next life starts with what had
 * reached it. The image has no cache of its own, as a disk has that lies about a sync; nothing can be done about such a disk.
 */
export async function cutThePower({ folder, cuts, variant, idle }: PowerPlan): Promise<PowerReport> {
  const place = path.join(folder, "mounted");
  mkdirSync(place);
  const diskOf = (life: number): string => path.join(folder, `${life}.img`);
  makeDisk(diskOf(0));
  const settings: ServerSettings & { readonly runs: string } = {
    path: path.join(place, "inbox.db"),
    port: await freePort(),
    variant,
    leaseMs: LEASE_MS,
    idle,
    // On a disk that stays on.
    runs: path.join(folder, "runs.log"),
    compiled: path.join(folder, "compiled"),
  };
  const copy = path.join(folder, "copy.db");
  async function look(server: ServerProcess): Promise<Remains> {
    copyFile(server, settings.path, copy);
    return (await sqliteEngine(copy).inspect()).remains();
  }
  const integrities: string[] = [];
  const sender = startSender(settings.port, deliveriesOf(100_000), 10);
  sender.allow(100_000);
  try {
    for (let life = 0; life <= cuts; life++) {
      const server = startServer(settings, mounting(diskOf(life), place));
      try {
        await server.hear("ready");
        // What the cut has left, before anybody opens it.
        if (life > 0) {
          copyFile(server, settings.path, copy);
          integrities.push(integrityOf(copy));
        }
        server.tell("open");
        await server.hear("listening");
        if (life === cuts) {
          sender.stop();
          await sender.ended;
          let remains = await look(server);
          for (const giveUpAt = performance.now() + DRAIN_MS; !idle && remains.unfinished > 0; remains = await look(server)) {
            if (performance.now() > giveUpAt) throw new Error(`${remains.unfinished} events were not handled within ${DRAIN_MS} ms.`);
            await pause(100);
          }
          const events = await (await sqliteEngine(copy).inspect()).events();
          const lost = [...sender.acknowledged].filter((id) => !events.has(id)).length;
          return { ...remains, ...runsIn(settings.runs, events), acknowledged: sender.acknowledged.size, lost, integrities };
        }
        const enough = sender.acknowledged.size + ACKNOWLEDGED;
        while (sender.acknowledged.size < enough) await pause(5);
        await pause(Math.random() * LIFE_MS);
        // First nobody acknowledges anything any more, then the disk is what it is.
        process.kill(server.id, "SIGSTOP");
        await pause(20);
        copyDisk(diskOf(life), diskOf(life + 1));
      } finally {
        await server.kill();
      }
    }
    throw new Error("The last life has no end.");
  } finally {
    sender.stop();
    await sender.ended;
  }
}
