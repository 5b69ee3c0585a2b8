import { type HeaderSource, headerValue } from "./delivery.ts";
import type { VideoJob } from "./job.ts";
import type { Authenticity } from "./signature/authenticate.ts";

/** The headers of a delivery, whatever the letter case of their names. */
export interface DeliveryHeaders {
  /** The value, repeated ones joined by `", "`; `undefined` when absent. */
  get(name: string): string | undefined;
}

/** What a handler is told beside the event. */
export interface HandlerContext<Type extends string = string> {
  /** The provider's name. */
  readonly provider: string;
  /** The endpoint's identity, as given to the provider. */
  readonly endpoint: string;
  /** The event type. */
  readonly type: Type;
  /**
   * The dedupe key: the same for every delivery of one event, different for every other event of all providers and endpoints. Make
   * effects idempotent on it. ASCII, at most 600 characters.
   */
  readonly id: string;
  /** 1 for the first run; a worker counts up. */
  readonly attempt: number;
  /** When the delivery arrived. */
  readonly receivedAt: Date;
  /** The bytes that were signed. */
  readonly rawBody: Uint8Array;
  /** Not covered by the signature, unless its scheme says so. */
  readonly headers: DeliveryHeaders;
  /** How the delivery proved where it comes from. */
  readonly authenticity: Authenticity;
  /** The normalised job; `undefined` when the event is about no job. */
  readonly job: VideoJob | undefined;
  /**
   * Whether the event is older than what was seen of its job before: an earlier status, or the same one at an earlier time. Always `false`
   * when the event is about no job, or the idempotency store keeps no states.
   */
  readonly stale: boolean;
  /** Aborted when this run lost its claim, so that another one may have started. */
  readonly signal: AbortSignal;
}

/** What {@link createContext} starts from. */
export interface ContextParts extends Omit<HandlerContext, "headers" | "job" | "signal" | "receivedAt" | "stale"> {
  readonly receivedAt: number;
  readonly headers: HeaderSource;
  readonly toJob: () => VideoJob | undefined;
  /** A signal from outside, instead of one of its own. */
  readonly signal?: AbortSignal | undefined;
  readonly stale?: boolean | undefined;
}

/** A context together with the means to abort its signal. */
export interface RunContext extends HandlerContext {
  /** Set before the handlers start. */
  stale: boolean;
  /** Aborts `signal`; safe to call again. */
  abort(reason: unknown): void;
}

/** Builds a context whose costly members (`job`, `signal`, `headers`) are made when a handler first reads them. */
export function createContext(parts: ContextParts): RunContext {
  return new LazyContext(parts);
}

class LazyContext implements RunContext {
  readonly provider: string;
  readonly endpoint: string;
  readonly type: string;
  readonly id: string;
  readonly attempt: number;
  readonly rawBody: Uint8Array;
  readonly authenticity: Authenticity;
  stale: boolean;
  readonly #parts: ContextParts;
  #job: { readonly value: VideoJob | undefined } | undefined;
  #controller: AbortController | undefined;
  #abortReason: { readonly value: unknown } | undefined;

  constructor(parts: ContextParts) {
    this.provider = parts.provider;
    this.endpoint = parts.endpoint;
    this.type = parts.type;
    this.id = parts.id;
    this.attempt = parts.attempt;
    this.rawBody = parts.rawBody;
    this.authenticity = parts.authenticity;
    this.stale = parts.stale ?? false;
    this.#parts = parts;
  }

  get receivedAt(): Date {
    return new Date(this.#parts.receivedAt);
  }

  get headers(): DeliveryHeaders {
    const source = this.#parts.headers;
    return {
      get(name) {
        const value = headerValue(source, name.toLowerCase());
        return typeof value === "object" ? value.join(", ") : value;
      },
    };
  }

  get job(): VideoJob | undefined {
    this.#job ??= { value: this.#parts.toJob() };
    return this.#job.value;
  }

  get signal(): AbortSignal {
    if (this.#parts.signal) return this.#parts.signal;
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason) this.#controller.abort(this.#abortReason.value);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#abortReason = { value: reason };
    this.#controller?.abort(reason);
  }
}
