import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { hexSignature } from "./sign.ts";

const run = promisify(execFile);
const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const names = ["express", "fastify", "hono"] as const;
const secret = "whsec_from-the-environment";

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** Runs an example until it ends; what it has printed so far is there at any time. */
function launch(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [fileOf(args[0] as string), ...args.slice(1)], {
    env: { ...process.env, PORT: "0", HEYGEN_WEBHOOK_SECRET: secret, ...env },
  });
  started.push(child);
  const printed = { text: "" };
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      printed.text += chunk;
      for (const check of waiting) check();
    });
  }
  const until = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (printed.text.includes(text)) resolve();
      };
      waiting.add(check);
      check();
      void exit.then(() => reject(new Error(`ended before it printed "${text}":\n${printed.text}`)));
    });
  return { child, exit, printed, until };
}

/** Starts an example's server and resolves once it waits for deliveries. */
async function serve(name: string, env: Readonly<Record<string, string>> = {}) {
  const launched = launch([`${name}/server.ts`], env);
  await launched.until("Stop with Ctrl+C");
  const { url = "", base = "" } = /(?<url>(?<base>http:\/\/127\.0\.0\.1:\d+)\/webhooks\/heygen)/.exec(launched.printed.text)?.groups ?? {};
  return { ...launched, url, base, port: Number(new URL(base).port) };
}

const success = (id: string): string =>
  JSON.stringify({ event_type: "avatar_video.success", event_data: { video_id: id, url: `https://files.example.test/${id}.mp4` } });

async function deliver(url: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const signature = await hexSignature(secret, body);
  return fetch(url, { method: "POST", headers: { "content-type": "application/json", signature, ...headers }, body });
}

/** A delivery that nobody signed; only its status counts. */
async function knock(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const response = await fetch(url, { method: "POST", headers, body: "{}" });
  await response.arrayBuffer();
  return response.status;
}

/**
 * A reverse proxy that reads a whole request before it passes it on with its length, as nginx does by default. The header `test-client`
 * stands for the address that the client connects from.
 */
