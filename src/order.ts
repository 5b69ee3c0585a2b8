import type { HandlerContext } from "./context.ts";
import type { JobState } from "./idempotency/store.ts";
import type { VideoJobStatus } from "./job.ts";

// A Map, since a provider of somebody else may call a status anything.
const ranks: ReadonlyMap<VideoJobStatus, number> = new Map([
  ["queued", 0],
  ["processing", 1],
  ["succeeded", 2],
  ["failed", 2],
  ["cancelled", 2],
]);

/**
 * How far the job of an event has come, and the parts of a key for that job; `undefined` when the event is about none. Ids are told
 * apart by the family of the event type, since a provider may number its videos and its renders on their own.
 */
export function jobStateOf(context: HandlerContext): { readonly key: readonly string[]; readonly state: JobState } | undefined {
  try {
    const { type, job } = context;
    const rank = job && ranks.get(job.status);
    if (job === undefined || rank === undefined || typeof job.id !== "string") return undefined;
    const at = job.occurredAt?.getTime();
    return { key: [type.slice(0, Math.max(0, type.lastIndexOf("."))), job.id], state: { rank, at: Number.isFinite(at) ? at : undefined } };
  } catch {
    // A provider that fails to make a job says so where a handler reads it.
    return undefined;
  }
}
