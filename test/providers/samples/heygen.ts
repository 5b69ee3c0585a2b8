import type { HeyGenEventOf, HeyGenEventType } from "../../../src/providers/heygen.ts";
import type { ProviderSample } from "../../suites/provider-suite.ts";

/** The deliveries of heygen-com/skills-legacy: two of "Event Payload Structure", one of "Webhook Testing Tool". */
export const fromDocument: {
  readonly success: HeyGenEventOf<"avatar_video.success">;
  readonly failure: HeyGenEventOf<"avatar_video.fail">;
  readonly simulated: HeyGenEventOf<"avatar_video.success">;
} = {
  success: {
    event_type: "avatar_video.success",
    event_data: {
      video_id: "abc123",
      video_url: "https://files.heygen.ai/video/abc123.mp4",
      thumbnail_url: "https://files.heygen.ai/thumbnail/abc123.jpg",
      duration: 45.2,
      callback_id: "your_custom_id",
    },
  },
  failure: {
    event_type: "avatar_video.fail",
    event_data: { video_id: "abc123", error: "Script too long for selected avatar", callback_id: "your_custom_id" },
  },
  simulated: {
    event_type: "avatar_video.success",
    event_data: {
      video_id: "test_123",
      video_url: "https://example.com/test.mp4",
      thumbnail_url: "https://example.com/test.jpg",
      duration: 30,
      callback_id: "test_callback",
    },
  },
};

/** All 30 names of heygen-com/heygen-cli. */
export const documentedNames: readonly string[] = [
  "avatar_video.success",
  "avatar_video.fail",
  "avatar_video_gif.success",
  "avatar_video_gif.fail",
  "avatar_video_caption.success",
  "avatar_video_caption.fail",
  "video_translate.success",
  "video_translate.fail",
  "video_translate.preflight.validation_failed",
  "video_translate.preflight.download_failed",
  "video_agent.success",
  "video_agent.fail",
  "personalized_video",
  "instant_avatar.success",
  "instant_avatar.fail",
  "photo_avatar_generation.success",
  "photo_avatar_generation.fail",
  "photo_avatar_train.success",
  "photo_avatar_train.fail",
  "photo_avatar_add_motion.success",
  "photo_avatar_add_motion.fail",
  "proofread_creation.success",
  "proofread_creation.fail",
  "live_avatar.success",
  "live_avatar.fail",
  "hyperframes_video.success",
  "hyperframes_video.fail",
  "ai_clipping.success",
  "ai_clipping.fail",
  "batch.finished",
];

interface About {
  readonly job: ProviderSample["job"];
  /** The name of the required id in `event_data`. */
  readonly id?: string;
  readonly envelope?: { readonly event_id?: string; readonly created_at?: string };
}

function sample<const Type extends HeyGenEventType>(
  type: Type,
  title: string,
  event_data: HeyGenEventOf<Type>["event_data"],
  { job, id, envelope }: About,
): ProviderSample {
  return {
    title,
    type,
    body: { event_type: type, event_data, ...envelope },
    envelope: ["event_type", "event_data"],
    ...(id !== undefined && { resource: `event_data.${id}` }),
    job,
  };
}

const failed = { kind: "video", status: "failed", outputs: [] } satisfies Partial<ProviderSample["job"]>;

