import { ConfigurationError } from "../../errors.ts";
import type { JsonObject } from "../../provider.ts";
import type { KlingEventMap, KlingEventOf, KlingVideoType } from "../../providers/kling.ts";
import { isStandardWebhooksSecret } from "../../signature/standard-webhooks.ts";
import { hexSigning, standardSigning } from "../signing.ts";
import { type SampleFacts, type SamplesOf, type Sender, UNKNOWN_TYPE } from "./sender.ts";

/**
 * The shapes that a Kling callback has beside that of its current API. `"legacy"` is the shape of calls that name the model in their
 * body; `"signature"` has the field that the guide of the `video.*` events puts beside the data, and that proves nothing; the others are
 * results of other kinds.
 */
export interface KlingVariants {
  "video.created": "signature";
  "video.processing": "signature";
  "video.completed": "signature";
  "video.failed": "signature";
  "video.cancelled": "signature";
  "task.submitted": "legacy" | "console";
  "task.processing": "legacy";
  "task.succeeded":
    | "legacy"
    | "images"
    | "legacy_images"
    | "audio"
    | "voice"
    | "element"
    | "legacy_balance"
    | "legacy_extended"
    | "legacy_audios";
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

/** A `video.*` event of the guide: with the times and the prompt that every one has, and once more with its signature inside. */
function named<const Type extends KlingVideoType>(
  type: Type,
  dataOf: (facts: SampleFacts) => Omit<KlingEventOf<Type>["data"], "job_id">,
): Record<
  "default" | "signature",
  (facts: SampleFacts) => { event: Type; timestamp: string; data: KlingEventOf<Type>["data"]; signature?: string }
> {
  const make = (usual: string) => (facts: SampleFacts) => ({
    event: type,
    timestamp: facts.iso(),
    data: {
      job_id: facts.id(usual),
      prompt: "Fog lifts over a harbour",
      model: "kling-v1-6",
      created_at: facts.iso(95),
      ...dataOf(facts),
    },
  });
  return {
    default: make("vid_harbour_5"),
    signature: (facts) => ({ ...make("vid_harbour_6")(facts), signature: `sha256=${"0".repeat(64)}` }),
  };
}

const payloads: SamplesOf<KlingEventMap, KlingVariants> = {
  "video.created": named("video.created", () => ({ status: "created" })),
  "video.processing": named("video.processing", () => ({ status: "processing", progress: 45 })),
  "video.completed": named("video.completed", ({ iso }) => ({
    status: "completed",
    video_url: file("harbour.mp4"),
    thumbnail_url: file("harbour.jpg"),
    duration: 5,
    completed_at: iso(),
  })),
  "video.failed": named("video.failed", () => ({ status: "failed", error: "The prompt was refused." })),
  "video.cancelled": named("video.cancelled", () => ({ status: "cancelled" })),
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
      billing: [{ charge_type: "cash", cash_type: "balance", amount: "0.05", currency: "USD", package_type: "audio", list_price: "0.05" }],
    }),
    voice: (facts) => ({
      ...current(facts, "870231150099"),
      status: "succeeded",
      outputs: [{ type: "voice", id: "voice_keeper", name: "Keeper", url: file("keeper.wav"), owned_by: "user_31", status: "succeeded" }],
    }),
    element: (facts) => ({
      ...current(facts, "870231150100"),
      status: "succeeded",
      outputs: [
        {
          type: "element",
          id: "element_lighthouse",
          name: "Lighthouse",
          description: "White, with a red band",
          element_type: "multi_image_elements",
          materials: [{ type: "image", role: "frontal", url: file("lighthouse.png") }],
          owned_by: "user_31",
          status: "succeeded",
          tags: [{ id: 4, name: "scene", description: "Places" }],
        },
      ],
    }),
    legacy_balance: (facts) => ({
      ...legacy(facts, "870231150101"),
      task_status: "succeed",
      final_balance_deduction: { quota: "0.28", list_price: "0.28" },
      task_result: { videos: [{ id: "out_harbour_3", url: file("harbour.mp4"), duration: "5.1" }] },
    }),
    legacy_extended: (facts) => ({
      ...legacy(facts, "870231150102"),
      task_status: "succeed",
      task_info: { external_task_id: "order-3310", parent_video: { id: "out_harbour_2", url: file("harbour.mp4"), duration: "5.1" } },
      task_result: {
        videos: [
          { id: "out_harbour_4", url: file("harbour-longer.mp4"), watermark_url: file("harbour-longer-marked.mp4"), duration: "9.6" },
        ],
      },
    }),
    legacy_audios: ({ id, ms }) => ({
      task_id: id("870231150103"),
      task_status: "succeed",
      task_status_msg: "",
      created_at: ms(95),
      updated_at: ms(),
      external_task_id: "order-3311",
      task_result: { audios: [{ id: "out_foghorn_2", url: file("foghorn.mp3"), duration: "3.2" }] },
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
