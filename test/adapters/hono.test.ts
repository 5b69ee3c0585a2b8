import { createServer, type IncomingMessage, type Server } from "node:http";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { createAdaptorServer, getRequestListener } from "@hono/node-server";
import { createAdaptorServer as createAdaptorServer1, getRequestListener as getRequestListener1 } from "@hono/node-server-1";
import express, { type RequestHandler } from "express";
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { logger } from "hono/logger";
import { validator } from "hono/validator";
import { Hono as Hono40 } from "hono-4.0";
import { cors as cors40 } from "hono-4.0/cors";
import { logger as logger40 } from "hono-4.0/logger";
import { describe, expect, it } from "vitest";
import { honoHandler } from "../../src/adapters/hono.ts";
import { secret, success } from "../suites/deliveries.ts";
import { signHex, toBytes } from "../suites/signer.ts";
import { deliver, expectHandled, expectParsed, expectRefused, listening, type Observed, observe, type Sending } from "./observed.ts";

/** The line that the message has to name. */
const FIX = /Register app\.all\(path, honoHandler\(router\)\) before the middleware that reads the body/;

const event = success("v_1", { title: "Grüße, 世界 \u{1F600}" });
const large = success("v_1", { title: "é".repeat(200_000) });
const huge = success("v_1", { title: "x".repeat(1_200_000) });
const withMark = new Uint8Array([0xef, 0xbb, 0xbf, ...toBytes(event)]);
const notUtf8 = new Uint8Array([...toBytes(event.slice(0, -1)), 0xff, 0x7d]);
const gzipped: Sending = { headers: { "content-encoding": "gzip" } };

interface Pair {
  readonly name: string;
  readonly create: () => Hono;
  readonly listen: typeof createAdaptorServer;
  readonly adapt: (fetch: Hono["fetch"]) => unknown;
  readonly logger: typeof logger;
  readonly cors: typeof cors;
}

const hono40 = () => new Hono40() as unknown as Hono;
const old = { create: hono40, logger: logger40 as unknown as typeof logger, cors: cors40 as unknown as typeof cors };
const server1 = createAdaptorServer1 as unknown as typeof createAdaptorServer;

// @hono/node-server 2 imports "hono/ws", which Hono 4.0 does not have yet.
const pairs: readonly Pair[] = [
  { name: "4.13 on @hono/node-server 2", create: () => new Hono(), listen: createAdaptorServer, adapt: getRequestListener, logger, cors },
  { name: "4.13 on @hono/node-server 1", create: () => new Hono(), listen: server1, adapt: getRequestListener1, logger, cors },
  { name: "4.0.0 on @hono/node-server 1", ...old, listen: server1, adapt: getRequestListener1 },
];

const reading =
  (read: (context: Parameters<MiddlewareHandler>[0]) => unknown): MiddlewareHandler =>
  async (context, next) => {
    await read(context);
    await next();
  };

/** Does something with the request and goes on at once, as middleware that only looks does. */
const looking =
  (look: (context: Parameters<MiddlewareHandler>[0]) => unknown): MiddlewareHandler =>
  (context, next) => {
    look(context);
    return next();
  };

const incoming = (context: Parameters<MiddlewareHandler>[0]): IncomingMessage => (context.env as { incoming: IncomingMessage }).incoming;

