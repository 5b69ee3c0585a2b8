import { describe, expect, it, vi } from "vitest";
import { tooLarge } from "../src/body.ts";
import type { AnyWebhookError } from "../src/errors.ts";
import { createMemoryStore } from "../src/idempotency/memory.ts";
import type { IdempotencyStore } from "../src/idempotency/store.ts";
import { defineProvider } from "../src/provider.ts";
import { heygen } from "../src/providers/heygen.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { Discard, RetryLater } from "../src/signals.ts";
import { hmacHex } from "../src/signature/hmac-hex.ts";
import { standardWebhooks } from "../src/signature/standard-webhooks.ts";
import { secret, signed, success } from "./suites/deliveries.ts";
import { signStandardWebhooks, toBytes } from "./suites/signer.ts";

function setUp(options: RouterOptions = {}) {
  const errors: AnyWebhookError[] = [];
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const logger = { debug: write, info: write, warn: write, error: write };
  const router = createRouter(heygen({ secret }), { logger, ...options }).onError((error) => errors.push(error));
  return { router, errors, lines };
}

describe("method", () => {
  it("P39: answers OPTIONS without reading the body, a secret or the store", async () => {
    const read = vi.fn();
    const find = vi.fn();
    const store = { claim: vi.fn(), extend: vi.fn(), complete: vi.fn(), release: vi.fn() };
    const router = createRouter(heygen({ secret: find }), { idempotency: store });
    expect(await router.receive({ method: "OPTIONS", url: "/", headers: {}, body: read })).toEqual({ result: "validation", status: 204 });
    expect(read).not.toHaveBeenCalled();
    expect(find).not.toHaveBeenCalled();
    expect(store.claim).not.toHaveBeenCalled();
  });

  it.each(["GET", "HEAD", "PUT", "DELETE", "post", ""])("refuses %j", async (method) => {
    const { router } = setUp();
    expect(await router.receive(await signed(success("v"), { method }))).toMatchObject({ result: "method_not_allowed", status: 405 });
  });
});

describe("body", () => {
  it("P19: refuses a body over the cap before it is hashed", async () => {
    const { router, errors } = setUp({ maxBodyBytes: 100 });
    expect(await router.receive(await signed("x".repeat(101)))).toMatchObject({ result: "body_too_large", status: 413 });
    expect(await router.receive(await signed(success("v", { pad: "x".repeat(20) }), { body: async () => tooLarge }))).toMatchObject({
      result: "body_too_large",
    });
    expect(errors.map(({ code }) => code)).toEqual(["body_too_large", "body_too_large"]);
  });

  it("takes a body of exactly the cap", async () => {
    const body = success("v");
    const { router } = setUp({ maxBodyBytes: body.length });
    expect(await router.receive(await signed(body))).toMatchObject({ result: "ignored" });
  });

  it("gives a body reader the cap, and takes bytes and text", async () => {
    const { router } = setUp({ maxBodyBytes: 12_345 });
    const bytes = toBytes(success("v"));
    const read = vi.fn(async () => bytes);
    expect(await router.receive(await signed(bytes, { body: read }))).toMatchObject({ result: "ignored" });
    expect(read).toHaveBeenCalledWith(12_345);
    expect(await router.receive(await signed(bytes, { body: success("v") }))).toMatchObject({ result: "ignored" });
  });

  it.each([[{ event_type: "x" }], [null], [undefined], [7]])("P18: refuses the parsed body %j with the line to change", async (parsed) => {
    const { router, errors } = setUp();
    const outcome = await router.receive(await signed(success("v"), { body: parsed as never }));
    expect(outcome).toMatchObject({ result: "body_already_parsed", status: 500 });
    expect(errors[0]).toMatchObject({ code: "body_already_parsed", message: expect.stringMatching(/raw bytes/) });
  });

  it.each([[{ event_type: "x" }], [new ArrayBuffer(8)], [new Uint16Array(8)], [null], ["text"]])(
    "P18: refuses %j from a body reader, which is not bytes",
    async (value) => {
      const { router, errors } = setUp();
      const outcome = await router.receive(await signed(success("v"), { body: async () => value as never }));
      expect(outcome).toMatchObject({ result: "body_already_parsed", status: 500 });
      expect(errors[0]?.message).toMatch(/not the raw bytes/);
    },
  );

  it("P19: does not believe a body reader that ignores the cap", async () => {
    const { router } = setUp({ maxBodyBytes: 10 });
    expect(await router.receive(await signed(success("v"), { body: async () => new Uint8Array(11) }))).toMatchObject({
      result: "body_too_large",
    });
  });

  it("a reader that breaks its promise ends as configuration, not as a rejection", async () => {
    const { router, errors } = setUp();
    const broken = () => Promise.reject(new Error("broken reader"));
    expect(await router.receive(await signed("{}", { body: broken }))).toMatchObject({ result: "configuration", status: 500 });
    expect(errors[0]?.cause).toMatchObject({ message: "broken reader" });
  });
});

