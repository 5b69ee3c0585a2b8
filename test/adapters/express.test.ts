import { createServer } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import express4 from "express-4";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { expressHandler } from "../../src/adapters/express.ts";
import { success } from "../suites/deliveries.ts";
import { toBytes } from "../suites/signer.ts";
import { deliver, expectHandled, expectParsed, expectRefused, listening, type Observed, observe, type Sending } from "./observed.ts";

declare module "express-serve-static-core" {
  interface Request {
    rawBody?: Buffer | string;
  }
}

type Express = typeof express;

/** The line that the message has to name. */
const FIX = /Move app\.all\(path, expressHandler\(router\)\) above app\.use\(express\.json\(\)\)/;

const event = success("v_1", { title: "Grüße, 世界 \u{1F600}" });
const plain = success("v_1");
const large = success("v_1", { title: "é".repeat(200_000) });
const withMark = new Uint8Array([0xef, 0xbb, 0xbf, ...toBytes(event)]);
const notUtf8 = new Uint8Array([...toBytes(event.slice(0, -1)), 0xff, 0x7d]);
const gzipped: Sending = { headers: { "content-encoding": "gzip" } };

// Both have the same interface as far as it is used here, but their declarations differ.
const versions: readonly [string, Express][] = [
  ["4.18.0", express4 as unknown as Express],
  ["5.3", express],
];

/** Serves an application whose handler stands behind some middleware. */
async function serve(create: Express, ...before: readonly RequestHandler[]): Promise<Observed & { readonly url: string }> {
  const observed = observe();
  const app = create();
  for (const middleware of before) app.use(middleware);
  app.all("/webhooks/heygen", expressHandler(observed.router));
  return { ...observed, url: `${await listening(createServer(app))}/webhooks/heygen` };
}

