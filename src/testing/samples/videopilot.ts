import type { VideoPilotEventMap, VideoPilotEventType } from "../../providers/videopilot.ts";
import { hexSigning } from "../signing.ts";
import { type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

type Payloads = { [Type in VideoPilotEventType]: VideoPilotEventMap[Type]["data"] };

/** VideoPilot documents one shape per event. */
export type VideoPilotVariants = Record<never, never>;

const video = "vid_lighthouse_02";

const payloads: SamplesOf<Payloads, VideoPilotVariants> = {
  "video.script_ready": {
    default: ({ id }) => ({
      video_id: id(video),
      title: "A night at the lighthouse",
      script: "At dusk the keeper climbs two hundred steps…",
      status: "script_ready",
      scene_count: 5,
    }),
  },
  "video.media_ready": {
    default: ({ id }) => ({
      video_id: id(video),
      title: "A night at the lighthouse",
      status: "media_ready",
      scene_count: 5,
      total_duration: 62.4,
      scenes_with_images: 5,
      scenes_with_audio: 4,
    }),
  },
  "video.generation_failed": {
    default: ({ id }) => ({
      video_id: id("vid_lighthouse_03"),
      title: "A night at the lighthouse",
      status: "failed",
      error: "No image could be made for scene 4.",
      failed_step: "image_generation",
    }),
  },
  "render.started": {
    default: ({ id }) => ({
      render_job_id: id("render_c3d9"),
      video_id: video,
      status: "processing",
      quality: "high",
      estimated_duration: 140,
    }),
  },
  "render.completed": {
    default: ({ id }) => ({
      render_job_id: id("render_c3d9"),
      video_id: video,
      status: "completed",
      output_url: "https://cdn.example.test/videopilot/lighthouse.mp4",
      duration: 62.4,
      file_size: 18_874_368,
      quality: "high",
    }),
  },
  "render.failed": {
    default: ({ id }) => ({
      render_job_id: id("render_c3da"),
      video_id: video,
      status: "failed",
      error: "The encoder stopped at scene 2.",
      quality: "medium",
    }),
  },
};

/** VideoPilot as a sender. Its page promises up to three retries with exponential backoff; that the first comes after a minute is assumed. */
export const videopilotSender: Sender = {
  payloads,
  toEvent: (data, { type, facts }) => ({ event: type, data, timestamp: facts.isoMs() }),
  signing: (_secret, { header = "x-videopilot-signature" }) => hexSigning(header, "sha256="),
  withUnknownType: (event) => ({ ...event, event: UNKNOWN_TYPE }),
  withInvalidPayload: (event) => ({ ...event, data: null }),
  moved: (event, byMs) => ({ ...event, timestamp: new Date(Date.parse(String(event.timestamp)) + byMs).toISOString() }),
  ackDeadlineMs: 30_000,
  retryAfterMinutes: [1, 2, 4],
};
