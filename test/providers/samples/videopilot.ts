import type { VideoPilotEventMap, VideoPilotEventType } from "../../../src/providers/videopilot.ts";
import type { ProviderSample } from "../../suites/provider-suite.ts";

/** The six deliveries of videopilot.com/docs/api/webhooks ("Video Events", "Render Events"). */
export const fromDocument: VideoPilotEventMap = {
  "video.script_ready": {
    event: "video.script_ready",
    data: {
      video_id: "video_123abc",
      title: "Space Discovery",
      script: "In a galaxy far, far away, a brave astronaut begins their journey through the cosmos...",
      status: "script_ready",
      scene_count: 8,
    },
    timestamp: "2024-01-15T10:30:00.000Z",
  },
  "video.media_ready": {
    event: "video.media_ready",
    data: {
      video_id: "video_123abc",
      title: "Space Discovery",
      status: "media_ready",
      scene_count: 8,
      total_duration: 87.5,
      scenes_with_images: 8,
      scenes_with_audio: 8,
    },
    timestamp: "2024-01-15T10:35:00.000Z",
  },
  "video.generation_failed": {
    event: "video.generation_failed",
    data: {
      video_id: "video_123abc",
      title: "Space Discovery",
      status: "failed",
      error: "Image generation failed for scene 3",
      failed_step: "image_generation",
    },
    timestamp: "2024-01-15T10:25:00.000Z",
  },
  "render.started": {
    event: "render.started",
    data: {
      render_job_id: "render_789xyz",
      video_id: "video_123abc",
      status: "processing",
      quality: "high",
      estimated_duration: 180,
    },
    timestamp: "2024-01-15T10:40:00.000Z",
  },
  "render.completed": {
    event: "render.completed",
    data: {
      render_job_id: "render_789xyz",
      video_id: "video_123abc",
      status: "completed",
      output_url: "https://cdn.videopilot.app/videos/video_123abc_high.mp4",
      duration: 87.5,
      file_size: 25690112,
      quality: "high",
    },
    timestamp: "2024-01-15T10:43:30.000Z",
  },
  "render.failed": {
    event: "render.failed",
    data: {
      render_job_id: "render_789xyz",
      video_id: "video_123abc",
      status: "failed",
      error: "Rendering timeout after 300 seconds",
      quality: "high",
    },
    timestamp: "2024-01-15T10:45:00.000Z",
  },
};

/** One event of each type with values of its own. */
const fromTables: VideoPilotEventMap = {
  "video.script_ready": {
    event: "video.script_ready",
    data: { video_id: "vid_8", title: "Tides", script: "Twice a day…", status: "script_ready", scene_count: 4 },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
  "video.media_ready": {
    event: "video.media_ready",
    data: {
      video_id: "vid_8",
      title: "Tides",
      status: "media_ready",
      scene_count: 4,
      total_duration: 31.5,
      scenes_with_images: 4,
      scenes_with_audio: 3,
    },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
  "video.generation_failed": {
    event: "video.generation_failed",
    data: { video_id: "vid_8", title: "Tides", status: "failed", error: "image quota", failed_step: "image_generation" },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
  "render.started": {
    event: "render.started",
    data: { render_job_id: "render_5", video_id: "vid_8", status: "processing", quality: "high", estimated_duration: 90 },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
  "render.completed": {
    event: "render.completed",
    data: {
      render_job_id: "render_5",
      video_id: "vid_8",
      status: "completed",
      output_url: "https://cdn.example.test/vid_8.mp4",
      duration: 31.5,
      file_size: 4194304,
      quality: "high",
    },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
  "render.failed": {
    event: "render.failed",
    data: { render_job_id: "render_5", video_id: "vid_8", status: "failed", error: "encoder crash", quality: "high" },
    timestamp: "2026-02-03T04:05:06.789Z",
  },
};

interface Facts {
  readonly video: string;
  readonly render: string;
  readonly url: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly generationError: string;
  readonly renderError: string;
}

function jobsOf(facts: Facts): Readonly<Record<VideoPilotEventType, NonNullable<ProviderSample["job"]>>> {
  const video = { id: facts.video, kind: "video" as const, outputs: [] };
  const render = { id: facts.render, kind: "render" as const };
  return {
    "video.script_ready": { ...video, status: "processing" },
    "video.media_ready": { ...video, status: "processing" },
    "video.generation_failed": {
      ...video,
      status: "failed",
      error: { message: facts.generationError, step: "image_generation" },
    },
    "render.started": { ...render, outputs: [], status: "processing" },
    "render.completed": {
      ...render,
      status: "succeeded",
      outputs: [{ type: "video", url: facts.url, durationSeconds: facts.seconds, bytes: facts.bytes }],
    },
    "render.failed": { ...render, outputs: [], status: "failed", error: { message: facts.renderError } },
  };
}

function samplesOf(title: string, events: VideoPilotEventMap, facts: Facts): readonly ProviderSample[] {
  const jobs = jobsOf(facts);
  return (Object.keys(events) as VideoPilotEventType[]).map((type) => ({
    title,
    type,
    body: { ...events[type] },
    envelope: ["event", "data", "timestamp"],
    resource: type.startsWith("render.") ? "data.render_job_id" : "data.video_id",
    job: { ...jobs[type], occurredAt: new Date(events[type].timestamp) },
  }));
}

export const videopilotSamples: readonly ProviderSample[] = [
  ...samplesOf("videopilot.com/docs/api/webhooks", fromDocument, {
    video: "video_123abc",
    render: "render_789xyz",
    url: "https://cdn.videopilot.app/videos/video_123abc_high.mp4",
    seconds: 87.5,
    bytes: 25690112,
    generationError: "Image generation failed for scene 3",
    renderError: "Rendering timeout after 300 seconds",
  }),
  ...samplesOf("own values", fromTables, {
    video: "vid_8",
    render: "render_5",
    url: "https://cdn.example.test/vid_8.mp4",
    seconds: 31.5,
    bytes: 4194304,
    generationError: "image quota",
    renderError: "encoder crash",
  }),
];
