import * as z from "zod";
import { toAmount, toDate, toText, toVideoJob, type VideoJob, type VideoJobStatus } from "../job.ts";
import { defineProvider, lazyEvents, type MaxAgeOptions, type ProviderFactory, type ProviderOptions } from "../provider.ts";
import { hmacHex } from "../signature/hmac-hex.ts";
import { type Amount, amount, id, type Text, text } from "./fields.ts";

export type { Amount, Text };

/** The envelope of every event. */
export interface VideoPilotEnvelope<Type extends string, Payload> {
  event: Type;
  data: Payload;
  /** ISO 8601 with milliseconds. */
  timestamp: string;
}

/** Fields of `video.script_ready`. */
export interface ScriptReady {
  video_id: string;
  title?: Text;
  script?: Text;
  status?: Text;
  scene_count?: Amount;
}

/** Fields of `video.media_ready`. */
export interface MediaReady {
  video_id: string;
  title?: Text;
  status?: Text;
  scene_count?: Amount;
  /** Seconds. */
  total_duration?: Amount;
  scenes_with_images?: Amount;
  scenes_with_audio?: Amount;
}

/** Fields of `video.generation_failed`. */
export interface GenerationFailed {
  video_id: string;
  title?: Text;
  status?: Text;
  error?: Text;
  /** Such as `"image_generation"`, the only documented value. */
  failed_step?: Text;
}

/** What the three `render.*` events have in common. */
interface Render {
  render_job_id: string;
  video_id?: Text;
  status?: Text;
  /** `"low"`, `"medium"` or `"high"`. */
  quality?: Text;
}

/** Fields of `render.started`. */
export interface RenderStarted extends Render {
  /** Seconds. */
  estimated_duration?: Amount;
}

/** Fields of `render.completed`. */
export interface RenderCompleted extends Render {
  output_url?: Text;
  /** Seconds. */
  duration?: Amount;
  /** Bytes. */
  file_size?: Amount;
}

/** Fields of `render.failed`. */
export interface RenderFailed extends Render {
  error?: Text;
}

/** Payload by event type. */
export interface VideoPilotPayloads {
  "video.script_ready": ScriptReady;
  "video.media_ready": MediaReady;
  "video.generation_failed": GenerationFailed;
  "render.started": RenderStarted;
  "render.completed": RenderCompleted;
  "render.failed": RenderFailed;
}

/** Event by event type. */
export type VideoPilotEventMap = { [Type in keyof VideoPilotPayloads]: VideoPilotEnvelope<Type, VideoPilotPayloads[Type]> };

/** The names of VideoPilot's events. */
export type VideoPilotEventType = keyof VideoPilotEventMap;

/** The event of a type. */
export type VideoPilotEventOf<Type extends VideoPilotEventType> = VideoPilotEventMap[Type];

/** Every event of VideoPilot, told apart by `event`. */
export type VideoPilotEvent = VideoPilotEventMap[VideoPilotEventType];

const video = () => ({ video_id: id(), title: text(), status: text() });
const render = () => ({ render_job_id: id(), video_id: text(), status: text(), quality: text() });

function envelope<const Type extends VideoPilotEventType>(
  type: Type,
  payload: z.ZodType<VideoPilotPayloads[Type]>,
): z.ZodType<VideoPilotEnvelope<Type, VideoPilotPayloads[Type]>> {
  return z.looseObject({ event: z.literal(type), data: payload, timestamp: z.string() }) as never;
}

/** The schema of each event, built when it is first used. */
export const videopilotEvents: { readonly [Type in VideoPilotEventType]: z.ZodType<VideoPilotEventMap[Type]> } = lazyEvents({
  "video.script_ready": () => envelope("video.script_ready", z.looseObject({ ...video(), script: text(), scene_count: amount() })),
  "video.media_ready": () =>
    envelope(
      "video.media_ready",
      z.looseObject({
        ...video(),
        scene_count: amount(),
        total_duration: amount(),
        scenes_with_images: amount(),
        scenes_with_audio: amount(),
      }),
    ),
  "video.generation_failed": () => envelope("video.generation_failed", z.looseObject({ ...video(), error: text(), failed_step: text() })),
  "render.started": () => envelope("render.started", z.looseObject({ ...render(), estimated_duration: amount() })),
  "render.completed": () =>
    envelope("render.completed", z.looseObject({ ...render(), output_url: text(), duration: amount(), file_size: amount() })),
  "render.failed": () => envelope("render.failed", z.looseObject({ ...render(), error: text() })),
});

// A video whose media are ready has no file yet; that comes from its render, which is a job with an id of its own.
const statuses: Readonly<Record<VideoPilotEventType, VideoJobStatus>> = {
  "video.script_ready": "processing",
  "video.media_ready": "processing",
  "video.generation_failed": "failed",
  "render.started": "processing",
  "render.completed": "succeeded",
  "render.failed": "failed",
};

/** The id that the schema of the type requires; a payload may carry unknown fields of the other name. */
function resourceOf(data: VideoPilotEvent["data"], type: VideoPilotEventType): string {
  const { render_job_id, video_id } = data as RenderStarted & ScriptReady;
  return type.startsWith("render.") ? render_job_id : video_id;
}

function toJob({ data, timestamp }: VideoPilotEvent, type: VideoPilotEventType): VideoJob {
  const fields: Readonly<Record<string, unknown>> = { ...data };
  const status = statuses[type];
  return toVideoJob({
    provider: "videopilot",
    id: resourceOf(data, type),
    kind: type.startsWith("render.") ? "render" : "video",
    status,
    outputs: [
      {
        type: "video",
        url: toText(fields.output_url),
        durationSeconds: toAmount(fields.duration),
        bytes: toAmount(fields.file_size),
      },
    ],
    error:
      status === "failed"
        ? { message: toText(fields.error) ?? "The provider gave no reason.", step: toText(fields.failed_step) }
        : undefined,
    occurredAt: toDate(timestamp),
  });
}

/**
 * VideoPilot at one endpoint. Deliveries carry `sha256=` and the hex HMAC-SHA256 of the raw body in `X-VideoPilot-Signature`. The body
 * has a signed `timestamp`, so `maxAgeSeconds` works, but VideoPilot does not say whether a retry keeps the first timestamp: a limit
 * below the span of its retries may refuse honest ones.
 *
 * @throws {@link ConfigurationError} for a missing or impossible secret
 * @see https://www.videopilot.com/docs/api/webhooks (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { videopilot } from "video-webhooks/videopilot";
 *
 * const router = createRouter(videopilot({ secret: process.env.VIDEOPILOT_WEBHOOK_SECRET }));
 * router.on("render.completed", (event) => console.log(event.data.output_url));
 * ```
 */
export const videopilot: ProviderFactory<"videopilot", VideoPilotEventMap, ProviderOptions & MaxAgeOptions> = defineProvider({
  name: "videopilot",
  signature: hmacHex({ headers: ["x-videopilot-signature"], format: "sha256=" }),
  events: videopilotEvents,
  eventType: ({ event }) => (typeof event === "string" ? event : undefined),
  dedupeKey: ({ data, timestamp }, type) => [type, resourceOf(data, type), timestamp],
  toJob,
  signedAt: ({ timestamp }) => toDate(timestamp)?.getTime(),
  ackDeadlineMs: 30_000,
});