describe("authenticity comes before parsing", () => {
  it("P6: refuses a wrong signature whatever the body is", async () => {
    const { router, errors } = setUp();
    for (const body of ["not json", "{}", success("v"), "[]", "\u{1F600}"]) {
      const delivery = await signed(body, { headers: { signature: "0".repeat(64) } });
      expect(await router.receive(delivery)).toEqual({ result: "unauthenticated", status: 401, reason: "signature_mismatch" });
    }
    expect(new Set(errors.map(({ name, status }) => `${name} ${status}`))).toEqual(new Set(["VerificationError 401"]));
  });

  it("P9: refuses a missing signature", async () => {
    const { router } = setUp();
    expect(await router.receive(await signed(success("v"), { headers: {} }))).toMatchObject({ reason: "signature_missing", status: 401 });
  });

  it("P1 and P2: refuses signatures of any form without an error", async () => {
    const { router } = setUp();
    for (const signature of ["", "é".repeat(64), "zz", "sha256=", ["a", "b"], "0".repeat(63)]) {
      const outcome = await router.receive(await signed(success("v"), { headers: { signature } }));
      expect(outcome).toMatchObject({ result: "unauthenticated", reason: "signature_malformed" });
    }
  });

  it("P45: ignores headers that name another provider or scheme", async () => {
    const { router } = setUp();
    const headers = { "x-provider": "kling", "x-videopilot-signature": "x", "webhook-signature": "v1,x" };
    expect(await router.receive(await signed(success("v"), { headers }))).toMatchObject({ reason: "signature_missing" });
  });

  it("P43: does not look at forwarded hosts", async () => {
    const { router } = setUp();
    const delivery = await signed(success("v"));
    const headers = { ...(delivery.headers as Record<string, string>), "x-forwarded-host": "internal", "x-forwarded-proto": "file" };
    expect(await router.receive({ ...delivery, headers })).toMatchObject({ result: "ignored" });
  });

  it("ends as configuration at once when the check of a provider rejects", async () => {
    const provider = { ...heygen({ secret }), authenticate: () => Promise.reject(new Error("mine")) };
    const errors: AnyWebhookError[] = [];
    const router = createRouter(provider).onError((error) => errors.push(error));
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "configuration" });
    expect(errors[0]?.cause).toMatchObject({ message: "mine" });
  });

  it("ends as configuration when the secret function does not answer in time", async () => {
    const router = createRouter(heygen({ secret: () => new Promise(() => undefined) }), { deadlineMs: 10 }).onError(() => undefined);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "configuration", status: 500 });
  });

  it("ends as configuration when the secret function fails", async () => {
    const errors: AnyWebhookError[] = [];
    const router = createRouter(
      heygen({
        secret: async () => {
          throw new Error("vault sealed");
        },
      }),
    ).onError((error) => errors.push(error));
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "configuration", status: 500 });
    expect(errors[0]).toMatchObject({
      name: "ConfigurationError",
      code: "configuration",
      cause: expect.objectContaining({ message: "vault sealed" }),
    });
  });
});

describe("freshness", () => {
  const now = Date.parse("2026-02-03T04:05:06.789Z");
  const body = (timestamp: unknown) => JSON.stringify({ event: "render.started", timestamp, data: { render_job_id: "r" } });
  async function outcomeOf(timestamp: unknown, maxAgeSeconds?: number) {
    const router = createRouter(videopilot({ secret, header: "signature", maxAgeSeconds }), { clock: () => now });
    const delivery = await signed(body(timestamp));
    const { signature } = delivery.headers as { signature: string };
    return router.receive({ ...delivery, headers: { signature: `sha256=${signature}` } });
  }

  it("P26: has a limit in both directions when one is set", async () => {
    expect(await outcomeOf("2026-02-03T04:04:06.789Z", 60)).toMatchObject({ result: "ignored" });
    expect(await outcomeOf("2026-02-03T04:06:06.789Z", 60)).toMatchObject({ result: "ignored" });
    expect(await outcomeOf("2026-02-03T04:04:06.788Z", 60)).toMatchObject({ status: 401, reason: "timestamp_too_old" });
    expect(await outcomeOf("2026-02-03T04:06:06.790Z", 60)).toMatchObject({ status: 401, reason: "timestamp_too_new" });
  });

  it("P27: cannot be avoided by leaving the timestamp out", async () => {
    for (const missing of [undefined, null, "", "yesterday", "2026", {}]) {
      expect(await outcomeOf(missing, 60)).toMatchObject({ status: 401, reason: "timestamp_malformed" });
    }
  });

  it("P36: has no limit unless one is set, so that retries with the old timestamp pass", async () => {
    expect(await outcomeOf("2020-01-01T00:00:00.000Z")).toMatchObject({ result: "ignored" });
  });

  it("P28: does not count HeyGen's unsigned timestamp header", async () => {
    const { router } = setUp();
    const delivery = await signed(success("v"));
    const headers = { ...(delivery.headers as Record<string, string>), "heygen-timestamp": "1", "heygen-event-id": "evt_unsigned" };
    const outcome = await router.receive({ ...delivery, headers });
    expect(outcome).toMatchObject({ result: "ignored" });
    expect(outcome.id).not.toMatch(/unsigned/);
  });
});

