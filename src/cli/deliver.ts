import { readUpTo } from "../endpoints/response-body.ts";
import { systemCode } from "../endpoints/system-code.ts";
import type { SampleDelivery } from "../testing/sample.ts";
import { systemReason } from "./failure.ts";

/** What a receiver answered. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly milliseconds: number;
  readonly body: string;
  /** Whether there was more of the body. */
  readonly cut?: true | undefined;
  readonly contentType?: string | undefined;
  readonly location?: string | undefined;
}

/** Why there was no answer. */
export interface NoAnswer {
  readonly error: string;
  readonly code: "timeout" | "unreachable" | "interrupted";
}

const MOST_BYTES = 65_536;

/** Delivers as a provider does: once, without following redirects. */
export async function deliver(sample: SampleDelivery, timeoutMs: number, signal?: AbortSignal): Promise<Answer | NoAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const started = performance.now();
  try {
    const response = await fetch(sample.url, {
      method: "POST",
      headers: sample.headers,
      body: new Uint8Array(sample.rawBody),
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    const { bytes, isCut } = await readUpTo(response, MOST_BYTES);
    const { ok, status, statusText, headers } = response;
    return {
      ok,
      status,
      statusText,
      milliseconds: performance.now() - started,
      body: Buffer.from(bytes).toString("utf8"),
      cut: isCut || undefined,
      contentType: headers.get("content-type") ?? undefined,
      location: headers.get("location") ?? undefined,
    };
  } catch (error) {
    if (signal?.aborted) return { code: "interrupted", error: "it was interrupted" };
    if (timeout.aborted) return { code: "timeout", error: `there was none within ${timeoutMs} ms` };
    return { code: "unreachable", error: reasonOf(error) };
  }
}

/** `fetch` hides what happened in the cause. */
function reasonOf(error: unknown): string {
  if (systemCode(error) !== undefined) return systemReason(error);
  const { cause } = error as { readonly cause?: unknown };
  if (cause instanceof Error && cause.message === "bad port") return "fetch connects to no port that belongs to another protocol";
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : "for an unknown reason";
}
