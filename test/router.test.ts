import { describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../src/errors.ts";
import { heygen } from "../src/providers/heygen.ts";
import { kling } from "../src/providers/kling.ts";
import { konpro } from "../src/providers/konpro.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { createRouter } from "../src/router.ts";
import { RetryLater } from "../src/signals.ts";
import { secret, signed, success } from "./suites/deliveries.ts";

const router = () => createRouter(heygen({ secret }), { idempotency: false });
const event = (type: string) => signed(JSON.stringify({ event_type: type, event_data: { video_id: "v", video_translate_id: "t" } }));

describe("on", () => {
  it("runs handlers of one type, of several and of a family", async () => {
    const seen: string[] = [];
    const routed = router()
      .on("avatar_video.success", () => seen.push("one"))
      .on(["avatar_video.success", "video_translate.fail"], () => seen.push("several"))
      .on("avatar_video.*", () => seen.push("family"))
      .onAny(() => seen.push("any"));
    await routed.receive(await event("avatar_video.success"));
    expect(seen).toEqual(["one", "several", "family", "any"]);
    seen.length = 0;
    await routed.receive(await event("video_translate.fail"));
    expect(seen).toEqual(["several", "any"]);
    seen.length = 0;
    await routed.receive(await event("avatar_video_gif.success"));
    expect(seen).toEqual(["any"]);
  });

  it("knows families of families", async () => {
    const seen: string[] = [];
    const routed = router()
      .on("video_translate.*", (_event, { type }) => seen.push(`outer ${type}`))
      .on("video_translate.preflight.*", (_event, { type }) => seen.push(`inner ${type}`));
    await routed.receive(await event("video_translate.preflight.download_failed"));
    await routed.receive(await event("video_translate.success"));
    expect(seen).toEqual([
      "outer video_translate.preflight.download_failed",
      "inner video_translate.preflight.download_failed",
      "outer video_translate.success",
    ]);
  });

  it("runs a handler once although several patterns of one call cover the event", async () => {
    const handler = vi.fn();
    await router()
      .on(["avatar_video.success", "avatar_video.*"], handler)
      .receive(await event("avatar_video.success"));
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("runs handlers concurrently", async () => {
    const order: string[] = [];
    const later = (name: string) => async () => {
      order.push(`${name} starts`);
      await Promise.resolve();
      order.push(`${name} ends`);
    };
    await router()
      .onAny(later("a"))
      .onAny(later("b"))
      .receive(await event("avatar_video.success"));
    expect(order).toEqual(["a starts", "b starts", "a ends", "b ends"]);
  });

  it.each([
    "avatar_video.succes",
    "avatar_video",
    "*",
    ".*",
    "avatar.*",
    "avatar_video.**",
    "constructor",
    "__proto__",
    "toString",
    "",
    7,
    undefined,
  ])("P22: throws for %j, which is no event type", (type) => {
    expect(() => router().on(type as never, () => undefined)).toThrow(ConfigurationError);
    expect(() => router().off(type as never, () => undefined)).toThrow(ConfigurationError);
  });

  it("guesses what a misspelt type was meant to be", () => {
    expect(() => router().on("avatar_video.succes" as never, () => undefined)).toThrow(/Did you mean "avatar_video.success"\?.*onUnknown/);
    expect(() => router().on("video.done" as never, () => undefined)).toThrow(/heygen has no event type "video.done"/);
    expect(() => router().on("avatar_vide.*" as never, () => undefined)).toThrow(/Did you mean "avatar_video\.\*"\?/);
    const withoutFamilies = Object.fromEntries(
      Object.entries(heygen({ secret })).map(([name, value]) => [name, name === "events" ? { done: value } : value]),
    );
    expect(() => createRouter(withoutFamilies as never).on("don.*" as never, () => undefined)).toThrow(/has no event type "don\.\*"\. Use/);
  });

  it("throws for a handler that is none", () => {
    for (const method of ["onAny", "onUnknown", "onError"] as const) {
      expect(() => router()[method](undefined as never)).toThrow(/handler must be a function/);
    }
    expect(() => router().on("avatar_video.success", "handler" as never)).toThrow(ConfigurationError);
    expect(() => router().onJob("*", null as never)).toThrow(ConfigurationError);
  });

  it("takes effect after the first delivery", async () => {
    const routed = router();
    expect(await routed.receive(await event("avatar_video.success"))).toMatchObject({ result: "ignored" });
    routed.on("avatar_video.success", () => undefined);
    expect(await routed.receive(await event("avatar_video.success"))).toMatchObject({ result: "processed" });
  });
});

describe("off", () => {
  it("removes a handler for the types that are named", async () => {
    const handler = vi.fn();
    const routed = router().on("avatar_video.*", handler).off("avatar_video.success", handler);
    expect(await routed.receive(await event("avatar_video.success"))).toMatchObject({ result: "ignored" });
    expect(await routed.receive(await event("avatar_video.fail"))).toMatchObject({ result: "processed" });
    routed.off("avatar_video.*", handler).off("avatar_video.*", handler);
    expect(await routed.receive(await event("avatar_video.fail"))).toMatchObject({ result: "ignored" });
  });

  it("leaves a run alone that has started", async () => {
    const routed = router();
    const second = vi.fn();
    routed.onAny(() => routed.off("avatar_video.success", second)).on("avatar_video.success", second);
    await routed.receive(await event("avatar_video.success"));
    expect(second).toHaveBeenCalledTimes(1);
  });
});

describe("onUnknown", () => {
  it.each(["avatar_video.progress", "constructor", "__proto__", "toString", "hasOwnProperty"])(
    "P22: gets the type %j, and only it",
    async (type) => {
      const known = vi.fn();
      const unknown = vi.fn();
      const delivery = await signed(`{"event_type":${JSON.stringify(type)},"event_data":{"a":1}}`);
      const outcome = await router().onAny(known).onJob("*", known).onUnknown(unknown).receive(delivery);
      expect(outcome).toMatchObject({ result: "unknown", status: 200, type });
      expect(known).not.toHaveBeenCalled();
      expect(unknown).toHaveBeenCalledWith({ type, body: { event_type: type, event_data: { a: 1 } } }, expect.objectContaining({ type }));
      expect(unknown.mock.calls[0]?.[1].job).toBeUndefined();
    },
  );

  it("P49: unknown events are acknowledged without a handler, and once with one", async () => {
    const routed = createRouter(heygen({ secret }));
    const delivery = await event("brand_new.event");
    expect(await routed.receive(delivery)).toMatchObject({ result: "unknown", status: 200 });
    const unknown = vi.fn();
    routed.onUnknown(unknown);
    expect(await routed.receive(delivery)).toMatchObject({ result: "unknown" });
    expect(await routed.receive(delivery)).toMatchObject({ result: "duplicate" });
    expect(unknown).toHaveBeenCalledTimes(1);
  });
});

describe("onJob", () => {
  it("selects by status, and one handler fits every provider", async () => {
    const seen: string[] = [];
    const handler = (job: { provider: string; id: string; status: string }): void =>
      void seen.push(`${job.provider} ${job.id} ${job.status}`);
    const routers = [
      createRouter(heygen({ unsigned: true })),
      createRouter(konpro({ unsigned: true })),
      createRouter(videopilot({ unsigned: true })),
      createRouter(kling({ unsigned: true })),
    ].map((routed) => routed.onJob(["succeeded", "failed"], handler));
    const bodies = [
      success("v1"),
      success("v2").replace("success", "fail"),
      '{"event":"render.completed","timestamp":"2026-01-01T00:00:00.000Z","data":{"render_job_id":"r"}}',
      '{"id":"t","status":"processing"}',
    ];
    for (const [index, routed] of routers.entries()) {
      await routed.receive({ method: "POST", url: "/", headers: {}, body: bodies[index] as string });
    }
    expect(seen).toEqual(["heygen v1 succeeded", "konpro v2 failed", "videopilot r succeeded"]);
  });

  it('takes "*" for every status', async () => {
    const handler = vi.fn();
    await router()
      .onJob("*", handler)
      .receive(await event("avatar_video.fail"));
    expect(handler).toHaveBeenCalledWith(
      expect.objectContaining({ status: "failed" }),
      expect.objectContaining({ type: "avatar_video.fail" }),
    );
  });

  it("throws for a status that does not exist", () => {
    expect(() => router().onJob("done" as never, () => undefined)).toThrow(/no job status "done".*succeeded/);
  });
});

describe("onError", () => {
  it("P48: a listener that throws or rejects harms nothing", async () => {
    const error = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error };
    const heard = vi.fn();
    const routed = createRouter(heygen({ secret }), { logger })
      .onError(() => {
        throw new TypeError("MARKER");
      })
      .onError(() => Promise.reject())
      .onError(heard);
    expect(await routed.receive(await signed("{}", { headers: {} }))).toMatchObject({ status: 401 });
    await vi.waitFor(() => expect(error).toHaveBeenCalledTimes(2), { timeout: 10_000 });
    expect(error.mock.calls.flat()).toEqual([
      "webhook provider=heygen onError=failed error=TypeError",
      "webhook provider=heygen onError=failed error=undefined",
    ]);
    expect(heard).toHaveBeenCalledWith(expect.objectContaining({ code: "signature_missing" }), {
      provider: "heygen",
      endpoint: "default",
      result: "unauthenticated",
      type: undefined,
      id: undefined,
      afterAnswer: false,
    });
  });

  it("P48: a listener and a logger that both fail harm nothing", async () => {
    const fail = (): never => {
      throw new Error("disk full");
    };
    const logger = { debug: fail, info: fail, warn: fail, error: fail };
    for (const listener of [fail, async () => fail()]) {
      const routed = createRouter(heygen({ secret }), { logger }).onError(listener);
      expect(await routed.receive(await signed("{}", { headers: {} }))).toMatchObject({ status: 401 });
    }
    const rejecting = () => Promise.reject(new Error("disk full"));
    const asynchronous = { debug: rejecting, info: rejecting, warn: rejecting, error: rejecting };
    expect(await createRouter(heygen({ secret }), { logger: asynchronous }).receive(await signed("{}", { headers: {} }))).toMatchObject({
      status: 401,
    });
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("a clock that fails harms nothing", async () => {
    const clock = (): never => {
      throw new Error("broken");
    };
    const routed = createRouter(heygen({ secret }), { clock }).onError(() => undefined);
    expect(await routed.receive(await signed("{}"))).toMatchObject({ result: "configuration", status: 500 });
  });

  it("is not replaced by console.error for what a handler asked for", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const routed = createRouter(heygen({ secret })).onAny(() => {
        throw new RetryLater({ afterSeconds: 1e30 });
      });
      expect(await routed.receive(await event("avatar_video.fail"))).toMatchObject({ result: "retry_later", retryAfterSeconds: 86_400 });
      expect(print).not.toHaveBeenCalled();
    } finally {
      print.mockRestore();
    }
  });

  it("a type that tries to forge a line or to flood the log is quoted and cut in messages", async () => {
    const messages: string[] = [];
    const routed = createRouter(heygen({ unsigned: true }))
      .onUnknown(() => Promise.reject(new Error("mine")))
      .onError((error) => messages.push(error.message));
    for (const type of ["a\nSECOND LINE", "x".repeat(500_000), "\u009b31m\u2028\u202e"]) {
      await routed.receive({ method: "POST", url: "/", headers: {}, body: JSON.stringify({ event_type: type, event_data: {} }) });
    }
    expect(messages).toHaveLength(3);
    for (const message of messages) expect(message).toMatch(/^[ -~]{1,500}$/);
  });

  it("without a listener or a logger, a failure of the receiver is printed, without the message of what was thrown", async () => {
    const print = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const routed = createRouter(heygen({ secret })).onAny(() => {
        throw new RangeError("MARKER");
      });
      await routed.receive(await event("avatar_video.success"));
      await routed.receive(await signed("{}", { headers: {} }));
      expect(print).toHaveBeenCalledTimes(1);
      expect(print.mock.calls[0]?.[0]).toMatch(
        /^video-webhooks: A handler for avatar_video\.success failed \(RangeError\).*Register router\.onError\(\)/,
      );
      expect(print.mock.calls[0]?.[0]).not.toMatch(/MARKER/);
    } finally {
      print.mockRestore();
    }
  });
});

describe("dispatch", () => {
  it("runs the handlers for an event that was verified before", async () => {
    const handler = vi.fn();
    const routed = router().on("avatar_video.success", handler).onJob("succeeded", handler);
    const verified = { event_type: "avatar_video.success" as const, event_data: { video_id: "v" } };
    expect(await routed.dispatch(verified, { type: "avatar_video.success", id: "key", attempt: 3 })).toEqual({ result: "processed" });
    expect(handler).toHaveBeenNthCalledWith(
      1,
      verified,
      expect.objectContaining({ provider: "heygen", endpoint: "default", id: "key", attempt: 3 }),
    );
    expect(handler).toHaveBeenCalledTimes(2);
  });

  it("reports every way to end, and never rejects", async () => {
    const verified = { event_type: "avatar_video.fail" as const, event_data: { video_id: "v" } };
    const context = { type: "avatar_video.fail" as const, id: "key" };
    const cause = new Error("mine");
    expect(await router().dispatch(verified, context)).toEqual({ result: "ignored" });
    expect(
      await router()
        .onAny(() => {
          throw cause;
        })
        .dispatch(verified, context),
    ).toEqual({ result: "handler_failed", cause });
    expect(
      await router()
        .onUnknown(() => undefined)
        .dispatch({ type: "x", body: {} }, { type: "x", id: "key" }),
    ).toEqual({ result: "processed" });
    expect(
      await router()
        .onJob("*", () => undefined)
        .dispatch(null as never, context),
    ).toMatchObject({ result: "handler_failed" });
  });

  it("refuses a type that the provider does not declare, unless the event is an unknown one", async () => {
    const unknown = vi.fn();
    const routed = router().onUnknown(unknown);
    const result = await routed.dispatch({ event_type: "avatar_video.success" } as never, { type: "avatar_video.succes", id: "key" });
    expect(result).toMatchObject({
      result: "handler_failed",
      cause: expect.objectContaining({ message: expect.stringMatching(/Did you mean/) }),
    });
    expect(unknown).not.toHaveBeenCalled();
    const other = { type: "a", body: {} };
    expect(await routed.dispatch(other as never, { type: "b", id: "key" } as never)).toMatchObject({ result: "handler_failed" });
    expect(await routed.dispatch(undefined as never, undefined as never)).toMatchObject({ result: "handler_failed" });
  });

  it("takes the time of receipt as a queue stores it", async () => {
    const handler = vi.fn((_event: unknown, { receivedAt }: { receivedAt: Date }) => receivedAt);
    const receivedAt = "2026-02-03T04:05:06.789Z" as never;
    await router()
      .onAny(handler)
      .dispatch({} as never, { type: "avatar_video.fail", id: "key", receivedAt });
    expect(handler).toHaveReturnedWith(new Date(receivedAt));
  });

  it("hands on a signal from outside", async () => {
    const controller = new AbortController();
    const handler = vi.fn((_event: unknown, { signal }: { signal: AbortSignal }) => signal);
    await router()
      .onAny(handler)
      .dispatch({} as never, { type: "avatar_video.fail", id: "key", signal: controller.signal });
    expect(handler).toHaveReturnedWith(controller.signal);
  });
});

it("works with its methods detached", async () => {
  const { on, receive } = router();
  on("avatar_video.success", () => undefined);
  expect(await receive(await event("avatar_video.success"))).toMatchObject({ result: "processed" });
});

it.each([
  ["a factory instead of a provider", () => createRouter(heygen as never), /not the factory itself/],
  ["nothing", () => createRouter(undefined as never), /bound to a secret/],
  ["an inbox that is not open yet", () => createRouter(heygen({ secret }), { inbox: Promise.resolve({}) as never }), /is a promise.*await/],
  [
    "an option that does not exist",
    () => createRouter(heygen({ secret }), { maxBodySize: 10 } as never),
    /no option "maxBodySize".*maxBodyBytes/,
  ],
  ["a logger without methods", () => createRouter(heygen({ secret }), { logger: {} as never }), /option logger must have the methods/],
  [
    "a store that is none",
    () => createRouter(heygen({ secret }), { idempotency: true as never }),
    /option idempotency must have the methods/,
  ],
  ["an empty list of types", () => router().on([], () => undefined), /would never run/],
  ["an empty list of statuses", () => router().onJob([], () => undefined), /would never run/],
])("refuses %s", (_name, make, message) => {
  expect(make).toThrow(message);
  expect(make).toThrow(ConfigurationError);
});

it("takes frozen options and writes to none", async () => {
  const options = Object.freeze({ secret, endpoint: "e", header: Object.freeze(["x-sig"]) as string[] });
  const routed = createRouter(heygen(options), Object.freeze({ deadlineMs: 10, idempotency: false as const }));
  const { headers, ...delivery } = await event("avatar_video.success");
  expect(await routed.receive({ ...delivery, headers: { "x-sig": (headers as { signature: string }).signature } })).toMatchObject({
    result: "ignored",
  });
});

it.each([{ deadlineMs: 0 }, { deadlineMs: Number.NaN }, { deadlineMs: 2 ** 31 }, { maxBodyBytes: 0 }, { maxBodyBytes: "1" as never }])(
  "refuses the options %j",
  (options) => {
    expect(() => createRouter(heygen({ secret }), options)).toThrow(ConfigurationError);
  },
);
