import { createRouter } from "video-webhooks";
import { kling } from "video-webhooks/kling";
import { nextApiRoute } from "video-webhooks/next";
import { jobs } from "../../jobs.ts";

// Next.js reads this line without running it, so it has to be written out: an imported constant fails the build.
export const config = { api: { bodyParser: false } };

const router = createRouter(kling({ secret: () => process.env.KLING_WEBHOOK_SECRET ?? "" }), { logger: console })
  .onJob("*", (job) => void jobs.push(job))
  .onError((error) => console.error(error.message));

export default nextApiRoute(router);
