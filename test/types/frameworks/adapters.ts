// Compiled only. The real types of the frameworks accept what the adapters return; each `@ts-expect-error` names what it guards.
import { createServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { ExecutionContext, ExportedHandler, Request as WorkersRequest } from "@cloudflare/workers-types";
import express, { type RequestHandler } from "express";
import express4, { type RequestHandler as RequestHandler4 } from "express-4";
import { type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync, type FastifyTypeProvider, fastify } from "fastify";
import { fastify as fastify50 } from "fastify-5.0";
import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import { createFactory } from "hono/factory";
import { Hono as Hono40 } from "hono-4.0";
import type { NextApiHandler, NextApiRequest, NextApiResponse, PageConfig } from "next";
import { after, type NextRequest } from "next/server.js";
import { type ExpressHandler, type ExpressRequest, expressHandler } from "../../../src/adapters/express.ts";
import { type FastifyPluginOptions, fastifyPlugin } from "../../../src/adapters/fastify.ts";
import type { FetchHandler } from "../../../src/adapters/fetch.ts";
import { type HonoContext, type HonoHandler, honoHandler } from "../../../src/adapters/hono.ts";
import { type NextOptions, type NextRouteHandler, nextApiConfig, nextApiRoute, nextRoute } from "../../../src/adapters/next.ts";
import { type NodeHandler, nodeHandler } from "../../../src/adapters/node.ts";
import { type AnyRouter, createRouter, type Delivery, type Receiver, type WaitUntil } from "../../../src/index.ts";
import { heygen } from "../../../src/providers/heygen.ts";
import { kling } from "../../../src/providers/kling.ts";

const router = createRouter(heygen({ secret: "a-long-secret" }));
const anyRouter: AnyRouter = createRouter(kling({ secret: "a-long-secret" }));
const receiver: Receiver = { receive: async () => ({ result: "processed", status: 200 }) };

// Every adapter takes every router, and whatever receives.
for (const each of [router, anyRouter, receiver]) {
  expressHandler(each);
  honoHandler(each);
  nextRoute(each);
  nextApiRoute(each);
  nodeHandler(each);
}

// Express 5
const app = express();
app.all("/hooks", expressHandler(router));
app.post("/hooks/:tenant", expressHandler(router));
app.use("/hooks", expressHandler(router));
app.use(expressHandler(router));
app.route("/hooks").post(expressHandler(router)).options(expressHandler(router));
app.all("/hooks", express.raw({ type: "*/*" }), expressHandler(router));
app.all("/hooks", [expressHandler(router)]);
express.Router().all("/hooks", expressHandler(router));
export const onExpress: RequestHandler = expressHandler(router);
createServer(app);

// Express 4
const app4 = express4();
app4.all("/hooks", expressHandler(router));
app4.post("/hooks/:tenant", expressHandler(router));
app4.use("/hooks", expressHandler(router));
app4.use(expressHandler(router));
app4.all("/hooks", express4.raw({ type: "*/*" }), expressHandler(router));
express4.Router().all("/hooks", expressHandler(router));
export const onExpress4: RequestHandler4 = expressHandler(router);

// Fastify: servers of HTTP and HTTP/2, a logger with a type, type providers, both ways to register
const options: FastifyPluginOptions = { router, path: "/hooks" };
interface OwnTypes extends FastifyTypeProvider {
  readonly validator: this["schema"] extends { readonly own: infer Own } ? Own : unknown;
  readonly serializer: this["schema"] extends { readonly own: infer Own } ? Own : unknown;
}
fastify().register(fastifyPlugin, options);
fastify().register(fastifyPlugin, { router: anyRouter, path: "/hooks", prefix: "/webhooks" });
fastify({ logger: true }).register(fastifyPlugin, options);
fastify({ loggerInstance: {} as FastifyBaseLogger & { readonly own: 1 } }).register(fastifyPlugin, options);
fastify({ http2: true }).register(fastifyPlugin, options);
fastify({ http2: true, https: {} }).register(fastifyPlugin, options);
fastify({ https: {} }).register(fastifyPlugin, options);
fastify().withTypeProvider<OwnTypes>().register(fastifyPlugin, options);
fastify50().register(fastifyPlugin, options);
fastify50({ http2: true }).register(fastifyPlugin, options);
export const inPlugin: FastifyPluginAsync = async (instance) => {
  await instance.register(fastifyPlugin, options);
};
declare const instance: FastifyInstance;
export const registered: Promise<void> = fastifyPlugin(instance, options);

// Hono: bindings, variables, a base path, a chain that infers a client, both versions
new Hono().all("/hooks", honoHandler(router));
new Hono().use("/hooks/*", honoHandler(router));
new Hono().on(["POST", "OPTIONS"], "/hooks", honoHandler(router));
new Hono().basePath("/webhooks").post("/:tenant", honoHandler(router));
new Hono<{ Bindings: { SECRET: string }; Variables: { tenant: number } }>().all("/hooks/:id", honoHandler(router));
new Hono().route("/webhooks", new Hono().all("/hooks", honoHandler(router)));
new Hono().get("/", (context) => context.text("")).all("/hooks", honoHandler(router));
createFactory<{ Variables: { tenant: number } }>().createHandlers(honoHandler(router));
new Hono40().all("/hooks", honoHandler(router));
new Hono40<{ Bindings: { SECRET: string } }>().post("/hooks/:id", honoHandler(router));
export const onHono: Handler = honoHandler(router);
export const asMiddleware: MiddlewareHandler = honoHandler(router);
export const withContext = (context: Context<{ Bindings: { A: 1 } }, "/hooks/:id">): Promise<Response> => honoHandler(router)(context);

// Next.js: a route file as its own type check sees it, `after`, the Pages Router
export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = nextRoute(router, { waitUntil: after });
type RouteContext = { readonly params: Promise<Record<string, string | string[] | undefined>> };
export const route: (request: NextRequest, context: RouteContext) => Promise<Response> = POST;
export const api: NextApiHandler = nextApiRoute(router);
export const apiWaiting: NextApiHandler<string> = nextApiRoute(router, { waitUntil: (promise) => promise.then(() => undefined) });
export const config: PageConfig = nextApiConfig;
export const inApiRoute = (request: NextApiRequest, response: NextApiResponse): Promise<void> => nextApiRoute(router)(request, response);
nextRoute(router, { waitUntil: undefined });
nextRoute(router, {});

// node:http, node:https, node:http2
createServer(nodeHandler(router));
createServer().on("request", nodeHandler(router));
createHttpsServer(nodeHandler(router));
createHttp2Server(nodeHandler(router));
createSecureServer({ allowHTTP1: true }, nodeHandler(router));

// Cloudflare Workers have a Request and a Response of their own, so only what comes beside them is compared.
declare const execution: ExecutionContext;
declare const workersRequest: WorkersRequest;
type WorkersFetch = NonNullable<ExportedHandler<{ readonly SECRET: string }>["fetch"]>;
export const beside: (
  request: Request,
  ...more: [env: { readonly SECRET: string }, context: Parameters<WorkersFetch>[2]]
) => Promise<Response> = router.fetch;
void router.fetch(new Request(workersRequest.url), { SECRET: "x" }, execution);
export const workersWait: WaitUntil = (promise) => execution.waitUntil(promise);

// Bun.serve and Deno.serve, as far as they concern a handler
interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
}
declare function bunServe(options: {
  fetch(this: BunServer, request: Request, server: BunServer): Response | Promise<Response>;
  routes?: Record<string, (request: Request & { readonly params: object }, server: BunServer) => Response | Promise<Response>>;
}): BunServer;
bunServe({ fetch: router.fetch, routes: { "/hooks": router.fetch } });
interface DenoInfo {
  readonly remoteAddr: { readonly hostname: string };
  readonly completed: Promise<void>;
}
declare function denoServe(
  options: { readonly port: number },
  handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
): void;
denoServe({ port: 0 }, router.fetch);
export const exported = { fetch: router.fetch } satisfies { fetch(request: Request): Promise<Response> };

