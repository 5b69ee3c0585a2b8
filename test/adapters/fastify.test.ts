import { createServer, request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { createGunzip, gzipSync } from "node:zlib";
import cors from "@fastify/cors";
import express, { type RequestHandler } from "express";
import { type FastifyInstance, fastify, type preParsingHookHandler } from "fastify";
import { fastify as fastify50 } from "fastify-5.0";
import withoutContext from "fastify-plugin";
import rawBody, { type RawBodyPluginOptions } from "fastify-raw-body";
import { describe, expect, it, onTestFinished } from "vitest";
import { type FastifyPluginOptions, fastifyPlugin } from "../../src/adapters/fastify.ts";
import type { RouterOptions } from "../../src/router.ts";
import { secret, success } from "../suites/deliveries.ts";
import { signHex } from "../suites/signer.ts";
import {
  deliver,
  expectHandled,
  expectParsed,
  expectRefused,
  listening as listeningOn,
  type Observed,
  observe,
  type Sending,
} from "./observed.ts";

const path = "/webhooks/heygen";

/** The line that the message has to name. */
const FIX = /Register fastifyPlugin outside of the plugin whose hook reads or replaces the body/;

const event = success("v_1", { title: "Grüße, 世界 \u{1F600}" });
const large = success("v_1", { title: "é".repeat(200_000) });
const huge = success("v_1", { title: "x".repeat(1_200_000) });
const gzipped: Sending = { headers: { "content-encoding": "gzip" } };

const versions: readonly [string, typeof fastify][] = [
  ["5.0.0", fastify50 as unknown as typeof fastify],
  ["5.12", fastify],
];

/** Starts an application for as long as the test runs. */
async function listening(app: FastifyInstance): Promise<string> {
  onTestFinished(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

/** Serves an application that was prepared before the plugin is registered. */
async function serve(
  create: typeof fastify,
  prepare: (app: FastifyInstance) => unknown = () => undefined,
  options: RouterOptions = {},
): Promise<Observed & { readonly url: string }> {
  const observed = observe(options);
  const app = create({ forceCloseConnections: true });
  await prepare(app);
  app.register(fastifyPlugin, { router: observed.router, path });
  return { ...observed, url: (await listening(app)) + path };
}

const keeping = (options: RawBodyPluginOptions) => (app: FastifyInstance) => app.register(rawBody, options);
const preParsing = (hook: preParsingHookHandler) => (app: FastifyInstance) => app.addHook("preParsing", hook);

const ownParsers = (app: FastifyInstance): void => {
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => done(null, { text: body }));
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, { bytes: body }));
};

