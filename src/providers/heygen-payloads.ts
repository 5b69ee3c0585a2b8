import * as z from "zod";
import {
  firstText,
  toAmount,
  toDate,
  toText,
  toVideoJob,
  type VideoJob,
  type VideoJobKind,
  type VideoJobOutputParts,
  type VideoJobStatus,
} from "../job.ts";
import { lazyEvents } from "../provider.ts";
import { type Amount, amount, type ErrorField, errorField, id, isRecord, label, type Text, text } from "./fields.ts";

// HeyGen's payloads, which KonPro's API mirrors. Fields of HeyGen's current pages and of older guides stand side by side, since
// deliveries of both kinds exist. The pages are named in heygen.ts and konpro.ts.

/** The envelope of every event. */
export interface HeyGenEnvelope<Type extends string, Payload> {
  event_type: Type;
  event_data: Payload;
  /** Not in every delivery. */
  event_id?: Text;
  /** ISO 8601. */
  created_at?: Text;
}

/** The application's own reference, where it sent one when it created the job. */
interface Callback {
  callback_id?: Text;
  callback_url?: Text;
}

/** The spellings of a failure. Use `context.job.error.message` for whichever is there. */
interface Failure {
  error?: ErrorField;
  msg?: Text;
  message?: Text;
  error_message?: Text;
  failure_message?: Text;
  failure_code?: Text;
  reason?: Text;
}

/** Fields of `avatar_video.*` and `avatar_video_gif.*`. */
export interface AvatarVideo extends Callback, Failure {
  video_id: string;
  /** The video, or for gif events the gif. Lapses after about 7 days. */
  url?: Text;
  gif_download_url?: Text;
  video_page_url?: Text;
  video_share_page_url?: Text;
  folder_id?: Text;
  /** The older name of `url`. */
  video_url?: Text;
  thumbnail_url?: Text;
  /** Seconds. */
  duration?: Amount;
}

/** Fields of `avatar_video_caption.*`. */
export interface CaptionedVideo extends AvatarVideo {
  caption_url?: Text;
  subtitle_url?: Text;
}

/** Fields of `video_translate.success` and `.fail`. */
export interface VideoTranslation extends Callback, Failure {
  /** Filled from `video_translation_id` or `id` where a delivery uses those names. */
  video_translate_id: string;
  url?: Text;
  output_language?: Text;
}

/** Fields of `personalized_video`. */
export interface PersonalizedVideo extends Callback, Failure {
  project_id?: Text;
  video_id?: Text;
  video_url?: Text;
  landing_page_url?: Text;
  gif_url?: Text;
  gif_html?: Text;
  contact_info?: Record<string, unknown> | null | undefined;
}

const callback = () => ({ callback_id: label(), callback_url: text() });
const failure = () => ({
  error: errorField(),
  msg: text(),
  message: text(),
  error_message: text(),
  failure_message: text(),
  failure_code: label(),
  reason: text(),
});

const avatarVideoShape = () => ({
  video_id: id(),
  url: text(),
  gif_download_url: text(),
  video_page_url: text(),
  video_share_page_url: text(),
  folder_id: text(),
  video_url: text(),
  thumbnail_url: text(),
  duration: amount(),
  ...callback(),
  ...failure(),
});

/** {@link AvatarVideo} */
export const avatarVideo = (): z.ZodType<AvatarVideo> => z.looseObject(avatarVideoShape());

/** {@link CaptionedVideo} */
export const captionedVideo = (): z.ZodType<CaptionedVideo> =>
  z.looseObject({ ...avatarVideoShape(), caption_url: text(), subtitle_url: text() });

/** {@link VideoTranslation} */
export const videoTranslation = (): z.ZodType<VideoTranslation> =>
  z.preprocess(
    (data) => {
      if (!isRecord(data) || toText(data.video_translate_id) !== undefined) return data;
      const other = firstText(data.video_translation_id, data.id);
      return other === undefined ? data : { ...data, video_translate_id: other };
    },
    z.looseObject({ video_translate_id: id(), url: text(), output_language: text(), ...callback(), ...failure() }),
  );

/** {@link PersonalizedVideo} */
export const personalizedVideo = (): z.ZodType<PersonalizedVideo> =>
  z.looseObject({
    project_id: text(),
    video_id: text(),
    video_url: text(),
    landing_page_url: text(),
    gif_url: text(),
    gif_html: text(),
    contact_info: z.record(z.string(), z.unknown()).nullish(),
    ...callback(),
    ...failure(),
  });

/** The schemas of events from those of their payloads, each built when it is first used. */
export function envelopes<Payloads extends object>(
  payloads: { readonly [Type in keyof Payloads]: () => z.ZodType<Payloads[Type]> },
): {
  readonly [Type in keyof Payloads & string]: z.ZodType<HeyGenEnvelope<Type, Payloads[Type]>>;
} {
  const builders = Object.entries<() => z.ZodType>(payloads).map(
    ([type, payload]) =>
      [type, () => z.looseObject({ event_type: z.literal(type), event_data: payload(), event_id: label(), created_at: label() })] as const,
  );
  // Object.entries forgets which payload belongs to which type; the parameter's type has tied them together.
  return lazyEvents(Object.fromEntries(builders)) as never;
}

type Data = Readonly<Record<string, unknown>>;