const avatarVideos: readonly ProviderSample[] = [
  sample(
    "avatar_video.success",
    "developers.heygen.com",
    {
      video_id: "a1b2c3d4e5f6",
      url: "https://files.example.test/v.mp4?sig=1",
      gif_download_url: "https://files.example.test/v.gif",
      video_page_url: "https://app.example.test/videos/a1b2",
      video_share_page_url: "https://app.example.test/share/a1b2",
      folder_id: "fld_9",
      callback_id: "order-42",
      callback_url: null,
      video_url: "https://files.example.test/v.mp4",
      thumbnail_url: "https://files.example.test/v.jpg",
      duration: 12.5,
    },
    {
      id: "video_id",
      envelope: { event_id: "evt_7c1d", created_at: "2026-03-04T05:06:07Z" },
      job: {
        id: "a1b2c3d4e5f6",
        kind: "video",
        status: "succeeded",
        outputs: [
          {
            type: "video",
            url: "https://files.example.test/v.mp4?sig=1",
            thumbnailUrl: "https://files.example.test/v.jpg",
            durationSeconds: 12.5,
          },
          { type: "gif", url: "https://files.example.test/v.gif" },
        ],
        reference: "order-42",
        occurredAt: new Date("2026-03-04T05:06:07Z"),
      },
    },
  ),
  sample("avatar_video.success", "heygen-com/skills-legacy", fromDocument.success.event_data, {
    id: "video_id",
    job: {
      id: "abc123",
      kind: "video",
      status: "succeeded",
      outputs: [
        {
          type: "video",
          url: "https://files.heygen.ai/video/abc123.mp4",
          thumbnailUrl: "https://files.heygen.ai/thumbnail/abc123.jpg",
          durationSeconds: 45.2,
        },
      ],
      reference: "your_custom_id",
    },
  }),
  sample("avatar_video.success", "heygen-com/skills-legacy, its testing tool", fromDocument.simulated.event_data, {
    id: "video_id",
    job: {
      id: "test_123",
      kind: "video",
      status: "succeeded",
      outputs: [{ type: "video", url: "https://example.com/test.mp4", thumbnailUrl: "https://example.com/test.jpg", durationSeconds: 30 }],
      reference: "test_callback",
    },
  }),
  sample(
    "avatar_video.success",
    "heygen-com/skills-legacy, VideoSuccessEvent without its optional field",
    {
      video_id: "v_1",
      video_url: "https://files.example.test/v_1.mp4",
      thumbnail_url: "https://files.example.test/v_1.jpg",
      duration: 3,
    },
    {
      id: "video_id",
      job: {
        id: "v_1",
        kind: "video",
        status: "succeeded",
        outputs: [
          {
            type: "video",
            url: "https://files.example.test/v_1.mp4",
            thumbnailUrl: "https://files.example.test/v_1.jpg",
            durationSeconds: 3,
          },
        ],
      },
    },
  ),
  sample(
    "avatar_video.success",
    "the earliest official page",
    { video_id: "v_2", url: "https://files.example.test/v_2.mp4", callback_id: "order-2" },
    {
      id: "video_id",
      job: {
        id: "v_2",
        kind: "video",
        status: "succeeded",
        outputs: [{ type: "video", url: "https://files.example.test/v_2.mp4" }],
        reference: "order-2",
      },
    },
  ),
  sample(
    "avatar_video.success",
    "seen without url, with nulls and an empty folder",
    {
      video_id: "v_3",
      gif_download_url: null,
      video_share_page_url: null,
      folder_id: "",
      callback_id: null,
      callback_url: null,
    },
    { id: "video_id", job: { id: "v_3", kind: "video", status: "succeeded", outputs: [] } },
  ),
  sample(
    "avatar_video.fail",
    "developers.heygen.com: msg and error",
    { video_id: "a1b2c3d4e5f6", msg: "render failed", error: "render failed", callback_id: "order-42" },
    { id: "video_id", job: { id: "a1b2c3d4e5f6", ...failed, error: { message: "render failed" }, reference: "order-42" } },
  ),
  sample("avatar_video.fail", "heygen-com/skills-legacy", fromDocument.failure.event_data, {
    id: "video_id",
    job: { id: "abc123", ...failed, error: { message: "Script too long for selected avatar" }, reference: "your_custom_id" },
  }),
  sample(
    "avatar_video.fail",
    "heygen-com/skills-legacy, VideoFailureEvent without its optional field",
    { video_id: "v_4", error: "no credits" },
    { id: "video_id", job: { id: "v_4", ...failed, error: { message: "no credits" } } },
  ),
  sample(
    "avatar_video.fail",
    "msg alone",
    { video_id: "v_5", msg: "voice gone", callback_id: null },
    { id: "video_id", job: { id: "v_5", ...failed, error: { message: "voice gone" } } },
  ),
  sample(
    "avatar_video.fail",
    "error as an object",
    { video_id: "v_6", error: { code: "quota", message: "quota used up" } },
    { id: "video_id", job: { id: "v_6", ...failed, error: { message: "quota used up", code: "quota" } } },
  ),
  sample(
    "avatar_video.fail",
    "error as an object with a number",
    { video_id: "v_7", error: { code: 40012, message: "quota used up" } },
    { id: "video_id", job: { id: "v_7", ...failed, error: { message: "quota used up", code: "40012" } } },
  ),
  sample(
    "avatar_video.fail",
    "error_message",
    { video_id: "v_8", error: null, error_message: "no face" },
    { id: "video_id", job: { id: "v_8", ...failed, error: { message: "no face" } } },
  ),
  sample(
    "avatar_video.fail",
    "failure_message and failure_code",
    { video_id: "v_9", failure_message: "no sound", failure_code: "E9" },
    { id: "video_id", job: { id: "v_9", ...failed, error: { message: "no sound", code: "E9" } } },
  ),
  sample(
    "avatar_video.fail",
    "reason",
    { video_id: "v_10", reason: "moderated" },
    { id: "video_id", job: { id: "v_10", ...failed, error: { message: "moderated" } } },
  ),
  sample(
    "avatar_video_gif.success",
    "the same fields, the url of a gif",
    { video_id: "v_11", url: "https://files.example.test/v_11.gif", callback_id: "order-11" },
    {
      id: "video_id",
      job: {
        id: "v_11",
        kind: "video",
        status: "succeeded",
        outputs: [{ type: "gif", url: "https://files.example.test/v_11.gif" }],
        reference: "order-11",
      },
    },
  ),
  sample(
    "avatar_video_gif.fail",
    "by analogy",
    { video_id: "v_11", msg: "gif failed" },
    { id: "video_id", job: { id: "v_11", ...failed, error: { message: "gif failed" } } },
  ),
  sample(
    "avatar_video_caption.success",
    "seen with caption_url",
    { video_id: "v_12", url: "https://files.example.test/v_12_captioned.mp4", caption_url: "https://files.example.test/v_12.ass" },
    {
      id: "video_id",
      job: {
        id: "v_12",
        kind: "video",
        status: "succeeded",
        outputs: [
          { type: "video", url: "https://files.example.test/v_12_captioned.mp4" },
          { type: "other", url: "https://files.example.test/v_12.ass" },
        ],
      },
    },
  ),
  sample(
    "avatar_video_caption.success",
    "seen with subtitle_url",
    { video_id: "v_13", subtitle_url: "https://files.example.test/v_13.srt" },
    {
      id: "video_id",
      job: { id: "v_13", kind: "video", status: "succeeded", outputs: [{ type: "other", url: "https://files.example.test/v_13.srt" }] },
    },
  ),
  sample(
    "avatar_video_caption.fail",
    "by analogy",
    { video_id: "v_12", msg: "no speech" },
    { id: "video_id", job: { id: "v_12", ...failed, error: { message: "no speech" } } },
  ),
];