// What is wrong is an error.
// @ts-expect-error: the factory of a provider is no router
expressHandler(heygen);
// @ts-expect-error: a provider is no router
honoHandler(heygen({ secret: "a-long-secret" }));
// @ts-expect-error: there has to be a router
nodeHandler();
// @ts-expect-error: a receiver resolves to an outcome
nextRoute({ receive: async () => undefined });
// @ts-expect-error: a path is needed
fastify().register(fastifyPlugin, { router });
// @ts-expect-error: a router is needed
fastify().register(fastifyPlugin, { path: "/hooks" });
// @ts-expect-error: a path is text
fastify().register(fastifyPlugin, { router, path: /hooks/ });
// @ts-expect-error: a router is no provider
fastify().register(fastifyPlugin, { router: heygen({ secret: "a-long-secret" }), path: "/hooks" });
// @ts-expect-error: no such option
nextRoute(router, { waituntil: after });
// @ts-expect-error: waitUntil is a function
nextApiRoute(router, { waitUntil: true });
// @ts-expect-error: waitUntil takes a promise
nextRoute(router, { waitUntil: (text: string) => text });
// @ts-expect-error: the config is read by Next.js at build time, and cannot be changed
nextApiConfig.api.bodyParser = true;
// @ts-expect-error: a handler of Express needs a request of Node.js
expressHandler(router)(new Request("https://app.example.test/"), undefined, () => undefined);
// @ts-expect-error: a handler of Next.js needs a Request
nextRoute(router).POST({ url: "/hooks" });
// @ts-expect-error: a handler of Hono needs its context, not a Request
honoHandler(router)(new Request("https://app.example.test/"));
// @ts-expect-error: router.fetch needs a Request
router.fetch("https://app.example.test/");
// @ts-expect-error: a handler of Hono does not fit Express
export const notOnExpress: RequestHandler = honoHandler(router);
// @ts-expect-error: a handler of Express does not fit Hono
new Hono().all("/hooks", expressHandler(router));

