import type { HeyGenEventMap, HeyGenEventType } from "../../providers/heygen.ts";
import { hexSigning } from "../signing.ts";
import { type SampleFacts, type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

type Payloads = { [Type in HeyGenEventType]: HeyGenEventMap[Type]["event_data"] };

/**
 * The shapes that a HeyGen event has beside that of its current pages. `"guide"` has the fields of an older, widespread guide, `"sparse"`
 * the nulls and empty texts that were seen in deliveries; the others are named for the field that tells them apart.
 */
export interface HeyGenVariants {
  "avatar_video.success": "guide" | "sparse" | "callback";
  "avatar_video.fail": "guide" | "error_object" | "message" | "error_message" | "failure_message" | "reason";
  "avatar_video_gif.success": "guide";
  "avatar_video_gif.fail": "error_object";
  "avatar_video_caption.success": "subtitle";
  "avatar_video_caption.fail": "error_object";
  "video_translate.success": "callback";
  "video_translate.fail": "error_object";
  "video_agent.success": "url";
  "video_agent.fail": "message" | "error_object";
  personalized_video: "failed" | "error_object";
  "ai_clipping.fail": "clips";
}

const file = (name: string): string => `https://files.example.test/heygen/${name}`;
const page = (path: string): string => `https://app.example.test/${path}`;
const reference = { callback_id: "order-1042" };
// Callbacks that are asked for with a job say where they go.
const callback = { ...reference, callback_url: "https://app.example.test/callbacks/heygen" };
const pages = (video: string) => ({
  video_page_url: page(`videos/${encodeURIComponent(video)}`),
  video_share_page_url: page(`share/${encodeURIComponent(video)}`),
  folder_id: "fld_spring",
});

const avatarVideos: Pick<
  SamplesOf<Payloads, HeyGenVariants>,
  | "avatar_video.success"
  | "avatar_video.fail"
  | "avatar_video_gif.success"
  | "avatar_video_gif.fail"
  | "avatar_video_caption.success"
  | "avatar_video_caption.fail"
> = {
  "avatar_video.success": {
    default: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b06"),
      url: file("welcome-tour.mp4?expires=604800"),
      gif_download_url: file("welcome-tour.gif"),
      ...pages(id("3f9c2a7d51e84b06")),
      ...reference,
    }),
    guide: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b07"),
      video_url: file("welcome-tour.mp4"),
      thumbnail_url: file("welcome-tour.jpg"),
      duration: 48.6,
      ...reference,
    }),
    sparse: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b08"),
      url: file("untitled.mp4"),
      gif_download_url: null,
      video_share_page_url: null,
      folder_id: "",
      callback_id: null,
      callback_url: null,
    }),
    callback: ({ id }) => ({ video_id: id("3f9c2a7d51e84b11"), url: file("welcome-tour.mp4"), ...callback }),
  },
  "avatar_video.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b09"), msg: "The script has no text to speak.", ...reference }),
    guide: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0a"), error: "The voice is not available.", ...reference }),
    error_object: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0b"),
      error: { code: 40119, message: "The script is longer than the plan allows." },
      callback_id: null,
    }),
    message: ({ id }) => ({ video_id: id("3f9c2a7d51e84b12"), message: "The avatar was deleted.", ...callback }),
    error_message: ({ id }) => ({ video_id: id("3f9c2a7d51e84b13"), error_message: "The background could not be fetched." }),
    failure_message: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b14"),
      failure_message: "No credits are left.",
      failure_code: "insufficient_credit",
    }),
    reason: ({ id }) => ({ video_id: id("3f9c2a7d51e84b15"), reason: "The script was refused." }),
  },
  "avatar_video_gif.success": {
    default: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0c"),
      url: file("welcome-tour-loop.gif"),
      ...pages(id("3f9c2a7d51e84b0c")),
      ...reference,
    }),
    guide: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b16"),
      video_url: file("welcome-tour.mp4"),
      gif_download_url: file("welcome-tour-loop.gif"),
      thumbnail_url: file("welcome-tour.jpg"),
      duration: 6,
      ...callback,
    }),
  },
  "avatar_video_gif.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0d"), msg: "The loop could not be cut.", ...reference }),
    error_object: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b17"),
      error: { code: "gif_failed", message: "The loop is empty." },
      ...callback,
    }),
  },
  "avatar_video_caption.success": {
    default: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0e"),
      url: file("welcome-tour-captioned.mp4"),
      caption_url: file("welcome-tour.ass"),
      gif_download_url: file("welcome-tour.gif"),
      ...pages(id("3f9c2a7d51e84b0e")),
      ...reference,
    }),
    subtitle: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0f"),
      subtitle_url: file("welcome-tour.srt"),
      video_url: file("welcome-tour-captioned.mp4"),
      thumbnail_url: file("welcome-tour.jpg"),
      duration: 48.6,
      ...callback,
    }),
  },
  "avatar_video_caption.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b10"), msg: "No speech was found to caption.", ...reference }),
    error_object: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b18"),
      error: { code: "caption_failed", message: "The language cannot be captioned." },
      ...callback,
    }),
  },
};