/** An event of this family, as far as job and key are concerned. */
export interface HeyGenLike {
  readonly event_type: string;
  readonly event_data: unknown;
  readonly event_id?: Text;
  readonly created_at?: Text;
}

const dataOf = (event: HeyGenLike): Data => (isRecord(event.event_data) ? event.event_data : {});

/** What is known of a family of events. */
interface Family {
  readonly prefix: string;
  readonly kind: VideoJobKind;
  readonly idFields: readonly string[];
  /** Whether type and resource id tell an event from all others: the payload is documented, and the type tells the state (pitfall P31). */
  readonly keyed?: boolean;
}

const families: readonly Family[] = [
  { prefix: "avatar_video", kind: "video", idFields: ["video_id"], keyed: true },
  { prefix: "video_translate.preflight", kind: "translation", idFields: ["video_translate_id", "id"] },
  { prefix: "video_translate", kind: "translation", idFields: ["video_translate_id"], keyed: true },
  { prefix: "personalized_video", kind: "video", idFields: ["video_id", "project_id"] },
  { prefix: "video_agent", kind: "video", idFields: ["video_id", "session_id"], keyed: true },
  { prefix: "ai_clipping", kind: "video", idFields: ["id"], keyed: true },
  { prefix: "batch", kind: "other", idFields: ["batch_id"], keyed: true },
  // For these no payload is documented; the ids are those that such resources have elsewhere in the API. Without one there is no job.
  { prefix: "instant_avatar", kind: "avatar", idFields: ["avatar_id", "id"] },
  { prefix: "photo_avatar", kind: "avatar", idFields: ["generation_id", "group_id", "avatar_id", "id"] },
  { prefix: "live_avatar", kind: "avatar", idFields: ["avatar_id", "id"] },
  { prefix: "proofread_creation", kind: "translation", idFields: ["proofread_id", "id"] },
  { prefix: "hyperframes_video", kind: "video", idFields: ["video_id", "id"] },
];
const other: Family = { prefix: "", kind: "other", idFields: [] };
const familyByType = new Map<string, Family>();

/** The family is decided by the type, which chose the schema: a payload may carry unknown fields of any name. */
function familyOf(type: string): Family {
  let family = familyByType.get(type);
  if (family === undefined) {
    family = families.find(({ prefix }) => type.startsWith(prefix)) ?? other;
    familyByType.set(type, family);
  }
  return family;
}

function resourceOf({ idFields }: Family, data: Data): string | undefined {
  for (const field of idFields) {
    const id = toText(data[field]);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** `event_id` where the body has one; otherwise type and resource, where they suffice; otherwise the whole body decides. */
export function heygenDedupeKey(event: HeyGenLike, type: string): readonly string[] | undefined {
  const eventId = toText(event.event_id);
  if (eventId !== undefined) return [eventId];
  const family = familyOf(type);
  const resource = family.keyed ? resourceOf(family, dataOf(event)) : undefined;
  return resource === undefined ? undefined : [type, resource];
}

/** The job view of HeyGen's events and of those that mirror them. */
export function heygenJob(provider: string, event: HeyGenLike, type: string): VideoJob | undefined {
  const data = dataOf(event);
  const family = familyOf(type);
  const resource = resourceOf(family, data);
  if (resource === undefined) return undefined;
  const status = statusOf(type, data);
  return toVideoJob({
    provider,
    id: resource,
    kind: family.kind,
    status,
    outputs: outputsOf(type, data),
    error: status === "failed" ? { message: failureText(data) ?? "The provider gave no reason.", code: failureCode(data) } : undefined,
    reference: toText(data.callback_id),
    occurredAt: toDate(event.created_at),
  });
}

function statusOf(type: string, data: Data): VideoJobStatus {
  if (data.status === "cancelled") return "cancelled";
  if (/\.fail$|_failed$/.test(type) || data.status === "failed") return "failed";
  // The one event whose type does not tell: a text without a video is a failure, a message beside a video is none.
  const failed = type === "personalized_video" && failureText(data) !== undefined && firstText(data.video_url, data.url) === undefined;
  return failed ? "failed" : "succeeded";
}

function failureText(data: Data): string | undefined {
  const { error } = data;
  return firstText(isRecord(error) ? error.message : error, data.msg, data.message, data.error_message, data.failure_message, data.reason);
}

function failureCode(data: Data): string | undefined {
  const code = isRecord(data.error) ? data.error.code : undefined;
  return typeof code === "number" ? String(code) : firstText(code, data.failure_code);
}

function outputsOf(type: string, data: Data): readonly VideoJobOutputParts[] {
  const main = firstText(data.url, data.video_url);
  const about = { thumbnailUrl: toText(data.thumbnail_url), durationSeconds: toAmount(data.duration) };
  const clips = Array.isArray(data.clips) ? data.clips.filter(isRecord) : [];
  return [
    { type: type.startsWith("avatar_video_gif") ? "gif" : "video", url: main, ...about },
    { type: "gif", url: firstText(data.gif_download_url, data.gif_url) },
    { type: "other", url: firstText(data.caption_url, data.subtitle_url) },
    ...clips.map(toClip),
  ];
}

function toClip(clip: Data): VideoJobOutputParts {
  return {
    type: "video",
    url: toText(clip.video_url),
    thumbnailUrl: toText(clip.thumbnail_url),
    durationSeconds: toAmount(clip.duration_seconds),
  };
}
