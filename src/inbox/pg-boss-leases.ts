import type { PgBossAttempt, PgBossClient } from "./pg-boss-client.ts";

/** Keeps the claims of this process alive. */
export interface PgBossLeases {
  hold(token: string, queue: string, attempt: PgBossAttempt, leaseMs: number): void;
  drop(token: string): void;
  /** Sends the heartbeats that are due; called by a timer. */
  beat(): Promise<void>;
  close(): void;
}

/** How the leases are kept. */
export interface PgBossLeaseOptions {
  readonly everyMs: number;
  /** Milliseconds, not by the clock of the wall. */
  readonly clock: () => number;
}

/**
 * pg-boss has one heartbeat for a queue, the inbox a lease for each claim. So heartbeats are sent until the lease of a claim ends, and
 * not longer: after a crash another worker has the event a heartbeat later, and after a lease that was not extended as well.
 */
export function createLeases(boss: PgBossClient, { everyMs, clock }: PgBossLeaseOptions): PgBossLeases {
  const held = new Map<string, { readonly queue: string; readonly attempt: PgBossAttempt; readonly endsAt: number }>();
  let timer: ReturnType<typeof setInterval> | undefined;

  async function beat(): Promise<void> {
    const byQueue = new Map<string, PgBossAttempt[]>();
    for (const [token, { queue, attempt, endsAt }] of held) {
      if (endsAt <= clock()) held.delete(token);
      else byQueue.set(queue, [...(byQueue.get(queue) ?? []), attempt]);
    }
    if (held.size === 0) stop();
    await Promise.all([...byQueue].map(([queue, attempts]) => boss.touch(queue, attempts)));
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    hold(token, queue, attempt, leaseMs) {
      held.set(token, { queue, attempt, endsAt: clock() + leaseMs });
      // What fails now may work at the next turn, well before the heartbeat is missed.
      timer ??= setInterval(() => void beat().catch(() => undefined), everyMs);
    },
    drop(token) {
      held.delete(token);
    },
    beat,
    close() {
      held.clear();
      stop();
    },
  };
}