describe.each(versions)("P54: Express %s", (_version, create) => {
  /** Keeps the bytes before they are parsed, as Express documents for `verify`. */
  const keepBytes = create.json({
    limit: "2mb",
    verify: (request, _response, bytes) => {
      (request as express.Request).rawBody = bytes;
    },
  });
  const keepText = create.json({
    verify: (request, _response, bytes) => {
      (request as express.Request).rawBody = bytes.toString("utf8");
    },
  });
  const rebuild: RequestHandler = (request, _response, next) => {
    request.rawBody = Buffer.from(JSON.stringify(request.body));
    next();
  };

  describe("takes the bytes that arrived", () => {
    const cases: readonly [string, readonly RequestHandler[], (string | Uint8Array)?, Sending?][] = [
      ["behind express.json() that keeps rawBody", [keepBytes]],
      ["behind express.json() that keeps rawBody, large", [keepBytes], large],
      ["behind express.json() that keeps rawBody, chunked", [keepBytes], event, { chunked: true }],
      ["behind express.json() that keeps rawBody as text", [keepText]],
      ["behind express.json() for another content type", [create.json()], event, { headers: { "content-type": "text/plain" } }],
      ["behind express.json() without a content type", [create.json()], event, { headers: { "content-type": undefined } }],
      ["behind JSON that was rebuilt byte by byte", [create.json(), rebuild], event],
      ["behind express.raw()", [create.raw({ type: "*/*" })]],
      ["behind express.raw(), chunked", [create.raw({ type: "*/*" })], event, { chunked: true }],
      ["behind express.raw(), with a byte order mark", [create.raw({ type: "*/*" })], withMark],
      ["behind express.text()", [create.text({ type: "*/*" })]],
      [
        "behind express.text() that decoded ASCII",
        [create.text({ type: "*/*" })],
        plain,
        { headers: { "content-type": "a/b;charset=latin1" } },
      ],
      ["behind express.urlencoded()", [create.urlencoded({ extended: true })]],
      ["behind middleware that listens to the data as well", [listenAlong]],
      ["behind middleware that listens to the data as well, large", [listenAlong], large],
      ["behind middleware that waited", [waitForOthers]],
      ["behind middleware that waited, large", [waitForOthers], large],
      ["behind middleware that paused the request", [pause], large],
      ["behind middleware that waited until there was something to read", [waitForReadable], large],
      ["behind middleware that copies the request to a slow stream", [copyToSlowStream], event],
      ["behind middleware that copies the request to a slow stream, large", [copyToSlowStream], large],
      ["behind middleware that is still filling rawBody with bytes", [collectBytes]],
      ["behind middleware that is still filling rawBody with bytes, chunked", [collectBytes], event, { chunked: true }],
      ["behind middleware that is still filling rawBody with bytes, large", [collectBytes], large],
      ["behind middleware that is still filling rawBody with bytes, large, chunked", [collectBytes], large, { chunked: true }],
      ["behind middleware that is still filling rawBody with text", [collectText]],
      ["behind middleware that is still filling rawBody with text, large, chunked", [collectText], large, { chunked: true }],
      ["behind middleware that has filled rawBody, chunked", [collectBytes, waitForTheEnd], large, { chunked: true }],
      ["behind middleware that has filled rawBody, and goes on before the end", [collectBytes, goOnAtFirstChunk]],
      ["behind express.raw(), and rawBody that nobody fills", [emptyRawBody, create.raw({ type: "*/*" })], event, { chunked: true }],
      ["behind a body that throws when it is asked", [throwingBody]],
      ["behind rawBody of a platform that reads the request elsewhere, while somebody listens", [rawBodyOfPlatform(event), listenAlong]],
      ["behind middleware that iterates over the request as well", [iterateAlong], event],
      ["behind middleware that iterates over the request as well, large, chunked", [iterateAlong], large, { chunked: true }],
      ["in front of everything", []],
    ];
    it.each(cases)("%s", async (_name, before, body = event, sending = {}) => {
      const served = await serve(create, ...before);
      expectHandled(await deliver(served.url, body, sending), served, body);
    });
  });

  describe("P18: says which line to move", () => {
    const cases: readonly [string, readonly RequestHandler[], (string | Uint8Array)?, Sending?][] = [
      ["behind express.json()", [create.json()]],
      ["behind express.json(), chunked", [create.json()], event, { chunked: true }],
      ["behind express.urlencoded() that took it for a form", [create.urlencoded({ extended: true, type: "*/*" })]],
      ["P11: behind rawBody that was rebuilt from JSON", [create.json(), rebuild], event.replace(":", ": ")],
      ["behind rawBody as text, chunked", [keepText], event, { chunked: true }],
      ["behind express.text(), chunked", [create.text({ type: "*/*" })], event, { chunked: true }],
      ["P12: behind express.text(), with a byte order mark", [create.text({ type: "*/*" })], withMark],
      ["P12: behind express.text(), not UTF-8", [create.text({ type: "*/*" })], notUtf8],
      [
        "behind express.text() that decoded latin1",
        [create.text({ type: "*/*" })],
        event,
        { headers: { "content-type": "a/b;charset=latin1" } },
      ],
      ["P17: behind express.raw() that decompressed", [create.raw({ type: "*/*" })], gzipSync(event), gzipped],
      ["P17: behind express.text() that decompressed", [create.text({ type: "*/*" })], gzipSync(event), gzipped],
      ["P17: behind express.json() that decompressed and kept rawBody", [keepBytes], gzipSync(event), gzipped],
      [
        "P17: behind express.raw() that decompressed, signed before compression",
        [create.raw({ type: "*/*" })],
        gzipSync(event),
        { ...gzipped, signedOver: event },
      ],
      ["behind middleware that drained the request", [drain]],
      ["behind middleware that threw the request away", [discard]],
      ["behind middleware that read the beginning", [readBeginning], large],
      ["behind middleware that listened to the data and waited", [listenAndWait]],
      ["behind middleware that has filled a part of rawBody", [collectBytes, goOnAtFirstChunk], large],
      ["behind middleware that has filled a part of rawBody, chunked", [collectBytes, goOnAtFirstChunk], event, { chunked: true }],
      ["behind middleware that drained the request, and rawBody that nobody filled", [emptyRawBody, drain], event, { chunked: true }],
      ["behind middleware that drained the request, and a body that throws when it is asked", [drain, throwingBody]],
      ["P13: behind middleware that set an encoding", [setEncoding]],
      ["P13: behind middleware that set an encoding, chunked", [setEncoding], plain, { chunked: true }],
    ];
    it.each(cases)("%s", async (_name, before, body = event, sending = {}) => {
      const served = await serve(create, ...before);
      expectParsed(await deliver(served.url, body, sending), served, FIX);
    });
  });

  it.each([true, false])("P18: an inbox gets the bytes that arrived of a body that others are reading: chunked %s", async (chunked) => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const stored: Uint8Array[] = [];
    const inbox = {
      accept: async ({ rawBody }: { readonly rawBody: Uint8Array }) => {
        stored.push(rawBody);
        return { duplicate: false };
      },
    };
    const observed = observe({ inbox }, token);
    const app = create();
    app.all("/hooks", collectBytes, expressHandler(observed.router));
    const answered = await deliver(`${await listening(createServer(app))}/hooks?token=${token}`, event, { chunked });
    expect([answered.status, observed.errors, stored.map((bytes) => Buffer.from(bytes).toString())]).toEqual([200, [], [event]]);
  });

  it("names parsing as the usual cause where a rebuilt body cannot be told from the one that arrived", async () => {
    const served = await serve(create, create.json(), rebuild);
    // Chunked, so there is no length to compare with.
    expectRefused(await deliver(served.url, event.replace(":", ": "), { chunked: true }), served, 401, "signature_mismatch");
    expect(served.errors[0]?.message).toMatch(/Usual causes: the body was parsed or changed before/);
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

  it("leaves it to Express to refuse what its parser refuses, and to the error handler to go on", async () => {
    const refused = await serve(create, create.json());
    expect((await deliver(refused.url, "{")).status).toBe(400);
    expect(refused.errors).toEqual([]);

    const observed = observe();
    const app = create();
    const goOn: ErrorRequestHandler = (_error, _request, _response, next) => next();
    app.use(create.raw({ type: "*/*", limit: 10 }), goOn);
    app.all("/hooks", expressHandler(observed.router));
    const url = `${await listening(createServer(app))}/hooks`;
    expectParsed(await deliver(url, event), observed, FIX);
  });

  describe("is mounted", () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const mounts: readonly [string, (app: express.Express, handler: ReturnType<typeof expressHandler>) => unknown][] = [
      ["with app.all", (app, handler) => app.all("/webhooks/heygen", handler)],
      ["with app.post", (app, handler) => app.post("/webhooks/:provider", handler)],
      ["with app.use and the whole path", (app, handler) => app.use("/webhooks/heygen", handler)],
      ["with app.use and the beginning of the path", (app, handler) => app.use("/webhooks", handler)],
      ["in a router", (app, handler) => app.use("/webhooks", create.Router().all("/heygen", handler))],
      ["in a router in a router", (app, handler) => app.use(create.Router().use("/webhooks", create.Router().use("/heygen", handler)))],
      ["in an application of its own", (app, handler) => app.use("/webhooks", create().all("/heygen", handler))],
    ];
    it.each(mounts)("%s, and reads the token from the query of the URL that arrived", async (_name, mount) => {
      const observed = observe({}, token);
      const app = create();
      mount(app, expressHandler(observed.router));
      const url = `${await listening(createServer(app))}/webhooks/heygen`;
      expectHandled(await deliver(`${url}?token=${token}`, event), observed, event);
      expect((await deliver(`${url}?token=${token.replace("0", "1")}`, event)).status).toBe(401);
      expect((await deliver(url, event)).status).toBe(401);
      expect(observed.errors.map(({ code }) => code)).toEqual(["token_mismatch", "token_mismatch"]);
    });
  });

  it("hears of a URL that a middleware rewrote as it arrived", async () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const observed = observe({}, token);
    const app = create();
    app.use((request, _response, next) => {
      request.url = "/elsewhere";
      next();
    });
    app.all("/elsewhere", expressHandler(observed.router));
    expectHandled(await deliver(`${await listening(createServer(app))}/hooks?token=${token}`, event), observed, event);
  });

  it("leaves the routes beside it to their parsers", async () => {
    const observed = observe();
    const app = create();
    app.all("/webhooks/heygen", expressHandler(observed.router));
    app.use(create.json({ limit: 1000 }), create.text());
    app.post("/json", (request, response) => void response.json({ received: request.body }));
    const url = await listening(createServer(app));
    const [hook, json, text, tooLarge] = await Promise.all([
      deliver(`${url}/webhooks/heygen`, large),
      deliver(`${url}/json`, '{"a":"é"}'),
      deliver(`${url}/json`, "é", { headers: { "content-type": "text/plain" } }),
      deliver(`${url}/json`, large),
    ]);
    expectHandled(hook, observed, large);
    expect([json.text, text.text, tooLarge.status]).toEqual(['{"received":{"a":"é"}}', '{"received":"é"}', 413]);
  });

  it("leaves headers of middleware before it on the answer, also on one that comes before the body", async () => {
    const observed = observe({ maxBodyBytes: 1000 });
    const app = create();
    app.use((_request, response, next) => {
      response.set("x-before", "1");
      next();
    });
    app.all("/hooks", expressHandler(observed.router));
    const url = `${await listening(createServer(app))}/hooks`;
    for (const [body, status] of [
      [event, 200],
      [large, 413],
      ["{", 400],
    ] as const) {
      const { status: answered, headers } = await deliver(url, body);
      expect([answered, headers["x-before"]]).toEqual([status, "1"]);
    }
  });

  describe("P51: goes to the error middleware, and nowhere else, when", () => {
    const failures: readonly [string, () => Promise<never>, string?][] = [
      ["a receiver rejects", () => Promise.reject(new Error("a defect"))],
      ["a receiver rejects with nothing", () => Promise.reject(undefined), noError],
      ["a receiver rejects with what Express takes for something else", () => Promise.reject("route"), noError],
      [
        "a receiver throws",
        () => {
          throw new Error("a defect");
        },
      ],
    ];
    it.each(failures)("%s", async (_name, receive, message = "a defect") => {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown): unknown => unhandled.push(reason);
      process.on("unhandledRejection", listener);
      onTestFinished(() => void process.off("unhandledRejection", listener));
      const app = create();
      app.all("/hooks", expressHandler({ receive }));
      app.all("/hooks", (_request, response) => void response.send("the next route"));
      app.use(((error: Error, _request, response, _next) => {
        response.status(503).send(`caught ${error.message}`);
      }) satisfies ErrorRequestHandler);
      const url = `${await listening(createServer(app))}/hooks`;
      const answered = await deliver(url, event);
      expect([answered.status, answered.text]).toEqual([503, `caught ${message}`]);
      // Node.js reports rejections once the turn is over, which a second answer shows.
      await deliver(url, event);
      expect(unhandled).toEqual([]);
    });
  });
});

