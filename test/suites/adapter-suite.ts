import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { success } from "./deliveries.ts";
import { exchange, request } from "./raw-http.ts";
import { type Journal, type ReceiverName, secret, token } from "./receivers.ts";
import { signHex, toBytes } from "./signer.ts";

/** A server that has mounted the receivers. */
export interface Mounted {
  readonly port: number;
  /** What stands before `/hooks/<name>`, `/json` and `/journal`. */
  readonly prefix?: string;
  close(): Promise<void>;
}

/**
 * An adapter on a framework. Its server answers
 *
 * - `/hooks/<name>`, every method: the receiver of that name, through the adapter
 * - `POST /json`: `{ received }`, the JSON that the framework itself parsed
 * - `GET /journal`: the journal of the receivers as JSON
 */
export interface AdapterMember {
  readonly name: string;
  start(): Promise<Mounted>;
  /** How many bytes of a refused body are taken in before the connection closes; 16 MB where it is for the adapter to decide. */
  readonly dropsBytes?: number;
  /** Cases that cannot hold here, by name, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

interface Sending {
  readonly to?: ReceiverName;
  readonly method?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const MEBIBYTE = 1_048_576;
const json = { "content-type": "application/json" };

let counter = 0;
/** An id that no other delivery of the run has. */
const fresh = (): string => `v${process.pid}-${counter++}`;
const sha256 = (body: string | Uint8Array): string => createHash("sha256").update(body).digest("hex");
const problem = (status: number, title: string, code: string): object => ({ type: "about:blank", title, status, code });
const failures = ["throw", "throw-undefined", "reject"];

/** Holds an adapter to everything that all adapters promise. */
export function describeAdapter(member: AdapterMember): void {
  describe(`adapter suite: ${member.name}`, () => {
    let mounted: Mounted;
    beforeAll(async () => {
      mounted = await member.start();
    }, 300_000);
    afterAll(() => mounted?.close());

    const pathOf = (to: string): string => `${mounted.prefix ?? ""}/${to}`;
    const urlOf = (to: string): string => `http://127.0.0.1:${mounted.port}${pathOf(to)}`;
    const send = (body: string | Uint8Array | undefined, { to = "standard", method = "POST", query = "", headers }: Sending = {}) =>
      request(urlOf(`hooks/${to}`) + query, { method, headers, body });
    const deliver = async (body: string | Uint8Array, { headers, ...sending }: Sending = {}) =>
      send(body, { ...sending, headers: { ...json, signature: await signHex(secret, body), ...headers } });
    const journal = async (): Promise<Journal> => (await request(urlOf("journal"))).json() as Promise<Journal>;
    const errorsSince = async (count: number): Promise<Journal["errors"]> => (await journal()).errors.slice(count);
    const runsOf = async (videoId: string): Promise<Journal["runs"]> =>
      (await journal()).runs.filter(({ id }) => id.endsWith(`/${videoId}`));
    const head = (to: ReceiverName, lines: readonly string[]): string =>
      [`POST ${pathOf(`hooks/${to}`)} HTTP/1.1`, "host: 127.0.0.1", ...lines, "", ""].join("\r\n");
    const siblings = async (): Promise<void> => {
      const answer = await request(urlOf("json"), { method: "POST", headers: json, body: '{ "a" : [1, "é"] }' });
      expect(await answer.json()).toEqual({ received: { a: [1, "é"] } });
    };

    const reasons = new Set(Object.keys(member.exceptions ?? {}));
    const check = (name: string, run: () => Promise<unknown>): void => {
      const reason = member.exceptions?.[name];
      reasons.delete(name);
      const runBeside = async (): Promise<void> => {
        await run();
        // Whatever happened, other routes go on as before.
        await siblings();
      };
      if (reason === undefined) test(name, runBeside, 120_000);
      else test(name, (context) => context.skip(reason));
    };

    for (const [name, write] of [
      [
        "P11: odd spacing, key order, escapes and a trailing newline",
        (id: string) =>
          `{ "event_data" : {"url":"a\\u00e9\\/b","video_id":"${id}","n":1.0e2 } ,\r\n\t"event_type":"avatar_video.success"}\n`,
      ],
      ["a byte order mark", (id: string) => `\ufeff${success(id)}`],
      ["characters of one to four bytes", (id: string) => success(id, { url: "é\u{1F600}ß\u2028" })],
      ["1 MiB - 1", (id: string) => padded(id, MEBIBYTE - 1)],
      ["1 MiB, which is the cap", (id: string) => padded(id, MEBIBYTE)],
    ] as const) {
      check(`bytes arrive unchanged: ${name}`, async () => {
        const id = fresh();
        const body = write(id);
        const answer = await deliver(body);
        expect(await answer.json()).toEqual({ result: "processed", id: `heygen/default/avatar_video.success/${id}` });
        expect((await runsOf(id)).map((run) => run.sha256)).toEqual([sha256(body)]);
      });
    }

    check("P12: bytes that are not UTF-8 verify, and are then refused as 400", async () => {
      const answer = await deliver(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0xff, 0x22, 0x7d));
      expect(await answer.json()).toEqual(problem(400, "Bad Request", "body_not_utf8"));
      expect(answer.status).toBe(400);
    });

    check("P13: bytes that come one by one are joined as bytes", async () => {
      const id = fresh();
      const body = toBytes(success(id, { url: "é\u{1F600}ß" }));
      const signature = `signature: ${await signHex(secret, body)}`;
      const bytes = Array.from(body, (byte) => Uint8Array.of(byte));
      const whole = await exchange(mounted.port, [
        head("standard", ["connection: close", signature, `content-length: ${body.length}`]),
        ...bytes,
      ]);
      expect(whole).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*"processed"/);
      const chunks = bytes.flatMap((byte) => ["1\r\n", byte, "\r\n"]);
      const chunked = await exchange(mounted.port, [
        head("standard", ["connection: close", signature, "transfer-encoding: chunked"]),
        ...chunks,
        "0\r\n\r\n",
      ]);
      expect(chunked).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*"duplicate"/);
      expect((await runsOf(id)).map((run) => run.sha256)).toEqual([sha256(body)]);
    });

