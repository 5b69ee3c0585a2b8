import type { KonProEventMap, KonProEventType } from "../../providers/konpro.ts";
import { hexSigning } from "../signing.ts";
import { type SampleFacts, type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

type Payloads = { [Type in KonProEventType]: KonProEventMap[Type]["event_data"] };

/**
 * The shapes that a KonPro event has beside that of its page: `"sparse"` leaves out everything but the id and the video, `"msg"` and
 * `"failed"` name a failure as HeyGen does.
 */
export interface KonProVariants {
  "avatar_video.success": "sparse";
  "avatar_video.fail": "msg";
  personalized_video: "failed";
}

const file = (name: string): string => `https://cdn.example.test/konpro/${name}`;
const reference = { callback_id: "order-2077" };
const inPath = (id: string): string => encodeURIComponent(id);
const translation = ({ id }: SampleFacts) => ({ video_translate_id: id("ktr_12"), output_language: "Spanish", ...reference });

/** KonPro spells out `avatar_video.*` only; the others are those of HeyGen, which its API mirrors. */
const payloads: SamplesOf<Payloads, KonProVariants> = {
  "avatar_video.success": {
    default: ({ id }) => ({
      video_id: id("kv_8801"),
      url: file(`${inPath(id("kv_8801"))}.mp4`),
      gif_download_url: file(`${inPath(id("kv_8801"))}.gif`),
      video_share_page_url: `https://app.example.test/share/${inPath(id("kv_8801"))}`,
      folder_id: "folder-onboarding",
      ...reference,
    }),
    sparse: ({ id }) => ({ video_id: id("kv_8802"), url: file(`${inPath(id("kv_8802"))}.mp4`), gif_download_url: null, folder_id: "" }),
  },
  "avatar_video.fail": {
    default: ({ id }) => ({ video_id: id("kv_8803"), error: "The audio track is missing.", ...reference }),
    msg: ({ id }) => ({ video_id: id("kv_8807"), msg: "The voice was not found." }),
  },
  "avatar_video_gif.success": {
    default: ({ id }) => ({ video_id: id("kv_8804"), url: file(`${inPath(id("kv_8804"))}.gif`), ...reference }),
  },
  "avatar_video_gif.fail": { default: ({ id }) => ({ video_id: id("kv_8805"), error: "The gif is too large.", ...reference }) },
  "video_translate.success": { default: (facts) => ({ ...translation(facts), url: file(`${inPath(facts.id("ktr_12"))}.mp4`) }) },
  "video_translate.fail": { default: (facts) => ({ ...translation(facts), message: "The language is not supported." }) },
  personalized_video: {
    default: ({ id }) => ({
      project_id: "kpj_3",
      video_id: id("kv_8806"),
      video_url: file(`${inPath(id("kv_8806"))}.mp4`),
      landing_page_url: `https://pages.example.test/${inPath(id("kv_8806"))}`,
      gif_url: file(`${inPath(id("kv_8806"))}.gif`),
      gif_html: `<img src="${file(`${inPath(id("kv_8806"))}.gif`)}" alt="Hello, Grace">`,
      contact_info: { first_name: "Grace" },
      ...reference,
    }),
    failed: ({ id }) => ({ project_id: "kpj_3", video_id: id("kv_8808"), message: "The contact has no first name." }),
  },
};

/**
 * KonPro as a sender. It documents no signature, so the header is the first one that `konpro()` looks for. Its page promises
 * retries with exponential backoff; that there are five, the first after a minute, is assumed.
 */
export const konproSender: Sender = {
  payloads,
  toEvent: (event_data, { type }) => ({ event_type: type, event_data }),
  signing: (_secret, { header = "x-konpro-signature" }) => hexSigning(header),
  withUnknownType: (event) => ({ ...event, event_type: UNKNOWN_TYPE }),
  withInvalidPayload: (event) => ({ ...event, event_data: null }),
  ackDeadlineMs: 5000,
  validationMs: 1000,
  retryAfterMinutes: [1, 2, 4, 8, 16],
};