describe("text and shape", () => {
  it("P12: a body that is not UTF-8 still verifies, and is then refused as 400", async () => {
    const { router } = setUp();
    const body = Uint8Array.of(...toBytes('{"event_type":"'), 0xff, 0xfe, ...toBytes('"}'));
    expect(await router.receive(await signed(body))).toMatchObject({ result: "body_not_utf8", status: 400 });
    expect(await router.receive(await signed(body, { headers: {} }))).toMatchObject({ result: "unauthenticated" });
  });

  it("P12: a byte order mark is part of what is signed, and no obstacle to parsing", async () => {
    const { router } = setUp();
    const marked = `\ufeff${success("v")}`;
    expect(await router.receive(await signed(marked))).toMatchObject({ result: "ignored" });
    const { headers } = await signed(success("v"));
    expect(await router.receive(await signed(marked, { headers }))).toMatchObject({ reason: "signature_mismatch" });
  });

  it("P17: a compressed body is verified as received and then refused", async () => {
    const { router } = setUp();
    const stream = new Blob([success("v")]).stream().pipeThrough(new CompressionStream("gzip"));
    const packed = new Uint8Array(await new Response(stream).arrayBuffer());
    expect(await router.receive(await signed(packed))).toMatchObject({ result: "body_not_utf8", status: 400 });
  });

  it.each(["", " ", "{", "{'a':1}", "{} {}", "NaN", "undefined", '{"a":1,}'])("refuses %j as no JSON", async (body) => {
    const { router, errors } = setUp();
    expect(await router.receive(await signed(body))).toMatchObject({ result: "body_not_json", status: 400 });
    expect(errors[0]).toMatchObject({ name: "DeliveryError", code: "body_not_json" });
  });

  it.each(['"text"', "7", "null", "true", "[]", '[{"event_type":"x"}]'])("P24: refuses %s, which is no object", async (body) => {
    const { router } = setUp();
    expect(await router.receive(await signed(body))).toMatchObject({ result: "body_not_object", status: 400 });
  });

  it.each([
    "{}",
    '{"event_type":null}',
    '{"event_type":7}',
    '{"event_type":""}',
    '{"event_type":["a"]}',
    '{"event":"avatar_video.success"}',
  ])("refuses %s, which names no type", async (body) => {
    const { router } = setUp();
    expect(await router.receive(await signed(body))).toMatchObject({ result: "event_type_missing", status: 400 });
  });

  it("P24: survives nesting of 100,000 levels", async () => {
    const { router, errors } = setUp();
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const body = `{"event_type":"avatar_video.success","event_data":{"video_id":"v","extra":${deep}}}`;
    const outcome = await router.receive(await signed(body));
    expect(["ignored", "payload_invalid", "body_not_json"]).toContain(outcome.result);
    expect(await router.receive(await signed(deep))).toMatchObject({ status: 400 });
    expect(errors.every(({ code }) => code !== "configuration")).toBe(true);
  });

  it("P22: __proto__ keys change no prototype and reach nothing", async () => {
    const { router } = setUp();
    let seen: unknown;
    router.on("avatar_video.success", (event) => {
      seen = event;
    });
    const body =
      '{"event_type":"avatar_video.success","__proto__":{"polluted":1},"event_data":{"video_id":"v","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}';
    expect(await router.receive(await signed(body))).toMatchObject({ result: "processed" });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(seen)).toBe(Object.prototype);
    expect((seen as { polluted?: unknown; event_data: { polluted?: unknown } }).event_data.polluted).toBeUndefined();
  });

  it("P23: of duplicate keys one wins, for the type and for the handler alike", async () => {
    const { router } = setUp();
    const seen: unknown[] = [];
    router.on("avatar_video.fail", (event, context) => seen.push(event.event_type, context.type));
    const body = '{"event_type":"avatar_video.success","event_type":"avatar_video.fail","event_data":{"video_id":"v"}}';
    expect(await router.receive(await signed(body))).toMatchObject({ result: "processed", type: "avatar_video.fail" });
    expect(seen).toEqual(["avatar_video.fail", "avatar_video.fail"]);
  });

  it("P49: a payload that does not fit its schema is 422 and says where, not what", async () => {
    const { router, errors } = setUp();
    const body = '{"event_type":"avatar_video.success","event_data":{"video_id":{"MARKER":"MARKER"},"MARKER":1}}';
    expect(await router.receive(await signed(body))).toMatchObject({
      result: "payload_invalid",
      status: 422,
      type: "avatar_video.success",
    });
    expect(errors[0]?.message).toMatch(/event_data\.video_id: invalid_type/);
    expect(errors[0]?.message).not.toMatch(/MARKER/);
  });

  it("does not spell out field names that could come from the payload", async () => {
    const broken = {
      safeParse: () => ({ success: false as const, error: { issues: [{ code: "x", path: ["a b", "ok", 3, Symbol("s")] }] } }),
    };
    const provider = defineProvider({
      name: "odd",
      signature: hmacHex({ headers: ["x"] }),
      events: { e: broken },
      eventType: () => "e",
      dedupeKey: () => undefined,
      toJob: () => undefined,
      ackDeadlineMs: 1000,
    });
    const errors: Error[] = [];
    await createRouter(provider({ unsigned: true }))
      .onError((error) => errors.push(error))
      .receive({ method: "POST", url: "/", headers: {}, body: "{}" });
    expect(errors[0]?.message).toMatch(/: \*\.ok\.3\.\*: x\./);
  });
});

