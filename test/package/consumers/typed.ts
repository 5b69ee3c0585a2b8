// Compiled as .mts, .cts and .ts; each `@ts-expect-error` is an error of its own when the types are wrong or become `any`.
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import {
  createRouter,
  type FetchHandler,
  type HandlerContext,
  isWebhookError,
  type Receiver,
  type VideoJob,
  verify,
  type WaitUntil,
  type WebhookErrorCode,
} from "video-webhooks";
import { type ExpressHandler, type ExpressRequest, expressHandler } from "video-webhooks/express";
import { type FastifyPluginOptions, fastifyPlugin } from "video-webhooks/fastify";
import { type HeyGenEventOf, heygen } from "video-webhooks/heygen";
import { type HonoContext, type HonoHandler, honoHandler } from "video-webhooks/hono";
import { createMemoryStore } from "video-webhooks/idempotency";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { type NextRouteHandler, nextApiConfig, nextApiRoute, nextRoute } from "video-webhooks/next";
import { type NodeHandler, nodeHandler } from "video-webhooks/node";
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

// No framework is installed here, so the handlers are described by the package alone.
const receiver: Receiver = router;
const waited: Promise<unknown>[] = [];
const waitUntil: WaitUntil = (promise) => waited.push(promise);
export const onExpress: ExpressHandler = expressHandler(receiver);
export const onHono: HonoHandler = honoHandler(receiver);
export const onNode: NodeHandler = nodeHandler(receiver);
export const { POST, OPTIONS }: { POST: NextRouteHandler; OPTIONS: NextRouteHandler } = nextRoute(receiver, { waitUntil });
export const inPages: NodeHandler = nextApiRoute(receiver);
export const config: { readonly api: { readonly bodyParser: false } } = nextApiConfig;
export const options: FastifyPluginOptions = { router: receiver, path: "/hooks" };
export const plugin: (instance: Parameters<typeof fastifyPlugin>[0], options: FastifyPluginOptions) => Promise<void> = fastifyPlugin;
export const onFetch: FetchHandler = router.fetch;
export const whatArrived = (request: ExpressRequest): string | undefined => request.originalUrl;
export const ofHono = (context: HonoContext): string => context.req.method;
// @ts-expect-error: a router, not a provider
expressHandler(heygen({ secret: "whsec_example" }));
// @ts-expect-error: the router is missing
export const noRouter: FastifyPluginOptions = { path: "/hooks" };
// @ts-expect-error: no such option
nextRoute(receiver, { waituntil: waitUntil });
// @ts-expect-error: a request of Node.js, not any
onNode(1, 2);
// @ts-expect-error: a context of Hono, not any
onHono(1);
// @ts-expect-error: a Request, not any
POST("https://example.com/");

createHttp2Server(nodeHandler(router));
export const server: Server = createServer(nodeHandler(router));
export const answer: Promise<Response> = router.fetch(new Request("https://example.com/"));
export const genuine: boolean = verify("body", null, "secret");
