// A server per adapter, on a free port of loopback each.

import { createServer } from "node:http";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import { expressHandler } from "video-webhooks/express";
import { fastifyPlugin } from "video-webhooks/fastify";
import { honoHandler } from "video-webhooks/hono";
import { nodeHandler } from "video-webhooks/node";
import { createRouters, mount } from "./receivers.mjs";

const hostname = "127.0.0.1";

/**
 * Starts them all.
 *
 * @returns by adapter the URL that the names of providers are appended to, or the error of one that does not start
 */
export async function startServers(deliveries) {
  const starts = { nodeHandler: onNode, "router.fetch": onFetch, honoHandler: onHono, expressHandler: onExpress, fastifyPlugin: onFastify };
  const servers = {};
  for (const [adapter, start] of Object.entries(starts)) {
    try {
      servers[adapter] = { url: `http://${hostname}:${await start(deliveries)}` };
    } catch (error) {
      servers[adapter] = { error: String(error?.stack ?? error) };
    }
  }
  return servers;
}

function onNode(deliveries) {
  const handlerOf = mount(deliveries, nodeHandler);
  return listening(createServer((request, response) => handlerOf(request.url)(request, response)));
}

function onFetch(deliveries) {
  const handlerOf = mount(deliveries, (router) => router.fetch);
  return serveFetch((request, ...platform) => handlerOf(request.url)(request, ...platform));
}

function onHono(deliveries) {
  const app = new Hono();
  for (const [provider, router] of Object.entries(createRouters(deliveries))) app.all(`/${provider}`, honoHandler(router));
  return serveFetch(app.fetch);
}

function onExpress(deliveries) {
  const app = express();
  for (const [provider, router] of Object.entries(createRouters(deliveries))) app.all(`/${provider}`, expressHandler(router));
  app.use(express.json());
  return listening(createServer(app));
}

async function onFastify(deliveries) {
  const app = fastify();
  for (const [provider, router] of Object.entries(createRouters(deliveries))) app.register(fastifyPlugin, { router, path: `/${provider}` });
  await app.listen({ port: 0, host: hostname });
  return app.server.address().port;
}

/** The runtime's own server for Fetch; Node.js has none, and gets the one that Hono uses there. */
async function serveFetch(fetch) {
  if (globalThis.Bun) return Bun.serve({ port: 0, hostname, fetch }).port;
  if (globalThis.Deno) return Deno.serve({ port: 0, hostname, onListen: () => undefined }, fetch).addr.port;
  const { createAdaptorServer } = await import("@hono/node-server");
  return listening(createAdaptorServer({ fetch }));
}

async function listening(server) {
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, hostname, resolve));
  return server.address().port;
}