describe.each(versions)("P54: Fastify %s", (_version, create) => {
  describe("takes the bytes that arrived", () => {
    const cases: readonly [string, (app: FastifyInstance) => unknown, (string | Uint8Array)?, Sending?][] = [
      ["with parsers of the application", ownParsers],
      ["with parsers of the application, for a type without one", ownParsers, event, { headers: { "content-type": "x/y" } }],
      ["of fastify-raw-body for all routes, as text", keeping({ global: true, encoding: "utf8" })],
      ["of fastify-raw-body for all routes, as bytes", keeping({ global: true, encoding: false })],
      ["of fastify-raw-body for all routes, first", keeping({ global: true, encoding: false, runFirst: true })],
      ["of fastify-raw-body for all routes, as text, first", keeping({ global: true, encoding: "utf8", runFirst: true })],
      ["of fastify-raw-body for all routes, large", keeping({ global: true, encoding: false }), large],
      ["of fastify-raw-body for all routes, as text, chunked", keeping({ global: true, encoding: "utf8" }), event, { chunked: true }],
      ["of fastify-raw-body for this path, as text", keeping({ global: false, encoding: "utf8", routes: [path] })],
      ["of fastify-raw-body for this path, as bytes", keeping({ global: false, encoding: false, routes: [path] })],
      ["of fastify-raw-body for this path, as bytes, large", keeping({ global: false, encoding: false, routes: [path] }), large],
      ["of fastify-raw-body for this path, first", keeping({ global: false, encoding: false, routes: [path], runFirst: true })],
      [
        "of fastify-raw-body for this path, first, large",
        keeping({ global: false, encoding: false, routes: [path], runFirst: true }),
        large,
      ],
      ["of fastify-raw-body for this path, chunked", keeping({ global: false, encoding: false, routes: [path] }), event, { chunked: true }],
      ["behind a hook that puts an equal stream in place", preParsing(replaceEqually)],
      ["behind a hook that puts an equal stream in place, large", preParsing(replaceEqually), large],
      [
        "behind a hook that puts an equal stream in place, of no encoding",
        preParsing(replaceEqually),
        event,
        { headers: { "content-encoding": "identity" } },
      ],
      ["behind a hook that read everything and gives it back", preParsing(giveBack), large],
      ["behind a hook that waited before parsing", preParsing(waitAndGoOn), large],
      ["behind a hook that listens to the data as well", preParsing(listenAlong), large],
      ["behind hooks that wait after parsing", waitAfterParsing, large],
      ["behind a hook that listens to the data as well, and hooks that wait after parsing", listenAndWaitAfterParsing, large],
      ["behind a hook that copies the request to a slow stream", preParsing(copyToSlowStream), large],
      ["behind a hook that is still filling rawBody with bytes", preParsing(collectBytes)],
      ["behind a hook that is still filling rawBody with bytes, chunked", preParsing(collectBytes), event, { chunked: true }],
      ["behind a hook that is still filling rawBody with bytes, large, chunked", preParsing(collectBytes), large, { chunked: true }],
      ["behind a hook that is still filling rawBody with text", preParsing(collectText)],
      ["behind a hook that is still filling rawBody with text, chunked", preParsing(collectText), event, { chunked: true }],
      ["behind hooks that fill rawBody and put an equal stream in place", collectAndReplace, event, { chunked: true }],
      ["behind hooks that fill rawBody and put an equal stream in place, large", collectAndReplace, large, { chunked: true }],
      ["behind a hook that has filled rawBody, chunked", preParsing(collectAndWait), large, { chunked: true }],
      ["in front of everything", () => undefined],
    ];
    it.each(cases)("%s", async (_name, prepare, body = event, sending = {}) => {
      const served = await serve(create, prepare);
      expectHandled(await deliver(served.url, body, sending), served, body);
    });
  });

  describe("P18: says what to move", () => {
    const cases: readonly [string, (app: FastifyInstance) => unknown, (string | Uint8Array)?, Sending?][] = [
      ["behind a hook that drained the request", preParsing(drain)],
      ["behind a hook that drained the request, large", preParsing(drain), large],
      [
        "behind a hook that drained the request before parsing",
        (app) => app.addHook("onRequest", async ({ raw }) => void (await buffer(raw))),
      ],
      ["behind a hook that has filled a part of rawBody", preParsing(collectFirstChunk), large, { chunked: true }],
      ["P13: behind a hook that puts text in place", preParsing(replaceByText)],
      ["P17: behind a hook that decompresses", preParsing(decompress), gzipSync(event), gzipped],
      [
        "P17: behind a hook that decompresses, signed before compression",
        preParsing(decompress),
        gzipSync(event),
        { ...gzipped, signedOver: event },
      ],
      ["P17: behind a hook that decompresses what is not compressed", preParsing(decompress), event, gzipped],
      ["P17: behind a hook that decompresses and removes the header", preParsing(decompressSilently), gzipSync(event), gzipped],
      ["P11: behind a hook that puts another text in place", preParsing(reformat)],
      [
        "P17: of fastify-raw-body behind a hook that decompresses",
        async (app) => {
          app.addHook("preParsing", decompress);
          await app.register(rawBody, { global: false, encoding: false, routes: [path] });
        },
        gzipSync(event),
        gzipped,
      ],
    ];
    it.each(cases)("%s", async (_name, prepare, body = event, sending = {}) => {
      const served = await serve(create, prepare);
      expectParsed(await deliver(served.url, body, sending), served, FIX);
    });
  });

  describe("P19: refuses a body over the cap, whoever else looks at it", () => {
    const cases: readonly [string, (app: FastifyInstance) => unknown][] = [
      ["with parsers of the application", ownParsers],
      ["with fastify-raw-body for all routes", keeping({ global: true, encoding: false })],
      ["with fastify-raw-body for this path", keeping({ global: false, encoding: false, routes: [path] })],
      ["with fastify-raw-body for this path, first", keeping({ global: false, encoding: "utf8", routes: [path], runFirst: true })],
      ["with a hook that puts an equal stream in place", preParsing(replaceEqually)],
      ["with a hook that listens to the data as well", preParsing(listenAlong)],
    ];
    it.each(cases)("%s", async (_name, prepare) => {
      for (const chunked of [false, true]) {
        const served = await serve(create, prepare);
        expectRefused(await deliver(served.url, huge, { chunked }), served, 413, "body_too_large");
      }
    });

    it.each(cases)("and takes it where the router allows it: %s", async (_name, prepare) => {
      for (const chunked of [false, true]) {
        // Above the limits of Fastify and of fastify-raw-body, which are 1 MiB.
        const served = await serve(create, prepare, { maxBodyBytes: 2_000_000 });
        expectHandled(await deliver(served.url, huge, { chunked }), served, huge);
      }
    });
  });

  describe("P17: takes a compressed delivery as it arrived", () => {
    it("signed over the compressed bytes", async () => {
      const served = await serve(create);
      expectRefused(await deliver(served.url, gzipSync(event), gzipped), served, 400, "body_not_utf8");
    });

    it("signed over the plain bytes", async () => {
      const served = await serve(create);
      expectRefused(await deliver(served.url, gzipSync(event), { ...gzipped, signedOver: event }), served, 401, "signature_mismatch");
    });
  });

  it.each([
    "",
    " ",
    "json",
    "application/",
    "/json",
    "application/json,",
    "a/b;charset=",
    "application/json; charset=utf-8",
    "text/plain",
    undefined,
  ])("P17: takes the content type %j", async (type) => {
    const served = await serve(create);
    expectHandled(await deliver(served.url, event, { headers: { "content-type": type } }), served, event);
  });

  it("asks fastify-raw-body for no second copy of the body", async () => {
    const kept: unknown[] = [];
    const served = await serve(create, async (app) => {
      app.addHook("onSend", async (request) => void kept.push(request.rawBody));
      await app.register(rawBody, { global: true });
      app.post("/beside", async () => "");
    });
    expectHandled(await deliver(served.url, event), served, event);
    await deliver(new URL("/beside", served.url).href, "{}");
    expect(kept).toEqual([undefined, "{}"]);
  });

  it("stands below a prefix, beside a second router, and beside routes that parse as before", async () => {
    const [first, second] = [observe(), observe()];
    const app = create({ bodyLimit: 1000, forceCloseConnections: true });
    app.addContentTypeParser("text/csv", { parseAs: "string" }, (_request, body, done) => done(null, String(body).split(",")));
    app.register(fastifyPlugin, { router: first.router, path: "/heygen", prefix: "/webhooks" });
    app.register(fastifyPlugin, { router: second.router, path: "/webhooks/second" });
    app.post("/json", async ({ body }) => ({ received: body }));
    const url = await listening(app);
    const [one, two, json, csv, other, malformed, tooLarge] = await Promise.all([
      deliver(`${url}/webhooks/heygen`, large),
      deliver(`${url}/webhooks/second`, event),
      deliver(`${url}/json`, '{"a":"é"}'),
      deliver(`${url}/json`, "a,é", { headers: { "content-type": "text/csv" } }),
      deliver(`${url}/json`, "a", { headers: { "content-type": "x/y" } }),
      deliver(`${url}/json`, "{"),
      deliver(`${url}/json`, large),
    ]);
    expectHandled(one, first, large);
    expectHandled(two, second, event);
    expect([json.text, csv.text]).toEqual(['{"received":{"a":"é"}}', '{"received":["a","é"]}']);
    expect([other.status, malformed.status, tooLarge.status]).toEqual([415, 400, 413]);
  });

  it.each<[string, (app: FastifyInstance, options: FastifyPluginOptions) => unknown]>([
    // A function of its own, since the package marks the one it gets, for good.
    ["through the package fastify-plugin", (app, options) => app.register(withoutContext(async (own) => fastifyPlugin(own, options)))],
    ["called with the instance itself", (app, options) => fastifyPlugin(app, options)],
  ])("leaves the parsers of all other routes alone, also %s", async (_how, mount) => {
    const observed = observe();
    const app = create({ forceCloseConnections: true });
    mount(app, { router: observed.router, path });
    app.post("/json", async ({ body }) => ({ received: body }));
    const url = await listening(app);
    expectHandled(await deliver(url + path, event), observed, event);
    expect((await deliver(`${url}/json`, '{"a":"é"}')).text).toBe('{"received":{"a":"é"}}');
  });

  it("reads the token from the query of the URL that arrived", async () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const observed = observe({}, token);
    const app = create({ rewriteUrl: () => "/elsewhere", forceCloseConnections: true });
    app.register(fastifyPlugin, { router: observed.router, path: "/elsewhere" });
    const url = (await listening(app)) + path;
    expectHandled(await deliver(`${url}?token=${token}`, event), observed, event);
    expect((await deliver(`${url}?token=${token.replace("0", "1")}`, event)).status).toBe(401);
  });

  describe("runs the hooks of the application", () => {
    const bodies: readonly [string, number, string, Sending?][] = [
      ["an event", 200, event],
      ["what is no JSON", 400, "{"],
      ["a body that is refused before it is read", 413, huge],
      ["a body that is refused while it is read", 413, huge, { chunked: true }],
      ["another method with a body", 405, huge, { method: "PUT" }],
    ];
    it.each(bodies)("on the answer to %s", async (_name, status, body, sending = {}) => {
      let sent = (_status: number): void => undefined;
      const responded = new Promise<number>((resolve) => {
        sent = resolve;
      });
      const served = await serve(create, (app) => {
        app.addHook("onRequest", async (_request, reply) => void reply.header("x-request", "1").header("set-cookie", ["a=1", "b=2"]));
        app.addHook("onSend", async (_request, reply) => void reply.header("x-send", "1"));
        app.addHook("onResponse", async (_request, reply) => sent(reply.statusCode));
      });
      const { status: answered, headers } = await deliver(served.url, body, sending);
      expect([answered, headers["x-request"], headers["set-cookie"]]).toEqual([status, "1", ["a=1", "b=2"]]);
      expect(headers["x-send"]).toBe("1");
      expect(await responded).toBe(status);
    });

    it("and lets one of them answer", async () => {
      const served = await serve(create, (app) => app.addHook("preHandler", async (_request, reply) => reply.code(403).send("no")));
      const { status, text: sent } = await deliver(served.url, event);
      expect([status, sent, served.errors, served.handled]).toEqual([403, "no", [], []]);
    });
  });

  it.each([
    ["options", undefined, /needs a router/],
    ["a router", { path }, /needs a router/],
    ["a path", { router: observe().router }, /needs a path: app\.register/],
  ])("says what is missing without %s", async (_what, options, message) => {
    await expect(fastifyPlugin(fastify() as never, options as never)).rejects.toThrow(message);
  });

  it.each([
    ["an error", new Error("a defect"), "a defect"],
    ["nothing", undefined, "The receiver threw what is no Error."],
    ["a text", "a defect", "The receiver threw what is no Error."],
    ["an object", { a: 1 }, "The receiver threw what is no Error."],
  ])("P48: leaves a receiver that rejects with %s to the error handler", async (_what, thrown, message) => {
    const app = create({ forceCloseConnections: true });
    app.setErrorHandler((error: Error, _request, reply) => reply.code(503).send(`caught ${error.message}`));
    app.register(fastifyPlugin, { router: { receive: () => Promise.reject(thrown) }, path });
    const { status, text: sent } = await deliver((await listening(app)) + path, event);
    expect([status, sent]).toEqual([503, `caught ${message}`]);
  });

  describe("P18: behind a platform that drained the request, as the functions of Google do", () => {
    const keepBytes = express.json({ verify: (request, _response, bytes) => void Object.assign(request, { rawBody: bytes }) });
    const parse = express.json();
    const raw = express.raw({ type: "*/*" });
    const replaceByParsed = (app: FastifyInstance) =>
      app.addHook("preValidation", async (request) => {
        request.body = (request.raw as typeof request.raw & { readonly body: unknown }).body;
      });

    async function serveBehind(before: RequestHandler, prepare: (app: FastifyInstance) => unknown = () => undefined) {
      const observed = observe();
      let handle: RequestListener = () => undefined;
      const app = create({
        serverFactory: (handler) => {
          handle = handler as RequestListener;
          return createServer();
        },
      });
      await prepare(app);
      app.register(fastifyPlugin, { router: observed.router, path });
      await app.ready();
      const platform = express().use(before, (request: IncomingMessage, response: ServerResponse) => handle(request, response));
      return { ...observed, url: (await listeningOn(createServer(platform))) + path };
    }

    it.each([
      ["rawBody", keepBytes],
      ["a body of bytes", raw],
    ])("takes the bytes from %s", async (_what, before) => {
      for (const chunked of [false, true]) {
        const served = await serveBehind(before);
        expectHandled(await deliver(served.url, event, { chunked }), served, event);
      }
    });

    it("takes the bytes from rawBody also where a hook has put in place what was parsed", async () => {
      const served = await serveBehind(keepBytes, replaceByParsed);
      expectHandled(await deliver(served.url, event), served, event);
    });

    it("says what to move where it kept nothing", async () => {
      const served = await serveBehind(parse);
      expectParsed(await deliver(served.url, event), served, FIX);
    });
  });

  describe("behind hooks that put something in place of the body", () => {
    const replacing = (replace: (bytes: Buffer) => unknown) => (app: FastifyInstance) =>
      app.addHook("preValidation", async (request) => {
        const bytes = await buffer(request.body as Readable);
        request.body = replace(bytes);
      });

    it.each([
      ["the bytes", (bytes: Buffer) => bytes],
      ["the text", (bytes: Buffer) => bytes.toString()],
    ])("takes %s that arrived", async (_what, replace) => {
      const served = await serve(create, replacing(replace));
      expectHandled(await deliver(served.url, event), served, event);
    });

    it.each([
      ["what it parsed", (bytes: Buffer): unknown => JSON.parse(bytes.toString())],
      ["another text", (bytes: Buffer): unknown => `${bytes} `],
      ["a number", () => 1],
    ])("P18: says what to move for %s", async (_what, replace) => {
      const served = await serve(create, replacing(replace));
      expectParsed(await deliver(served.url, event), served, FIX);
    });
  });

  describe("refusing a body that is still being sent", () => {
    const unread = { chunked: true } as const;

    it("closes the connection, after the sender has the answer and every hook has run", async () => {
      const served = await serve(create, (app) =>
        app.addHook("onSend", async (_request, reply) => {
          // Longer than the sender is waited for afterwards.
          await new Promise((resolve) => setTimeout(resolve, 700));
          reply.header("x-sent", "1");
        }),
      );
      const answered = await deliver(served.url, huge, unread);
      expect([answered.status, answered.headers.connection, answered.headers["x-sent"]]).toEqual([413, "close", "1"]);
      expect(JSON.parse(answered.text)).toMatchObject({ code: "body_too_large" });
    });

    it("goes on when the sender leaves in the middle of it", async () => {
      const served = await serve(create);
      const sent = httpRequest(served.url, { method: "POST", headers: { "transfer-encoding": "chunked" } });
      sent.on("error", () => undefined);
      sent.write(Buffer.alloc(1_500_000));
      await new Promise((resolve) => sent.once("response", resolve));
      sent.destroy();
      expect((await deliver(served.url, event)).status).toBe(200);
    });
  });

  it("P39: answers probes itself where the application has @fastify/cors", async () => {
    const served = await serve(create, (app) => app.register(cors));
    const probe = await deliver(served.url, "", { method: "OPTIONS", headers: { "content-length": undefined } });
    expect([probe.status, probe.headers.allow]).toEqual([204, "POST, OPTIONS"]);
    expectHandled(await deliver(served.url, event), served, event);
  });

  it("is refused without a router, before the application listens", async () => {
    const app = create();
    app.register(fastifyPlugin, { path } as never);
    await expect(app.ready()).rejects.toThrow("fastifyPlugin needs a router");
  });

  describe("over HTTP/2", () => {
    const cases: readonly [string, number, string, { readonly announced: boolean }][] = [
      ["an event", 200, event, { announced: true }],
      ["an event without a length", 200, event, { announced: false }],
      ["a large event", 200, large, { announced: false }],
      ["a body that is refused before it is read", 413, huge, { announced: true }],
      ["a body that is refused while it is read", 413, huge, { announced: false }],
    ];
    it.each(cases)("answers %s, and the connection goes on", async (_name, status, body, { announced }) => {
      const observed = observe();
      const app = create({ http2: true });
      app.addHook("onRequest", async (_request, reply) => void reply.header("x-request", "1"));
      app.register(fastifyPlugin as never, { router: observed.router, path } as never);
      const session = connect(await listening(app as unknown as FastifyInstance));
      onTestFinished(() => session.destroy());
      const post = async (content: string): Promise<readonly unknown[]> => {
        const stream = session.request(
          {
            ":method": "POST",
            ":path": path,
            "content-type": "application/json",
            signature: await signHex(secret, content),
            ...(announced && { "content-length": Buffer.byteLength(content) }),
          },
          { signal: AbortSignal.timeout(5000) },
        );
        stream.end(content);
        const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
          stream.once("response", resolve);
          stream.once("error", reject);
        });
        const closed = new Promise((resolve) => stream.once("close", resolve));
        const answer = [headers[":status"], headers["x-request"], JSON.parse(await text(stream)).status ?? 200];
        // A stream that stays open would count against what the connection may have, and keep the application from closing.
        await closed;
        return [...answer, stream.rstCode];
      };
      expect(await post(body)).toEqual([status, "1", status, 0]);
      expect(await post(success("another"))).toEqual([200, "1", 200, 0]);
    });
  });
});

