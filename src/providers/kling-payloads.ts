import * as z from "zod";
import { lazyEvents } from "../provider.ts";
import { type Amount, amount, id, isRecord, label, type Text, text } from "./fields.ts";

export type { Amount, Text };

/** @inline */
type Open = Record<string, unknown>;

/** A result of a task in Kling's current callbacks. Which fields are there depends on `type`. */
export interface KlingOutput {
  /** `"video"`, `"image"`, `"audio"`, `"voice"` or `"element"`. */
  type?: Text;
  id?: Text;
  url?: Text;
  watermark_url?: Text;
  /** Seconds; Kling sends text such as `"5.1"`. */
  duration?: string | number | null | undefined;
  group_id?: Text;
  mp3_url?: Text;
  wav_url?: Text;
  mp3_duration?: string | number | null | undefined;
  wav_duration?: string | number | null | undefined;
  name?: Text;
  description?: Text;
  element_type?: Text;
  owned_by?: Text;
  status?: Text;
  materials?: Open[] | null | undefined;
  tags?: Open[] | null | undefined;
}

/** What a task cost. */
export interface KlingBilling {
  charge_type?: Text;
  cash_type?: Text;
  amount?: string | number | null | undefined;
  currency?: Text;
  package_type?: Text;
  list_price?: string | number | null | undefined;
}

/** A callback of Kling's current API. Told from {@link KlingLegacyTask} by `task_status`, which it does not have. */
export interface KlingTask<Status extends string> {
  id: string;
  status: Status;
  message?: Text;
  /** Milliseconds since 1970. */
  create_time?: Amount;
  /** Milliseconds since 1970. */
  update_time?: Amount;
  external_id?: Text;
  outputs?: KlingOutput[] | null | undefined;
  billing?: KlingBilling[] | null | undefined;
  task_status?: undefined;
}

/** A file of {@link KlingLegacyTask}. */
export interface KlingLegacyFile {
  id?: Text;
  index?: Amount;
  url?: Text;
  watermark_url?: Text;
  /** Seconds; Kling sends text such as `"5.1"`. */
  duration?: string | number | null | undefined;
}

/** A callback of Kling's legacy API. */
export interface KlingLegacyTask<Status extends string> {
  task_id: string;
  task_status: Status;
  task_status_msg?: Text;
  /** Milliseconds since 1970. */
  created_at?: Amount;
  /** Milliseconds since 1970. */
  updated_at?: Amount;
  final_unit_deduction?: string | number | null | undefined;
  final_balance_deduction?: Open | null | undefined;
  task_info?: { external_task_id?: Text; parent_video?: KlingLegacyFile | null | undefined } | null | undefined;
  external_task_id?: Text;
  task_result?:
    | {
        videos?: KlingLegacyFile[] | null | undefined;
        images?: KlingLegacyFile[] | null | undefined;
        audios?: KlingLegacyFile[] | null | undefined;
      }
    | null
    | undefined;
}

/** The payload of the `video.*` events, which a widespread guide describes and Kling itself does not. */
export interface KlingVideo {
  job_id: string;
  status?: Text;
  video_url?: Text;
  thumbnail_url?: Text;
  /** Seconds. */
  duration?: string | number | null | undefined;
  prompt?: Text;
  model?: Text;
  created_at?: Text;
  completed_at?: Text;
  error?: Text;
  /** Percent. */
  progress?: Amount;
}

/** The envelope of the `video.*` events. */
export interface KlingVideoEvent<Type extends string> {
  event: Type;
  data: KlingVideo;
  /** ISO 8601. */
  timestamp?: Text;
  /** Plain data: a body cannot contain its own signature, so it is never trusted. */
  signature?: Text;
}

/** The names of the `video.*` events. */
export type KlingVideoType = "video.created" | "video.processing" | "video.completed" | "video.failed" | "video.cancelled";

