import * as z from "zod";
import { defineProvider, type ProviderFactory } from "../provider.ts";
import { hmacHex } from "../signature/hmac-hex.ts";
import { type Amount, amount, type ErrorField, errorField, id, label, type Text, text } from "./fields.ts";
import {
  type AvatarVideo,
  avatarVideo,
  type CaptionedVideo,
  captionedVideo,
  envelopes,
  type HeyGenEnvelope,
  heygenDedupeKey,
  heygenJob,
  type PersonalizedVideo,
  personalizedVideo,
  type VideoTranslation,
  videoTranslation,
} from "./heygen-payloads.ts";

export type { Amount, AvatarVideo, CaptionedVideo, ErrorField, HeyGenEnvelope, PersonalizedVideo, Text, VideoTranslation };

/** Fields of `video_agent.*`, as seen in deliveries; HeyGen documents none. */
export interface VideoAgent {
  session_id?: Text;
  video_id?: Text;
  url?: Text;
  video_url?: Text;
  callback_id?: Text;
  error?: ErrorField;
  msg?: Text;
  message?: Text;
}

/** Fields of `ai_clipping.*`, which follow the job resource. */
export interface AiClipping {
  id: string;
  status?: Text;
  callback_id?: Text;
  title?: Text;
  input_language?: Text;
  progress?: Amount;
  source_duration?: Amount;
  failure_message?: Text;
  /** Unix seconds. */
  created_at?: Amount;
  clips?: AiClip[] | null | undefined;
}

/** One clip of {@link AiClipping}. */
export interface AiClip {
  id?: Text;
  status?: Text;
  title?: Text;
  video_url?: Text;
  thumbnail_url?: Text;
  duration_seconds?: Amount;
  aspect_ratio?: Text;
  virality_score?: Amount;
  failure_message?: Text;
}

/** Fields of `batch.finished`, which follow the batch resource. It is sent once, when every item is final. */
export interface Batch {
  batch_id: string;
  status?: Text;
  total_items?: Amount;
  counts_by_status?: Record<string, unknown> | null | undefined;
  title?: Text;
  created_at?: unknown;
  has_more?: boolean | null | undefined;
  items?: BatchItem[] | null | undefined;
}

/** One item of {@link Batch}. */
export interface BatchItem {
  item_index?: Amount;
  video_id?: Text;
  status?: Text;
  error?: unknown;
}

/** The payload of an event for which HeyGen documents no fields. */
export type OpenPayload = Record<string, unknown>;

/** Payload by event type. */
export interface HeyGenPayloads {
  "avatar_video.success": AvatarVideo;
  "avatar_video.fail": AvatarVideo;
  "avatar_video_gif.success": AvatarVideo;
  "avatar_video_gif.fail": AvatarVideo;
  "avatar_video_caption.success": CaptionedVideo;
  "avatar_video_caption.fail": CaptionedVideo;
  "video_translate.success": VideoTranslation;
  "video_translate.fail": VideoTranslation;
  "video_translate.preflight.validation_failed": OpenPayload;
  "video_translate.preflight.download_failed": OpenPayload;
  "video_agent.success": VideoAgent;
  "video_agent.fail": VideoAgent;
  personalized_video: PersonalizedVideo;
  "instant_avatar.success": OpenPayload;
  "instant_avatar.fail": OpenPayload;
  "photo_avatar_generation.success": OpenPayload;
  "photo_avatar_generation.fail": OpenPayload;
  "photo_avatar_train.success": OpenPayload;
  "photo_avatar_train.fail": OpenPayload;
  "photo_avatar_add_motion.success": OpenPayload;
  "photo_avatar_add_motion.fail": OpenPayload;
  "proofread_creation.success": OpenPayload;
  "proofread_creation.fail": OpenPayload;
  "live_avatar.success": OpenPayload;
  "live_avatar.fail": OpenPayload;
  "hyperframes_video.success": OpenPayload;
  "hyperframes_video.fail": OpenPayload;
  "ai_clipping.success": AiClipping;
  "ai_clipping.fail": AiClipping;
  "batch.finished": Batch;
}

/** Event by event type. */
export type HeyGenEventMap = { [Type in keyof HeyGenPayloads]: HeyGenEnvelope<Type, HeyGenPayloads[Type]> };

/** The names of HeyGen's events. */
export type HeyGenEventType = keyof HeyGenEventMap;

/** The event of a type. */
export type HeyGenEventOf<Type extends HeyGenEventType> = HeyGenEventMap[Type];

