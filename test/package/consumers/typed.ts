// Compiled as .mts, .cts and .ts; each `@ts-expect-error` is an error of its own when the types are wrong or become `any`.
import { createServer, type Server } from "node:http";
import { createRouter, type HandlerContext, isWebhookError, type VideoJob, verify, type WebhookErrorCode } from "video-webhooks";
import { type HeyGenEventOf, heygen } from "video-webhooks/heygen";
import { createMemoryStore } from "video-webhooks/idempotency";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { nodeHandler } from "video-webhooks/node";
import { videopilot } from "video-webhooks/videopilot";

const router = createRouter(heygen({ secret: "whsec_example" }), { idempotency: createMemoryStore() });

router.on("avatar_video.success", (event, context) => {
  const id: string = event.event_data.video_id;
  const type: "avatar_video.success" = context.type;
  // @ts-expect-error: an id is a string, not any
  const amount: number = event.event_data.video_id;
  // @ts-expect-error: no such field
  event.event_data.vido_id;
  console.log(id, type, amount);
});

router.on("avatar_video.*", (event: HeyGenEventOf<"avatar_video.success" | "avatar_video.fail">) => event.event_type);

// @ts-expect-error: a misspelt event type
router.on("avatar_video.sucess", () => undefined);

// @ts-expect-error: neither secret nor token nor unsigned
heygen({});
// @ts-expect-error: neither secret nor token nor unsigned
konpro({});

createRouter(kling({ secret: ["old", "new"] })).on("task.succeeded", (event, { job }) => {
  const id: string = event.task_status === undefined ? event.id : event.task_id;
  return job?.id === id;
});
createRouter(videopilot({ secret: "example", maxAgeSeconds: 86_400 })).on("render.completed", (event) => {
  const id: string = event.data.render_job_id;
  return id;
});

const onJob = (job: VideoJob, context: HandlerContext): string => `${job.id} ${context.id}`;
router.onJob("failed", onJob);
router.onError((error) => {
  const code: WebhookErrorCode | undefined = isWebhookError(error) ? error.code : undefined;
  return code;
});

export const server: Server = createServer(nodeHandler(router));
export const answer: Promise<Response> = router.fetch(new Request("https://example.com/"));
export const genuine: boolean = verify("body", null, "secret");
