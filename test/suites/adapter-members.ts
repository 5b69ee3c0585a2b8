import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { serve as serve1 } from "@hono/node-server-1";
import express from "express";
import express4 from "express-4";
import { fastify } from "fastify";
import { fastify as fastify50 } from "fastify-5.0";
import { Hono } from "hono";
import { Hono as Hono40 } from "hono-4.0";
import type { AnyRouter, FetchHandler } from "video-webhooks";
import { expressHandler } from "video-webhooks/express";
import { fastifyPlugin } from "video-webhooks/fastify";
import { honoHandler } from "video-webhooks/hono";
import { type NodeHandler, nodeHandler } from "video-webhooks/node";
import type { AdapterMember, Mounted } from "./adapter-suite.ts";
import { listen } from "./raw-http.ts";
import { createReceivers, type Receivers } from "./receivers.ts";

const isJournal = (url: string): boolean => new URL(url, "http://localhost").pathname === "/journal";
const isJson = (url: string): boolean => new URL(url, "http://localhost").pathname === "/json";
const nameIn = (url: string): string => new URL(url, "http://localhost").pathname.slice("/hooks/".length);

async function closing(server: Server): Promise<Mounted> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

/** The handlers of an adapter by the name of their receiver. */
function handlersOf<Handler>(receivers: Receivers, adapt: (router: AnyRouter) => Handler): Map<string, Handler> {
  return new Map(Object.entries(receivers.routers).map(([name, router]) => [name, adapt(router)]));
}

async function nodeHttp(): Promise<Mounted> {
  const receivers = createReceivers();
  const handlers = handlersOf(receivers, nodeHandler);
  const handle: NodeHandler = async (request, response) => {
    const url = request.url ?? "/";
    const handler = handlers.get(nameIn(url));
    if (handler) return handler(request, response);
    if (isJournal(url)) return void response.end(JSON.stringify(receivers.journal));
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    try {
      response.end(JSON.stringify({ received: JSON.parse(Buffer.concat(chunks).toString()) }));
    } catch {
      response.writeHead(400, {});
      response.end("");
    }
  };
  return listen(handle);
}

/** @param passesOn whether the router gets what the server passes beside the request; without it, it reads a web stream */
async function fetchShaped(passesOn: boolean): Promise<Mounted> {
  const receivers = createReceivers();
  const handlers = handlersOf(receivers, (router): FetchHandler => router.fetch);
  const fetch = async (request: Request, ...platform: readonly unknown[]): Promise<Response> => {
    const handler = handlers.get(nameIn(request.url));
    if (handler) return passesOn ? handler(request, ...platform) : handler(request);
    if (isJson(request.url)) {
      return request.json().then(
        (received: unknown) => Response.json({ received }),
        () => new Response(null, { status: 400 }),
      );
    }
    return Response.json(receivers.journal);
  };
  return closing(serve({ fetch, port: 0, hostname: "127.0.0.1" }) as Server);
}

function onExpress(create: typeof express): () => Promise<Mounted> {
  return () => {
    const receivers = createReceivers();
    const app = create();
    for (const [name, handler] of handlersOf(receivers, expressHandler)) app.all(`/hooks/${name}`, handler);
    app.use(create.json());
    app.post("/json", (request, response) => void response.json({ received: request.body }));
    app.get("/journal", (_request, response) => void response.json(receivers.journal));
    return closing(app.listen(0, "127.0.0.1"));
  };
}

function onFastify(create: typeof fastify): () => Promise<Mounted> {
  return async () => {
    const receivers = createReceivers();
    const app = create();
    for (const [name, router] of Object.entries(receivers.routers)) app.register(fastifyPlugin, { router, path: `/hooks/${name}` });
    app.post("/json", async (request) => ({ received: request.body }));
    app.get("/journal", async () => receivers.journal);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
  };
}

function onHono(Application: typeof Hono, listenOn: typeof serve): () => Promise<Mounted> {
  return () => {
    const receivers = createReceivers();
    const app = new Application();
    for (const [name, handler] of handlersOf(receivers, honoHandler)) app.all(`/hooks/${name}`, handler);
    app.post("/json", async (context) => context.json({ received: await context.req.json() }));
    app.onError((_error, context) => context.body(null, 400));
    app.get("/journal", (context) => context.json(receivers.journal));
    return closing(listenOn({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server);
  };
}

/** @hono/node-server drops what comes of a body that nobody reads by a limit of its own. */
const onNodeServer = { dropsBytes: 67_108_864 } as const;

/** The adapters in one process; those on Next.js need a build and are members of their own. */
export const members: readonly AdapterMember[] = [
  { name: "node:http", start: nodeHttp },
  { name: "Fetch", start: () => fetchShaped(false) },
  { name: "Fetch on node-server 2", start: () => fetchShaped(true), ...onNodeServer },
  { name: "Express 4.18", start: onExpress(express4 as unknown as typeof express) },
  { name: "Express 5", start: onExpress(express) },
  { name: "Fastify 5.0", start: onFastify(fastify50 as unknown as typeof fastify) },
  { name: "Fastify 5", start: onFastify(fastify) },
  {
    name: "Hono 4.0 on node-server 1",
    start: onHono(Hono40 as unknown as typeof Hono, serve1 as unknown as typeof serve),
    ...onNodeServer,
  },
  { name: "Hono 4 on node-server 2", start: onHono(Hono, serve), ...onNodeServer },
];
