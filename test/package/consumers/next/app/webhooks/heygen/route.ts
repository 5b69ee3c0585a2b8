import { after } from "next/server";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { nextRoute } from "video-webhooks/next";

const router = createRouter(heygen({ secret: () => process.env.HEYGEN_WEBHOOK_SECRET ?? "" })).on("avatar_video.success", (event) => {
  // @ts-expect-error: an id is a string, not any
  const amount: number = event.event_data.video_id;
  console.log(`handled ${amount}`);
});

// @ts-expect-error: no such option
nextRoute(router, { waituntil: after });

export const { POST, OPTIONS } = nextRoute(router, { waitUntil: after });
