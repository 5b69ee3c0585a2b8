// A router per provider, as an application makes them.

import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { videopilot } from "video-webhooks/videopilot";

const create = { heygen, kling, konpro, videopilot };

/**
 * Makes routers that tell `onEvent` of what they handle.
 *
 * @returns the routers by provider
 */
export function createRouters(deliveries, options = {}, onEvent = () => undefined) {
  return Object.fromEntries(
    deliveries.map(({ provider, type, secret }) => {
      const router = createRouter(create[provider]({ secret }), options);
      router.on(type, (event, context) => onEvent(event, context));
      return [provider, router];
    }),
  );
}

/** Mounts what an adapter makes of each router: finds it by the last part of a path. */
export function mount(deliveries, adapt) {
  const handlers = Object.entries(createRouters(deliveries)).map(([provider, router]) => [provider, adapt(router)]);
  const found = new Map(handlers);
  return (url) => found.get(new URL(url, "http://localhost").pathname.split("/").at(-1));
}
