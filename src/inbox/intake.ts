import type { Authenticity } from "../signature/authenticate.ts";

/** A verified delivery, as it is stored before the sender gets its answer. */
export interface InboxEvent {
  /** The name of the provider. */
  readonly provider: string;
  /** Of the router that received it. */
  readonly endpoint: string;
  /** The event type; `"(unreadable)"` for an authentic body that names none. */
  readonly type: string;
  /** The dedupe key, as in `context.id`. */
  readonly id: string;
  /** Digest of the raw body. Two bodies under one id are two events. */
  readonly fingerprint: string;
  /** The bytes that were signed. */
  readonly rawBody: Uint8Array;
  /** Lower-case names; without signatures, cookies and credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** How the delivery proved where it comes from. */
  readonly authenticity: Authenticity;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** How an event is to be stored. */
export interface AcceptOptions {
  /**
   * Stores the event only if none is there under any of these ids, whatever its body is and whatever became of it. Otherwise it counts as
   * stored before.
   * @default only the event itself is looked for
   */
  readonly unlessKnown?: readonly string[] | undefined;
}

/** What a router needs of an inbox. */
export interface InboxIntake {
  /**
   * Stores an event. Resolves only when it is safe: a crash or a power cut after that loses nothing. Rejects when it is not, and then the
   * event may be delivered again.
   *
   * @returns whether the event was stored before
   * @throws {@link ConfigurationError} for what is no such event
   */
  accept(event: InboxEvent, options?: AcceptOptions): Promise<{ readonly duplicate: boolean }>;
}