/** Event by event type. `task.*` are Kling's callbacks, which carry no event name: it is made from their status. */
export interface KlingEventMap {
  "video.created": KlingVideoEvent<"video.created">;
  "video.processing": KlingVideoEvent<"video.processing">;
  "video.completed": KlingVideoEvent<"video.completed">;
  "video.failed": KlingVideoEvent<"video.failed">;
  "video.cancelled": KlingVideoEvent<"video.cancelled">;
  "task.submitted": KlingTask<"submitted"> | KlingLegacyTask<"submitted">;
  "task.processing": KlingTask<"processing"> | KlingLegacyTask<"processing">;
  "task.succeeded": KlingTask<"succeeded" | "succeed"> | KlingLegacyTask<"succeed" | "succeeded">;
  "task.failed": KlingTask<"failed"> | KlingLegacyTask<"failed">;
}

/** The names of Kling's events. */
export type KlingEventType = keyof KlingEventMap;

/** The event of a type. */
export type KlingEventOf<Type extends KlingEventType> = KlingEventMap[Type];

/** Every event of Kling. */
export type KlingEvent = KlingEventMap[KlingEventType];

const numeric = () => z.union([z.string(), z.number()]).nullish();
const openObject = () => z.looseObject({});
const file = () => z.looseObject({ id: text(), index: amount(), url: text(), watermark_url: text(), duration: numeric() });
const files = () => z.array(file()).nullish();

const output = () =>
  z.looseObject({
    type: text(),
    id: text(),
    url: text(),
    watermark_url: text(),
    duration: numeric(),
    group_id: text(),
    mp3_url: text(),
    wav_url: text(),
    mp3_duration: numeric(),
    wav_duration: numeric(),
    name: text(),
    description: text(),
    element_type: text(),
    owned_by: text(),
    status: text(),
    materials: z.array(openObject()).nullish(),
    tags: z.array(openObject()).nullish(),
  });

const billing = () =>
  z.looseObject({
    charge_type: text(),
    cash_type: text(),
    amount: numeric(),
    currency: text(),
    package_type: text(),
    list_price: numeric(),
  });

/** A `task_status` that is `null` or `""` is none. */
function withoutBlankStatus(body: unknown): unknown {
  if (!isRecord(body) || body.task_status || !("task_status" in body)) return body;
  const { task_status: _blank, ...rest } = body;
  return rest;
}

/** Both callback shapes of one status; `task_status` picks the shape, so that none is tried in vain. */
function task<const Status extends string>(
  ...statuses: readonly [Status, ...Status[]]
): z.ZodType<KlingTask<Status> | KlingLegacyTask<Status>> {
  const current = z.looseObject({
    task_status: z.undefined().optional(),
    id: id(),
    status: z.enum(statuses),
    message: text(),
    create_time: amount(),
    update_time: amount(),
    external_id: label(),
    outputs: z.array(output()).nullish(),
    billing: z.array(billing()).nullish(),
  });
  const legacy = z.looseObject({
    task_id: id(),
    task_status: z.enum(statuses),
    task_status_msg: text(),
    created_at: amount(),
    updated_at: amount(),
    final_unit_deduction: numeric(),
    final_balance_deduction: openObject().nullish(),
    task_info: z.looseObject({ external_task_id: label(), parent_video: file().nullish() }).nullish(),
    external_task_id: label(),
    task_result: z.looseObject({ videos: files(), images: files(), audios: files() }).nullish(),
  });
  return z.preprocess(withoutBlankStatus, z.discriminatedUnion("task_status", [legacy, current])) as never;
}

function video<const Type extends KlingVideoType>(type: Type): z.ZodType<KlingVideoEvent<Type>> {
  const data = z.looseObject({
    job_id: id(),
    status: text(),
    video_url: text(),
    thumbnail_url: text(),
    duration: numeric(),
    prompt: text(),
    model: text(),
    created_at: text(),
    completed_at: text(),
    error: text(),
    progress: amount(),
  });
  return z.looseObject({ event: z.literal(type), data, timestamp: text(), signature: text() }) as never;
}

/** The schema of each event, built when it is first used. */
export const klingEvents: { readonly [Type in KlingEventType]: z.ZodType<KlingEventMap[Type]> } = lazyEvents({
  "video.created": () => video("video.created"),
  "video.processing": () => video("video.processing"),
  "video.completed": () => video("video.completed"),
  "video.failed": () => video("video.failed"),
  "video.cancelled": () => video("video.cancelled"),
  "task.submitted": () => task("submitted"),
  "task.processing": () => task("processing"),
  "task.succeeded": () => task("succeeded", "succeed"),
  "task.failed": () => task("failed"),
});
