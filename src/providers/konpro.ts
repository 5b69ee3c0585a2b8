import type * as z from "zod";
import { defineProvider, type ProviderFactory } from "../provider.ts";
import { hmacHex } from "../signature/hmac-hex.ts";
import {
  type AvatarVideo,
  avatarVideo,
  envelopes,
  type HeyGenEnvelope,
  heygenDedupeKey,
  heygenJob,
  type PersonalizedVideo,
  personalizedVideo,
  type VideoTranslation,
  videoTranslation,
} from "./heygen-payloads.ts";

export type { Amount, ErrorField, Text } from "./fields.ts";
export type { AvatarVideo, PersonalizedVideo, VideoTranslation };

/** The envelope of KonPro's events, which is HeyGen's. */
export type KonProEnvelope<Type extends string, Payload> = HeyGenEnvelope<Type, Payload>;

/** Payload by event type. KonPro spells out `avatar_video.*` only; the others are those of HeyGen, which its API mirrors. */
export interface KonProPayloads {
  "avatar_video.success": AvatarVideo;
  "avatar_video.fail": AvatarVideo;
  "avatar_video_gif.success": AvatarVideo;
  "avatar_video_gif.fail": AvatarVideo;
  "video_translate.success": VideoTranslation;
  "video_translate.fail": VideoTranslation;
  personalized_video: PersonalizedVideo;
}

/** Event by event type. */
export type KonProEventMap = { [Type in keyof KonProPayloads]: KonProEnvelope<Type, KonProPayloads[Type]> };

/** The names of KonPro's events. */
export type KonProEventType = keyof KonProEventMap;

/** The event of a type. */
export type KonProEventOf<Type extends KonProEventType> = KonProEventMap[Type];

/** Every event of KonPro, told apart by `event_type`. */
export type KonProEvent = KonProEventMap[KonProEventType];

/** The schema of each event, built when it is first used. */
export const konproEvents: { readonly [Type in KonProEventType]: z.ZodType<KonProEventMap[Type]> } = envelopes<KonProPayloads>({
  "avatar_video.success": avatarVideo,
  "avatar_video.fail": avatarVideo,
  "avatar_video_gif.success": avatarVideo,
  "avatar_video_gif.fail": avatarVideo,
  "video_translate.success": videoTranslation,
  "video_translate.fail": videoTranslation,
  personalized_video: personalizedVideo,
});

/**
 * KonPro at one endpoint. KonPro issues a secret, but documents no signature. With `secret`, HeyGen's scheme is expected in one of
 * the headers below, and that is a guess: set `header` when KonPro names another one. Until it signs, use `token`, or `unsigned: true`
 * to accept everything.
 *
 * @throws {@link ConfigurationError} when neither `secret`, `token` nor `unsigned` is given, or one of them cannot be used
 * @see https://docs.konpro.ai/api/webhook-integration (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { konpro } from "video-webhooks/konpro";
 *
 * const router = createRouter(konpro({ token: process.env.KONPRO_TOKEN }));
 * router.on("avatar_video.success", (event) => console.log(event.event_data.url));
 * ```
 */
export const konpro: ProviderFactory<"konpro", KonProEventMap> = defineProvider({
  name: "konpro",
  signature: hmacHex({ headers: ["x-konpro-signature", "konpro-signature", "signature"] }),
  events: konproEvents,
  eventType: ({ event_type }) => (typeof event_type === "string" ? event_type : undefined),
  dedupeKey: heygenDedupeKey,
  toJob: (event, type) => heygenJob("konpro", event, type),
  ackDeadlineMs: 5000,
  validation: { withinMs: 1000 },
});
