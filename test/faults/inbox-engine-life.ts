import type { Inbox } from "../../src/inbox/inbox.ts";
import type { RetryPolicy } from "../../src/inbox/retry-policy.ts";
import type { InboxWorker, WorkerProblem } from "../../src/inbox/worker.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret, signed, success } from "../suites/deliveries.ts";
import type { Wire } from "./inbox-wire.ts";

/** A run of the handlers, and the life that it belongs to. */
export interface EngineRun {
  readonly life: EngineLife;
  readonly video: string;
  readonly signal: AbortSignal;
}

/** What handlers do in a life. */
export type EngineHandler = (run: EngineRun) => unknown;

/** A life of a process with an inbox on a server: from when it connects until its wire dies. */
export interface EngineLife {
  readonly wire: Wire;
  readonly inbox: Inbox;
  /** The attempt of every run of the handlers that began. */
  readonly began: readonly number[];
  /** The attempt of every run of the handlers that came to its end. */
  readonly ended: readonly number[];
  readonly problems: readonly WorkerProblem["problem"][];
  /** What the provider sees: a status and the result of a 2xx, or a reset. */
  deliver(video?: string): Promise<string>;
  /** The same for a body that is still on its way. */
  deliverWhile(reading: (body: Uint8Array) => Promise<Uint8Array>): Promise<string>;
  work(options?: { readonly leaseMs?: number }): InboxWorker;
  /** Closes what it has, also when it is dead, which nobody may look at any more. */
  end(): Promise<void>;
}

/** How a life begins. */
export interface EngineLifeOptions {
  readonly wire: Wire;
  readonly policy: RetryPolicy;
  readonly leaseMs: number;
  open(port: number, policy: RetryPolicy): Promise<Inbox>;
  readonly handler?: EngineHandler | undefined;
}

/** Begins a life. */
export async function liveOn({ wire, policy, leaseMs: usualLeaseMs, open, handler }: EngineLifeOptions): Promise<EngineLife> {
  const inbox = await open(wire.port, policy);
  const began: number[] = [];
  const ended: number[] = [];
  const problems: WorkerProblem["problem"][] = [];
  const workers: InboxWorker[] = [];

  const router = createRouter(heygen({ secret }), { inbox })
    .on("avatar_video.success", async ({ event_data: { video_id: video } }, { attempt, signal }) => {
      began.push(attempt);
      await handler?.({ life, video, signal });
      // A process that has died does nothing more.
      if (wire.dead) await new Promise(() => undefined);
      ended.push(attempt);
    })
    .onError(() => undefined);

  function seen({ status, result }: { readonly status: number; readonly result: string }): string {
    if (wire.dead) return "reset";
    return status === 200 ? `200 ${result}` : String(status);
  }

  const life: EngineLife = {
    wire,
    inbox,
    began,
    ended,
    problems,
    async deliver(video = "v") {
      return seen(await router.receive(await signed(success(video))));
    },
    async deliverWhile(reading) {
      const delivery = await signed(success("v"));
      return seen(await router.receive({ ...delivery, body: () => reading(delivery.body as Uint8Array) }));
    },
    work({ leaseMs = usualLeaseMs } = {}) {
      const worker = inbox.work(router, { leaseMs, pollMs: 20, onProblem: ({ problem }) => void (wire.dead || problems.push(problem)) });
      workers.push(worker);
      return worker;
    },
    async end() {
      await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
      await wire.release();
      await inbox.close();
      wire.close();
    },
  };
  return life;
}
