import type { VideoJob } from "video-webhooks";

const shared = globalThis as { videoJobs?: VideoJob[] };
shared.videoJobs ??= [];

/**
 * What the handlers have seen since the start; an application has a database instead. It is on `globalThis`, because Next.js gives pages,
 * route handlers and API routes each a copy of this module.
 */
export const jobs: VideoJob[] = shared.videoJobs;
