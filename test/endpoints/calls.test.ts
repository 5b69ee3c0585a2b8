import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ClientOptions, createHeyGenClient, EndpointError, type EndpointFetch, isEndpointError } from "../../src/endpoints/index.ts";
import { ConfigurationError } from "../../src/errors.ts";
import { listen, shut } from "./fake-api.ts";
import { type FakeHeyGen, startFakeHeyGen } from "./fake-heygen.ts";

let fake: FakeHeyGen;
beforeEach(async () => {
  fake = await startFakeHeyGen();
});
afterEach(async () => {
  vi.useRealTimers();
  await fake.close();
});

const clientWith = (options: ClientOptions = {}) =>
  createHeyGenClient({ apiKey: fake.apiKey, baseUrl: fake.url, backoffMs: 0, ...options });

/** A client whose requests go nowhere, so that the clock can be set. */
function offline(replies: readonly (() => Response | Promise<Response>)[], options: ClientOptions = {}) {
  const sent: number[] = [];
  const send: EndpointFetch = async () => {
    const reply = replies[sent.push(Date.now()) - 1];
    if (reply === undefined) throw new Error("Nobody expected this request.");
    return reply();
  };
  return { sent, client: createHeyGenClient({ apiKey: "offline", fetch: send, ...options }) };
}

const emptyPage = (): Response => Response.json({ data: [], has_more: false });
const failing =
  (status: number, headers: Record<string, string> = {}) =>
  () =>
    new Response("{}", { status, headers });

describe("a call that fails", () => {
  it.each([
    [400, "invalid_request"],
    [401, "unauthorized"],
    [402, "invalid_request"],
    [403, "unauthorized"],
    [404, "not_found"],
    [409, "conflict"],
    [410, "not_found"],
    [422, "invalid_request"],
    [429, "rate_limited"],
    [500, "unavailable"],
    [503, "unavailable"],
  ])("with status %i is %s", async (status, code) => {
    fake.mishaps.push({ status, body: { error: { code: "its_code", message: "its words" } } });
    const error = await clientWith({ retries: 0 })
      .list()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "EndpointError", code, status, providerCode: "its_code", providerMessage: "its words" });
    expect(fake.requests).toHaveLength(1);
  });

  it("is recognised across copies, and is no error of the receiver", async () => {
    const error = await clientWith()
      .delete("ep_404")
      .catch((thrown: unknown) => thrown);
    expect([isEndpointError(error), error instanceof EndpointError]).toEqual([true, true]);
    expect(isEndpointError(Object.assign(new Error("m"), { [Symbol.for("video-webhooks.endpoint-error")]: true }))).toBe(true);
    for (const other of [new Error("m"), new ConfigurationError("m"), null, undefined, "x", { name: "EndpointError" }]) {
      expect(isEndpointError(other)).toBe(false);
    }
  });

  it.each([
    ["HTML", { status: 502, body: "<html>" }],
    ["nothing", { status: 500 }],
    ["an array", { status: 500, body: [1] }],
    ["odd members", { status: 500, body: { error: { code: { a: 1 }, message: ["x"] } } }],
    ["long words", { status: 500, body: { message: "x".repeat(1000) } }],
    ["control characters", { status: 500, body: { message: "a\u001b[2Jb\nc" } }],
    ["a secret", { status: 500, body: { message: "the secret whsec_abc is wrong" } }],
  ])("with %s for a body has no words of the provider", async (_what, mishap) => {
    fake.mishaps.push(mishap);
    const error = await clientWith({ retries: 0 })
      .list()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(error).not.toHaveProperty("providerMessage");
    expect(error).not.toHaveProperty("providerCode");
  });

  it.each([
    ["not JSON", { body: "{" }],
    ["not UTF-8 or JSON", { body: "\ufffd" }],
    ["empty", {}],
    ["a number", { body: "7" }],
    ["null", { body: "null" }],
    ["without the list", { body: { items: [] } }],
    ["with an endpoint without an id", { body: { data: [{ url: "u" }] } }],
    ["with an endpoint that is a text", { body: { data: ["x"] } }],
    ["a redirect", { status: 302, headers: { location: "/v3/webhooks/endpoints" } }],
  ])("with an answer that is %s is unexpected_answer, and is not repeated", async (_what, mishap) => {
    fake.mishaps.push(mishap);
    await expect(clientWith().list()).rejects.toMatchObject({ code: "unexpected_answer" });
    expect(fake.requests).toHaveLength(1);
  });

  it("names the fields of an answer that are wrong, and no value", async () => {
    fake.mishaps.push({ body: { data: [{ endpoint_id: 5, url: "https://s3cret.test" }] } });
    const error = await clientWith()
      .list()
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("items.0.endpoint_id");
    expect(inspect(error)).not.toContain("s3cret");
  });

  it("because nobody listens is unavailable, and says why", async () => {
    const { server, url } = await listen(() => undefined);
    await shut(server);
    const error = await clientWith({ baseUrl: url })
      .list()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("ECONNREFUSED"), cause: expect.any(TypeError) });
    expect(error).not.toHaveProperty("status");
  });
});

