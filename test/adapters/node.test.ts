import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeHandler } from "../../src/adapters/node.ts";
import type { AnyWebhookError } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import type { HeyGenEventMap } from "../../src/providers/heygen.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter, type Router, type RouterOptions } from "../../src/router.ts";
import { Discard, RetryLater } from "../../src/signals.ts";
import { secret, success } from "../suites/deliveries.ts";
import { exchange, listen } from "../suites/raw-http.ts";
import { signHex, toBytes } from "../suites/signer.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: RouterOptions = {}, prepare: (router: Router<"heygen", HeyGenEventMap>) => unknown = () => undefined) {
  const errors: AnyWebhookError[] = [];
  const router = createRouter(heygen({ secret }), options).onError((error) => errors.push(error));
  prepare(router);
  const started = await listen(nodeHandler(router));
  closers.push(started.close);
  const post = async (body: string | Uint8Array, headers?: Record<string, string>) =>
    fetch(started.url, { method: "POST", headers: headers ?? { signature: await signHex(secret, body) }, body: toBytes(body) });
  return { ...started, router, errors, post };
}

const problem = (status: number, title: string, code: string) => ({ type: "about:blank", title, status, code });

describe("P53: every row of the status table, with real signatures over a real socket", () => {
  it("processed, duplicate", async () => {
    const { post } = await start({}, (router) => router.on("avatar_video.success", () => undefined));
    const first = await post(success("v"));
    expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await first.text()).toBe('{"result":"processed","id":"heygen/default/avatar_video.success/v"}');
    const second = await post(success("v"));
    expect([second.status, await second.text()]).toEqual([200, '{"result":"duplicate","id":"heygen/default/avatar_video.success/v"}']);
  });

  it("ignored, unknown, discarded", async () => {
    const { post } = await start({}, (router) =>
      router.on("avatar_video.fail", () => {
        throw new Discard("why");
      }),
    );
    const ignored = await post(success("v"));
    expect([ignored.status, (await ignored.json()).result]).toEqual([200, "ignored"]);
    const unknown = await post('{"event_type":"new.event","event_data":{}}');
    expect([unknown.status, (await unknown.json()).result]).toEqual([200, "unknown"]);
    const discarded = await post(success("v").replace("success", "fail"));
    expect([discarded.status, (await discarded.json()).result]).toEqual([200, "discarded"]);
  });

  it("validation: OPTIONS is 204 at once, also while a handler is busy", async () => {
    const { url, post } = await start({}, (router) => router.onAny(() => new Promise((resolve) => setTimeout(resolve, 300))));
    const busy = post(success("v"));
    const answer = await fetch(url, { method: "OPTIONS" });
    expect([answer.status, answer.headers.get("allow"), await answer.text()]).toEqual([204, "POST, OPTIONS", ""]);
    expect((await busy).status).toBe(200);
  });

  it("validation: at once, although the probe announces a body that never comes", async () => {
    const { port } = await start();
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

  it("method_not_allowed", async () => {
    const { url } = await start();
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
      const answer = await fetch(url, { method, ...(method === "GET" ? {} : { body: "x" }) });
      expect([answer.status, answer.headers.get("allow"), answer.headers.get("content-type")]).toEqual([
        405,
        "POST, OPTIONS",
        "application/problem+json",
      ]);
      expect(await answer.json()).toEqual(problem(405, "Method Not Allowed", "method_not_allowed"));
    }
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([405, ""]);
  });

  it("body_too_large", async () => {
    const { post } = await start({ maxBodyBytes: 1000 });
    const answer = await post("x".repeat(1001));
    expect(answer.status).toBe(413);
    expect(await answer.json()).toEqual(problem(413, "Content Too Large", "body_too_large"));
  });

  it("unauthenticated, the same for every reason", async () => {
    const { post, errors } = await start();
    const answers = await Promise.all(
      [{}, { signature: "x" }, { signature: "0".repeat(64) }].map((headers) => post(success("v"), headers as Record<string, string>)),
    );
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(await answer.json()).toEqual(problem(401, "Unauthorized", "unauthenticated"));
    }
    expect(errors.map(({ code }) => code).sort()).toEqual(["signature_malformed", "signature_mismatch", "signature_missing"]);
  });

  it("body_not_utf8, body_not_json, body_not_object, event_type_missing", async () => {
    const { post } = await start();
    const cases: [string | Uint8Array, string][] = [
      [Uint8Array.of(0x7b, 0xff), "body_not_utf8"],
      ["{", "body_not_json"],
      ["[]", "body_not_object"],
      ["{}", "event_type_missing"],
    ];
    for (const [body, code] of cases) {
      const answer = await post(body);
      expect(await answer.json()).toEqual(problem(400, "Bad Request", code));
      expect(answer.status).toBe(400);
    }
  });

  it("payload_invalid", async () => {
    const { post } = await start();
    const answer = await post('{"event_type":"avatar_video.success","event_data":{}}');
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual(problem(422, "Unprocessable Content", "payload_invalid"));
  });

  it("in_progress and deadline_exceeded, with Retry-After", async () => {
    let finish = (): void => undefined;
    const { post } = await start({ deadlineMs: 30 }, (router) =>
      router.onAny(
        () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      ),
    );
    const slow = await post(success("v"));
    expect([slow.status, slow.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await slow.json()).toEqual(problem(503, "Service Unavailable", "deadline_exceeded"));
    const again = await post(success("v"));
    expect([again.status, again.headers.get("retry-after")]).toEqual([503, "60"]);
    expect(await again.json()).toEqual(problem(503, "Service Unavailable", "in_progress"));
    finish();
    await vi.waitFor(async () => expect((await post(success("v"))).status).toBe(200));
  });

  it("retry_later", async () => {
    const { post } = await start({}, (router) =>
      router.onAny(() => {
        throw new RetryLater({ afterSeconds: 30 });
      }),
    );
    const answer = await post(success("v"));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "30"]);
  });

  it("handler_failed", async () => {
    const { post } = await start({}, (router) => router.onAny(() => Promise.reject(new Error("MARKER"))));
    const answer = await post(success("v"));
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual(problem(500, "Internal Server Error", "handler_failed"));
  });

  it("store_unavailable", async () => {
    const idempotency = { ...createMemoryStore(), claim: () => Promise.reject(new Error("down")) };
    const { post } = await start({ idempotency }, (router) => router.onAny(() => undefined));
    const answer = await post(success("v"));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await answer.json()).toEqual(problem(503, "Service Unavailable", "store_unavailable"));
  });

  it("configuration", async () => {
    const router = createRouter(
      heygen({
        secret: () => {
          throw new Error("MARKER");
        },
      }),
    ).onError(() => undefined);
    const { url, close } = await listen(nodeHandler(router));
    closers.push(close);
    const answer = await fetch(url, { method: "POST", body: success("v") });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual(problem(500, "Internal Server Error", "configuration"));
  });

  it("P18: body_already_parsed, when something read the body first, and never a hang", async () => {
    const errors: AnyWebhookError[] = [];
    const handle = nodeHandler(createRouter(heygen({ secret })).onError((error) => errors.push(error)));
    const server: Server = createServer(async (request, response) => {
      if (request.url === "/encoded") request.setEncoding("utf8");
      else for await (const _chunk of request);
      await handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    const { port } = server.address() as { port: number };
    for (const path of ["/read", "/encoded"]) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        body: success("v"),
        headers: { signature: await signHex(secret, success("v")) },
      });
      expect([answer.status, (await answer.json()).code]).toEqual([500, "body_already_parsed"]);
    }
    expect(errors.map(({ code, message }) => [code, /before any body parser/.test(message)])).toEqual([
      ["body_already_parsed", true],
      ["body_already_parsed", true],
    ]);
  });
});