describe.each(pairs)("P54: Hono $name", ({ create, listen, ...pair }) => {
  const isOld = pair.cors !== cors;

  async function serve(...middleware: readonly MiddlewareHandler[]): Promise<Observed & { readonly url: string }> {
    const observed = observe();
    const app = create();
    for (const each of middleware) app.use("*", each);
    app.all("/webhooks/heygen", honoHandler(observed.router));
    return { ...observed, url: `${await listening(listen({ fetch: app.fetch }) as Server)}/webhooks/heygen` };
  }

  describe("takes the bytes that arrived", () => {
    const cases: readonly [string, MiddlewareHandler, (string | Uint8Array)?, Sending?][] = [
      ["behind c.req.arrayBuffer()", reading(({ req }) => req.arrayBuffer())],
      ["behind c.req.arrayBuffer(), chunked", reading(({ req }) => req.arrayBuffer()), event, { chunked: true }],
      ["behind c.req.arrayBuffer(), large", reading(({ req }) => req.arrayBuffer()), large],
      ["behind c.req.arrayBuffer(), with a byte order mark", reading(({ req }) => req.arrayBuffer()), withMark],
      ["behind c.req.arrayBuffer() that nobody awaited", looking(({ req }) => void req.arrayBuffer()), large],
      ["behind c.req.text()", reading(({ req }) => req.text())],
      ["behind c.req.text(), large", reading(({ req }) => req.text()), large],
      ["behind c.req.text() that nobody awaited", looking(({ req }) => void req.text()), large],
      ["behind a copy of the Request that was read", reading(({ req }) => req.raw.clone().text())],
      ["behind a copy of the Request that was read, large", reading(({ req }) => req.raw.clone().text()), large],
      ["behind a copy of the Request that nobody reads, large", looking(({ req }) => void req.raw.clone()), large],
      ["behind a look at whether there is a body, large", looking(({ req }) => req.raw.body), large],
      ["behind a look at whether the body was used, large", looking(({ req }) => req.raw.bodyUsed), large],
      ["behind a look at the signal, large", looking(({ req }) => req.raw.signal), large],
      ["behind c.req.raw.json() that nobody awaited", looking(({ req }) => void req.raw.json().catch(() => undefined)), large],
      ["behind a reader of the Request, large", looking(({ req }) => req.raw.body?.getReader()), large],
      ["behind hono/body-limit", bodyLimit({ maxSize: 1_000_000 })],
      ["behind hono/body-limit, large", bodyLimit({ maxSize: 1_000_000 }), large],
      ["behind hono/body-limit, chunked", bodyLimit({ maxSize: 1_000_000 }), event, { chunked: true }],
      ["behind hono/body-limit, chunked, large", bodyLimit({ maxSize: 1_000_000 }), large, { chunked: true }],
      ["behind middleware that waited", reading(() => new Promise((resolve) => setImmediate(resolve))), large],
      ["behind middleware that listens to the data as well", looking((context) => incoming(context).on("data", () => undefined)), large],
      [
        "behind middleware that copies the request to a slow stream",
        looking((context) => incoming(context).pipe(new PassThrough({ highWaterMark: 1024 }))),
        large,
      ],
      ["behind hono/logger", pair.logger(() => undefined)],
      ["behind hono/cors", pair.cors()],
    ];
    it.each(cases)("%s", async (_name, middleware, body = event, sending = {}) => {
      const served = await serve(middleware);
      expectHandled(await deliver(served.url, body, sending), served, body);
    });

    // Hono 4.0 keeps what it parsed, later versions keep what they read.
    const kept: readonly [string, MiddlewareHandler][] = [
      ["behind c.req.json()", reading(({ req }) => req.json())],
      ["behind a validator", validator("json", (value) => value) as MiddlewareHandler],
      ["behind c.req.parseBody()", reading(({ req }) => req.parseBody())],
    ];
    it.each(isOld ? [] : kept)("%s", async (_name, middleware) => {
      const served = await serve(middleware);
      expectHandled(await deliver(served.url, event), served, event);
    });
  });

  describe("P18: says which line to move", () => {
    const cases: readonly [string, MiddlewareHandler, (string | Uint8Array)?, Sending?][] = [
      ["behind c.req.text(), chunked", reading(({ req }) => req.text()), event, { chunked: true }],
      ["P12: behind c.req.text(), with a byte order mark", reading(({ req }) => req.text()), withMark],
      ["P12: behind c.req.text(), not UTF-8", reading(({ req }) => req.text()), notUtf8],
      ["behind c.req.json(), chunked", reading(({ req }) => req.json()), event, { chunked: true }],
      ["behind c.req.blob()", reading(({ req }) => req.blob())],
      ["behind c.req.formData()", reading(({ req }) => req.formData().catch(() => undefined))],
      ["behind c.req.raw.text()", reading(({ req }) => req.raw.text())],
      ["behind c.req.raw.arrayBuffer(), large", reading(({ req }) => req.raw.arrayBuffer()), large],
      ["behind middleware that drained the request of Node.js", reading((context) => buffer(incoming(context)))],
      [
        "behind middleware that drained the request of Node.js, chunked",
        reading((context) => buffer(incoming(context))),
        event,
        { chunked: true },
      ],
    ];
    it.each(cases)("%s", async (_name, middleware, body = event, sending = {}) => {
      const served = await serve(middleware);
      expectParsed(await deliver(served.url, body, sending), served, FIX);
    });

    const parsed: readonly [string, MiddlewareHandler][] = [
      ["c.req.json()", reading(({ req }) => req.json())],
      ["c.req.parseBody()", reading(({ req }) => req.parseBody())],
    ];
    it.each(isOld ? parsed : [])("behind %s of Hono 4.0", async (_name, middleware) => {
      const served = await serve(middleware);
      expectParsed(await deliver(served.url, event), served, FIX);
    });
  });

  describe("P17: takes a compressed delivery as it arrived", () => {
    it("signed over the compressed bytes", async () => {
      const served = await serve();
      expectRefused(await deliver(served.url, gzipSync(event), gzipped), served, 400, "body_not_utf8");
    });

    it("signed over the plain bytes", async () => {
      const served = await serve();
      expectRefused(await deliver(served.url, gzipSync(event), { ...gzipped, signedOver: event }), served, 401, "signature_mismatch");
    });
  });

  describe("P19: refuses a body over the cap", () => {
    const cases: readonly [string, MiddlewareHandler][] = [
      ["behind c.req.arrayBuffer()", reading(({ req }) => req.arrayBuffer())],
      ["behind a copy of the Request that was read", reading(({ req }) => req.raw.clone().text())],
      ["behind a copy of the Request that nobody reads", looking(({ req }) => void req.raw.clone())],
      ["behind hono/body-limit", bodyLimit({ maxSize: 10_000_000 })],
      ["behind hono/logger", pair.logger(() => undefined)],
    ];
    it.each(cases)("%s", async (_name, middleware) => {
      for (const chunked of [false, true]) {
        const served = await serve(middleware);
        expectRefused(await deliver(served.url, huge, { chunked }), served, 413, "body_too_large");
      }
    });

    // The error that hono/body-limit throws is none of Hono 4.0.
    it.each(isOld ? [] : [false, true])("and leaves it to hono/body-limit to refuse what is over its own: chunked %s", async (chunked) => {
      const served = await serve(bodyLimit({ maxSize: 10 }));
      expect((await deliver(served.url, event, { chunked })).status).toBe(413);
      expect([served.errors, served.handled]).toEqual([[], []]);
    });
  });

  it("answers although middleware reads the body afterwards", async () => {
    const late: unknown[] = [];
    const served = await serve(async ({ req }, next) => {
      await next();
      late.push(await req.text().catch((error: unknown) => error));
    });
    for (const body of [event, large.replace("v_1", "v_2")]) expect((await deliver(served.url, body)).status).toBe(200);
    expect(late).toHaveLength(2);
    expect(served.errors).toEqual([]);
  });

  it("answers with the headers that middleware has set", async () => {
    const served = await serve(
      pair.cors({ origin: "https://app.example.test" }),
      reading((context) => {
        context.header("x-request", "1");
        context.header("set-cookie", "a=1", { append: true });
        context.header("set-cookie", "b=2", { append: true });
      }),
    );
    for (const [body, status, method] of [
      [event, 200, "POST"],
      ["{", 400, "POST"],
      [huge, 413, "POST"],
      ["{}", 405, "PUT"],
    ] as const) {
      const { status: answered, headers } = await deliver(served.url, body, { method, headers: { origin: "https://app.example.test" } });
      expect([answered, headers["x-request"], headers["access-control-allow-origin"], headers["set-cookie"]]).toEqual([
        status,
        "1",
        "https://app.example.test",
        ["a=1", "b=2"],
      ]);
    }
  });

  describe("is mounted", () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const mounts: readonly [string, (handler: ReturnType<typeof honoHandler>) => Hono][] = [
      ["with app.all", (handler) => create().all("/webhooks/heygen", handler)],
      ["with app.post", (handler) => create().post("/webhooks/:provider", handler)],
      ["with app.on", (handler) => create().on("POST", "/webhooks/heygen", handler)],
      ["with app.use", (handler) => create().use("/webhooks/*", handler)],
      ["below a basePath", (handler) => create().basePath("/webhooks").all("/heygen", handler)],
      ["with app.route", (handler) => create().route("/webhooks", create().all("/heygen", handler))],
      ["with app.mount", (handler) => create().mount("/webhooks", create().all("/heygen", handler).fetch)],
    ];
    it.each(mounts)("%s, and reads the token from the query", async (_name, mount) => {
      const observed = observe({}, token);
      const app = mount(honoHandler(observed.router));
      const url = `${await listening(listen({ fetch: app.fetch }) as Server)}/webhooks/heygen`;
      expectHandled(await deliver(`${url}?token=${token}`, large), observed, large);
      expect((await deliver(`${url}?token=${token.replace("0", "1")}`, event)).status).toBe(401);
      expect(observed.errors.map(({ code }) => code)).toEqual(["token_mismatch"]);
    });
  });

  it("leaves the routes beside it to read as before", async () => {
    const observed = observe();
    const app = create();
    app.all("/webhooks/heygen", honoHandler(observed.router));
    app.post("/json", async (context) => context.json({ received: await context.req.json() }));
    const url = await listening(listen({ fetch: app.fetch }) as Server);
    const [hook, json] = await Promise.all([deliver(`${url}/webhooks/heygen`, large), deliver(`${url}/json`, '{"a":"é"}')]);
    expectHandled(hook, observed, large);
    expect(json.text).toBe('{"received":{"a":"é"}}');
  });

  it.each([
    ["an error", new Error("a defect"), "a defect"],
    ["nothing", undefined, "The receiver threw what is no Error."],
    ["a text", "a defect", "The receiver threw what is no Error."],
  ])("P51: leaves a receiver that rejects with %s to app.onError", async (_what, thrown, message) => {
    const app = create();
    app.all("/hooks", honoHandler({ receive: () => Promise.reject(thrown) }));
    app.onError((error, context) => context.text(`caught ${error.message}`, 503));
    const { status, text } = await deliver(`${await listening(listen({ fetch: app.fetch }) as Server)}/hooks`, event);
    expect([status, text]).toEqual([503, `caught ${message}`]);
  });

  describe("P18: in an Express application, behind", () => {
    async function serveIn(...before: readonly RequestHandler[]): Promise<Observed & { readonly url: string }> {
      const observed = observe();
      const app = create().all("/webhooks/heygen", honoHandler(observed.router));
      const server = express().use(...before, pair.adapt(app.fetch) as RequestHandler);
      return { ...observed, url: `${await listening(createServer(server))}/webhooks/heygen` };
    }

    it("express.raw(), takes the bytes that arrived", async () => {
      for (const chunked of [false, true]) {
        const served = await serveIn(express.raw({ type: "*/*" }));
        expectHandled(await deliver(served.url, event, { chunked }), served, event);
      }
    });

    it("express.json(), says which line to move", async () => {
      for (const chunked of [false, true]) {
        const served = await serveIn(express.json());
        expectParsed(await deliver(served.url, event, { chunked }), served, FIX);
      }
    });
  });
});

