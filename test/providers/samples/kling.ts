import type {
  KlingEventOf,
  KlingEventType,
  KlingLegacyTask,
  KlingTask,
  KlingVideoEvent,
  KlingVideoType,
} from "../../../src/providers/kling.ts";
import type { ProviderSample } from "../../suites/provider-suite.ts";

/** The deliveries of the guide that describes video.*: "Payload Structure", and "Test Webhook Locally", which lacks three of its fields. */
export const fromDocument: Readonly<Record<"completed" | "test", KlingEventOf<"video.completed">>> = {
  completed: {
    event: "video.completed",
    timestamp: "2025-01-15T10:30:00Z",
    data: {
      job_id: "vid_abc123",
      status: "completed",
      video_url: "https://...",
      thumbnail_url: "https://...",
      duration: 5,
      prompt: "Original prompt...",
      model: "kling-v1.5",
      created_at: "2025-01-15T10:25:00Z",
      completed_at: "2025-01-15T10:30:00Z",
    },
    signature: "sha256=...",
  },
  test: {
    event: "video.completed",
    timestamp: "2025-01-15T10:30:00Z",
    data: {
      job_id: "test_vid_123",
      status: "completed",
      video_url: "https://example.com/test-video.mp4",
      thumbnail_url: "https://example.com/test-thumb.jpg",
      duration: 5,
      prompt: "Test video prompt",
      model: "kling-v1.5",
    },
  },
};

/** What the test button of the console sends: the current shape, submitted, everything empty. */
export const consoleTest: KlingTask<"submitted"> = {
  id: "900100100",
  status: "submitted",
  message: "",
  create_time: 1767225600000,
  update_time: 1767225600000,
  outputs: [],
};

/** The public test vector of kling.ai, callbacks. */
export const vector = {
  secret: "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=",
  id: "9876543210",
  timestamp: 1781080794,
  body: '{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}',
  signature: "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
} as const;

type Job = ProviderSample["job"];

function current(
  type: KlingEventType,
  title: string,
  body: KlingTask<"submitted" | "processing" | "succeeded" | "succeed" | "failed">,
  job: Job,
): ProviderSample {
  return { title: `current shape, ${title}`, type, body: { ...body }, envelope: ["status"], resource: "id", job };
}

function legacy(
  type: KlingEventType,
  title: string,
  body: KlingLegacyTask<"submitted" | "processing" | "succeed" | "succeeded" | "failed">,
  job: Job,
): ProviderSample {
  return { title: `legacy shape, ${title}`, type, body: { ...body }, envelope: ["task_status"], resource: "task_id", job };
}

function named(title: string, body: KlingVideoEvent<KlingVideoType>, job: Job): ProviderSample {
  return { title, type: body.event, body: { ...body }, envelope: ["event", "data"], resource: "data.job_id", job };
}

const times = { create_time: 1767225600000, update_time: 1767225660000 };
const legacyTimes = { created_at: 1767225600000, updated_at: 1767225660000 };
const occurredAt = new Date(1767225660000);