const translation = ({ id }: SampleFacts) => ({ video_translate_id: id("tr_9b41c6"), output_language: "Portuguese", ...reference });

const made: Pick<
  SamplesOf<Payloads, HeyGenVariants>,
  | "video_translate.success"
  | "video_translate.fail"
  | "video_agent.success"
  | "video_agent.fail"
  | "personalized_video"
  | "ai_clipping.success"
  | "ai_clipping.fail"
  | "batch.finished"
> = {
  "video_translate.success": {
    default: (facts) => ({ ...translation(facts), url: file("tour-pt.mp4") }),
    callback: ({ id }) => ({ video_translate_id: id("tr_9b41c7"), url: file("tour-pt.mp4"), ...callback }),
  },
  "video_translate.fail": {
    default: (facts) => ({ ...translation(facts), message: "The source video has two speakers at once." }),
    error_object: ({ id }) => ({
      video_translate_id: id("tr_9b41c8"),
      error: { code: "no_speech", message: "No speech was found to translate." },
      ...callback,
    }),
  },
  "video_agent.success": {
    default: ({ id }) => ({ session_id: "ses_41", video_id: id("7be20d94"), video_url: file("agent-cut.mp4"), ...reference }),
    url: ({ id }) => ({ session_id: "ses_42", video_id: id("7be20d95"), url: file("agent-cut.mp4") }),
  },
  "video_agent.fail": {
    default: ({ id }) => ({ session_id: "ses_43", video_id: id("7be20d96"), msg: "The plan has no scenes.", ...reference }),
    message: ({ id }) => ({ session_id: "ses_44", video_id: id("7be20d97"), message: "The session was closed." }),
    error_object: ({ id }) => ({ session_id: "ses_45", video_id: id("7be20d98"), error: { code: 500, message: "The agent stopped." } }),
  },
  personalized_video: {
    default: ({ id }) => ({
      project_id: "pj_launch",
      video_id: id("c5510e8a"),
      video_url: file("hello-ada.mp4"),
      landing_page_url: "https://pages.example.test/hello-ada",
      gif_url: file("hello-ada.gif"),
      gif_html: '<img src="https://files.example.test/heygen/hello-ada.gif" alt="Hello, Ada">',
      contact_info: { first_name: "Ada", email: "ada@example.test" },
    }),
    failed: ({ id }) => ({ project_id: "pj_launch", video_id: id("c5510e8b"), msg: "The contact has no first name.", ...callback }),
    error_object: ({ id }) => ({
      project_id: "pj_launch",
      video_id: id("c5510e8c"),
      error: { code: "quota", message: "The project has no credits left." },
    }),
  },
  "ai_clipping.success": {
    default: ({ id, ms }) => ({
      id: id("clip_20e7"),
      status: "completed",
      title: "Panel on tides",
      input_language: "en",
      progress: 100,
      source_duration: 1824.4,
      created_at: Math.floor(ms(900) / 1000),
      clips: [
        {
          id: `${id("clip_20e7")}_1`,
          status: "completed",
          title: "Why the tide turns",
          video_url: file("tides-1.mp4"),
          thumbnail_url: file("tides-1.jpg"),
          duration_seconds: 31.2,
          aspect_ratio: "9:16",
          virality_score: 72,
        },
        { id: `${id("clip_20e7")}_2`, status: "failed", title: "Spring tides", failure_message: "No speech in this part." },
      ],
      ...reference,
    }),
  },
  "ai_clipping.fail": {
    default: ({ id, ms }) => ({
      id: id("clip_20e8"),
      status: "failed",
      title: "Panel on tides",
      progress: 12,
      failure_message: "The source video could not be fetched.",
      created_at: Math.floor(ms(300) / 1000),
      ...reference,
    }),
    clips: ({ id, ms }) => ({
      id: id("clip_20e9"),
      status: "failed",
      title: "Panel on tides",
      input_language: "en",
      progress: 100,
      source_duration: 1824.4,
      failure_message: "No clip could be made.",
      created_at: Math.floor(ms(600) / 1000),
      clips: [{ id: `${id("clip_20e9")}_1`, status: "failed", title: "Why the tide turns", failure_message: "No speech in this part." }],
    }),
  },
  "batch.finished": {
    default: ({ id, iso }) => ({
      batch_id: id("batch_77"),
      status: "completed",
      total_items: 2,
      counts_by_status: { completed: 1, failed: 1 },
      title: "Spring campaign",
      created_at: iso(3600),
      has_more: false,
      items: [
        { item_index: 0, video_id: "3f9c2a7d51e84b20", status: "completed", error: null },
        { item_index: 1, video_id: "3f9c2a7d51e84b21", status: "failed", error: { code: "quota", message: "No credits are left." } },
      ],
    }),
  },
};

