import { type AdapterPlay, type AdapterUnderTest, clip, type MountedRouter, perform, signatureOf } from "./adapter-scene.ts";
import { expectEqual } from "./expectation.ts";

export type { AdapterUnderTest, ServedRouter } from "./adapter-scene.ts";

/** One thing that every adapter has to do. */
export interface AdapterCase {
  /** A sentence, with the number of a pitfall where it proves that it is avoided. */
  readonly name: string;
  /** Why it cannot be run; absent when it can. */
  readonly skipped?: string;
  /** Rejects with what was expected and what was found. */
  run(): Promise<void>;
}

/**
 * What every adapter has to do, as cases for any test runner: real signatures over a real connection (pitfall P53), by the `fetch` of the
 * platform. An adapter that passes them hands over the bytes as they arrived, under the cap, and sends the router's answers as they are.
 *
 * @throws an `Error` when an exception names no case
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { test } from "node:test";
 * import { nodeHandler } from "video-webhooks/node";
 * import { adapterCases } from "video-webhooks/testing";
 *
 * const cases = adapterCases({
 *   async serve(router) {
 *     const server = createServer(nodeHandler(router));
 *     await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
 *     const address = server.address();
 *     const port = typeof address === "object" ? address?.port : undefined;
 *     return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
 *   },
 * });
 * for (const { name, skipped, run } of cases) test(name, { skip: skipped ?? false }, run);
 * ```
 */
export function adapterCases(test: AdapterUnderTest): readonly AdapterCase[] {
  const exceptions = test.exceptions ?? {};
  for (const name of Object.keys(exceptions)) {
    if (!Object.hasOwn(plays, name)) throw new Error(`No case is called "${name}", so it cannot be an exception.`);
  }
  return Object.entries(plays).map(([name, play]) => {
    const skipped = exceptions[name];
    return { name, run: () => perform(test, play), ...(skipped !== undefined && { skipped }) };
  });
}

const CAP = 100_000;

/** The status of an answer, and the result or the code in its body. */
async function told(answer: Response): Promise<readonly [status: number, told: unknown]> {
  const body = (await answer.json()) as { readonly result?: unknown; readonly code?: unknown };
  return [answer.status, body.result ?? body.code];
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function expectUnchanged(to: MountedRouter, body: Uint8Array | string, sent: Uint8Array | ReadableStream<Uint8Array>, what: string) {
  const before = to.runs.length;
  expectEqual(await told(await to.send({ body: sent, headers: signatureOf(body) })), [200, "processed"], what);
  const expected = typeof body === "string" ? bytes(body) : body;
  expectEqual(Array.from(to.runs[before]?.rawBody ?? []).join(), Array.from(expected).join(), `${what}, the bytes`);
}

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A stream of chunks, and how many of them were taken. */
function streamOf(chunkAt: (index: number) => Uint8Array | undefined | Promise<undefined>) {
  const state = { taken: 0 };
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await chunkAt(state.taken);
      if (chunk === undefined) return controller.close();
      state.taken++;
      controller.enqueue(chunk);
    },
  });
  return { stream, state };
}