describe("what is secret", () => {
  it("is in no error, whatever the API repeats of it", async () => {
    const apiKey = "s3cret-api-key";
    const settings = { apiKey, baseUrl: fake.url, backoffMs: 0, retries: 1 };
    const client = createHeyGenClient(settings);
    const url = `${fake.url}/s3cret-path?token=s3cret-token`;
    const errors: unknown[] = [];
    const keep = (error: unknown): void => void errors.push(error);
    await client.list().catch(keep);
    fake.mishaps.push({ status: 400, body: { error: { code: url, message: `cannot reach ${url}` } } });
    await client.create({ url }).catch(keep);
    fake.mishaps.push({ stall: "headers" }, { stall: "body" });
    await createHeyGenClient({ ...settings, timeoutMs: 50 })
      .create({ url })
      .catch(keep);
    fake.mishaps.push({ hangUp: "before" }, { hangUp: "before" });
    await client.create({ url }).catch(keep);
    fake.mishaps.push({ status: 500 }, { status: 500, headers: { "x-request-id": apiKey } });
    await client.create({ url }).catch(keep);
    await client.create({ url, signal: AbortSignal.abort() }).catch(keep);
    expect(errors.map((error) => (error as EndpointError).code)).toEqual([
      "unauthorized",
      "invalid_request",
      "timeout",
      "unavailable",
      "unavailable",
      "aborted",
    ]);
    expect(inspect(errors, { depth: 20, showHidden: true })).not.toContain("s3cret");
    expect(inspect(client, { depth: 20, showHidden: true })).not.toContain("s3cret");
  });

  it("does not follow a redirect to another host", async () => {
    const heard: unknown[] = [];
    const other = await listen((request, response) => {
      heard.push(request.headers);
      response.end("{}");
    });
    for (const status of [301, 302, 307, 308]) {
      fake.mishaps.push({ status, headers: { location: other.url } });
      await expect(clientWith().delete("ep_1"), String(status)).rejects.toMatchObject({ code: "unexpected_answer", status });
    }
    expect(heard).toEqual([]);
    await shut(other.server);
  });

  it("may be an access token", async () => {
    await createHeyGenClient({ accessToken: fake.apiKey, baseUrl: fake.url }).list();
    expect(fake.requests[0]?.headers).toMatchObject({ authorization: `Bearer ${fake.apiKey}` });
    expect(fake.requests[0]?.headers).not.toHaveProperty("x-api-key");
  });
});

describe("a call is repeated", () => {
  it("after 429, 5xx and a lost connection, as often as it may", async () => {
    fake.mishaps.push({ status: 429 }, { status: 500 }, { hangUp: "before" });
    expect(await clientWith({ retries: 3 }).list()).toEqual({ items: [] });
    expect(fake.requests).toHaveLength(4);
    fake.mishaps.push({ status: 500 }, { status: 500 }, { status: 500 });
    await expect(clientWith().list()).rejects.toMatchObject({ code: "unavailable", status: 500 });
    expect(fake.requests).toHaveLength(7);
  });

  it("after a time without an answer, or without the rest of one", async () => {
    vi.useFakeTimers();
    const never = (): Promise<Response> => new Promise(() => undefined);
    const half = (): Response => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([123])) }));
    const { sent, client } = offline([never, half, emptyPage], { timeoutMs: 3000, backoffMs: 0 });
    const listing = client.list();
    await vi.runAllTimersAsync();
    expect(await listing).toEqual({ items: [] });
    expect(sent.map((at) => at - (sent[0] as number))).toEqual([0, 3000, 6000]);
  });

  it.each([
    ["in seconds", () => "7", 7000],
    ["as a date", () => new Date(Date.now() + 5000).toUTCString(), 5000],
    ["that is over", () => new Date(Date.now() - 60_000).toUTCString(), 0],
    ["of nothing", () => "0", 0],
  ])("after the wait that the API asks for %s", async (_how, retryAfter, waitMs) => {
    vi.useFakeTimers({ now: new Date("2026-11-21T12:00:00Z") });
    for (const status of [429, 503, 500]) {
      const { sent, client } = offline([() => failing(status, { "retry-after": retryAfter() })(), emptyPage]);
      const listing = client.list();
      await vi.runAllTimersAsync();
      expect(await listing).toEqual({ items: [] });
      expect((sent[1] ?? 0) - (sent[0] ?? 0), String(status)).toBe(waitMs);
    }
  });

  it.each(["soon", "-5", "1e9x", "", "12345678901234567890"])("after the usual wait when the API asks for %j", async (retryAfter) => {
    vi.useFakeTimers();
    const { sent, client } = offline([failing(503, { "retry-after": retryAfter, "x-ratelimit-reset": "99999" }), emptyPage], {
      backoffMs: 400,
    });
    const listing = client.list();
    await vi.runAllTimersAsync();
    await listing;
    expect((sent[1] ?? 0) - (sent[0] ?? 0)).toBeLessThanOrEqual(400);
  });

  it("not at all when the API asks for more time than there is, which the error tells", async () => {
    const { sent, client } = offline([failing(429, { "retry-after": "3600" })]);
    await expect(client.list()).rejects.toMatchObject({ code: "rate_limited", retryAfterSeconds: 3600 });
    expect(sent).toHaveLength(1);
  });

  it("with longer waits each time, up to the longest", async () => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(1);
    const down = failing(500);
    const { sent, client } = offline([down, down, down, down, emptyPage], { retries: 4, backoffMs: 1000, maxWaitMs: 3000 });
    const listing = client.list();
    await vi.runAllTimersAsync();
    await listing;
    const waits = sent.slice(1).map((at, index) => at - (sent[index] as number));
    expect(waits).toEqual([1000, 2000, 3000, 3000]);
    vi.restoreAllMocks();
  });
});

