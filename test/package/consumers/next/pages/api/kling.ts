import { createRouter } from "video-webhooks";
import { kling } from "video-webhooks/kling";
import { nextApiRoute } from "video-webhooks/next";

export const config = { api: { bodyParser: false } };

const router = createRouter(kling({ secret: () => process.env.KLING_WEBHOOK_SECRET ?? "" })).onJob("succeeded", (job) => {
  // @ts-expect-error: an id is a string, not any
  const amount: number = job.id;
  console.log(`handled ${amount}`);
});

export default nextApiRoute(router);