const translations: readonly ProviderSample[] = [
  sample(
    "video_translate.success",
    "developers.heygen.com",
    { video_translate_id: "tr_77", url: "https://files.example.test/tr.mp4", output_language: "Greek", callback_id: "order-43" },
    {
      id: "video_translate_id",
      job: {
        id: "tr_77",
        kind: "translation",
        status: "succeeded",
        outputs: [{ type: "video", url: "https://files.example.test/tr.mp4" }],
        reference: "order-43",
      },
    },
  ),
  // The types name only the field that is always there after parsing, so these two spellings need a cast.
  ...["video_translation_id", "id"].map((name) =>
    sample(
      "video_translate.success",
      `seen with ${name}`,
      { [name]: `tr_by_${name}`, url: "https://files.example.test/tr2.mp4" } as never,
      {
        id: name,
        job: {
          id: `tr_by_${name}`,
          kind: "translation",
          status: "succeeded",
          outputs: [{ type: "video", url: "https://files.example.test/tr2.mp4" }],
        },
      },
    ),
  ),
  sample(
    "video_translate.fail",
    "developers.heygen.com: message",
    { video_translate_id: "tr_77", message: "language unsupported", output_language: "Greek", callback_id: "order-43" },
    {
      id: "video_translate_id",
      job: {
        id: "tr_77",
        kind: "translation",
        status: "failed",
        outputs: [],
        error: { message: "language unsupported" },
        reference: "order-43",
      },
    },
  ),
];