describe("a call ends", () => {
  it("when its time is up, whether the headers or the body do not come", async () => {
    for (const stall of ["headers", "body"] as const) {
      fake.mishaps.push({ stall });
      await expect(clientWith({ timeoutMs: 50, retries: 0 }).list(), stall).rejects.toMatchObject({ code: "timeout" });
    }
    fake.mishaps.push({ stall: "headers" });
    await expect(clientWith({ timeoutMs: 50, retries: 0 }).update("ep_1", { events: null })).rejects.toThrow(/may have taken effect/);
  });

  it("and says that it may have taken effect only where something was sent", async () => {
    const nobody = await listen(() => undefined);
    await shut(nobody.server);
    const messages: string[] = [];
    const create = (options: ClientOptions, signal?: AbortSignal): Promise<unknown> =>
      clientWith(options)
        .create({ url: fake.url, signal })
        .catch(({ message }: Error) => messages.push(message));
    await create({}, AbortSignal.abort());
    await create({ baseUrl: nobody.url });
    const refused = new AbortController();
    fake.mishaps.push({ status: 429, headers: { "retry-after": "20" } });
    const waiting = create({}, refused.signal);
    await vi.waitUntil(() => fake.mishaps.length === 0, { timeout: 10_000 });
    refused.abort();
    await waiting;
    expect(messages).toHaveLength(3);
    for (const message of messages.splice(0)) expect(message).not.toContain("effect");

    fake.mishaps.push({ hangUp: "before" }, { status: 400 });
    await create({});
    const underWay = new AbortController();
    fake.mishaps.push({ stall: "headers" });
    const stalled = create({}, underWay.signal);
    await vi.waitUntil(() => fake.mishaps.length === 0, { timeout: 10_000 });
    underWay.abort();
    await stalled;
    for (const message of messages) expect(message).toContain("; it may have taken effect. Look with list() before you repeat it.");
    expect(messages).toHaveLength(2);
    fake.mishaps.push({ status: 500 });
    const own = clientWith({ retries: 0 }).create({ url: fake.url, idempotencyKey: "k" });
    await expect(own).rejects.toThrow("it may have taken effect. Try again later.");
  });

  it("when it is aborted: before, during an attempt, between two, and by the signal of the client", async () => {
    const reason = new Error("enough");
    await expect(clientWith().list({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({ code: "aborted", cause: reason });
    expect(fake.requests).toHaveLength(0);

    for (const stall of ["headers", "body"] as const) {
      const controller = new AbortController();
      fake.mishaps.push({ stall });
      const listing = clientWith().list({ signal: controller.signal });
      await vi.waitUntil(() => fake.requests.length > 0, { timeout: 10_000 });
      controller.abort(reason);
      await expect(listing, stall).rejects.toMatchObject({ code: "aborted", cause: reason });
      fake.requests.length = 0;
    }

    const between = new AbortController();
    fake.mishaps.push({ status: 503, headers: { "retry-after": "20" } });
    const waiting = clientWith({ signal: between.signal }).list({ signal: new AbortController().signal });
    await vi.waitUntil(() => fake.requests.length > 0, { timeout: 10_000 });
    between.abort(reason);
    await expect(waiting).rejects.toMatchObject({ code: "aborted", cause: reason });
    expect(fake.requests).toHaveLength(1);
  });

  it("at an answer of more than a mebibyte, of which it does not read the rest", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(64 * 1024).fill(32));
      },
    });
    const { sent, client } = offline([() => new Response(body)]);
    await expect(client.list()).rejects.toMatchObject({ code: "unexpected_answer", message: expect.stringContaining("1048576 bytes") });
    expect(sent).toHaveLength(1);
    expect(pulled).toBeLessThan(20);
    const page = JSON.stringify({ data: [], has_more: false });
    const whole = offline([() => new Response(page.padEnd(1024 * 1024))]);
    expect(await whole.client.list()).toEqual({ items: [] });
  });

  it("in peace without a body where none is due", async () => {
    const { client } = offline([() => new Response(null, { status: 204 })]);
    expect(await client.delete("ep_1")).toBeUndefined();
  });
});
