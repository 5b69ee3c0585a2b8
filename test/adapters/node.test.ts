import { createServer as createHttp2Server, connect as http2Connect } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { type NodeHandler, nodeHandler } from "../../src/adapters/node.ts";
import type { AnyWebhookError } from "../../src/errors.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { secret, success } from "../suites/deliveries.ts";
import { listen, request } from "../suites/raw-http.ts";
import { signHex } from "../suites/signer.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function setUp() {
  const errors: AnyWebhookError[] = [];
  const router = createRouter(heygen({ secret }), { maxBodyBytes: 100_000 }).onError((error) => errors.push(error));
  router.onAny(() => undefined);
  return { errors, handle: nodeHandler(router) };
}

async function serve(handler: NodeHandler) {
  const started = await listen(handler);
  closers.push(started.close);
  return started;
}

const signedHeaders = async (body: string): Promise<Record<string, string>> => ({ signature: await signHex(secret, body) });

describe("nodeHandler", () => {
  it("answers a probe at once, although it announces a body that never comes", async () => {
    const { port } = await serve(setUp().handle);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    const head = new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(String(chunk))));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("OPTIONS / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n");
    expect(await head).toMatch(/^HTTP\/1\.1 204 /);
    // The connection lingers for the body; an answer that waited for it would come together with the end.
    const answered = performance.now();
    await closed;
    expect(performance.now() - answered).toBeGreaterThan(150);
  });

  it("lets a sender finish a body that was refused, so that it reads the answer, and then closes", async () => {
    const { url } = await serve(setUp().handle);
    const answer = await request(url, { method: "POST", body: "x".repeat(4_000_000) });
    expect([answer.status, answer.headers.get("connection")]).toEqual([413, "close"]);
  });

  it.each([
    ["drained the request", (request: NodeJS.ReadableStream) => new Promise((resolve) => request.on("end", resolve).resume())],
    ["set an encoding", async (request: NodeJS.ReadableStream) => request.setEncoding("utf8")],
  ])("P18: says so when something %s before, and never hangs", async (_what, before) => {
    const { handle, errors } = setUp();
    const { url } = await serve(async (request, response) => {
      await before(request as unknown as NodeJS.ReadableStream);
      await handle(request, response);
    });
    const answer = await request(url, { method: "POST", body: success("v"), headers: await signedHeaders(success("v")) });
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: "body_already_parsed" }]);
    expect(errors).toMatchObject([{ code: "body_already_parsed", message: expect.stringContaining("before any body parser") }]);
  });

  it.each(["rawBody", "body"])("takes the bytes that a platform kept as %s of a request that it drained", async (name) => {
    const { handle, errors } = setUp();
    const { url } = await serve(async (request, response) => {
      const bytes = await buffer(request as unknown as NodeJS.ReadableStream);
      await handle(Object.assign(request, { body: { event_type: "x" } }, { [name]: bytes }), response);
    });
    const answer = await request(url, { method: "POST", body: success("v"), headers: await signedHeaders(success("v")) });
    expect([answer.status, errors]).toEqual([200, []]);
  });

  it("reads the stream where it is there, whatever a platform has parsed", async () => {
    const { handle, errors } = setUp();
    const { url } = await serve((request, response) => handle(Object.assign(request, { body: { event_type: "x" } }), response));
    const answer = await request(url, { method: "POST", body: success("v"), headers: await signedHeaders(success("v")) });
    expect([answer.status, errors]).toEqual([200, []]);
  });

  it("an empty body that was drained before is an empty body", async () => {
    const { handle, errors } = setUp();
    const { url } = await serve(async (request, response) => {
      await new Promise((resolve) => (request as unknown as NodeJS.ReadableStream).on("end", resolve).resume());
      await handle(request, response);
    });
    expect((await request(url, { method: "POST" })).status).toBe(401);
    expect(errors).toMatchObject([{ code: "signature_missing" }]);
  });

  it("rejects with an error, whatever a receiver rejects with", async () => {
    const rejected: unknown[] = [];
    const handle = nodeHandler({ receive: () => Promise.reject(undefined) });
    const { url } = await serve(async (request, response) => {
      await handle(request, response).catch((error: unknown) => rejected.push(error));
      response.writeHead(500, {});
      response.end("");
    });
    await request(url, { method: "POST" });
    expect(rejected).toEqual([new Error("The receiver threw what is no Error.", { cause: undefined })]);
  });

  it("reads a stream that somebody has paused", async () => {
    const { handle } = setUp();
    const { url } = await serve((request, response) => {
      request.pause();
      return handle(request, response);
    });
    const answer = await request(url, { method: "POST", body: success("v"), headers: await signedHeaders(success("v")) });
    expect(answer.status).toBe(200);
  });

  it("fits http2.createServer, where refusing a body ends its stream and not the connection", async () => {
    const server = createHttp2Server(setUp().handle);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = http2Connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closers.push(async () => {
      client.destroy();
      server.close();
    });
    const post = async (body: string): Promise<readonly [unknown, unknown]> => {
      const stream = client.request({ ":method": "POST", ":path": "/", ...(await signedHeaders(body)) });
      stream.on("error", () => undefined);
      const status = new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      stream.end(body);
      await new Promise((resolve) => stream.on("close", resolve));
      return [await status, (JSON.parse(text) as { result?: string; code?: string }).result ?? JSON.parse(text).code];
    };
    expect(await post(success("v"))).toEqual([200, "processed"]);
    expect(await post(success("v", { pad: "x".repeat(200_000) }))).toEqual([413, "body_too_large"]);
    expect(await post(success("v"))).toEqual([200, "duplicate"]);

    const endless = client.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    endless.on("error", () => undefined).resume();
    const closed = new Promise((resolve) => endless.on("close", resolve));
    const status = new Promise((resolve) => endless.on("response", (headers) => resolve(headers[":status"])));
    endless.write("x".repeat(150_000));
    expect(await status).toBe(413);
    // Nobody will end it but the server.
    await closed;
    expect(await post(success("v"))).toEqual([200, "duplicate"]);
  });
});
