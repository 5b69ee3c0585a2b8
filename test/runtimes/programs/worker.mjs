// The same as a Worker: `/cases` runs them, and the adapters are mounted below their names.

import { Hono } from "hono";
import { honoHandler } from "video-webhooks/hono";
import { runCases } from "./cases.mjs";
import { entryPointCases } from "./entry-points.mjs";
import { fetchCases } from "./fetch.mjs";
import { noInboxCases } from "./inbox.mjs";
import { createRouters, mount } from "./receivers.mjs";
import { load, scene } from "./scene.mjs";
import { vectorCases } from "./vectors.mjs";

const { vectors, deliveries, entryPoints, inboxFile, noInbox } = scene;
const handlerOf = mount(deliveries, (router) => router.fetch);
const app = new Hono();
for (const [provider, router] of Object.entries(createRouters(deliveries))) app.all(`/hono/${provider}`, honoHandler(router));

export default {
  async fetch(request, bindings, context) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/fetch/")) return handlerOf(request.url)(request, bindings, context);
    if (pathname.startsWith("/hono/")) return app.fetch(request, bindings, context);
    const results = await runCases([
      ...vectorCases(vectors),
      ...fetchCases(deliveries),
      ...entryPointCases(load, entryPoints),
      ...noInboxCases(inboxFile, noInbox),
    ]);
    return Response.json({ results });
  },
};