describe("duplicates", () => {
  it("P33: many concurrent deliveries of one event run the handler once", async () => {
    const { router } = setUp();
    let runs = 0;
    router.on("avatar_video.success", async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const delivery = await signed(success("v"));
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => router.receive(delivery)));
    expect(runs).toBe(1);
    expect(outcomes.filter(({ result }) => result === "processed")).toHaveLength(1);
    expect(outcomes.filter(({ result }) => result === "duplicate")).toHaveLength(49);
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
    expect(runs).toBe(1);
  });

  it("P32: a delivery that failed is handled when it comes again", async () => {
    const { router, errors } = setUp();
    let runs = 0;
    router.on("avatar_video.success", () => {
      if (++runs === 1) throw new Error("first time");
    });
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "handler_failed", status: 500 });
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ name: "HandlerError", cause: expect.objectContaining({ message: "first time" }) });
  });

  it("P30: without an id the whole body decides", async () => {
    const { router } = setUp();
    let runs = 0;
    router.on("live_avatar.success", () => runs++);
    const body = (detail: string) => JSON.stringify({ event_type: "live_avatar.success", event_data: { detail } });
    const first = await router.receive(await signed(body("a")));
    expect(await router.receive(await signed(body("b")))).toMatchObject({ result: "processed" });
    expect(await router.receive(await signed(body("a")))).toMatchObject({ result: "duplicate", id: first.id as string });
    expect(runs).toBe(2);
  });

  it("P31: the final event of a resource is not swallowed by an earlier one", async () => {
    const { router } = setUp();
    router.onAny(() => undefined);
    const fail = success("v").replace("success", "fail");
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "processed" });
    expect(await router.receive(await signed(fail))).toMatchObject({ result: "processed" });
  });

  it("P37: two endpoints and two providers that share a store never collide", async () => {
    const idempotency = createMemoryStore();
    const routers = [
      createRouter(heygen({ secret }), { idempotency }),
      createRouter(heygen({ secret, endpoint: "tenant/2" }), { idempotency }),
      createRouter(heygen({ secret, endpoint: "tenant%2F2" }), { idempotency }),
    ].map((router) => router.onAny(() => undefined));
    const delivery = await signed(success("v"));
    const outcomes = await Promise.all(routers.map((router) => router.receive(delivery)));
    expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed", "processed"]);
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(3);
    expect(outcomes[1]?.id).toBe("heygen/tenant%2F2/avatar_video.success/v");
  });

  it("keeps keys printable, bounded and apart whatever is in an id", async () => {
    const { router } = setUp({ idempotency: false });
    router.onAny(() => undefined);
    const ids = ["a/b", "a%2Fb", "a%2fb", "é", "\ud800", "\udfff", "a b", "a\nb", "\0", "x".repeat(500), "x".repeat(501)];
    const keys = await Promise.all(ids.map(async (id) => (await router.receive(await signed(success(id)))).id as string));
    expect(new Set(keys).size).toBe(ids.length);
    for (const key of keys) expect(key).toMatch(/^[\x21-\x7e]{1,600}$/);
  });

  it("same key, other body: two events, of which neither swallows the other", async () => {
    const { router } = setUp();
    let runs = 0;
    router.onAny(() => runs++);
    await router.receive(await signed(success("v", { url: "https://a.example.test" })));
    expect(await router.receive(await signed(success("v", { url: "https://b.example.test" })))).toMatchObject({ result: "processed" });
    expect(runs).toBe(2);
  });

  it("P29: a replayed delivery is a duplicate for a week, by the clock of the router", async () => {
    let now = 0;
    const { router } = setUp({ clock: () => now });
    router.onAny(() => undefined);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
    now = 7 * 86_400_000 - 1;
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    now = 7 * 86_400_000;
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });

  it("P26: remembers longer than the limit of a scheme, too", async () => {
    const claim = vi.fn(async () => ({ state: "completed" as const }));
    const slow = defineProvider({
      name: "slow",
      signature: standardWebhooks({ maxAgeSeconds: 30 * 86_400 }),
      events: { e: { safeParse: (data: unknown) => ({ success: true as const, data }) } },
      eventType: () => "e",
      dedupeKey: () => ["e"],
      toJob: () => undefined,
      ackDeadlineMs: 1000,
    });
    const key = `whsec_${btoa("a key of 24 bytes, or so")}`;
    const router = createRouter(slow({ secret: key }), { idempotency: { ...createMemoryStore(), claim }, clock: () => 1000 }).onAny(
      () => undefined,
    );
    const headers = await signStandardWebhooks(key, { id: "m", timestamp: 1, body: "{}" });
    expect(await router.receive({ method: "POST", url: "/", headers, body: "{}" })).toMatchObject({
      result: "duplicate",
      id: "slow/default/m",
    });
    expect(claim).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ ttlMs: 61 * 86_400_000 }));
  });

  it.each([[[]], [["a", 1]], ["text"], [[undefined]]])("a provider whose dedupeKey returns %j ends as configuration", async (parts) => {
    const odd = defineProvider({
      name: "odd",
      signature: hmacHex({ headers: ["x"] }),
      events: { e: { safeParse: (data: unknown) => ({ success: true as const, data }) } },
      eventType: () => "e",
      dedupeKey: () => parts as never,
      toJob: () => undefined,
      ackDeadlineMs: 1000,
    });
    const router = createRouter(odd({ unsigned: true })).onError(() => undefined);
    expect(await router.receive({ method: "POST", url: "/", headers: {}, body: "{}" })).toMatchObject({ result: "configuration" });
  });

  it("runs every delivery with idempotency: false", async () => {
    const { router } = setUp({ idempotency: false });
    let runs = 0;
    router.onAny(() => runs++);
    const delivery = await signed(success("v"));
    await router.receive(delivery);
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
    expect(runs).toBe(2);
  });

  it("P26: remembers handled events for longer than a delivery can be replayed", async () => {
    const claim = vi.fn(async () => ({ state: "completed" as const }));
    const store: IdempotencyStore = { ...createMemoryStore(), claim };
    const router = createRouter(videopilot({ secret, header: "signature", maxAgeSeconds: 864_000 }), {
      idempotency: store,
      clock: () => 0,
    }).onAny(() => undefined);
    const { headers, ...rest } = await signed(
      '{"event":"render.started","timestamp":"1970-01-01T00:00:00.000Z","data":{"render_job_id":"r"}}',
    );
    const { signature } = headers as { signature: string };
    expect(await router.receive({ ...rest, headers: { signature: `sha256=${signature}` } })).toMatchObject({ result: "duplicate" });
    expect(claim).toHaveBeenCalledWith(expect.any(String), {
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      leaseMs: 60_000,
      ttlMs: 21 * 86_400_000,
    });
  });
});