const noError = "The receiver threw what is no Error.";

const collectBytes: RequestHandler = (request, _response, next) => {
  request.rawBody = Buffer.alloc(0);
  request.on("data", (chunk: Buffer) => {
    request.rawBody = Buffer.concat([request.rawBody as Buffer, chunk]);
  });
  next();
};

const collectText: RequestHandler = (request, _response, next) => {
  request.rawBody = "";
  request.on("data", (chunk: Buffer) => {
    request.rawBody += String(chunk);
  });
  next();
};

const emptyRawBody: RequestHandler = (request, _response, next) => {
  request.rawBody = "";
  next();
};

const rawBodyOfPlatform =
  (body: string): RequestHandler =>
  (request, _response, next) => {
    request.rawBody = Buffer.from(body);
    next();
  };

const waitForTheEnd: RequestHandler = (request, _response, next) => {
  request.on("end", () => next());
};

const goOnAtFirstChunk: RequestHandler = (request, _response, next) => {
  request.once("data", () => next());
};

const throwingBody: RequestHandler = (request, _response, next) => {
  Object.defineProperty(request, "body", {
    get: () => {
      throw new SyntaxError("Invalid JSON");
    },
  });
  next();
};

const iterateAlong: RequestHandler = (request, _response, next) => {
  void (async () => {
    for await (const _chunk of request);
  })();
  next();
};