describe.each([
  ["4.13", () => new Hono(), false],
  ["4.0.0", hono40, true],
] as const)("P54: Hono %s without Node.js below it", (_version, create, isOld) => {
  const url = "https://app.example.test/webhooks/heygen";

  function setUp(...middleware: readonly MiddlewareHandler[]) {
    const observed = observe({ maxBodyBytes: 10_000 });
    const app = create();
    for (const each of middleware) app.use("*", each);
    app.all("/webhooks/heygen", honoHandler(observed.router));
    const post = async (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
      app.fetch(new Request(url, { method: "POST", body: toBytes(body), headers: { signature: await signHex(secret, body), ...headers } }));
    return { ...observed, app, post };
  }

  it("answers app.fetch and app.request", async () => {
    const { app, post, errors } = setUp();
    const response = await post(event);
    expect([response.status, response.headers.get("content-type")?.split(";")[0]]).toEqual([200, "application/json"]);
    expect(await response.json()).toEqual({ result: "processed", id: "heygen/default/avatar_video.success/v_1" });
    const again = await app.request(url, { method: "POST", body: event, headers: { signature: await signHex(secret, event) } });
    expect(await again.json()).toMatchObject({ result: "duplicate" });
    const probe = await app.request("/webhooks/heygen", { method: "OPTIONS" });
    expect([probe.status, probe.headers.get("allow"), await probe.text()]).toEqual([204, "POST, OPTIONS", ""]);
    expect(errors).toEqual([]);
    expect((await app.request("/webhooks/heygen")).status).toBe(405);
    expect((await app.request("/webhooks/heygen", { method: "POST" })).status).toBe(401);
    expect((await post("x".repeat(10_001))).status).toBe(413);
    expect(errors.map(({ code }) => code)).toEqual(["method_not_allowed", "signature_missing", "body_too_large"]);
  });

  const length = { "content-length": String(toBytes(event).length) };
  const works: readonly [string, MiddlewareHandler, Readonly<Record<string, string>>][] = [
    ["c.req.arrayBuffer()", reading(({ req }) => req.arrayBuffer()), {}],
    ["c.req.text() with a Content-Length", reading(({ req }) => req.text()), length],
    ["a copy of the Request that was read", reading(({ req }) => req.raw.clone().text()), {}],
    ["hono/body-limit", bodyLimit({ maxSize: 10_000 }), {}],
    ["hono/body-limit with a Content-Length", bodyLimit({ maxSize: 10_000 }), length],
  ];
  it.each(works)("takes the bytes that arrived behind %s", async (_name, middleware, headers) => {
    const { post, handled, errors } = setUp(middleware);
    expect([(await post(event, headers)).status, errors]).toEqual([200, []]);
    expect(handled.map((bytes) => Buffer.from(bytes).toString())).toEqual([event]);
  });

  const refused: readonly [string, MiddlewareHandler, Readonly<Record<string, string>>][] = [
    ["c.req.text() without a Content-Length", reading(({ req }) => req.text()), {}],
    ["c.req.json() without a Content-Length", reading(({ req }) => req.json()), {}],
    ["c.req.blob()", reading(({ req }) => req.blob()), length],
    ["c.req.formData()", reading(({ req }) => req.formData().catch(() => undefined)), length],
    ["c.req.raw.text()", reading(({ req }) => req.raw.text()), length],
    ["a reader of the Request", looking(({ req }) => req.raw.body?.getReader()), length],
  ];
  it.each(refused)("P18: says which line to move behind %s", async (_name, middleware, headers) => {
    const { post, handled, errors } = setUp(middleware);
    expect((await post(event, headers)).status).toBe(500);
    expect(errors.map(({ code }) => code)).toEqual(["body_already_parsed"]);
    expect(errors[0]?.message).toMatch(FIX);
    expect(handled).toEqual([]);
  });

  const kept: readonly [string, MiddlewareHandler][] = [
    ["c.req.json() with a Content-Length", reading(({ req }) => req.json())],
    ["c.req.parseBody()", reading(({ req }) => req.parseBody())],
  ];
  it.each(isOld ? [] : kept)("takes the bytes that arrived behind %s", async (_name, middleware) => {
    const { post } = setUp(middleware);
    expect((await post(event, length)).status).toBe(200);
  });

  it.each([
    ["c.req.arrayBuffer()", looking(({ req }) => void req.arrayBuffer().catch(() => undefined))],
    ["c.req.text()", looking(({ req }) => void req.text().catch(() => undefined))],
    ["nothing", looking(() => undefined)],
  ] as readonly [string, MiddlewareHandler][])("refuses a body that breaks off behind %s", async (_name, middleware) => {
    const { app, errors } = setUp(middleware);
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
    const delivery = new Request(url, { method: "POST", headers: length, body, duplex: "half" } as RequestInit);
    expect((await app.fetch(delivery)).status).toBe(400);
    expect(errors.map(({ code }) => code)).toEqual(["body_incomplete"]);
  });

  // As a service binding of Workers is: it has a method for every name, and none of them is there.
  const binding = new Proxy(() => undefined, { get: () => binding, apply: () => Promise.reject(new Error("no such method")) }) as unknown;
  it.each([
    ["a text", "a binding of that name"],
    ["a service", binding],
  ])("reads the Request where the platform has %s of the name that Node.js requests have", async (_what, incoming) => {
    const { app, errors } = setUp();
    const delivery = new Request(url, { method: "POST", body: event, headers: { signature: await signHex(secret, event) } });
    const response = await app.fetch(delivery, { incoming });
    expect([response.status, errors]).toEqual([200, []]);
  });

  it("P17: takes compressed bytes that middleware left as they were", async () => {
    const { app, errors } = setUp(reading(({ req }) => req.arrayBuffer()));
    const packed = gzipSync(event);
    const headers = { signature: await signHex(secret, packed), "content-encoding": "gzip" };
    const response = await app.fetch(new Request(url, { method: "POST", body: packed, headers }));
    expect([response.status, errors.map(({ code }) => code)]).toEqual([400, ["body_not_utf8"]]);
  });
});