describe("bytes", () => {
  it.each([
    [
      "odd spacing, key order and escapes",
      '{ "event_data" : {"video_id":"v\\u00e9\\/","n":1.0e2 } ,\n"event_type":"avatar_video.success"}\n',
    ],
    ["a byte order mark", `\ufeff${success("v")}`],
    ["an emoji", success("\u{1F600}")],
  ])("P11: arrive unchanged with %s", async (_name, body) => {
    let seen: Uint8Array | undefined;
    const { post } = await start({}, (router) =>
      router.onAny((_event, context) => {
        seen = context.rawBody;
      }),
    );
    expect((await post(body)).status).toBe(200);
    expect(Buffer.from(seen as Uint8Array).equals(Buffer.from(body))).toBe(true);
  });

  it("P13: are joined as bytes when they come one by one", async () => {
    const { port } = await start({}, (router) => router.onAny(() => undefined));
    const body = toBytes(success("é\u{1F600}ß"));
    const head = `POST /hooks HTTP/1.1\r\nhost: x\r\nconnection: close\r\nsignature: ${await signHex(secret, body)}\r\ncontent-length: ${body.length}\r\n\r\n`;
    const answer = await exchange(port, [head, ...Array.from(body, (byte) => Uint8Array.of(byte))]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*"processed"/);
  });

  it("P19: count up to the cap with Transfer-Encoding: chunked too", async () => {
    const { port, errors } = await start({ maxBodyBytes: 64 }, (router) => router.onAny(() => undefined));
    const head = "POST /hooks HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    const answer = await exchange(port, [head, ...Array.from({ length: 40 }, () => "10\r\nxxxxxxxxxxxxxxxx\r\n")]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/connection: close/i);
    expect(errors[0]).toMatchObject({ code: "body_too_large" });
  });

  it("P19: do not pile up behind the answer: an endless body is cut off", async () => {
    const { port } = await start({ maxBodyBytes: 1000 });
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    let sent = 0;
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.write("POST /hooks HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    const before = process.memoryUsage().rss;
    const pump = setInterval(() => {
      sent += chunk.length;
      socket.write(chunk);
    }, 1);
    await closed;
    clearInterval(pump);
    expect(sent).toBeGreaterThan(1000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  it("1 MiB arrives and one byte more does not", async () => {
    const { post } = await start();
    const fill = (length: number) => success("v", { pad: "x".repeat(length - success("v", { pad: "" }).length) });
    expect((await post(fill(1_048_576))).status).toBe(200);
    expect((await post(fill(1_048_577))).status).toBe(413);
  });

  it("P17: are taken for every content type and encoding", async () => {
    const { url } = await start({ idempotency: false }, (router) => router.onAny(() => undefined));
    const body = success("v");
    const signature = await signHex(secret, body);
    for (const type of [
      "application/json",
      "text/plain; charset=latin1",
      "application/x-www-form-urlencoded",
      "application/octet-stream",
      "",
    ]) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { signature, "content-type": type, "content-encoding": "identity" },
        body,
      });
      expect(answer.status).toBe(200);
    }
  });

  it("P20: a repeated signature header is a failed check", async () => {
    const { port } = await start();
    const signature = await signHex(secret, "{}");
    const answer = await exchange(port, [
      `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nsignature: ${signature}\r\nsignature: ${signature}\r\ncontent-length: 2\r\n\r\n{}`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("connections", () => {
  it("a sender that leaves half-way harms nothing", async () => {
    const { port, post, errors } = await start({}, (router) => router.onAny(() => undefined));
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("POST /hooks HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf");
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(0));
    setTimeout(() => socket.destroy(), 20);
    await vi.waitFor(() => expect(errors[0]).toMatchObject({ code: "body_incomplete" }));
    expect((await post(success("v"))).status).toBe(200);
  });

  it("a sender that leaves while the handler runs harms nothing", async () => {
    let finish = (): void => undefined;
    const { port, post, router } = await start({}, (each) =>
      each.on(
        "avatar_video.fail",
        () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      ),
    );
    const body = success("v").replace("success", "fail");
    const started = vi.fn();
    router.on("avatar_video.fail", started);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\nsignature: ${await signHex(secret, body)}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(started).toHaveBeenCalled());
    socket.destroy();
    finish();
    expect((await post(body)).status).toBe(200);
  });

  it("200 deliveries at once are all answered", async () => {
    let runs = 0;
    const { post } = await start({}, (router) =>
      router.onAny(async () => {
        runs++;
      }),
    );
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => post(success(`v${index}`))));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(runs).toBe(200);
  });

  it("a connection is kept for the next delivery after a refusal", async () => {
    const { port } = await start();
    const refused = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    const answer = await exchange(port, [refused, refused, refused.replace("host: x", "host: x\r\nconnection: close")]);
    expect(answer.match(/HTTP\/1\.1 401 /g)).toHaveLength(3);
  });
});

it("fits http.createServer without a cast, and never rejects", async () => {
  const { url } = await start({}, (router) =>
    router.onAny(() => {
      throw undefined;
    }),
  );
  const answer = await fetch(url, { method: "POST", headers: { signature: await signHex(secret, success("v")) }, body: success("v") });
  expect(answer.status).toBe(500);
});