describe("a store that fails", () => {
  const memory = () => createMemoryStore();

  it("before the handler: 503, and nothing runs", async () => {
    const handler = vi.fn();
    for (const claim of [
      () => Promise.reject(new Error("down")),
      () => {
        throw new Error("down");
      },
    ]) {
      const { router, errors } = setUp({ idempotency: { ...memory(), claim } });
      router.onAny(handler);
      expect(await router.receive(await signed(success("v")))).toMatchObject({
        result: "store_unavailable",
        status: 503,
        retryAfterSeconds: 5,
      });
      expect(errors[0]).toMatchObject({
        name: "StoreError",
        code: "store_unavailable",
        cause: expect.objectContaining({ message: "down" }),
      });
    }
    expect(handler).not.toHaveBeenCalled();
  });

  it("by hanging: 503 at the deadline, and a claim that comes later is given back", async () => {
    const store = memory();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const handler = vi.fn();
    const { router } = setUp({
      deadlineMs: 20,
      idempotency: {
        ...store,
        claim: async (...given) => {
          await gate;
          return store.claim(...given);
        },
      },
    });
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable" });
    open();
    await vi.waitFor(async () => expect(await router.receive(delivery)).toMatchObject({ result: "processed" }), { timeout: 10_000 });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("P35: after the handler, for a moment: recorded at the next try, 200", async () => {
    const store = memory();
    let failures = 2;
    const { router } = setUp({
      idempotency: {
        ...store,
        complete: async (...given) => {
          if (failures-- > 0) throw new Error("blip");
          return store.complete(...given);
        },
      },
    });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "processed", status: 200 });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("P35: after the handler, for long: 503, and the redelivery is recorded without another run", async () => {
    const store = memory();
    let down = true;
    const { router } = setUp({
      idempotency: {
        ...store,
        complete: async (...given) => {
          if (down) throw new Error("down");
          return store.complete(...given);
        },
      },
    });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable", status: 503 });
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable", status: 503 });
    down = false;
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("P35: after the handler and after the lease: recorded under a new claim, without another run", async () => {
    // As Redis has it: the entry is gone with its lease, and so is the token.
    const time = { now: 0 };
    const entries = new Map<string, { token: string; endsAt: number; done: boolean }>();
    let tokens = 0;
    let down = true;
    const alive = (key: string) => {
      const entry = entries.get(key);
      return entry !== undefined && (entry.done || entry.endsAt > time.now) ? entry : undefined;
    };
    let failOnce = true;
    const idempotency: IdempotencyStore = {
      async claim(key, { leaseMs }) {
        const held = alive(key);
        if (held) return held.done ? { state: "completed" } : { state: "in_progress", retryAfterMs: held.endsAt - time.now };
        entries.set(key, { token: `${++tokens}`, endsAt: time.now + leaseMs, done: false });
        return { state: "claimed", token: `${tokens}` };
      },
      async complete(key, token) {
        if (down) throw new Error("down");
        const held = alive(key);
        if (held?.token !== token) return false;
        if (failOnce) {
          failOnce = false;
          throw new Error("connection reset");
        }
        held.done = true;
        return true;
      },
      extend: async () => false,
      release: async () => false,
    };
    const { router } = setUp({ idempotency });
    const handler = vi.fn();
    router.onAny(handler);
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "store_unavailable" });
    down = false;
    time.now = 90_000;
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    time.now = 900_000;
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("by answering no time to wait: a usual one is sent", async () => {
    const { router } = setUp({ idempotency: { ...memory(), claim: async () => ({ state: "in_progress" }) as never } });
    router.onAny(() => undefined);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "in_progress", retryAfterSeconds: 5 });
  });

  it("by answering something else: 503, and nothing runs", async () => {
    const handler = vi.fn();
    const { router } = setUp({ idempotency: { ...memory(), claim: async () => ({ state: "done" }) as never } });
    router.onAny(handler);
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "store_unavailable" });
    expect(handler).not.toHaveBeenCalled();
  });

  it("while giving a failed event back: the failure is answered all the same", async () => {
    const { router } = setUp({ idempotency: { ...memory(), release: () => Promise.reject(new Error("down")) } });
    router.onAny(() => Promise.reject(new Error("mine")));
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed", status: 500 });
  });
});

