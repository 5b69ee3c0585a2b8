import { ConfigurationError } from "../errors.ts";
import {
  firstText,
  toAmount,
  toDate,
  toText,
  toVideoJob,
  type VideoJob,
  type VideoJobKind,
  type VideoJobOutputParts,
  type VideoJobStatus,
} from "../job.ts";
import { checkOptionNames } from "../option-names.ts";
import { defineProvider, type MaxAgeOptions, type ProviderFactory, type ProviderOptions, providerOptions } from "../provider.ts";
import { hmacHex } from "../signature/hmac-hex.ts";
import type { SignatureScheme } from "../signature/scheme.ts";
import { isStandardWebhooksSecret, standardWebhooks } from "../signature/standard-webhooks.ts";
import {
  type KlingEvent,
  type KlingEventMap,
  type KlingEventType,
  type KlingLegacyFile,
  type KlingLegacyTask,
  type KlingOutput,
  type KlingVideo,
  type KlingVideoType,
  klingEvents,
} from "./kling-payloads.ts";

export * from "./kling-payloads.ts";

/** Both spellings of success; any other status that Kling may add becomes a type of its own, which reaches `onUnknown`. */
function eventType(body: Readonly<Record<string, unknown>>): string | undefined {
  const event = toText(body.event);
  if (event !== undefined) return event;
  const status = firstText(body.task_status, body.status);
  if (status === undefined) return undefined;
  return status === "succeed" ? "task.succeeded" : `task.${status}`;
}

const statuses: Readonly<Record<KlingEventType, VideoJobStatus>> = {
  "video.created": "queued",
  "video.processing": "processing",
  "video.completed": "succeeded",
  "video.failed": "failed",
  "video.cancelled": "cancelled",
  "task.submitted": "queued",
  "task.processing": "processing",
  "task.succeeded": "succeeded",
  "task.failed": "failed",
};

/** The three shapes as one: whatever is in them that a job or a key is made of. */
interface Facts {
  readonly id: string;
  readonly time: unknown;
  readonly outputs: readonly VideoJobOutputParts[];
  readonly failure: string | undefined;
  readonly reference?: string | undefined;
  readonly progress?: number | undefined;
}

function isVideo(event: KlingEvent, type: KlingEventType): event is KlingEventMap[KlingVideoType] {
  // By the type, which chose the schema; a callback may carry unknown fields of any name.
  return type.startsWith("video.");
}

function factsOf(event: KlingEvent, type: KlingEventType): Facts {
  if (isVideo(event, type)) return videoFacts(event.data, event.timestamp);
  if (event.task_status !== undefined) return legacyFacts(event);
  return {
    id: event.id,
    time: event.update_time,
    outputs: (event.outputs ?? []).flatMap(toOutputs),
    failure: toText(event.message),
    reference: toText(event.external_id),
  };
}

function videoFacts(data: KlingVideo, timestamp: unknown): Facts {
  const { progress } = data;
  return {
    id: data.job_id,
    time: timestamp,
    outputs: [
      { type: "video", url: toText(data.video_url), thumbnailUrl: toText(data.thumbnail_url), durationSeconds: toAmount(data.duration) },
    ],
    failure: toText(data.error),
    progress: typeof progress === "number" ? Math.min(Math.max(progress / 100, 0), 1) : undefined,
  };
}

function legacyFacts(event: KlingLegacyTask<string>): Facts {
  const toFile =
    (type: VideoJobOutputParts["type"]) =>
    (each: KlingLegacyFile): VideoJobOutputParts => ({
      type,
      url: toText(each.url),
      durationSeconds: toAmount(each.duration),
    });
  const { videos, images, audios } = event.task_result ?? {};
  return {
    id: event.task_id,
    time: event.updated_at,
    outputs: [...(videos ?? []).map(toFile("video")), ...(images ?? []).map(toFile("image")), ...(audios ?? []).map(toFile("audio"))],
    failure: toText(event.task_status_msg),
    reference: firstText(event.task_info?.external_task_id, event.external_task_id),
  };
}

