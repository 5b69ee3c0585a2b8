import type { HeyGenEventMap, HeyGenEventType } from "../../providers/heygen.ts";
import { hexSigning } from "../signing.ts";
import { type SampleFacts, type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

type Payloads = { [Type in HeyGenEventType]: HeyGenEventMap[Type]["event_data"] };

/**
 * The shapes that a HeyGen event has beside that of its current pages. `"guide"` has the fields of an older, widespread guide, `"sparse"`
 * the nulls and empty texts that were seen in deliveries.
 */
export interface HeyGenVariants {
  "avatar_video.success": "guide" | "sparse";
  "avatar_video.fail": "guide" | "error_object";
  "avatar_video_caption.success": "subtitle";
  "video_agent.success": "url";
}

const file = (name: string): string => `https://files.example.test/heygen/${name}`;
const page = (path: string): string => `https://app.example.test/${path}`;
const reference = { callback_id: "order-1042" };

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
      video_page_url: page("videos/3f9c2a7d51e84b06"),
      video_share_page_url: page("share/3f9c2a7d51e84b06"),
      folder_id: "fld_spring",
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
  },
  "avatar_video.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b09"), msg: "The script has no text to speak.", ...reference }),
    guide: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0a"), error: "The voice is not available.", ...reference }),
    error_object: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0b"),
      error: { code: 40119, message: "The script is longer than the plan allows." },
      callback_id: null,
    }),
  },
  "avatar_video_gif.success": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0c"), url: file("welcome-tour-loop.gif"), ...reference }),
  },
  "avatar_video_gif.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0d"), msg: "The loop could not be cut.", ...reference }),
  },
  "avatar_video_caption.success": {
    default: ({ id }) => ({
      video_id: id("3f9c2a7d51e84b0e"),
      url: file("welcome-tour-captioned.mp4"),
      caption_url: file("welcome-tour.ass"),
      ...reference,
    }),
    subtitle: ({ id }) => ({ video_id: id("3f9c2a7d51e84b0f"), subtitle_url: file("welcome-tour.srt"), ...reference }),
  },
  "avatar_video_caption.fail": {
    default: ({ id }) => ({ video_id: id("3f9c2a7d51e84b10"), msg: "No speech was found to caption.", ...reference }),
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
  "video_translate.success": { default: (facts) => ({ ...translation(facts), url: file("tour-pt.mp4") }) },
  "video_translate.fail": { default: (facts) => ({ ...translation(facts), message: "The source video has two speakers at once." }) },
  "video_agent.success": {
    default: ({ id }) => ({ session_id: "ses_41", video_id: id("7be20d94"), video_url: file("agent-cut.mp4"), ...reference }),
    url: ({ id }) => ({ session_id: "ses_42", video_id: id("7be20d95"), url: file("agent-cut.mp4") }),
  },
  "video_agent.fail": {
    default: ({ id }) => ({ session_id: "ses_43", video_id: id("7be20d96"), msg: "The plan has no scenes.", ...reference }),
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
          id: "clip_20e7_1",
          status: "completed",
          title: "Why the tide turns",
          video_url: file("tides-1.mp4"),
          thumbnail_url: file("tides-1.jpg"),
          duration_seconds: 31.2,
          aspect_ratio: "9:16",
          virality_score: 72,
        },
        { id: "clip_20e7_2", status: "failed", title: "Spring tides", failure_message: "No speech in this part." },
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
