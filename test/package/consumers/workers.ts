// Compiled against the types of Cloudflare Workers instead of those of Node.js and browsers.
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { type HonoHandler, honoHandler } from "video-webhooks/hono";

interface Bindings {
  readonly HEYGEN_WEBHOOK_SECRET: string;
}

const router = createRouter(heygen({ secret: "whsec_example" }));

export const onHono: HonoHandler = honoHandler(router);

export const perRequest: ExportedHandler<Bindings> = {
  fetch: (request, bindings, context) => createRouter(heygen({ secret: bindings.HEYGEN_WEBHOOK_SECRET })).fetch(request, bindings, context),
};

// @ts-expect-error: a Worker is given a Request, not text
router.fetch("https://example.com/");

export default { fetch: router.fetch } satisfies ExportedHandler<Bindings>;