    check("P47: the length of an answer is counted in bytes", async () => {
      const answer = await deliver(success(fresh()));
      const { byteLength } = await answer.arrayBuffer();
      // Without a length the answer is chunked, and could not be cut.
      const length = answer.headers.get("content-length") ?? (answer.headers.get("transfer-encoding") === "chunked" && byteLength);
      expect(Number(length)).toBe(byteLength);
      expect(byteLength).toBeGreaterThan(0);
    });

    check("P19: the cap holds with Content-Length", async () => {
      const before = (await journal()).errors.length;
      const answer = await deliver("x".repeat(1001), { to: "small" });
      expect(answer.status).toBe(413);
      expect(await answer.json()).toEqual(problem(413, "Content Too Large", "body_too_large"));
      expect(await errorsSince(before)).toMatchObject([{ code: "body_too_large" }]);
      expect((await deliver("x".repeat(1000), { to: "small" })).status).toBe(400);
      expect((await deliver("x".repeat(MEBIBYTE + 1))).status).toBe(413);
    });

    check("P19: a body that is announced too large is refused before it is sent", async () => {
      const socket = await open(mounted.port, head("small", ["content-length: 1001"]));
      const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    });

    check("P19: the cap holds without Content-Length", async () => {
      const answer = await exchange(mounted.port, [
        head("small", ["connection: close", "transfer-encoding: chunked"]),
        ...Array.from({ length: 80 }, () => "10\r\nxxxxxxxxxxxxxxxx\r\n"),
        "0\r\n\r\n",
      ]);
      expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*body_too_large/);
    });

    check("P19: an endless body is answered, cut off, and does not pile up", async () => {
      const { answered, sent } = await flood(mounted.port, head("small", ["transfer-encoding: chunked"]));
      expect(answered).toMatch(/^HTTP\/1\.1 413 /);
      expect(sent).toBeGreaterThan(1000);
      // Beside what is dropped, the buffers of both ends hold something.
      expect(sent).toBeLessThan((member.dropsBytes ?? 16_777_216) + 20_000_000);
    });

    check("P19: a sender that never ends a refused body is not waited for", async () => {
      const socket = await open(mounted.port, `${head("small", ["transfer-encoding: chunked"])}7d0\r\n${"x".repeat(2000)}\r\n`);
      socket.removeAllListeners("error").on("error", () => undefined);
      let answer = "";
      socket.on("data", (data) => {
        answer += data;
      });
      const drip = setInterval(() => socket.write("1\r\nx\r\n"), 50);
      const late = setTimeout(() => socket.destroy(new Error("late")), 5000);
      const error = await new Promise<Error | undefined>((resolve) => {
        socket.once("error", resolve);
        socket.once("close", () => resolve(undefined));
      });
      clearInterval(drip);
      clearTimeout(late);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(error?.message).not.toBe("late");
    });

    check("P19: a Content-Length that lies gets nobody anywhere", async () => {
      const id = fresh();
      const body = success(id);
      const signature = `signature: ${await signHex(secret, body)}`;
      // Fewer bytes than announced, and the end of the connection.
      const fewer = await exchange(mounted.port, [head("standard", [signature, "content-length: 900"]), body], { end: true });
      expect(fewer).not.toMatch(/^HTTP\/1\.1 2/);
      // More bytes than announced: what is left over belongs to no request.
      const more = await exchange(mounted.port, [head("standard", ["connection: close", signature, "content-length: 10"]), body]);
      expect(more).toMatch(/^HTTP\/1\.1 40[01] /);
      expect(await runsOf(id)).toEqual([]);
    });

    check("P17: every content type and charset is taken", async () => {
      for (const type of [
        "application/json",
        "application/json; charset=utf-16",
        "text/plain; charset=latin1",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/octet-stream",
        "application/cloudevents+json; charset=UTF-8",
        "json",
        "/;;",
        "",
      ]) {
        const answer = await deliver(success(fresh()), { headers: { "content-type": type } });
        expect([type, answer.status]).toEqual([type, 200]);
      }
      const body = success(fresh());
      const none = head("standard", ["connection: close", `signature: ${await signHex(secret, body)}`, `content-length: ${body.length}`]);
      expect(await exchange(mounted.port, [none, body])).toMatch(/^HTTP\/1\.1 200 /);
    });

    check("P17: a compressed body is checked as it arrived, and refused clearly", async () => {
      const id = fresh();
      const packed = gzipSync(success(id));
      const headers = { "content-encoding": "gzip" };
      const signedAsSent = await deliver(packed, { headers });
      expect([signedAsSent.status, await signedAsSent.json()]).toEqual([400, problem(400, "Bad Request", "body_not_utf8")]);
      const signedBefore = await send(packed, { headers: { ...headers, signature: await signHex(secret, success(id)) } });
      expect(signedBefore.status).toBe(401);
      expect(await runsOf(id)).toEqual([]);
    });

    check("P20: a repeated signature header is a failed check", async () => {
      const body = success(fresh());
      const signature = `signature: ${await signHex(secret, body)}`;
      const lines = ["connection: close", signature, signature, `content-length: ${body.length}`];
      expect(await exchange(mounted.port, [head("standard", lines), body])).toMatch(/^HTTP\/1\.1 401 /);
    });

    check("P39: OPTIONS is answered at once and the same for everybody, without a secret or a store", async () => {
      const id = fresh();
      const busy = deliver(success(id, { callback_id: "wait:1500" }), { to: "watched" });
      await vi.waitFor(async () => expect(await runsOf(id)).toHaveLength(1), { timeout: 20_000 });
      const { touched } = await journal();
      const times: number[] = [];
      for (let probe = 0; probe < 5; probe++) {
        const startedAt = performance.now();
        const answer = await send(undefined, { to: "watched", method: "OPTIONS", headers: { signature: "x" } });
        times.push(performance.now() - startedAt);
        expect([answer.status, answer.headers.get("allow"), await answer.text()]).toEqual([204, "POST, OPTIONS", ""]);
      }
      expect((await journal()).touched).toBe(touched);
      // The middle one, since the machine may be busy with something else.
      expect(times.sort((left, right) => left - right)[2]).toBeLessThan(50);
      expect((await busy).status).toBe(200);
    });

    check("other methods get 405 with Allow", async () => {
      for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
        const answer = await send(method === "GET" ? undefined : "{}", { method, headers: json });
        expect([method, answer.status, answer.headers.get("allow")]).toEqual([method, 405, "POST, OPTIONS"]);
        expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
        expect(await answer.json()).toEqual(problem(405, "Method Not Allowed", "method_not_allowed"));
      }
      const answer = await send(undefined, { method: "HEAD" });
      expect([answer.status, await answer.text()]).toEqual([405, ""]);
    });

    check("P53: processed, duplicate, ignored, unknown, discarded are 200", async () => {
      const id = fresh();
      const first = await deliver(success(id));
      expect([first.status, first.headers.get("content-type")?.split(";")[0]]).toEqual([200, "application/json"]);
      expect(await first.json()).toEqual({ result: "processed", id: `heygen/default/avatar_video.success/${id}` });
      const results: unknown[] = [];
      for (const body of [
        success(id),
        success(fresh()).replace("avatar_video.success", "video_agent.success"),
        success(fresh()).replace("avatar_video.success", "not.yet.known"),
        success(fresh(), { callback_id: "discard" }),
      ]) {
        const answer = await deliver(body);
        results.push(answer.status, ((await answer.json()) as { result: string }).result);
      }
      expect(results).toEqual([200, "duplicate", 200, "ignored", 200, "unknown", 200, "discarded"]);
    });

    check("P53: accepted, stale, and what an inbox keeps although it is invalid, are 200", async () => {
      const [stored, seen] = [success(fresh()), fresh()];
      const at = (created_at: string, event_id: string): string => JSON.stringify({ ...JSON.parse(success(seen)), created_at, event_id });
      const results: unknown[] = [];
      for (const [body, to] of [
        [stored, "inbox"],
        [stored, "inbox"],
        [`{"event_type":"avatar_video.success","event_data":{},"n":"${fresh()}"}`, "inbox"],
        [`{"n":"${fresh()}"`, "inbox"],
        [at("2026-03-04T05:06:08Z", `${seen}-b`), "orderly"],
        [at("2026-03-04T05:06:07Z", `${seen}-a`), "orderly"],
      ] as const) {
        const answer = await deliver(body, { to });
        results.push(answer.status, ((await answer.json()) as { result: string }).result);
      }
      expect(results).toEqual([
        200,
        "accepted",
        200,
        "duplicate",
        200,
        "payload_invalid",
        200,
        "body_not_json",
        200,
        "processed",
        200,
        "stale",
      ]);
      const full = await deliver(success("full"), { to: "inbox" });
      expect([full.status, await full.json()]).toEqual([503, problem(503, "Service Unavailable", "store_unavailable")]);
    });

    check("P53: unauthenticated is 401, the same for every reason", async () => {
      const before = (await journal()).errors.length;
      for (const headers of [{}, { signature: "x" }, { signature: "0".repeat(64) }] as Record<string, string>[]) {
        const answer = await send(success(fresh()), { headers });
        expect(answer.status).toBe(401);
        expect(await answer.json()).toEqual(problem(401, "Unauthorized", "unauthenticated"));
      }
      const codes = (await errorsSince(before)).map(({ code }) => code);
      expect(codes).toEqual(["signature_missing", "signature_malformed", "signature_mismatch"]);
      expect((await send(undefined)).status).toBe(401);
    });

    check("P53: body_not_json, body_not_object, event_type_missing are 400, payload_invalid is 422", async () => {
      for (const [body, status, code] of [
        ["{", 400, "body_not_json"],
        ["[]", 400, "body_not_object"],
        ["{}", 400, "event_type_missing"],
        ['{"event_type":"avatar_video.success","event_data":{}}', 422, "payload_invalid"],
      ] as const) {
        const answer = await deliver(body);
        expect([answer.status, await answer.json()]).toMatchObject([status, { status, code }]);
      }
    });

    check("P53: deadline_exceeded, in_progress, retry_later, store_unavailable are 503 with Retry-After", async () => {
      const slow = success(fresh(), { callback_id: "hang" });
      for (const [body, to, retryAfter, code] of [
        [slow, "impatient", "1", "deadline_exceeded"],
        [slow, "impatient", "60", "in_progress"],
        [success(fresh(), { callback_id: "retry:30" }), "standard", "30", "retry_later"],
        [success(fresh()), "storeless", "5", "store_unavailable"],
      ] as const) {
        const answer = await deliver(body, { to });
        expect([answer.status, answer.headers.get("retry-after"), await answer.json()]).toEqual([
          503,
          retryAfter,
          problem(503, "Service Unavailable", code),
        ]);
      }
    });

    check("P53: handler_failed and configuration are 500, whatever was thrown, and a redelivery runs again", async () => {
      for (const wish of failures) {
        const id = fresh();
        for (let attempt = 1; attempt <= 2; attempt++) {
          const answer = await deliver(success(id, { callback_id: wish }));
          expect([answer.status, await answer.json()]).toEqual([500, problem(500, "Internal Server Error", "handler_failed")]);
          expect(await runsOf(id)).toHaveLength(attempt);
        }
      }
      const answer = await deliver(success(fresh()), { to: "broken" });
      expect([answer.status, await answer.json()]).toEqual([500, problem(500, "Internal Server Error", "configuration")]);
    });

    check("a handler that outlives the deadline is found done by the redelivery", async () => {
      const id = fresh();
      const body = success(id, { callback_id: "wait:300" });
      expect((await deliver(body, { to: "impatient" })).status).toBe(503);
      await vi.waitFor(async () => expect(await (await deliver(body, { to: "impatient" })).json()).toMatchObject({ result: "duplicate" }), {
        timeout: 20_000,
        interval: 50,
      });
      expect(await runsOf(id)).toHaveLength(1);
    });

    check("the token is read from the query", async () => {
      const body = success(fresh());
      expect((await send(body, { to: "token", query: `?a=1&token=${token}` })).status).toBe(200);
      expect((await send(body, { to: "token", query: "?token=wrong" })).status).toBe(401);
      expect((await send(body, { to: "token" })).status).toBe(401);
    });

    check("a sender that leaves half-way is noticed, and harms nobody", async () => {
      const before = (await journal()).errors.length;
      const socket = await open(mounted.port, `${head("standard", ["content-length: 1000"])}half`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.destroy();
      await vi.waitFor(async () => expect(await errorsSince(before)).toMatchObject([{ code: "body_incomplete" }]), { timeout: 20_000 });
      expect((await deliver(success(fresh()))).status).toBe(200);
    });

    check("a sender that leaves while the handler runs harms nobody, and the event is handled", async () => {
      const id = fresh();
      const body = success(id, { callback_id: "wait:300" });
      const lines = [`signature: ${await signHex(secret, body)}`, `content-length: ${body.length}`];
      const socket = await open(mounted.port, head("standard", lines) + body);
      await vi.waitFor(async () => expect(await runsOf(id)).toHaveLength(1), { timeout: 20_000 });
      socket.destroy();
      await vi.waitFor(async () => expect(await (await deliver(body)).json()).toMatchObject({ result: "duplicate" }), {
        timeout: 20_000,
        interval: 50,
      });
      expect(await runsOf(id)).toHaveLength(1);
    });

    check("a connection is kept for the next delivery after a refusal", async () => {
      const refused = `${head("standard", ["content-length: 2"])}{}`;
      const last = `${head("standard", ["content-length: 2", "connection: close"])}{}`;
      expect((await exchange(mounted.port, [refused, refused, last])).match(/HTTP\/1\.1 401 /g)).toHaveLength(3);
    });

    check("a sender that waits for 100 Continue gets it", async () => {
      const body = success(fresh());
      const lines = ["connection: close", "expect: 100-continue", `content-length: ${body.length}`];
      const answer = await exchange(mounted.port, [head("standard", [...lines, `signature: ${await signHex(secret, body)}`]), body]);
      expect(answer).toMatch(/^HTTP\/1\.1 100 Continue[\s\S]*HTTP\/1\.1 200 /);
    });

    check("200 deliveries at once are all handled, each once", async () => {
      const ids = Array.from({ length: 200 }, fresh);
      const answers = await Promise.all(ids.map((id) => deliver(success(id, { callback_id: "wait:20" }))));
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      const { runs } = await journal();
      const counts = ids.map((id) => runs.filter((run) => run.id.endsWith(`/${id}`)).length);
      expect(counts).toEqual(ids.map(() => 1));
    });

    check("other routes parse JSON as before, and refuse what is none", async () => {
      const bad = await request(urlOf("json"), { method: "POST", headers: json, body: "{" });
      expect(bad.status).toBeGreaterThanOrEqual(400);
    });

    if (reasons.size > 0) throw new Error(`No case has the name of these exceptions: ${[...reasons].join("; ")}`);
  });
}

/** A success event of exactly so many bytes. */
function padded(id: string, length: number): string {
  return success(id, { pad: "x".repeat(length - success(id, { pad: "" }).length) });
}

function open(port: number, start: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(start);
      resolve(socket);
    });
    socket.on("error", reject);
  });
}

/** Sends chunks until the connection closes, at most 200 MB. */
async function flood(port: number, start: string): Promise<{ readonly answered: string; readonly sent: number }> {
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const socket = await open(port, start);
  socket.removeAllListeners("error").on("error", () => undefined);
  let answered = "";
  let sent = 0;
  socket.on("data", (data) => {
    answered += data;
  });
  await new Promise<void>((resolve, reject) => {
    socket.on("close", () => resolve());
    const pump = (): void => {
      if (socket.destroyed) return;
      sent += chunk.length;
      if (sent > 200_000_000) reject(new Error("The server went on reading."));
      else if (socket.write(chunk)) setImmediate(pump);
      else socket.once("drain", pump);
    };
    pump();
  }).finally(() => socket.destroy());
  return { answered, sent };
}
