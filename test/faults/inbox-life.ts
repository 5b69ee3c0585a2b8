import { copyFileSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Inbox } from "../../src/inbox/inbox.ts";
import type { RetryPolicy } from "../../src/inbox/retry-policy.ts";
import { openSqliteInbox, type SqliteDatabase, type SqliteStatement } from "../../src/inbox/sqlite.ts";
import type { InboxWorker, WorkerProblem } from "../../src/inbox/worker.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret, signed, success } from "../suites/deliveries.ts";

/** What a process that has died would have done next. Nobody is there to see it. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** What happens to a statement. A function runs after it. */
export type Fault = (sql: string) => undefined | Error | (() => void);

/** A run of the handlers, and the life that it belongs to. */
export interface HandlerRun {
  readonly life: Life;
  readonly video: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** A life of a process with an inbox: from when it opens the file until it dies. */
export interface Life {
  readonly inbox: Inbox;
  /** The attempt of every run of the handlers that began. */
  readonly began: readonly number[];
  /** The attempt of every run of the handlers that came to its end. */
  readonly ended: readonly number[];
  readonly problems: readonly WorkerProblem["problem"][];
  /** What is asked before each statement. */
  fault: Fault;
  /** Ends the life here and now: nothing that it does from here on reaches the disk, a handler or the provider. */
  die(): never;
  /** Resolves when it has died. */
  readonly died: Promise<void>;
  /** What the provider sees: a status and the result of a 2xx, or a reset. */
  deliver(video?: string): Promise<string>;
  /** The same for a body that is still on its way. */
  deliverWhile(reading: (body: Uint8Array) => Promise<Uint8Array>): Promise<string>;
  work(options?: { readonly leaseMs?: number }): InboxWorker;
  end(): Promise<void>;
}

export interface LifeOptions extends RetryPolicy {
  /** The file, as the life before has left it. */
  readonly path: string;
  /** Where a copy of the file goes when the life ends, as it is at this moment. */
  readonly grave: string;
  readonly clock: () => number;
  /** What the handlers do. */
  readonly handler?: (run: HandlerRun) => unknown;
}

/** Begins a life. */
export async function live({ path, grave, clock, handler, ...policy }: LifeOptions): Promise<Life> {
  const underneath = new DatabaseSync(path, { timeout: 0 });
  const began: number[] = [];
  const ended: number[] = [];
  const problems: WorkerProblem["problem"][] = [];
  let dead = false;
  let bury = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    bury = resolve;
  });

  function die(): never {
    // What a process leaves behind that is killed: also what it has written and not committed. Its locks go with it.
    if (!dead) for (const file of ["", "-wal"]) if (existsSync(path + file)) copyFileSync(path + file, grave + file);
    dead = true;
    bury();
    throw new Crash();
  }

  function perform<Result>(sql: string, operate: () => Result): Result {
    if (dead) throw new Crash();
    const fault = life.fault(sql);
    if (fault instanceof Error) throw fault;
    const result = operate();
    fault?.();
    return result;
  }

  const database: SqliteDatabase = {
    exec: (sql) => perform(sql, () => underneath.exec(sql)),
    prepare(sql): SqliteStatement {
      const statement: SqliteStatement = underneath.prepare(sql);
      return {
        run: (...values) => perform(sql, () => statement.run(...values)),
        get: (...values) => perform(sql, () => statement.get(...values)),
        all: (...values) => perform(sql, () => statement.all(...values)),
      };
    },
    close: () => underneath.close(),
  };

  const workers: InboxWorker[] = [];
  const life: Life = {
    fault: () => undefined,
    get inbox() {
      return inbox;
    },
    began,
    ended,
    problems,
    die,
    died,
    async deliver(video = "v") {
      return seen(await router.receive(await signed(success(video))));
    },
    async deliverWhile(reading) {
      const delivery = await signed(success("v"));
      return seen(await router.receive({ ...delivery, body: () => reading(delivery.body as Uint8Array) }));
    },
    work({ leaseMs = 60_000 } = {}) {
      const worker = inbox.work(router, { leaseMs, pollMs: 5, onProblem: ({ problem }) => void (dead || problems.push(problem)) });
      workers.push(worker);
      return worker;
    },
    async end() {
      dead = true;
      await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
      if (underneath.isOpen) underneath.close();
    },
  };

  function seen({ status, result }: { readonly status: number; readonly result: string }): string {
    if (dead) return "reset";
    return status === 200 ? `200 ${result}` : String(status);
  }

  const inbox: Inbox = await openSqliteInbox({ database, clock, ...policy });
  const router = createRouter(heygen({ secret }), { inbox })
    .on("avatar_video.success", async ({ event_data: { video_id: video } }, { attempt, signal }) => {
      began.push(attempt);
      await handler?.({ life, video, attempt, signal });
      // A process that has died does nothing more.
      if (dead) await new Promise(() => undefined);
      ended.push(attempt);
    })
    .onError(() => undefined);
  return life;
}
