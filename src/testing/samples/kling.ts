import { ConfigurationError } from "../../errors.ts";
import type { JsonObject } from "../../provider.ts";
import type { KlingEventMap, KlingEventOf, KlingVideoType } from "../../providers/kling.ts";
import { isStandardWebhooksSecret } from "../../signature/standard-webhooks.ts";
import { hexSigning, standardSigning } from "../signing.ts";
import { type SampleFacts, type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

/**
 * The shapes that a Kling callback has beside that of its current API. `"legacy"` is the shape of calls that name the model in their
 * body; the others are results of other kinds.
 */
export interface KlingVariants {
  "task.submitted": "legacy" | "console";
  "task.processing": "legacy";
  "task.succeeded": "legacy" | "images" | "legacy_images" | "audio";
  "task.failed": "legacy";
}

const file = (name: string): string => `https://cdn.example.test/kling/${name}`;
const current = ({ id, ms }: SampleFacts, usual = "870231150094") => ({
  id: id(usual),
  message: "",
  create_time: ms(95),
  update_time: ms(),
  external_id: "order-3310",
});
const legacy = ({ id, ms }: SampleFacts, usual = "870231150095") => ({
  task_id: id(usual),
  task_status_msg: "",
  created_at: ms(95),
  updated_at: ms(),
  task_info: { external_task_id: "order-3310" },
});

/** The times and the prompt that every `video.*` event of the guide has. */
function named<const Type extends KlingVideoType>(
  type: Type,
  { id, iso }: SampleFacts,
  data: Omit<KlingEventOf<Type>["data"], "job_id">,
): { event: Type; timestamp: string; data: KlingEventOf<Type>["data"] } {
  return {
    event: type,
    timestamp: iso(),
    data: { job_id: id("vid_harbour_5"), prompt: "Fog lifts over a harbour", model: "kling-v1-6", created_at: iso(95), ...data },
  };
}

const payloads: SamplesOf<KlingEventMap, KlingVariants> = {
  "video.created": { default: (facts) => named("video.created", facts, { status: "created" }) },
  "video.processing": { default: (facts) => named("video.processing", facts, { status: "processing", progress: 45 }) },
  "video.completed": {
    default: (facts) =>
      named("video.completed", facts, {
        status: "completed",
        video_url: file("harbour.mp4"),
        thumbnail_url: file("harbour.jpg"),
        duration: 5,
        completed_at: facts.iso(),
      }),
  },
  "video.failed": { default: (facts) => named("video.failed", facts, { status: "failed", error: "The prompt was refused." }) },
  "video.cancelled": { default: (facts) => named("video.cancelled", facts, { status: "cancelled" }) },
  "task.submitted": {
    default: (facts) => ({ ...current(facts), status: "submitted", update_time: facts.ms(95) }),
    legacy: (facts) => ({ ...legacy(facts), task_status: "submitted", updated_at: facts.ms(95) }),
    // What the test button of the console sends.
    console: ({ id, ms }) => ({
      id: id("870231150001"),
      status: "submitted",
      message: "",
      create_time: ms(),
      update_time: ms(),
      outputs: [],
    }),
  },
  "task.processing": {
    default: (facts) => ({ ...current(facts), status: "processing", update_time: facts.ms(60) }),
    legacy: (facts) => ({ ...legacy(facts), task_status: "processing", updated_at: facts.ms(60) }),
  },
  "task.succeeded": {
    default: (facts) => ({
      ...current(facts),
      status: "succeeded",
      outputs: [
        { type: "video", id: "out_harbour_1", url: file("harbour.mp4"), watermark_url: file("harbour-marked.mp4"), duration: "5.1" },
      ],
      billing: [{ charge_type: "unit", amount: "2", package_type: "video", list_price: "0.28", currency: "USD" }],
    }),
    legacy: (facts) => ({
      ...legacy(facts),
      task_status: "succeed",
      final_unit_deduction: "2",
      task_result: { videos: [{ id: "out_harbour_2", url: file("harbour.mp4"), duration: "5.1" }] },
    }),
    images: (facts) => ({
      ...current(facts, "870231150096"),
      status: "succeeded",
      outputs: [
        { type: "image", url: file("harbour-1.png"), watermark_url: "", group_id: "grp_1" },
        { type: "image", url: file("harbour-2.png"), watermark_url: "", group_id: "grp_1" },
      ],
    }),
    legacy_images: (facts) => ({
      ...legacy(facts, "870231150097"),
      task_status: "succeed",
      task_result: {
        images: [
          { index: 0, url: file("harbour-1.png") },
          { index: 1, url: file("harbour-2.png") },
        ],
      },
    }),
    audio: (facts) => ({
      ...current(facts, "870231150098"),
      status: "succeeded",
      outputs: [
        {
          type: "audio",
          id: "out_foghorn",
          mp3_url: file("foghorn.mp3"),
          wav_url: file("foghorn.wav"),
          mp3_duration: "3.2",
          wav_duration: "3.2",
        },
      ],
    }),
  },
  "task.failed": {
    default: (facts) => ({ ...current(facts), status: "failed", message: "The prompt was refused." }),
    legacy: (facts) => ({ ...legacy(facts), task_status: "failed", task_status_msg: "The prompt was refused." }),
  },
};

function signing(secret: string, { header, scheme }: { readonly header?: string | undefined; readonly scheme?: string | undefined }) {
  const standard = scheme === undefined ? isStandardWebhooksSecret(secret) : scheme === "standard-webhooks";
  if (!standard) return hexSigning(header ?? "x-kling-signature");
  if (header === undefined) return standardSigning;
  throw new ConfigurationError("The option header does not apply: Standard Webhooks fixes its header names.", { provider: "kling" });
}

function moved(event: JsonObject, byMs: number): JsonObject {
  const at = (value: unknown): number => (typeof value === "number" ? value : Date.parse(String(value))) + byMs;
  if ("event" in event) return { ...event, timestamp: new Date(at(event.timestamp)).toISOString() };
  const field = "task_status" in event ? "updated_at" : "update_time";
  return { ...event, [field]: at(event[field]) };
}

/** Kling as a sender. It documents no retries; three, after 1, 5 and 30 minutes, are assumed. */
export const klingSender: Sender = {
  payloads,
  toEvent: (payload) => payload,
  signing,
  withUnknownType(event) {
    if ("event" in event) return { ...event, event: UNKNOWN_TYPE };
    return { ...event, ["task_status" in event ? "task_status" : "status"]: UNKNOWN_TYPE };
  },
  withInvalidPayload(event) {
    if ("event" in event) return { ...event, data: null };
    return { ...event, ["task_status" in event ? "task_id" : "id"]: null };
  },
  moved,
  ackDeadlineMs: 5000,
  retryAfterMinutes: [1, 5, 30],
};