const currentShape: readonly ProviderSample[] = [
  current("task.submitted", "console test callback", consoleTest, {
    id: "900100100",
    kind: "other",
    status: "queued",
    outputs: [],
    occurredAt: new Date(1767225600000),
  }),
  current(
    "task.processing",
    "kling.ai, callbacks",
    { id: "900100200", status: "processing", message: "", ...times, external_id: "order-45" },
    { id: "900100200", kind: "other", status: "processing", outputs: [], reference: "order-45", occurredAt },
  ),
  current(
    "task.succeeded",
    "kling.ai, callbacks: video and billing",
    {
      id: "900100200",
      status: "succeeded",
      message: "",
      ...times,
      external_id: "order-45",
      outputs: [
        {
          type: "video",
          id: "out_1",
          url: "https://cdn.example.test/out_1.mp4",
          watermark_url: "https://cdn.example.test/out_1w.mp4",
          duration: "5.1",
        },
      ],
      billing: [
        { charge_type: "cash", cash_type: "balance", amount: "1.2", currency: "USD", package_type: "video", list_price: "1.5" },
        { charge_type: "unit", cash_type: "test_balance", amount: "3", currency: "CNY", package_type: "image", list_price: "4" },
      ],
    },
    {
      id: "900100200",
      kind: "video",
      status: "succeeded",
      outputs: [{ type: "video", url: "https://cdn.example.test/out_1.mp4", durationSeconds: 5.1 }],
      reference: "order-45",
      occurredAt,
    },
  ),
  current(
    "task.succeeded",
    "kling.ai, callbacks: images",
    {
      id: "900100201",
      status: "succeeded",
      ...times,
      outputs: [
        { type: "image", url: "https://cdn.example.test/1.png", watermark_url: "https://cdn.example.test/1w.png", group_id: "g1" },
        { type: "image", url: "https://cdn.example.test/2.png", watermark_url: "" },
      ],
    },
    {
      id: "900100201",
      kind: "image",
      status: "succeeded",
      outputs: [
        { type: "image", url: "https://cdn.example.test/1.png" },
        { type: "image", url: "https://cdn.example.test/2.png" },
      ],
      occurredAt,
    },
  ),
  current(
    "task.succeeded",
    "kling.ai, callbacks: audio",
    {
      id: "900100202",
      status: "succeeded",
      ...times,
      outputs: [
        {
          type: "audio",
          id: "out_2",
          mp3_url: "https://cdn.example.test/2.mp3",
          wav_url: "https://cdn.example.test/2.wav",
          mp3_duration: "7.25",
          wav_duration: "7.3",
        },
      ],
    },
    {
      id: "900100202",
      kind: "audio",
      status: "succeeded",
      outputs: [
        { type: "audio", url: "https://cdn.example.test/2.mp3", durationSeconds: 7.25 },
        { type: "audio", url: "https://cdn.example.test/2.wav", durationSeconds: 7.3 },
      ],
      occurredAt,
    },
  ),
  current(
    "task.succeeded",
    "kling.ai, callbacks: voice",
    {
      id: "900100203",
      status: "succeeded",
      ...times,
      outputs: [{ type: "voice", id: "voi_1", name: "Ada", url: "https://cdn.example.test/voi_1", owned_by: "kling", status: "succeeded" }],
    },
    {
      id: "900100203",
      kind: "other",
      status: "succeeded",
      outputs: [{ type: "other", url: "https://cdn.example.test/voi_1" }],
      occurredAt,
    },
  ),
  current(
    "task.succeeded",
    "kling.ai, callbacks: element",
    {
      id: "900100204",
      status: "succeeded",
      ...times,
      outputs: [
        {
          type: "element",
          id: "ele_1",
          name: "Hero",
          description: "A hero",
          element_type: "video_character_elements",
          materials: [
            { type: "image", role: "frontal", url: "https://cdn.example.test/f.png" },
            { type: "voice", role: "refer", url: "https://cdn.example.test/v", id: "voi_1", name: "Ada", owned_by: "me" },
          ],
          owned_by: "me",
          status: "succeeded",
          tags: [{ id: 7, name: "people", description: "Persons" }],
        },
      ],
    },
    { id: "900100204", kind: "other", status: "succeeded", outputs: [], occurredAt },
  ),
  current(
    "task.succeeded",
    "the legacy spelling of success",
    { id: "900100205", status: "succeed", ...times },
    { id: "900100205", kind: "other", status: "succeeded", outputs: [], occurredAt },
  ),
  current("task.succeeded", "public test vector", JSON.parse(vector.body) as KlingTask<"succeeded">, {
    id: "1234567890",
    kind: "other",
    status: "succeeded",
    outputs: [],
    occurredAt: new Date(1781080794151),
  }),
  current(
    "task.failed",
    "kling.ai, callbacks",
    { id: "900100206", status: "failed", message: "content risk", ...times, external_id: "order-46" },
    {
      id: "900100206",
      kind: "other",
      status: "failed",
      outputs: [],
      error: { message: "content risk" },
      reference: "order-46",
      occurredAt,
    },
  ),
];

