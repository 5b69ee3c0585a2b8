import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { serve } from "@hono/node-server";
import express from "express";
import { describe, expect, it, vi } from "vitest";
import { fetchHandler } from "../../src/adapters/fetch.ts";
import type { AnyWebhookError } from "../../src/errors.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter, type RouterOptions } from "../../src/router.ts";
import { secret, success } from "../suites/deliveries.ts";
import { signHex, toBytes } from "../suites/signer.ts";
import { deliver, listening, observe } from "./observed.ts";

const url = "https://app.example.test/webhooks/heygen";

function setUp(options: RouterOptions = {}) {
  const errors: AnyWebhookError[] = [];
  const router = createRouter(heygen({ secret }), options).onError((error) => errors.push(error));
  return { router, errors, handle: router.fetch };
}

async function request(body: string | Uint8Array): Promise<Request> {
  return new Request(url, { method: "POST", headers: { signature: await signHex(secret, body) }, body: toBytes(body) });
}

describe("router.fetch", () => {
  it("turns a request into a response, as a bound function", async () => {
    const { router, handle } = setUp();
    router.on("avatar_video.success", () => undefined);
    const response = await handle(await request(success("v")));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await response.json()).toEqual({ result: "processed", id: "heygen/default/avatar_video.success/v" });
  });

  it("answers OPTIONS, other methods and refusals", async () => {
    const { handle } = setUp();
    const probe = await handle(new Request(url, { method: "OPTIONS" }));
    expect([probe.status, probe.headers.get("allow"), await probe.text()]).toEqual([204, "POST, OPTIONS", ""]);
    expect((await handle(new Request(url))).status).toBe(405);
    expect((await handle(new Request(url, { method: "POST", body: "{}" }))).status).toBe(401);
    expect((await handle(new Request(url, { method: "POST" }))).status).toBe(401);
  });

  it("P13 and P14: joins small chunks that are views of one buffer", async () => {
    const { router, handle } = setUp();
    router.onAny(() => undefined);
    const bytes = toBytes(success("é\u{1F600}"));
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at++) controller.enqueue(bytes.subarray(at, at + 1));
        controller.close();
      },
    });
    const streamed = new Request(url, {
      method: "POST",
      headers: { signature: await signHex(secret, bytes) },
      body,
      duplex: "half",
    } as RequestInit);
    expect((await handle(streamed)).status).toBe(200);
  });

  it("P19: stops reading at the cap, whatever Content-Length says", async () => {
    const { handle } = setUp({ maxBodyBytes: 1000 });
    let pulled = 0;
    const cancel = vi.fn();
    const body = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(100));
      },
      cancel,
    });
    const endless = new Request(url, { method: "POST", headers: { "content-length": "10" }, body, duplex: "half" } as RequestInit);
    expect((await handle(endless)).status).toBe(413);
    expect(cancel).toHaveBeenCalled();
    expect(pulled).toBeLessThan(20);
  });

  it("P19: refuses by Content-Length without reading", async () => {
    const { handle } = setUp({ maxBodyBytes: 1000 });
    const pull = vi.fn();
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    const large = new Request(url, { method: "POST", headers: { "content-length": "1001" }, body, duplex: "half" } as RequestInit);
    expect((await handle(large)).status).toBe(413);
    expect(pull).not.toHaveBeenCalled();
  });

  it("P18: says so when the body was read before", async () => {
    const { handle, errors } = setUp();
    const read = await request(success("v"));
    await read.json();
    expect((await handle(read)).status).toBe(500);
    expect(errors[0]).toMatchObject({ code: "body_already_parsed", message: expect.stringMatching(/request\.clone\(\)/) });
  });

  it("P18: says so when somebody is reading the body", async () => {
    const { handle, errors } = setUp();
    const locked = await request(success("v"));
    locked.body?.getReader();
    expect((await handle(locked)).status).toBe(500);
    expect(errors[0]).toMatchObject({ code: "body_already_parsed" });
  });

  it("a body that breaks off is refused", async () => {
    const { handle, errors } = setUp();
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
    expect((await handle(new Request(url, { method: "POST", body, duplex: "half" } as RequestInit))).status).toBe(400);
    expect(errors[0]).toMatchObject({ code: "body_incomplete" });
  });

  it("throws what to use instead when it is mounted where nobody passes a Request", async () => {
    const { fetch } = createRouter(heygen({ secret }));
    for (const given of [undefined, { headers: { get: "a header of that name" }, method: "POST" }, { req: { raw: {} } }]) {
      expect(() => fetch(given as never)).toThrow(/takes a Request of Fetch.*expressHandler\(router\) of video-webhooks\/express/);
    }
  });

  it("reads the token from the query", async () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const router = createRouter(heygen({ token })).onAny(() => undefined);
    expect((await router.fetch(new Request(`${url}?token=${token}`, { method: "POST", body: success("v") }))).status).toBe(200);
    expect((await router.fetch(new Request(`${url}?token=wrong`, { method: "POST", body: success("v") }))).status).toBe(401);
  });

  it("looks for waitUntil without tripping over an environment that checks its names", async () => {
    const { router, handle } = setUp();
    router.onAny(() => undefined);
    const environment = new Proxy({}, { get: (_target, name) => expect.unreachable(String(name)) });
    expect((await handle(await request(success("v")), environment)).status).toBe(200);
  });

  it.each([
    ["that was read before", express.json(), success("v")],
    ["of nothing", express.json({ type: "none" }), ""],
  ])("P18: stores nothing of a Request over a stream %s", async (_what, before, body) => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const accept = vi.fn();
    const { router, errors } = observe({ inbox: { accept } }, token);
    const app = express();
    app.use(before, async (incoming: IncomingMessage, response: ServerResponse) => {
      // As frameworks that run on a server of the application make one.
      const headers = incoming.headers as Record<string, string>;
      const init = { method: "POST", headers, body: Readable.toWeb(incoming), duplex: "half" } as RequestInit;
      const answer = await router.fetch(new Request(`http://localhost${incoming.url}`, init));
      response.writeHead(answer.status).end(await answer.text());
    });
    const answered = await deliver(`${await listening(createServer(app))}/?token=${token}`, body, { chunked: true });
    expect([answered.status, errors.map(({ code }) => code)]).toEqual([500, ["body_already_parsed"]]);
    expect(errors[0]?.message).toMatch(/or nothing was sent\. Call router\.fetch\(request\) first/);
    expect(accept).not.toHaveBeenCalled();
  });

  it.each([
    ["says that there is none", { "content-length": "0" }],
    ["announces none", {}],
  ])("an empty body is one where the sender %s", async (_what, headers) => {
    const { handle, errors } = setUp();
    const body = new ReadableStream({ start: (controller) => controller.close() });
    const empty = new Request(url, { method: "POST", headers, body, duplex: "half" } as RequestInit);
    expect([(await handle(empty)).status, errors.map(({ code }) => code)]).toEqual([401, ["signature_missing"]]);
  });

  it("rejects with an error, whatever a receiver rejects with", async () => {
    const handle = fetchHandler({ receive: () => Promise.reject(undefined) });
    await expect(handle(await request(success("v")))).rejects.toThrow("The receiver threw what is no Error.");
  });

  it("P18: on Node.js, finds the body under the Request, or says who read it", async () => {
    const { router, errors, handle } = setUp();
    router.onAny(() => undefined);
    const texts: string[] = [];
    const server = serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(incoming, platform) {
        if (incoming.url.endsWith("/copied")) texts.push(await incoming.clone().text());
        if (incoming.url.endsWith("/read")) texts.push(await incoming.text());
        return handle(incoming, platform);
      },
    });
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    const body = success("v");
    const headers = { signature: await signHex(secret, body) };
    const { port } = server.address() as AddressInfo;
    const send = async (path: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}/${path}`, { method: "POST", headers, body })).status;
    expect([await send("untouched"), await send("copied"), await send("read")]).toEqual([200, 200, 500]);
    expect(texts).toEqual([body, body]);
    expect(errors.map(({ code }) => code)).toEqual(["body_already_parsed"]);
    await new Promise((resolve) => server.close(resolve));
  });
});