// Nothing is `any`, which would accept everything above.
type IsAny<Type> = 0 extends 1 & Type ? true : false;
type AnyIn<Fn> = Fn extends (...args: infer Arguments) => infer Result
  ? IsAny<Arguments> | Members<Arguments> | IsAny<Awaited<Result>>
  : true;
type Members<Type> = Type extends readonly unknown[]
  ? { [Index in keyof Type]-?: IsAny<Type[Index]> }[number]
  : Exclude<{ [Key in keyof Type]: IsAny<Type[Key]> }[keyof Type], undefined>;
export const nothingIsAny: readonly false[] = [
  false as AnyIn<ExpressHandler>,
  false as AnyIn<HonoHandler>,
  false as AnyIn<NextRouteHandler>,
  false as AnyIn<ReturnType<typeof nextApiRoute>>,
  false as AnyIn<NodeHandler>,
  false as AnyIn<FetchHandler>,
  false as AnyIn<WaitUntil>,
  false as AnyIn<typeof expressHandler>,
  false as AnyIn<typeof fastifyPlugin>,
  false as AnyIn<typeof honoHandler>,
  false as AnyIn<typeof nextRoute>,
  false as AnyIn<typeof nextApiRoute>,
  false as AnyIn<typeof nodeHandler>,
  false as Members<ExpressRequest>,
  false as Members<FastifyPluginOptions>,
  false as Members<Parameters<typeof fastifyPlugin>[0]>,
  false as Members<HonoContext>,
  false as Members<HonoContext["req"]>,
  false as Members<NextOptions>,
  false as Members<Delivery>,
];
// JSON.parse returns one, which shows that the check finds it.
export const someIsAny: true = true as Extract<AnyIn<typeof JSON.parse>, true>;