const collectBytes: preParsingHookHandler = (request, _reply, payload, done) => {
  const given = Object.assign(request, { rawBody: Buffer.alloc(0) });
  payload.on("data", (chunk: Buffer) => {
    given.rawBody = Buffer.concat([given.rawBody, chunk]);
  });
  done(null, payload);
};

const collectText: preParsingHookHandler = (request, _reply, payload, done) => {
  const given = Object.assign(request, { rawBody: "" });
  payload.on("data", (chunk: Buffer) => {
    given.rawBody += String(chunk);
  });
  done(null, payload);
};

const collectAndWait: preParsingHookHandler = (request, reply, payload, done) => {
  payload.on("end", () => done(null, payload));
  collectBytes.call(undefined as never, request, reply, payload, () => undefined);
};

const collectFirstChunk: preParsingHookHandler = (request, reply, payload, done) => {
  collectBytes.call(undefined as never, request, reply, payload, () => undefined);
  payload.once("data", () => done(null, payload));
};

const replaceEqually: preParsingHookHandler = (_request, _reply, payload, done) => {
  done(null, payload.pipe(new PassThrough()));
};

const giveBack: preParsingHookHandler = async (_request, _reply, payload) => Readable.from([await buffer(payload)]);

const replaceByText: preParsingHookHandler = async (_request, _reply, payload) => Readable.from([await text(payload)]);