async function openProxy(port: number) {
  const encodings: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { "transfer-encoding": encoding, "test-client": client = "192.0.2.1", ...headers } = request.headers;
    encodings.push(encoding);
    const forwarded = {
      ...headers,
      "content-length": body.length,
      "x-forwarded-for": [headers["x-forwarded-for"], client].filter((each) => each !== undefined).join(", "),
      "x-forwarded-proto": "https",
    };
    const upstream = httpRequest({ host: "127.0.0.1", port, path: request.url, method: request.method, headers: forwarded }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on("error", () => response.writeHead(502).end());
    upstream.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`, encodings };
}

describe.each(names)("examples/%s/server.ts", (name) => {
  it("runs the handlers of signed deliveries, refuses others, and answers the probe of a new URL", async () => {
    const { url, printed, until } = await serve(name);
    const processed = await deliver(url, success("hv_1"));
    expect([processed.status, await processed.json()]).toEqual([200, expect.objectContaining({ result: "processed" })]);
    await until("hv_1 is at https://files.example.test/hv_1.mp4\n");
    const failed = await deliver(
      url,
      JSON.stringify({ event_type: "avatar_video.fail", event_data: { video_id: "hv_2", msg: "no audio" } }),
    );
    expect(failed.status).toBe(200);
    await until("heygen hv_2 failed: no audio\n");

    const wrong = await deliver(url, success("hv_3"), { signature: await hexSignature("another secret", success("hv_3")) });
    expect([wrong.status, await wrong.json()]).toEqual([401, expect.objectContaining({ code: "unauthenticated" })]);
    await until("No secret matches the signature");
    expect((await fetch(url, { method: "OPTIONS" })).status).toBe(204);
    expect(printed.text).not.toContain("hv_3 is at");
    expect(printed.text).not.toContain(secret);
  });

  it("starts by its name, takes the curl that it prints, and stops when asked to", async () => {
    const { child, exit, printed, until } = launch(["run.ts", name], {});
    await until("Stop with Ctrl+C");
    const command = /^ {2}(curl .*)$/m.exec(printed.text)?.[1] as string;
    expect(JSON.parse((await run("sh", ["-c", command])).stdout)).toMatchObject({ result: "processed" });
    await until("hv_101 is at");
    expect(JSON.parse((await run("sh", ["-c", command])).stdout)).toMatchObject({ result: "duplicate" });
    expect(JSON.parse((await run("sh", ["-c", command.replace("hv_101", "hv_102")])).stdout)).toMatchObject({ status: 401 });
    child.kill("SIGINT");
    expect(await exit).toBe(0);
  });

  it("parses JSON on its other route as the framework does, and does not limit that", async () => {
    const { base, url } = await serve(name, { RATE_LIMIT: "1" });
    const order = (body: string): Promise<Response> =>
      fetch(`${base}/videos`, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect([await knock(url), await knock(url)]).toEqual([401, 429]);
    const ordered = await order('{ "title": "Hello" }\n');
    expect([ordered.status, await ordered.json()]).toEqual([202, { ordered: { title: "Hello" } }]);
    expect((await order('{ "title": ')).status).toBe(400);
  });

  it("lets a burst of 100 deliveries pass by the limit that it comes with", async () => {
    const { url, until } = await serve(name);
    const ids = Array.from({ length: 100 }, (_, index) => `hv_${index}`);
    const statuses = await Promise.all(ids.map(async (id) => (await deliver(url, success(id))).status));
    expect(statuses).toEqual(ids.map(() => 200));
    await Promise.all(ids.map((id) => until(`${id} is at `)));
  });

  it("counts refused deliveries and OPTIONS, and then asks to come again later", async () => {
    const { url } = await serve(name, { RATE_LIMIT: "20" });
    const statuses: number[] = [];
    for (let count = 0; count < 10; count++) {
      statuses.push(await knock(url), (await fetch(url, { method: "OPTIONS" })).status);
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => [401, 204]).flat());
    const later = [
      await fetch(url, { method: "OPTIONS" }),
      await fetch(url, { method: "POST", body: "{}" }),
      await deliver(url, success("hv_1")),
    ];
    for (const response of later) {
      expect(response.status).toBe(429);
      expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d?$/);
      expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    }
  });

  it("counts clients behind one proxy apart", async () => {
    const { port } = await serve(name, { RATE_LIMIT: "2", TRUST_PROXY: "1" });
    const { url } = await openProxy(port);
    const from = (client: string, headers = {}): Promise<number> => knock(url, { "test-client": client, ...headers });
    expect([await from("203.0.113.7"), await from("203.0.113.7"), await from("203.0.113.7")]).toEqual([401, 401, 429]);
    expect(await from("203.0.113.7", { "x-forwarded-for": "198.51.100.1" })).toBe(429);
    expect(await from("203.0.113.7", { "x-forwarded-for": "127.0.0.1, 198.51.100.2" })).toBe(429);
    expect((await deliver(url, success("hv_1"), { "test-client": "203.0.113.8" })).status).toBe(200);
    expect([await from("::ffff:203.0.113.9"), await from("::ffff:203.0.113.9"), await from("::ffff:203.0.113.9")]).toEqual([401, 401, 429]);
    expect(await from("::ffff:203.0.113.10")).toBe(401);
  });

  it("counts the addresses of one IPv6 network as one client", async () => {
    const { port } = await serve(name, { RATE_LIMIT: "2", TRUST_PROXY: "1" });
    const { url } = await openProxy(port);
    const from = (client: string): Promise<number> => knock(url, { "test-client": client });
    expect([await from("2001:db8::1"), await from("2001:db8:0:0:5:6:7:8"), await from("2001:db8::5:0:0:9")]).toEqual([401, 401, 429]);
    expect([await from("2001:db8:0:300::1"), await from("2001:db8:1::1")]).toEqual([401, 401]);
  });

  it("does not believe the X-Forwarded-For of a sender unless a proxy is announced", async () => {
    const { url } = await serve(name, { RATE_LIMIT: "2" });
    const from = (client: string): Promise<number> => knock(url, { "x-forwarded-for": client });
    expect([await from("203.0.113.1"), await from("203.0.113.2"), await from("203.0.113.3")]).toEqual([401, 401, 429]);
  });

  it("processes a delivery that arrives in pieces at a proxy and leaves it whole", async () => {
    const { port, until } = await serve(name, { TRUST_PROXY: "1" });
    const { url, encodings } = await openProxy(port);
    const body = `{ "event_type" :"avatar_video.success",\r\n\t"event_data": {"video_id": "hv_é",  "url":"https:\\/\\/files.example.test/a" } }\n`;
    const bytes = Buffer.from(body);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      void hexSignature(secret, body).then((signature) => {
        const request = httpRequest(url, { method: "POST", headers: { signature } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on("error", reject);
        // The cut goes through the two bytes of é.
        const cut = bytes.indexOf(0xc3) + 1;
        request.write(bytes.subarray(0, cut), () => request.end(bytes.subarray(cut)));
      });
    });
    expect([status, encodings]).toEqual([200, ["chunked"]]);
    await until("hv_é is at https://files.example.test/a\n");
  });

  it("says so when the port is taken, or a setting is none", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const reasons = [
      [{ PORT: String(port) }, `Port ${port} is in use. Choose another one: PORT=${port + 1} npm run example ${name}\n`],
      [{ PORT: "http" }, 'PORT must be a number from 0 to 65535, but is "http".\n'],
      [{ RATE_LIMIT: "0" }, 'RATE_LIMIT must be a number from 1 to 1000000, but is "0".\n'],
      [{ TRUST_PROXY: "yes" }, 'TRUST_PROXY must be a number from 0 to 1, but is "yes".\n'],
    ] as const;
    const ended = reasons.map(async ([env]) => {
      const { exit, printed } = launch([`${name}/server.ts`], env);
      return [await exit, printed.text];
    });
    expect(await Promise.all(ended)).toEqual(reasons.map(([, reason]) => [1, reason]));
    const blank = launch([`${name}/server.ts`], { HEYGEN_WEBHOOK_SECRET: " " });
    expect(await blank.exit).toBe(1);
    expect(blank.printed.text).toContain("A secret is required, but it consists of white space only");
  });
});

it("examples/{express,fastify,hono}/server.ts answer the delivery under way before they stop, and do not wait for idle connections", async () => {
  const body = success("hv_1");
  const signature = await hexSignature(secret, body);
  const stops = names.map(async (name) => {
    const { child, exit, port } = await serve(name);
    const socket = connect(port, "127.0.0.1").setEncoding("latin1");
    let answer = "";
    const heard = new Promise<void>((resolve) => socket.once("data", () => resolve()));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    const head = `POST /webhooks/heygen HTTP/1.1\r\nhost: app.example.test\r\nsignature: ${signature}\r\ncontent-length: ${body.length}`;
    socket.write(`${head}\r\nexpect: 100-continue\r\n\r\n`);
    await heard;
    child.kill("SIGTERM");
    await vi.waitFor(() => refused(port), { timeout: 5000 });
    socket.write(body);
    return { name, code: await exit, answer: answer.replace("HTTP/1.1 100 Continue\r\n\r\n", "").split("\r\n")[0] };
  });
  expect(await Promise.all(stops)).toEqual(names.map((name) => ({ name, code: 0, answer: "HTTP/1.1 200 OK" })));
});

/** Resolves if nobody listens on a port any more. */
function refused(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      reject(new Error(`somebody listens on port ${port}`));
    });
    socket.on("error", () => resolve());
  });
}

describe("examples/run.ts", () => {
  it.each([
    [[], "Which example?"],
    [["koa"], 'There is no example "koa".'],
    [["constructor"], 'There is no example "constructor".'],
  ])("lists the examples if started with %j", async (args, reason) => {
    const { exit, printed } = launch(["run.ts", ...args], {});
    expect(await exit).toBe(1);
    const list = ["express", "fastify", "hono", "next", "cloudflare-worker", "inbox-sqlite", "inbox-postgres", "inbox-redis"].map(
      (each) => `  npm run example ${each}\n`,
    );
    expect(printed.text).toBe(`${reason}\n\n${list.join("")}\n`);
  });
});