const listenAlong: RequestHandler = (request, _response, next) => {
  request.on("data", () => undefined);
  next();
};

const listenAndWait: RequestHandler = (request, _response, next) => {
  request.once("data", () => setImmediate(next));
};

const waitForOthers: RequestHandler = async (_request, _response, next) => {
  await new Promise((resolve) => setImmediate(resolve));
  next();
};

const waitForReadable: RequestHandler = (request, _response, next) => {
  request.once("readable", () => next());
};

const pause: RequestHandler = (request, _response, next) => {
  request.pause();
  next();
};

const copyToSlowStream: RequestHandler = (request, _response, next) => {
  // Nobody reads the copy, so it holds the request back once it is full.
  request.pipe(new PassThrough({ highWaterMark: 1024 }));
  next();
};

const drain: RequestHandler = async (request, _response, next) => {
  await buffer(request);
  next();
};

const discard: RequestHandler = (request, _response, next) => {
  request.on("end", () => next());
  request.resume();
};

const readBeginning: RequestHandler = (request, _response, next) => {
  request.once("readable", () => {
    request.read(1);
    next();
  });
};

const setEncoding: RequestHandler = (request, _response, next) => {
  request.setEncoding("utf8");
  next();
};

describe("without a stream", () => {
  it.each([
    ["P18: an object that was parsed is refused, although the stream never ends", { event_type: "x" }, "body_already_parsed"],
    ["an empty object says nothing, and the stream counts", {}, "signature_missing"],
  ])("%s", async (_name, body, code) => {
    const { router, errors } = observe();
    const stream = new Readable({ read: () => undefined });
    if (code === "signature_missing") stream.push(null);
    const request = Object.assign(stream, { method: "POST", url: "/", headers: {}, body, complete: true, httpVersionMajor: 1 });
    const response = new PassThrough() as unknown as Parameters<ReturnType<typeof expressHandler>>[1];
    const writeHead = vi.fn();
    await expressHandler(router)(request, Object.assign(response, { headersSent: false, writeHead }), () => expect.unreachable());
    expect(errors.map((error) => error.code)).toEqual([code]);
    expect(writeHead).toHaveBeenCalledTimes(1);
  });
});