/** Every event of HeyGen, told apart by `event_type`. */
export type HeyGenEvent = HeyGenEventMap[HeyGenEventType];

const videoAgent = (): z.ZodType<VideoAgent> =>
  z.looseObject({
    session_id: text(),
    video_id: text(),
    url: text(),
    video_url: text(),
    callback_id: label(),
    error: errorField(),
    msg: text(),
    message: text(),
  });

const aiClipping = (): z.ZodType<AiClipping> =>
  z.looseObject({
    id: id(),
    status: text(),
    callback_id: label(),
    title: text(),
    input_language: text(),
    progress: amount(),
    source_duration: amount(),
    failure_message: text(),
    created_at: amount(),
    clips: z
      .array(
        z.looseObject({
          id: text(),
          status: text(),
          title: text(),
          video_url: text(),
          thumbnail_url: text(),
          duration_seconds: amount(),
          aspect_ratio: text(),
          virality_score: amount(),
          failure_message: text(),
        }),
      )
      .nullish(),
  });

const batch = (): z.ZodType<Batch> =>
  z.looseObject({
    batch_id: id(),
    status: text(),
    total_items: amount(),
    counts_by_status: z.record(z.string(), z.unknown()).nullish(),
    title: text(),
    created_at: z.unknown().optional(),
    has_more: z.boolean().nullish(),
    items: z.array(z.looseObject({ item_index: amount(), video_id: text(), status: text(), error: z.unknown().optional() })).nullish(),
  });

const open = (): z.ZodType<OpenPayload> => z.looseObject({});

const payloads: { readonly [Type in HeyGenEventType]: () => z.ZodType<HeyGenPayloads[Type]> } = {
  "avatar_video.success": avatarVideo,
  "avatar_video.fail": avatarVideo,
  "avatar_video_gif.success": avatarVideo,
  "avatar_video_gif.fail": avatarVideo,
  "avatar_video_caption.success": captionedVideo,
  "avatar_video_caption.fail": captionedVideo,
  "video_translate.success": videoTranslation,
  "video_translate.fail": videoTranslation,
  "video_translate.preflight.validation_failed": open,
  "video_translate.preflight.download_failed": open,
  "video_agent.success": videoAgent,
  "video_agent.fail": videoAgent,
  personalized_video: personalizedVideo,
  "instant_avatar.success": open,
  "instant_avatar.fail": open,
  "photo_avatar_generation.success": open,
  "photo_avatar_generation.fail": open,
  "photo_avatar_train.success": open,
  "photo_avatar_train.fail": open,
  "photo_avatar_add_motion.success": open,
  "photo_avatar_add_motion.fail": open,
  "proofread_creation.success": open,
  "proofread_creation.fail": open,
  "live_avatar.success": open,
  "live_avatar.fail": open,
  "hyperframes_video.success": open,
  "hyperframes_video.fail": open,
  "ai_clipping.success": aiClipping,
  "ai_clipping.fail": aiClipping,
  "batch.finished": batch,
};

/** The schema of each event, built when it is first used. */
export const heygenEvents: { readonly [Type in HeyGenEventType]: z.ZodType<HeyGenEventMap[Type]> } = envelopes(payloads);

/**
 * HeyGen at one endpoint. Registered endpoints are signed: hex HMAC-SHA256 of the raw body under the whole secret, `whsec_` included,
 * in the header `Signature`, `Heygen-Signature` or `x-heygen-signature`. Callbacks given per request are not signed; guard those with
 * `token`. HeyGen waits 10 seconds by its current pages and 5 by an older guide; the shorter one is kept.
 *
 * @throws {@link ConfigurationError} for a missing or impossible secret
 * @see https://developers.heygen.com/docs/webhooks and https://docs.heygen.com/docs/using-heygens-webhook-events (stored copies, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 *
 * const router = createRouter(heygen({ secret: process.env.HEYGEN_WEBHOOK_SECRET }));
 * router.on("avatar_video.fail", (event, context) => console.log(event.event_data.video_id, context.job?.error?.message));
 * ```
 */
export const heygen: ProviderFactory<"heygen", HeyGenEventMap> = defineProvider({
  name: "heygen",
  signature: hmacHex({ headers: ["signature", "heygen-signature", "x-heygen-signature"] }),
  events: heygenEvents,
  eventType: ({ event_type }) => (typeof event_type === "string" ? event_type : undefined),
  dedupeKey: heygenDedupeKey,
  toJob: (event, type) => heygenJob("heygen", event, type),
  ackDeadlineMs: 5000,
  validation: { withinMs: 1000 },
});
