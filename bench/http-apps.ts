import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ServerType, serve } from "@hono/node-server";
import express from "express";
import express4 from "express-4";
import { fastify } from "fastify";
import { Hono } from "hono";
import { createRouter, type Router } from "video-webhooks";
import { expressHandler } from "video-webhooks/express";
import { fastifyPlugin } from "video-webhooks/fastify";
import { type HeyGenEventMap, heygen } from "video-webhooks/heygen";
import { honoHandler } from "video-webhooks/hono";
import { createMemoryStore, type IdempotencyStore } from "video-webhooks/idempotency";
import { nodeHandler } from "video-webhooks/node";
import { handWrittenRoutes, isGenuine } from "./http-by-hand.ts";

/** The secret that all deliveries are signed with. */
export const secret = "whsec_a-secret-for-the-benchmark-only";

/** The path that every application answers. */
export const path = "/webhooks/heygen";

/** Starts an application on a free port of loopback, and resolves to that port. */
export type Listen = () => Promise<number>;

/** One framework twice, each application on a port of its own. */
export interface Apps {
  readonly ours: Listen;
  readonly byHand: Listen;
}

async function portOf(server: Server | ServerType): Promise<number> {
  if (!server.listening) await new Promise<void>((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

const loopback = { port: 0, host: "127.0.0.1" } as const;

async function count(event: { readonly event_data: { readonly video_id: string } }): Promise<void> {
  if (event.event_data.video_id !== "") globalThis.handledEvents++;
}

const handleEvent = handWrittenRoutes(count);

function routerOf(idempotency: IdempotencyStore | false = false): Router<"heygen", HeyGenEventMap> {
  return createRouter(heygen({ secret }), { idempotency }).on("avatar_video.success", count);
}

const unauthorized = { error: "Invalid signature" };

function answerByHand(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const payload = Buffer.concat(chunks).toString();
    const genuine = isGenuine(payload, request.headers.signature, secret);
    const body = JSON.stringify(genuine ? await handleEvent(JSON.parse(payload)) : unauthorized);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    response.writeHead(genuine ? 200 : 401, headers).end(body);
  });
}

const nodeHttp: Apps = {
  ours: () => portOf(createServer(nodeHandler(routerOf())).listen(loopback)),
  byHand: () => portOf(createServer(answerByHand).listen(loopback)),
};

/** The same twice: what comes out between two equals is noise. */
const control: Apps = { ours: nodeHttp.byHand, byHand: nodeHttp.byHand };

/** A store that forgets an event long before it comes again. */
const withStore: Apps = {
  ours: () => portOf(createServer(nodeHandler(routerOf(createMemoryStore({ maxEntries: 1000 })))).listen(loopback)),
  byHand: nodeHttp.byHand,
};

function expressApps(framework: typeof express): Apps {
  return {
    ours() {
      const app = framework();
      app.all(path, expressHandler(routerOf()));
      return portOf(app.listen(0, loopback.host));
    },
    byHand() {
      const app = framework();
      app.post(path, framework.raw({ type: "*/*" }), async (request, response) => {
        const payload = (request.body as Buffer).toString();
        if (!isGenuine(payload, request.headers.signature, secret)) return void response.status(401).json(unauthorized);
        response.json(await handleEvent(JSON.parse(payload)));
      });
      return portOf(app.listen(0, loopback.host));
    },
  };
}

const fastifyApps: Apps = {
  async ours() {
    const app = fastify();
    app.register(fastifyPlugin, { router: routerOf(), path });
    await app.listen(loopback);
    return portOf(app.server);
  },
  async byHand() {
    const app = fastify();
    app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, rawBody, done) => done(null, rawBody));
    app.post<{ Body: Buffer }>(path, async (request, reply) => {
      const payload = request.body.toString();
      if (!isGenuine(payload, request.headers.signature, secret)) return reply.code(401).send(unauthorized);
      return handleEvent(JSON.parse(payload));
    });
    await app.listen(loopback);
    return portOf(app.server);
  },
};

const serveFetch = (fetch: (request: Request) => Response | Promise<Response>): Promise<number> =>
  portOf(serve({ fetch, port: loopback.port, hostname: loopback.host }));

const honoApps: Apps = {
  ours: () => serveFetch(new Hono().all(path, honoHandler(routerOf())).fetch),
  byHand() {
    const app = new Hono();
    app.post(path, async (context) => {
      const payload = await context.req.text();
      if (!isGenuine(payload, context.req.header("signature"), secret)) return context.json(unauthorized, 401);
      return context.json(await handleEvent(JSON.parse(payload)));
    });
    return serveFetch(app.fetch);
  },
};

const fetchApps: Apps = {
  ours: () => serveFetch(routerOf().fetch),
  byHand: () =>
    serveFetch(async (request) => {
      const payload = await request.text();
      if (!isGenuine(payload, request.headers.get("signature"), secret)) return Response.json(unauthorized, { status: 401 });
      return Response.json(await handleEvent(JSON.parse(payload)));
    }),
};

/** The applications by the name that `http-server.ts` is started with. */
export const apps: Readonly<Record<string, Apps>> = {
  control,
  node: nodeHttp,
  store: withStore,
  // Its types differ from those of Express 5 in what is not used here.
  "express-4": expressApps(express4 as never),
  express: expressApps(express),
  fastify: fastifyApps,
  hono: honoApps,
  fetch: fetchApps,
};