const plays: Readonly<Record<string, AdapterPlay>> = {
  async "P11: bytes arrive unchanged: spacing, key order, escapes, a byte order mark, characters of several bytes"({ mount }) {
    const to = await mount();
    for (const [what, body] of [
      ["spacing", '{ "x":1.0e2 ,\r\n\t"clip" : "a\\u0061\\/b" , "kind":"clip.done"}\n'],
      ["a byte order mark", `\ufeff${clip("mark")}`],
      ["characters of several bytes", clip("several", { text: "é\u{1F600}ß\u2028" })],
      ["nothing special", clip("plain")],
    ] as const) {
      await expectUnchanged(to, body, bytes(body), what);
    }
  },
  async "P13: a body that comes byte by byte is joined as bytes"({ mount }) {
    const body = bytes(clip("chunked", { text: "é\u{1F600}ß" }));
    await expectUnchanged(await mount(), body, streamOf((at) => (at < body.length ? body.slice(at, at + 1) : undefined)).stream, "chunks");
  },
  async "P12: a body that is not UTF-8 verifies, and is then refused"({ mount }) {
    const answer = await (await mount()).deliver(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0xff, 0x22, 0x7d));
    expectEqual(await told(answer), [400, "body_not_utf8"], "the answer");
  },
  async "P17: every content type and charset is taken"({ mount }) {
    const to = await mount();
    for (const [index, type] of [
      "application/json",
      "application/json; charset=utf-16",
      "text/plain; charset=latin1",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/octet-stream",
      "json",
    ].entries()) {
      const answer = await to.deliver(clip(`type-${index}`), { headers: { "content-type": type } });
      expectEqual(await told(answer), [200, "processed"], type);
    }
  },
  async "P17: a compressed body is checked as it arrived, and refused clearly"({ mount }) {
    const to = await mount();
    const packed = await gzip(clip("packed"));
    const headers = { "content-encoding": "gzip" };
    expectEqual(await told(await to.deliver(packed, { headers })), [400, "body_not_utf8"], "signed as it is sent");
    const signedBefore = await to.send({ body: packed, headers: { ...headers, ...signatureOf(clip("packed")) } });
    expectEqual([signedBefore.status, to.runs.length], [401, 0], "signed before it was compressed, and handlers that ran");
  },
  async "P19: a body of exactly the cap is taken, and one byte more is refused"({ mount }) {
    const to = await mount({ maxBodyBytes: CAP });
    const full = clip("full", { pad: "" });
    const exact = clip("full", { pad: "x".repeat(CAP - full.length) });
    expectEqual(await told(await to.deliver(exact)), [200, "processed"], "at the cap");
    expectEqual(await told(await to.deliver(`${exact} `)), [413, "body_too_large"], "above the cap");
    expectEqual(await told(await to.deliver(clip("after"))), [200, "processed"], "the next delivery");
  },
  async "P19: a body without an announced length is cut off at the cap, and not held"({ mount }) {
    const to = await mount({ maxBodyBytes: CAP });
    const chunk = new Uint8Array(65_536);
    const chunks = 1000;
    const { stream, state } = streamOf((index) => (index < chunks ? chunk : undefined));
    // The server may answer, or end the connection on a sender that goes on.
    const status = await to.send({ body: stream, headers: signatureOf("") }).then(
      (answer) => answer.status,
      () => 413,
    );
    expectEqual(status, 413, "the status");
    expectEqual(state.taken < chunks / 2, true, "whether reading stopped before half of 64 MB");
    await to.seen("body_too_large");
    expectEqual(await told(await to.deliver(clip("after"))), [200, "processed"], "the next delivery");
  },
  async "P20: a signature header that comes twice is a failed check"({ mount }) {
    const to = await mount();
    const [[name, value]] = Object.entries(signatureOf(clip("twice"))) as [[string, string]];
    const answer = await to.send({ body: clip("twice"), headers: { [name]: `${value}, ${value}` } });
    expectEqual([await told(answer), to.runs.length], [[401, "unauthenticated"], 0], "the answer and the handlers that ran");
  },
  async "P39: OPTIONS is answered at once, without a secret, a store or a body"({ mount }) {
    const never = (): never => {
      throw new Error("touched");
    };
    const store = { claim: never, extend: never, complete: never, release: never };
    const to = await mount({ idempotency: store }, { secret: never });
    const answer = await to.send({ method: "OPTIONS" });
    expectEqual([answer.status, answer.headers.get("allow"), await answer.text()], [204, "POST, OPTIONS", ""], "the answer");
    expectEqual(to.errors.length, 0, "errors");
  },
  async "other methods get 405 with Allow"({ mount }) {
    const to = await mount();
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
      const answer = await to.send({ method, ...(method !== "GET" && { body: "{}" }) });
      expectEqual([answer.headers.get("allow"), await told(answer)], ["POST, OPTIONS", [405, "method_not_allowed"]], method);
    }
    const answer = await to.send({ method: "HEAD" });
    expectEqual([answer.status, await answer.text()], [405, ""], "HEAD");
  },
  async "P53: processed, duplicate, ignored, unknown and discarded are 200, in JSON"({ mount }) {
    const to = await mount();
    for (const [body, result] of [
      [clip("once"), "processed"],
      [clip("once"), "duplicate"],
      [clip("once").replace("done", "failed"), "ignored"],
      [clip("once").replace("done", "archived"), "unknown"],
      [clip("no", { wish: "discard" }), "discarded"],
    ] as const) {
      const answer = await to.deliver(body);
      expectEqual(answer.headers.get("content-type")?.split(";")[0], "application/json", `${result}, its content type`);
      expectEqual(await told(answer), [200, result], result);
    }
  },
  async "P53: a delivery that is not authentic gets 401, the same for every reason"({ mount }) {
    const to = await mount();
    const [name] = Object.keys(signatureOf("x")) as [string];
    const answers = new Set<string>();
    for (const value of [undefined, "x", "0".repeat(64)]) {
      const answer = await to.send({ body: clip("forged"), headers: value === undefined ? {} : { [name]: value } });
      expectEqual([answer.status, answer.headers.get("content-type")?.split(";")[0]], [401, "application/problem+json"], "the answer");
      answers.add(await answer.text());
    }
    expectEqual([answers.size, to.runs.length], [1, 0], "different answers, and handlers that ran");
    const codes = to.errors.map(({ code }) => code);
    expectEqual(codes, ["signature_missing", "signature_malformed", "signature_mismatch"], "what onError is told");
  },
  async "P53: what is no event gets 400, and an event that its schema refuses 422"({ mount }) {
    const to = await mount();
    for (const [body, status, code] of [
      ["{", 400, "body_not_json"],
      ["[]", 400, "body_not_object"],
      ["{}", 400, "event_type_missing"],
      ['{"kind":"clip.done"}', 422, "payload_invalid"],
    ] as const) {
      expectEqual(await told(await to.deliver(body)), [status, code], code);
    }
    expectEqual((await to.send({ headers: signatureOf("") })).status, 400, "an empty body with its signature");
  },
  async "P48, P53: a handler that fails gets 500, whatever it throws, and runs again for a redelivery"({ mount }) {
    const to = await mount();
    for (const wish of ["throw", "throw-undefined", "reject"]) {
      for (let attempt = 1; attempt <= 2; attempt++) {
        expectEqual(await told(await to.deliver(clip(wish, { wish }))), [500, "handler_failed"], `${wish}, attempt ${attempt}`);
        expectEqual(to.runs.filter((run) => run.clip === wish).length, attempt, `${wish}, runs`);
      }
    }
  },
  async "P53: what is to come again gets 503 with Retry-After"({ mount }) {
    const to = await mount({ deadlineMs: 100 });
    const hanging = clip("hang", { wish: "hang" });
    for (const [body, code, seconds] of [
      [clip("later", { wish: "retry" }), "retry_later", "30"],
      [hanging, "deadline_exceeded", "1"],
      [hanging, "in_progress", undefined],
    ] as const) {
      const answer = await to.deliver(body);
      const retryAfter = answer.headers.get("retry-after");
      expectEqual(await told(answer), [503, code], code);
      expectEqual(seconds === undefined ? Number(retryAfter) > 0 : retryAfter === seconds, true, `${code}, whether Retry-After is right`);
    }
  },
  async "P47: the length of an answer is counted in bytes"({ mount }) {
    const answer = await (await mount()).deliver(clip("length"));
    const { byteLength } = await answer.arrayBuffer();
    expectEqual(Number(answer.headers.get("content-length") ?? byteLength), byteLength, "the length");
    expectEqual(byteLength > 0, true, "whether there is a body");
  },
  async "headers reach the handler, and the query reaches the check of a token"({ mount }) {
    const to = await mount();
    await to.deliver(clip("headers"), { headers: { "x-case-tenant": "Tenant 7" } });
    expectEqual(
      to.runs.map(({ tenant }) => tenant),
      ["Tenant 7"],
      "the header",
    );
    const token = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const guarded = await mount({}, { token });
    for (const [query, status] of [
      [`?a=1&token=${token}`, 200],
      ["?token=wrong", 401],
      ["", 401],
    ] as const) {
      expectEqual((await guarded.send({ query, body: clip("token") })).status, status, query.replace(token, "the-token"));
    }
  },
  async "a sender that leaves half-way is noticed, and harms nobody"({ mount }) {
    const to = await mount();
    const leave = new AbortController();
    const { stream } = streamOf((index) => (index === 0 ? bytes("half") : new Promise(() => undefined)));
    const sending = to.send({ body: stream, signal: leave.signal }).catch(() => undefined);
    // The first bytes have to be on their way; there is nothing to be notified of.
    await new Promise((resolve) => setTimeout(resolve, 100));
    leave.abort();
    await sending;
    await to.seen("body_incomplete");
    expectEqual(await told(await to.deliver(clip("after"))), [200, "processed"], "the next delivery");
  },
  async "a sender that leaves while the handler runs harms nobody, and the event is handled"({ mount }) {
    const to = await mount();
    const leave = new AbortController();
    const body = clip("left", { wish: "hang" });
    const sending = to.deliver(body, { signal: leave.signal }).catch(() => undefined);
    await Promise.race([to.started, sending]);
    leave.abort();
    await sending;
    to.release();
    expectEqual([await told(await to.deliver(clip("after"))), to.runs.length], [[200, "processed"], 2], "the next delivery");
    const again = await told(await to.deliver(body));
    expectEqual([again, to.runs.length], [[200, "duplicate"], 2], "the same event again");
  },
  async "fifty deliveries at once are handled, each once"({ mount }) {
    const to = await mount();
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, index) => told(await to.deliver(clip(`at-once-${index}`)))));
    expectEqual(answers.filter(([status, result]) => status !== 200 || result !== "processed").length, 0, "deliveries that failed");
    expectEqual(new Set(to.runs.map((run) => run.clip)).size, 50, "different events that were handled");
    expectEqual(to.runs.length, 50, "runs");
  },
};