/** HeyGen documents no fields for these; they have the ids that such resources have elsewhere in its API. */
const assumed: Omit<SamplesOf<Payloads, HeyGenVariants>, keyof typeof avatarVideos | keyof typeof made> = {
  "video_translate.preflight.validation_failed": {
    default: (facts) => ({ ...translation(facts), message: "The video is longer than a translation may be." }),
  },
  "video_translate.preflight.download_failed": {
    default: (facts) => ({ ...translation(facts), message: "The source video could not be fetched." }),
  },
  "instant_avatar.success": { default: ({ id }) => ({ avatar_id: id("av_ada_01"), name: "Ada", ...reference }) },
  "instant_avatar.fail": { default: ({ id }) => ({ avatar_id: id("av_ada_02"), message: "The footage is too dark." }) },
  "photo_avatar_generation.success": {
    default: ({ id }) => ({ generation_id: id("gen_510"), image_url_list: [file("portrait-1.png"), file("portrait-2.png")] }),
  },
  "photo_avatar_generation.fail": { default: ({ id }) => ({ generation_id: id("gen_511"), message: "The prompt was refused." }) },
  "photo_avatar_train.success": { default: ({ id }) => ({ group_id: id("grp_31"), name: "Portraits" }) },
  "photo_avatar_train.fail": { default: ({ id }) => ({ group_id: id("grp_32"), message: "Ten photos are needed, four were usable." }) },
  "photo_avatar_add_motion.success": { default: ({ id }) => ({ generation_id: id("gen_512"), avatar_id: "av_ada_03" }) },
  "photo_avatar_add_motion.fail": { default: ({ id }) => ({ generation_id: id("gen_513"), message: "No face was found." }) },
  "proofread_creation.success": { default: ({ id }) => ({ proofread_id: id("prf_8"), output_language: "Greek" }) },
  "proofread_creation.fail": { default: ({ id }) => ({ proofread_id: id("prf_9"), message: "The transcript is empty." }) },
  "live_avatar.success": { default: ({ id }) => ({ avatar_id: id("live_ada_01"), name: "Ada, live" }) },
  "live_avatar.fail": { default: ({ id }) => ({ avatar_id: id("live_ada_02"), message: "The consent video does not match." }) },
  "hyperframes_video.success": { default: ({ id }) => ({ video_id: id("hf_601"), url: file("storyboard.mp4"), ...reference }) },
  "hyperframes_video.fail": { default: ({ id }) => ({ video_id: id("hf_602"), msg: "A frame has no image.", ...reference }) },
};

const payloads: SamplesOf<Payloads, HeyGenVariants> = { ...avatarVideos, ...made, ...assumed };

/** HeyGen as a sender. Its pages promise retries with exponential backoff for 24 hours; that they begin after a minute is assumed. */
export const heygenSender: Sender = {
  payloads,
  toEvent(event_data, { type, variant, facts: { id, iso } }) {
    const event = { event_type: type, event_data };
    // HeyGen's current pages have an id and a time in the envelope; older deliveries, and those that were seen, have neither.
    return variant === "default" ? { ...event, event_id: `evt_${type.replaceAll(".", "_")}_${id("1")}`, created_at: iso() } : event;
  },
  signing: (_secret, { header = "signature" }) => hexSigning(header),
  withUnknownType: (event) => ({ ...event, event_type: UNKNOWN_TYPE }),
  withInvalidPayload: (event) => ({ ...event, event_data: null }),
  ackDeadlineMs: 5000,
  validationMs: 1000,
  retryAfterMinutes: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
};