const reformat: preParsingHookHandler = async (_request, _reply, payload) =>
  Readable.from([Buffer.from(JSON.stringify(JSON.parse(await text(payload)), null, 1))]);

const decompress: preParsingHookHandler = (_request, _reply, payload, done) => {
  done(null, payload.pipe(createGunzip()));
};

const decompressSilently: preParsingHookHandler = (request, _reply, payload, done) => {
  delete request.headers["content-encoding"];
  done(null, payload.pipe(createGunzip()));
};

const drain: preParsingHookHandler = async (_request, _reply, payload) => {
  await buffer(payload);
  return payload;
};

const waitAndGoOn: preParsingHookHandler = async (_request, _reply, payload) => {
  await new Promise((resolve) => setImmediate(resolve));
  return payload;
};

const listenAlong: preParsingHookHandler = (_request, _reply, payload, done) => {
  payload.on("data", () => undefined);
  done(null, payload);
};

const copyToSlowStream: preParsingHookHandler = (_request, _reply, payload, done) => {
  // Nobody reads the copy, so it holds the request back once it is full.
  payload.pipe(new PassThrough({ highWaterMark: 1024 }));
  done(null, payload);
};

const listenAndWaitAfterParsing = (app: FastifyInstance): void => {
  app.addHook("preParsing", listenAlong);
  waitAfterParsing(app);
};

const collectAndReplace = (app: FastifyInstance): void => {
  app.addHook("preParsing", collectBytes);
  app.addHook("preParsing", replaceEqually);
  waitAfterParsing(app);
};

const waitAfterParsing = (app: FastifyInstance): void => {
  const wait = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  app.addHook("preValidation", wait);
  app.addHook("preHandler", wait);
};
