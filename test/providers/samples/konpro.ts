import type { KonProEventOf, KonProEventType } from "../../../src/providers/konpro.ts";
import type { ProviderSample } from "../../suites/provider-suite.ts";

/** The delivery of docs.konpro.ai, webhook integration ("General Payload Format"), the only one that KonPro's pages show. */
export const fromDocument: KonProEventOf<"avatar_video.success"> = {
  event_type: "avatar_video.success",
  event_data: {
    video_id: "video-123",
    url: "https://example.com/video.mp4",
    gif_download_url: "https://example.com/video.gif",
    video_share_page_url: "https://example.com/share/video-123",
    folder_id: "folder-456",
    callback_id: "callback-789",
  },
};

/** Names that docs.konpro.ai, add webhook endpoint, and its sister pages subscribe to, and that no event table contains. */
export const undocumentedNames: readonly string[] = [
  "video.created",
  "avatar.updated",
  "video.completed",
  "avatar.generated",
  "video.updated",
  "avatar.deleted",
];

function sample<const Type extends KonProEventType>(
  title: string,
  event: Pick<KonProEventOf<Type>, "event_type" | "event_data"> & { readonly event_type: Type },
  about: Pick<ProviderSample, "job"> & { readonly id?: string },
): ProviderSample {
  return {
    title,
    type: event.event_type,
    body: { ...event },
    envelope: ["event_type", "event_data"],
    ...(about.id !== undefined && { resource: `event_data.${about.id}` }),
    job: about.job,
  };
}

/** The fields are those of docs.konpro.ai and, where KonPro spells none out, of HeyGen. */
export const konproSamples: readonly ProviderSample[] = [
  sample("docs.konpro.ai, webhook integration", fromDocument, {
    id: "video_id",
    job: {
      id: "video-123",
      kind: "video",
      status: "succeeded",
      outputs: [
        { type: "video", url: "https://example.com/video.mp4" },
        { type: "gif", url: "https://example.com/video.gif" },
      ],
      reference: "callback-789",
    },
  }),
  sample(
    "docs.konpro.ai",
    {
      event_type: "avatar_video.success",
      event_data: {
        video_id: "kv_100",
        url: "https://cdn.example.test/kv_100.mp4",
        gif_download_url: "https://cdn.example.test/kv_100.gif",
        video_share_page_url: "https://app.example.test/s/kv_100",
        folder_id: "fld_2",
        callback_id: "order-44",
      },
    },
    {
      id: "video_id",
      job: {
        id: "kv_100",
        kind: "video",
        status: "succeeded",
        outputs: [
          { type: "video", url: "https://cdn.example.test/kv_100.mp4" },
          { type: "gif", url: "https://cdn.example.test/kv_100.gif" },
        ],
        reference: "order-44",
      },
    },
  ),
  sample(
    "docs.konpro.ai: error",
    { event_type: "avatar_video.fail", event_data: { video_id: "kv_100", error: "audio missing", callback_id: "order-44" } },
    {
      id: "video_id",
      job: { id: "kv_100", kind: "video", status: "failed", outputs: [], error: { message: "audio missing" }, reference: "order-44" },
    },
  ),
  sample(
    "msg, as HeyGen says it",
    { event_type: "avatar_video.fail", event_data: { video_id: "kv_101", msg: "voice missing" } },
    { id: "video_id", job: { id: "kv_101", kind: "video", status: "failed", outputs: [], error: { message: "voice missing" } } },
  ),
  sample(
    "the same fields, the url of a gif",
    {
      event_type: "avatar_video_gif.success",
      event_data: { video_id: "kv_102", url: "https://cdn.example.test/kv_102.gif", callback_id: "order-45" },
    },
    {
      id: "video_id",
      job: {
        id: "kv_102",
        kind: "video",
        status: "succeeded",
        outputs: [{ type: "gif", url: "https://cdn.example.test/kv_102.gif" }],
        reference: "order-45",
      },
    },
  ),
  sample(
    "by analogy",
    { event_type: "avatar_video_gif.fail", event_data: { video_id: "kv_103", error: "too long" } },
    { id: "video_id", job: { id: "kv_103", kind: "video", status: "failed", outputs: [], error: { message: "too long" } } },
  ),
  sample(
    "HeyGen's fields",
    {
      event_type: "video_translate.success",
      event_data: {
        video_translate_id: "ktr_1",
        url: "https://cdn.example.test/ktr_1.mp4",
        output_language: "Greek",
        callback_id: "order-46",
      },
    },
    {
      id: "video_translate_id",
      job: {
        id: "ktr_1",
        kind: "translation",
        status: "succeeded",
        outputs: [{ type: "video", url: "https://cdn.example.test/ktr_1.mp4" }],
        reference: "order-46",
      },
    },
  ),
  sample(
    "message, as HeyGen says it",
    { event_type: "video_translate.fail", event_data: { video_translate_id: "ktr_2", message: "language unsupported" } },
    {
      id: "video_translate_id",
      job: { id: "ktr_2", kind: "translation", status: "failed", outputs: [], error: { message: "language unsupported" } },
    },
  ),
  sample(
    "HeyGen's fields",
    {
      event_type: "personalized_video",
      event_data: {
        project_id: "kpj_5",
        video_id: "kv_104",
        video_url: "https://cdn.example.test/p.mp4",
        landing_page_url: "https://pages.example.test/p",
        gif_url: "https://cdn.example.test/p.gif",
        gif_html: "<img alt=p>",
        contact_info: { first_name: "Ada" },
      },
    },
    {
      job: {
        id: "kv_104",
        kind: "video",
        status: "succeeded",
        outputs: [
          { type: "video", url: "https://cdn.example.test/p.mp4" },
          { type: "gif", url: "https://cdn.example.test/p.gif" },
        ],
      },
    },
  ),
];