const others: readonly ProviderSample[] = [
  sample(
    "video_agent.success",
    "seen with video_url",
    { session_id: "ses_1", video_id: "v_20", video_url: "https://files.example.test/v_20.mp4", callback_id: "order-20" },
    {
      job: {
        id: "v_20",
        kind: "video",
        status: "succeeded",
        outputs: [{ type: "video", url: "https://files.example.test/v_20.mp4" }],
        reference: "order-20",
      },
    },
  ),
  sample(
    "video_agent.success",
    "seen with url",
    { session_id: "ses_2", video_id: "v_21", url: "https://files.example.test/v_21.mp4" },
    {
      job: { id: "v_21", kind: "video", status: "succeeded", outputs: [{ type: "video", url: "https://files.example.test/v_21.mp4" }] },
    },
  ),
  sample(
    "video_agent.fail",
    "by analogy, without a video",
    { session_id: "ses_3", callback_id: "order-22", msg: "no plan" },
    { job: { id: "ses_3", ...failed, error: { message: "no plan" }, reference: "order-22" } },
  ),
  sample(
    "personalized_video",
    "developers.heygen.com",
    {
      project_id: "pj_5",
      video_id: "a1b2",
      video_url: "https://files.example.test/p.mp4",
      landing_page_url: "https://pages.example.test/p",
      gif_url: "https://files.example.test/p.gif",
      gif_html: "<img src=…>",
      contact_info: { first_name: "Ada" },
    },
    {
      job: {
        id: "a1b2",
        kind: "video",
        status: "succeeded",
        outputs: [
          { type: "video", url: "https://files.example.test/p.mp4" },
          { type: "gif", url: "https://files.example.test/p.gif" },
        ],
      },
    },
  ),
  sample(
    "ai_clipping.success",
    "developers.heygen.com",
    {
      id: "clip_job_1",
      status: "completed",
      callback_id: "order-30",
      title: "Best of",
      input_language: "en",
      progress: 100,
      source_duration: 1800.5,
      failure_message: null,
      created_at: 1772600767,
      clips: [
        {
          id: "clip_1",
          status: "completed",
          title: "One",
          video_url: "https://files.example.test/clip_1.mp4",
          thumbnail_url: "https://files.example.test/clip_1.jpg",
          duration_seconds: 31.5,
          aspect_ratio: "9:16",
          virality_score: 87,
          failure_message: "",
        },
        { id: "clip_2", status: "failed", title: "Two", failure_message: "too short" },
      ],
    },
    {
      id: "id",
      job: {
        id: "clip_job_1",
        kind: "video",
        status: "succeeded",
        outputs: [
          {
            type: "video",
            url: "https://files.example.test/clip_1.mp4",
            thumbnailUrl: "https://files.example.test/clip_1.jpg",
            durationSeconds: 31.5,
          },
        ],
        reference: "order-30",
      },
    },
  ),
  sample(
    "ai_clipping.fail",
    "developers.heygen.com: failure_message",
    { id: "clip_job_2", status: "failed", failure_message: "source too long" },
    { id: "id", job: { id: "clip_job_2", ...failed, error: { message: "source too long" } } },
  ),
  sample(
    "ai_clipping.fail",
    "developers.heygen.com: cancelled",
    { id: "clip_job_3", status: "cancelled" },
    { id: "id", job: { id: "clip_job_3", kind: "video", status: "cancelled", outputs: [] } },
  ),
  sample(
    "batch.finished",
    "developers.heygen.com",
    {
      batch_id: "bat_1",
      status: "completed",
      total_items: 2,
      counts_by_status: { completed: 1, failed: 1 },
      title: "Spring",
      created_at: 1772600767,
      has_more: false,
      items: [
        { item_index: 0, video_id: "v_30", status: "completed", error: null },
        { item_index: 1, video_id: "v_31", status: "failed", error: { code: "quota", message: "quota used up" } },
      ],
    },
    { id: "batch_id", job: { id: "bat_1", kind: "other", status: "succeeded", outputs: [] } },
  ),
];

/** Events for which no field list was found: `event_data` is open, and without an id there is no job. */
const open: readonly ProviderSample[] = (
  [
    "video_translate.preflight.validation_failed",
    "video_translate.preflight.download_failed",
    "instant_avatar.success",
    "instant_avatar.fail",
    "photo_avatar_generation.success",
    "photo_avatar_generation.fail",
    "photo_avatar_train.success",
    "photo_avatar_train.fail",
    "photo_avatar_add_motion.success",
    "photo_avatar_add_motion.fail",
    "proofread_creation.success",
    "proofread_creation.fail",
    "live_avatar.success",
    "live_avatar.fail",
    "hyperframes_video.success",
    "hyperframes_video.fail",
  ] as const
).flatMap((type) => [
  sample(type, "any fields", { note: "as it comes", list: [1, { two: null }], nested: { deep: "kept" } }, { job: undefined }),
  sample(type, "no fields", {}, { job: undefined }),
]);

export const heygenSamples: readonly ProviderSample[] = [
  ...avatarVideos,
  ...translations,
  ...others,
  ...open,
  ...(["instant_avatar.success", "photo_avatar_train.success", "live_avatar.success"] as const).map((type) =>
    sample(type, "with an id", { id: "ava_1" }, { job: { id: "ava_1", kind: "avatar", status: "succeeded", outputs: [] } }),
  ),
  sample(
    "video_translate.preflight.validation_failed",
    "with the id of a translation",
    { video_translate_id: "tr_90", message: "no speech found" },
    { job: { id: "tr_90", kind: "translation", status: "failed", outputs: [], error: { message: "no speech found" } } },
  ),
];
