/** What a job makes. */
export type VideoJobKind = "video" | "translation" | "render" | "avatar" | "image" | "audio" | "other";

/** Where a job stands. */
export type VideoJobStatus = "queued" | "processing" | "succeeded" | "failed" | "cancelled";

/** A file that a job produced. */
export interface VideoJobOutput {
  /** What kind of file it is. */
  type: "video" | "image" | "gif" | "audio" | "other";
  /** As the provider sent it. Most lapse within days; never fetch it without an allow-list of hosts. */
  url: string;
  /** A picture of it, as the provider sent it. */
  thumbnailUrl?: string;
  /** How long it plays. */
  durationSeconds?: number;
  /** Its size. */
  bytes?: number;
  /** When `url` lapses, where the provider says so. */
  expiresAt?: Date;
}

/** One view of a job for every provider, so that one handler fits them all. */
export interface VideoJob {
  /** The name of the provider. */
  provider: string;
  /** The provider's id of the video, translation, render or task. */
  id: string;
  /** What it makes. */
  kind: VideoJobKind;
  /** Where it stands. */
  status: VideoJobStatus;
  /** From 0 to 1. */
  progress?: number;
  /** What there is so far; empty for most jobs that are not done. */
  outputs: VideoJobOutput[];
  /** Why it failed, in the provider's words. */
  error?: { message: string; code?: string; step?: string };
  /** What the application sent along: `callback_id`, `external_task_id` or `external_id`. */
  reference?: string;
  /** When it came to this status, by the clock of the provider. */
  occurredAt?: Date;
}

/** A text that says something: providers send `null` and `""` for fields that they do not fill. */
export function toText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The first of several spellings that has a text. */
export function firstText(...values: readonly unknown[]): string | undefined {
  for (const value of values) {
    const text = toText(value);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Seconds or bytes, from a number or a decimal text such as `"5.1"`. */
export function toAmount(value: unknown): number | undefined {
  const amount = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof amount === "number" && Number.isFinite(amount) && amount >= 0 ? amount : undefined;
}

// Date.parse takes almost any text for a date, and a time without a zone for local time.
const isoForm = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|z|[+-]\d\d:\d\d)?$/;

/** A moment, from ISO 8601 text (UTC unless it says otherwise) or milliseconds since 1970. */
export function toDate(value: unknown): Date | undefined {
  if (value === undefined || value === null) return undefined;
  const [, day, time, zone = "Z"] = (typeof value === "string" && isoForm.exec(value)) || [];
  const date = new Date(day === undefined ? (typeof value === "number" ? value : Number.NaN) : `${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** A {@link VideoJobOutput} in the making: whatever has no value is left out. */
export type VideoJobOutputParts = Pick<VideoJobOutput, "type"> & {
  readonly [Key in Exclude<keyof VideoJobOutput, "type">]?: VideoJobOutput[Key] | undefined;
};

/** A {@link VideoJob} in the making: whatever has no value is left out. */
export interface VideoJobParts {
  /** The name of the provider. */
  readonly provider: string;
  /** Whatever the provider calls the video, translation, render or task. */
  readonly id: string;
  /** What it makes. */
  readonly kind: VideoJobKind;
  /** Where it stands. */
  readonly status: VideoJobStatus;
  /** From 0 to 1. */
  readonly progress?: number | undefined;
  /** Entries without a `url` are dropped. */
  readonly outputs?: readonly VideoJobOutputParts[] | undefined;
  /** Why it failed, in the provider's words. */
  readonly error?: { message: string; code?: string | undefined; step?: string | undefined } | undefined;
  /** What the application sent along. */
  readonly reference?: string | undefined;
  /** An invalid date counts as none. */
  readonly occurredAt?: Date | undefined;
}

function withoutGaps<Parts extends object>(parts: Parts): Parts {
  const filled: Partial<Parts> = {};
  // For in, since a list of the entries would take longer to make than the copy.
  for (const key in parts) if (parts[key] !== undefined) filled[key] = parts[key];
  return filled as Parts;
}

/**
 * Builds a job from fields that may be missing, which is the usual state of a payload.
 *
 * @example
 * ```ts
 * import { toVideoJob } from "video-webhooks";
 *
 * const outputs = [{ type: "video", url: "https://cdn.example.test/clip_1.mp4" }, { type: "gif", url: undefined }] as const;
 * const job = toVideoJob({ provider: "clipforge", id: "clip_1", kind: "video", status: "succeeded", outputs });
 * console.log(job.outputs.length); // 1
 * ```
 */
export function toVideoJob(parts: VideoJobParts): VideoJob {
  const { provider, id, kind, status, progress, outputs = [], error, reference, occurredAt } = parts;
  const job = { provider, id, kind, status, outputs: [] } as VideoJob;
  for (const output of outputs) if (output.url !== undefined) job.outputs.push(withoutGaps(output) as VideoJobOutput);
  if (progress !== undefined) job.progress = progress;
  if (error) job.error = withoutGaps(error) as NonNullable<VideoJob["error"]>;
  if (reference !== undefined) job.reference = reference;
  if (occurredAt && !Number.isNaN(occurredAt.getTime())) job.occurredAt = occurredAt;
  return job;
}