describe("handlers", () => {
  it("P48: whatever is thrown is a failure, and the cause", async () => {
    for (const thrown of [undefined, null, "text", 0, [], Object.freeze({}), new Error("mine")]) {
      const { router, errors } = setUp();
      router.onAny(() => {
        throw thrown;
      });
      expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed" });
      expect(errors[0]?.cause).toBe(thrown);
    }
  });

  it("P48: a value that throws whatever is asked of it is a failure too", async () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const hostile = new Proxy(new Error("mine"), {
      get() {
        throw new Error("trap");
      },
      getPrototypeOf() {
        throw new Error("trap");
      },
    });
    for (const thrown of [revoked.proxy, hostile]) {
      for (const idempotency of [undefined, false] as const) {
        const { router, lines } = setUp({ idempotency });
        router.onAny(() => {
          throw thrown;
        });
        router.onAny(() => Promise.reject(thrown));
        expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed", status: 500 });
        expect(lines.at(-1)).toMatch(/outcome=handler_failed/);
      }
    }
  });

  it("P48: promises that misbehave are failures, and none is left unattended", async () => {
    const strange = [
      () =>
        Object.assign(Promise.resolve(), {
          // biome-ignore lint/suspicious/noThenProperty: a strange promise is what this is about
          then() {
            throw new Error("trap");
          },
        }),
      () =>
        Object.defineProperty(Promise.resolve(), "constructor", {
          get() {
            throw new Error("trap");
          },
        }),
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: a strange promise is what this is about
        then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
          resolve(Promise.reject(new Error("nested")));
          resolve(1);
          reject(new Error("again"));
        },
      }),
      () =>
        Promise.reject(
          Object.defineProperty(new Discard("x"), "reason", {
            get() {
              throw new Error("trap");
            },
          }),
        ),
    ];
    for (const idempotency of [undefined, false] as const) {
      for (const make of strange) {
        const { router } = setUp({ idempotency, deadlineMs: 1000 });
        router.onAny(make);
        expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed" });
      }
    }
  });

  it("are answered in time although they block the process for a while first", async () => {
    const { router } = setUp({ deadlineMs: 2000 });
    router.onAny(() => {
      const end = performance.now() + 1800;
      while (performance.now() < end);
      return new Promise((resolve) => setTimeout(resolve, 5000));
    });
    const begun = performance.now();
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "deadline_exceeded" });
    // Not the 3800 ms that it takes when the time runs from the first wait.
    expect(performance.now() - begun).toBeLessThan(3300);
  });

  it("are awaited whatever kind of promise they return", async () => {
    const callable = Object.assign(() => undefined, {
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
      then: (_resolve: unknown, reject: (error: Error) => void) => reject(new Error("mine")),
    });
    for (const returned of [callable, { ...callable }]) {
      const { router } = setUp();
      router.onAny(() => returned);
      expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed" });
    }
  });

  it("are awaited where the application replaced the global Promise", async () => {
    const { router } = setUp();
    let done = false;
    router.onAny(async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      done = true;
    });
    const delivery = await signed(success("v"), { body: async () => toBytes(success("v")) });
    class ReplacedPromise<Value> extends Promise<Value> {}
    vi.stubGlobal("Promise", ReplacedPromise);
    try {
      expect(await router.receive(delivery)).toMatchObject({ result: "processed", status: 200 });
      expect(done).toBe(true);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("several failures are one HandlerError with an AggregateError", async () => {
    const { router, errors } = setUp();
    const ran: string[] = [];
    router
      .on("avatar_video.success", () => {
        throw new Error("one");
      })
      .on("avatar_video.*", () => Promise.reject(new Error("two")))
      .onAny(() => ran.push("third"));
    expect(await router.receive(await signed(success("v")))).toMatchObject({ result: "handler_failed" });
    expect(errors[0]?.cause).toMatchObject({ errors: [{ message: "one" }, { message: "two" }] });
    expect(ran).toEqual(["third"]);
  });

  it("RetryLater asks the sender to come back, and the event runs then", async () => {
    const { router, errors } = setUp();
    let runs = 0;
    router.onAny(() => {
      if (++runs === 1) throw new RetryLater({ afterSeconds: 90.2, cause: new Error("not there yet") });
    });
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "retry_later", status: 503, retryAfterSeconds: 91 });
    expect(errors[0]).toMatchObject({ code: "retry_later", message: expect.stringMatching(/90\.2 seconds/) });
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });

  it("Discard acknowledges the event for good", async () => {
    const { router, errors, lines } = setUp();
    router.onAny(() => Promise.reject(new Discard("not ours")));
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "discarded", status: 200, reason: "not ours" });
    expect(lines.at(-1)).not.toMatch(/not ours/);
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(errors).toEqual([]);
  });

  it("a failure outweighs RetryLater, which outweighs Discard", async () => {
    const outcomeOf = async (...thrown: readonly unknown[]) => {
      const { router } = setUp();
      for (const each of thrown) router.onAny(() => Promise.reject(each));
      return (await router.receive(await signed(success("v")))).result;
    };
    expect(await outcomeOf(new Discard("d"), new RetryLater(), new Error("e"))).toBe("handler_failed");
    expect(await outcomeOf(new Discard("d"), new RetryLater({ afterSeconds: 1 }), new RetryLater({ afterSeconds: 2 }))).toBe("retry_later");
    expect(await outcomeOf(new Discard("d"))).toBe("discarded");
  });

  it("P50: a handler that is too slow is answered 503, goes on, and its event is a duplicate afterwards", async () => {
    const { router, errors, lines } = setUp({ deadlineMs: 20 });
    let finish = (): void => undefined;
    router.onAny(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const delivery = await signed(success("v"));
    expect(await router.receive(delivery)).toMatchObject({ result: "deadline_exceeded", status: 503, retryAfterSeconds: 1 });
    expect(errors[0]).toMatchObject({ name: "HandlerError", code: "deadline_exceeded" });
    expect(await router.receive(delivery)).toMatchObject({ result: "in_progress", status: 503 });
    finish();
    await vi.waitFor(() => expect(lines.at(-1)).toMatch(/outcome=processed .*late=true/), { timeout: 10_000 });
    expect(await router.receive(delivery)).toMatchObject({ result: "duplicate", status: 200 });
  });

  it("a handler that fails after the answer is reported, and its event runs again", async () => {
    const contexts: { afterAnswer: boolean; result: string }[] = [];
    const { router } = setUp({ deadlineMs: 20 });
    router.onError((_error, context) => contexts.push(context));
    let fail: ((error: Error) => void) | undefined;
    router.onAny(() =>
      fail
        ? undefined
        : new Promise((_resolve, reject) => {
            fail = reject;
          }),
    );
    const delivery = await signed(success("v"));
    await router.receive(delivery);
    fail?.(new Error("late"));
    await vi.waitFor(() => expect(contexts.at(-1)).toMatchObject({ result: "handler_failed", afterAnswer: true }), { timeout: 10_000 });
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
  });

  it("P34: keeps the claim of a slow handler alive, and aborts its signal when it is lost", async () => {
    const store = createMemoryStore();
    const extend = vi.fn(async () => true);
    const { router } = setUp({ deadlineMs: 20, idempotency: { ...store, extend } });
    let signal: AbortSignal | undefined;
    let finish = (): void => undefined;
    router.onAny((_event, context) => {
      signal = context.signal;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    vi.useFakeTimers();
    try {
      const answer = router.receive(await signed(success("v")));
      await vi.advanceTimersByTimeAsync(20);
      expect(await answer).toMatchObject({ result: "deadline_exceeded" });
      await vi.advanceTimersByTimeAsync(65_000);
      expect(extend.mock.calls.length).toBeGreaterThanOrEqual(4);
      expect(signal?.aborted).toBe(false);
      extend.mockImplementation(() => Promise.reject(new Error("down for a moment")));
      await vi.advanceTimersByTimeAsync(20_000);
      expect(signal?.aborted).toBe(false);
      extend.mockImplementation(async () => false);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(signal?.aborted).toBe(true);
      finish();
      await vi.advanceTimersByTimeAsync(0);
      const calls = extend.mock.calls.length;
      await vi.advanceTimersByTimeAsync(100_000);
      expect(extend.mock.calls.length).toBe(calls);
    } finally {
      vi.useRealTimers();
    }
  });

  it("are told everything about the delivery", async () => {
    const { router } = setUp({ clock: () => 1_700_000_000_000 });
    const delivery = await signed(success("v", { callback_id: "order-1" }));
    let checked = false;
    router.on("avatar_video.success", (event, context) => {
      expect(context).toMatchObject({
        provider: "heygen",
        endpoint: "default",
        type: "avatar_video.success",
        id: "heygen/default/avatar_video.success/v",
        attempt: 1,
      });
      expect(context.receivedAt).toEqual(new Date(1_700_000_000_000));
      expect(context.rawBody).toEqual(delivery.body);
      expect(context.headers.get("Signature")).toBe((delivery.headers as { signature: string }).signature);
      expect(context.headers.get("absent")).toBeUndefined();
      expect(context.authenticity).toEqual({ method: "signature", secretIndex: 0 });
      expect(context.job).toMatchObject({ provider: "heygen", id: "v", status: "succeeded", reference: "order-1" });
      expect(context.job).toBe(context.job);
      expect(context.signal.aborted).toBe(false);
      expect(event.event_data.video_id).toBe("v");
      checked = true;
    });
    expect(await router.receive(delivery)).toMatchObject({ result: "processed" });
    expect(checked).toBe(true);
  });
});

describe("provider functions that throw", () => {
  it.each(["eventType", "dedupeKey", "toJob", "signedAt"])("%s: ends as configuration", async (name) => {
    const provider = defineProvider({
      name: "broken",
      signature: hmacHex({ headers: ["signature"] }),
      events: { e: { safeParse: (data: unknown) => ({ success: true as const, data }) } },
      eventType: () => "e",
      dedupeKey: () => ["e"],
      toJob: () => undefined,
      ackDeadlineMs: 1000,
      signedAt: () => 0,
      [name]: () => {
        throw new Error("bug");
      },
    });
    const errors: AnyWebhookError[] = [];
    const router = createRouter(provider({ secret, maxAgeSeconds: 60 }), { clock: () => 0 })
      .onJob("*", () => undefined)
      .onError((error) => errors.push(error));
    expect(await router.receive(await signed("{}"))).toMatchObject({ result: "configuration", status: 500 });
    expect(errors[0]).toMatchObject({ name: "ConfigurationError", cause: expect.objectContaining({ message: "bug" }) });
  });
});
