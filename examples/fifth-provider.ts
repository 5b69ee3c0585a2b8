// A complete provider of one's own, made as the four built-in ones are. "ClipForge" is invented.
//
//   node examples/fifth-provider.ts

import {
  createRouter,
  defineProvider,
  hmacHex,
  lazyEvents,
  type MaxAgeOptions,
  type ProviderFactory,
  type ProviderOptions,
  toVideoJob,
  type VideoJobStatus,
} from "video-webhooks";
import * as z from "zod";
import { hexSignature } from "./sign.ts";

// 1. The events, as types and as schemas. Loose objects keep fields that ClipForge adds later; only the id is required.

/** An event of ClipForge. */
export interface ClipEvent<Kind extends string> {
  kind: Kind;
  clip: { id: string; url?: string | null | undefined; reason?: string | null | undefined; seconds?: number | null | undefined };
  sent_at: string;
}

/** Event by event type. */
export interface ClipForgeEvents {
  "clip.started": ClipEvent<"clip.started">;
  "clip.finished": ClipEvent<"clip.finished">;
  "clip.failed": ClipEvent<"clip.failed">;
}

const clipEvent = <const Kind extends keyof ClipForgeEvents>(kind: Kind): z.ZodType<ClipEvent<Kind>> =>
  z.looseObject({
    kind: z.literal(kind),
    clip: z.looseObject({
      id: z.string().min(1),
      url: z.string().nullish(),
      reason: z.string().nullish(),
      seconds: z.number().nullish(),
    }),
    sent_at: z.string(),
  }) as never;

const statuses: Record<keyof ClipForgeEvents, VideoJobStatus> = {
  "clip.started": "processing",
  "clip.finished": "succeeded",
  "clip.failed": "failed",
};

// 2. The provider: data and a few small functions.

/** ClipForge at one endpoint: `clipforge({ secret })`. */
export const clipforge: ProviderFactory<"clipforge", ClipForgeEvents, ProviderOptions & MaxAgeOptions> = defineProvider({
  name: "clipforge",
  signature: hmacHex({ headers: ["x-clipforge-signature"], format: "sha256=" }),
  events: lazyEvents({
    "clip.started": () => clipEvent("clip.started"),
    "clip.finished": () => clipEvent("clip.finished"),
    "clip.failed": () => clipEvent("clip.failed"),
  }),
  eventType: ({ kind }) => (typeof kind === "string" ? kind : undefined),
  // Whatever tells this event from every other one. The id alone would let clip.started swallow clip.finished.
  dedupeKey: ({ clip, sent_at }, type) => [type, clip.id, sent_at],
  toJob: ({ clip, sent_at }, type) =>
    toVideoJob({
      provider: "clipforge",
      id: clip.id,
      kind: "video",
      status: statuses[type],
      outputs: [{ type: "video", url: clip.url ?? undefined, durationSeconds: clip.seconds ?? undefined }],
      error: statuses[type] === "failed" ? { message: clip.reason ?? "unknown" } : undefined,
      occurredAt: new Date(sent_at),
    }),
  // How long ClipForge waits for an answer, and that it probes the URL with OPTIONS when it is registered.
  ackDeadlineMs: 10_000,
  validation: { withinMs: 1000 },
  // The time is inside the signed body, so that maxAgeSeconds can be held against it.
  signedAt: ({ sent_at }) => (typeof sent_at === "string" ? Date.parse(sent_at) : undefined),
});

// 3. Its use is that of every other provider.

const secret = "clipforge-example-secret";
const router = createRouter(clipforge({ secret }))
  .on("clip.finished", (event) => console.log(`finished: ${event.clip.id} at ${event.clip.url}`))
  .onJob("failed", (job) => console.log(`failed: ${job.id}: ${job.error?.message}`))
  .onUnknown(({ type }) => console.log(`unknown: ${type}`));

for (const event of [
  {
    kind: "clip.finished",
    clip: { id: "clip_1", url: "https://cdn.example.test/clip_1.mp4", seconds: 9 },
    sent_at: "2026-03-04T05:06:07Z",
  },
  { kind: "clip.failed", clip: { id: "clip_2", reason: "no audio" }, sent_at: "2026-03-04T05:07:07Z" },
  { kind: "clip.archived", clip: { id: "clip_1" }, sent_at: "2026-03-04T05:08:07Z" },
]) {
  const body = JSON.stringify(event);
  const headers = { "x-clipforge-signature": `sha256=${await hexSignature(secret, body)}` };
  const response = await router.fetch(new Request("https://app.example.test/webhooks/clipforge", { method: "POST", headers, body }));
  console.log(`${response.status} ${await response.text()}`);
}