function toOutputs(result: KlingOutput): readonly VideoJobOutputParts[] {
  if (result.type === "audio") {
    return [
      { type: "audio", url: toText(result.mp3_url), durationSeconds: toAmount(result.mp3_duration) },
      { type: "audio", url: toText(result.wav_url), durationSeconds: toAmount(result.wav_duration) },
    ];
  }
  const type = result.type === "video" || result.type === "image" ? result.type : "other";
  return [{ type, url: toText(result.url), durationSeconds: toAmount(result.duration) }];
}

/** A callback does not say what its task makes until it has made it. */
function kindOf(type: KlingEventType, outputs: readonly VideoJobOutputParts[]): VideoJobKind {
  const made = type.startsWith("video.") ? "video" : outputs[0]?.type;
  return made === "video" || made === "image" || made === "audio" ? made : "other";
}

function toJob(event: KlingEvent, type: KlingEventType): VideoJob {
  const { failure, time, ...facts } = factsOf(event, type);
  const status = statuses[type];
  return toVideoJob({
    ...facts,
    provider: "kling",
    kind: kindOf(type, facts.outputs),
    status,
    error: status === "failed" ? { message: failure ?? "The provider gave no reason." } : undefined,
    occurredAt: toDate(time),
  });
}

const standard = standardWebhooks();
const hex = hmacHex({ headers: ["x-kling-signature"] });

/** The form of a secret decides its scheme; a delivery cannot, so none is downgraded (pitfall P41). */
const bySecret: SignatureScheme = {
  ...standard,
  name: "standard-webhooks or hmac-sha256-hex",
  headers: [...standard.headers, ...hex.headers],
  check: (secret) => (isStandardWebhooksSecret(secret) ? standard : hex).check(secret),
  withHeaders(headers) {
    const renamed = hmacHex({ headers });
    return {
      ...renamed,
      check(secret) {
        if (!isStandardWebhooksSecret(secret)) return renamed.check(secret);
        throw new ConfigurationError(
          'The secret selects Standard Webhooks, which fixes its header names. Remove the option header, or set scheme: "hex".',
          { provider: "kling" },
        );
      },
    };
  },
};

/** Options of {@link kling}. */
export type KlingOptions = ProviderOptions &
  MaxAgeOptions & {
    /**
     * The signature scheme, where the form of the secret should not decide it.
     * @default "standard-webhooks" for a secret of `whsec_` and base64, otherwise "hex"
     */
    readonly scheme?: "standard-webhooks" | "hex" | undefined;
  };

function schemeFor(options: KlingOptions): SignatureScheme {
  checkOptionNames("kling()", options, [...providerOptions, "scheme"]);
  const { scheme } = options;
  if (scheme === "standard-webhooks") return standard;
  if (scheme === "hex") return hex;
  if (scheme !== undefined)
    throw new ConfigurationError('The option scheme of kling() is "standard-webhooks" or "hex".', { provider: "kling" });
  return bySecret;
}

/**
 * Kling AI at one endpoint. Callbacks are signed by Standard Webhooks once a webhook secret exists in the console, and not at all
 * before; without a secret use `token`. A secret that is not `whsec_` and base64 selects hex HMAC-SHA256 in `X-Kling-Signature`, which a
 * widespread guide describes and Kling does not.
 *
 * @throws {@link ConfigurationError} when neither `secret`, `token` nor `unsigned` is given, or one of them cannot be used
 * @see https://kling.ai/document-api/api/get-started/callbacks (stored copy, checked 2026-11-21)
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { kling } from "video-webhooks/kling";
 *
 * const router = createRouter(kling({ secret: process.env.KLING_WEBHOOK_SECRET }));
 * router.on("task.succeeded", (event, context) => console.log(context.job?.outputs[0]?.url));
 * ```
 */
export const kling: ProviderFactory<"kling", KlingEventMap, KlingOptions> = defineProvider({
  name: "kling",
  signature: (options) => schemeFor(options as KlingOptions),
  events: klingEvents,
  eventType,
  // Several callbacks per task, so status and time belong to the key.
  dedupeKey(event, type) {
    const { id, time } = factsOf(event, type);
    return [type, id, String(time ?? "")];
  },
  toJob,
  signedAt: (body) => toDate(body.timestamp ?? body.update_time ?? body.updated_at)?.getTime(),
  ackDeadlineMs: 5000,
});