const legacyShape: readonly ProviderSample[] = [
  legacy(
    "task.submitted",
    "kling.ai, callbacks",
    { task_id: "800700600", task_status: "submitted", task_status_msg: "", ...legacyTimes },
    { id: "800700600", kind: "other", status: "queued", outputs: [], occurredAt },
  ),
  legacy(
    "task.processing",
    "kling.ai, callbacks",
    { task_id: "800700600", task_status: "processing", task_status_msg: "", ...legacyTimes },
    { id: "800700600", kind: "other", status: "processing", outputs: [], occurredAt },
  ),
  legacy(
    "task.succeeded",
    "kling.ai, callbacks: videos",
    {
      task_id: "800700600",
      task_status: "succeed",
      task_status_msg: "",
      ...legacyTimes,
      final_unit_deduction: "3.5",
      final_balance_deduction: { quota: "1", list_price: "1" },
      task_info: {
        parent_video: { id: "vid_0", url: "https://cdn.example.test/0.mp4", duration: "5.1" },
        external_task_id: "order-45",
      },
      task_result: {
        videos: [{ id: "vid_1", url: "https://cdn.example.test/1.mp4", duration: "5.1", watermark_url: "https://cdn.example.test/1w.mp4" }],
      },
    },
    {
      id: "800700600",
      kind: "video",
      status: "succeeded",
      outputs: [{ type: "video", url: "https://cdn.example.test/1.mp4", durationSeconds: 5.1 }],
      reference: "order-45",
      occurredAt,
    },
  ),
  legacy(
    "task.succeeded",
    "kling.ai, callbacks: images",
    {
      task_id: "800700601",
      task_status: "succeed",
      ...legacyTimes,
      task_result: {
        images: [
          { index: 0, url: "https://cdn.example.test/0.png" },
          { index: 1, url: "https://cdn.example.test/1.png" },
        ],
      },
    },
    {
      id: "800700601",
      kind: "image",
      status: "succeeded",
      outputs: [
        { type: "image", url: "https://cdn.example.test/0.png" },
        { type: "image", url: "https://cdn.example.test/1.png" },
      ],
      occurredAt,
    },
  ),
  legacy(
    "task.succeeded",
    "the current spelling of success, and a reference at the top",
    { task_id: "800700602", task_status: "succeeded", ...legacyTimes, external_task_id: "order-47" },
    { id: "800700602", kind: "other", status: "succeeded", outputs: [], reference: "order-47", occurredAt },
  ),
  legacy(
    "task.failed",
    "kling.ai, callbacks",
    { task_id: "800700603", task_status: "failed", task_status_msg: "prompt refused", ...legacyTimes },
    { id: "800700603", kind: "other", status: "failed", outputs: [], error: { message: "prompt refused" }, occurredAt },
  ),
];

const timestamp = "2026-01-02T03:04:05Z";
const namedAt = { outputs: [], occurredAt: new Date(timestamp) };

const documentShape: readonly ProviderSample[] = [
  named("the guide that describes video.*", fromDocument.completed, {
    id: "vid_abc123",
    kind: "video",
    status: "succeeded",
    outputs: [{ type: "video", url: "https://...", thumbnailUrl: "https://...", durationSeconds: 5 }],
    occurredAt: new Date("2025-01-15T10:30:00Z"),
  }),
  named("the guide that describes video.*, its test without signature, created_at, completed_at", fromDocument.test, {
    id: "test_vid_123",
    kind: "video",
    status: "succeeded",
    outputs: [
      {
        type: "video",
        url: "https://example.com/test-video.mp4",
        thumbnailUrl: "https://example.com/test-thumb.jpg",
        durationSeconds: 5,
      },
    ],
    occurredAt: new Date("2025-01-15T10:30:00Z"),
  }),
  named(
    "the guide that describes video.*, own values",
    {
      event: "video.completed",
      timestamp,
      data: {
        job_id: "job_3",
        status: "completed",
        video_url: "https://cdn.example.test/3.mp4",
        thumbnail_url: "https://cdn.example.test/3.jpg",
        duration: 5,
        prompt: "A tide",
        model: "v1",
        created_at: "2026-01-02T03:00:00Z",
        completed_at: timestamp,
      },
      signature: "sha256=00",
    },
    {
      id: "job_3",
      kind: "video",
      status: "succeeded",
      outputs: [
        {
          type: "video",
          url: "https://cdn.example.test/3.mp4",
          thumbnailUrl: "https://cdn.example.test/3.jpg",
          durationSeconds: 5,
        },
      ],
      occurredAt: new Date(timestamp),
    },
  ),
  named(
    "the guide that describes video.*, own values",
    { event: "video.created", timestamp, data: { job_id: "job_3", status: "created", prompt: "A tide", model: "v1" } },
    { id: "job_3", kind: "video", status: "queued", ...namedAt },
  ),
  named(
    "the guide that describes video.*, own values: progress",
    { event: "video.processing", timestamp, data: { job_id: "job_3", status: "processing", progress: 40 } },
    { id: "job_3", kind: "video", status: "processing", progress: 0.4, ...namedAt },
  ),
  named(
    "the guide that describes video.*, own values: error",
    { event: "video.failed", timestamp, data: { job_id: "job_3", status: "failed", error: "prompt refused" } },
    { id: "job_3", kind: "video", status: "failed", error: { message: "prompt refused" }, ...namedAt },
  ),
  named(
    "the guide that describes video.*, own values",
    { event: "video.cancelled", timestamp, data: { job_id: "job_3", status: "cancelled" } },
    { id: "job_3", kind: "video", status: "cancelled", ...namedAt },
  ),
];

export const klingSamples: readonly ProviderSample[] = [...currentShape, ...legacyShape, ...documentShape];
