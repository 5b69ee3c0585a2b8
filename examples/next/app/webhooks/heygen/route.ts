import { after } from "next/server";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { nextRoute } from "video-webhooks/next";
import { jobs } from "../../../jobs.ts";

// `next build` runs this module, usually where no secret is set, so the secret is a function. Without the variable the build passes, and
// every delivery is answered 500 and the reason logged. Where the build has the variable, `secret: process.env.HEYGEN_WEBHOOK_SECRET` will
// do, and stops the build without it.
const router = createRouter(heygen({ secret: () => process.env.HEYGEN_WEBHOOK_SECRET ?? "" }), { logger: console })
  .onJob("*", (job) => void jobs.push(job))
  .onError((error) => console.error(error.message));

export const { POST, OPTIONS } = nextRoute(router, { waitUntil: after });
