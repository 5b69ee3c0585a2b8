import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import type { JsonObject, Provider } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { createRouter } from "../../src/router.ts";
import { sampleDelivery, samplePayload, sampleProviders, sampleTypes } from "../../src/testing/index.ts";
import { senderOf } from "../../src/testing/samples/senders.ts";
import { observe } from "../suites/provider-suite.ts";
import { signHex, standardHeaders } from "../suites/signer.ts";

const NOW = Date.parse("2026-11-21T12:00:00.250Z");
const standardSecret = "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=";
const plainSecret = "whsec_of-the-tests";

const providers: Readonly<Record<string, (secret: string) => Provider<string, object>>> = {
  konpro: (secret) => konpro({ secret }),
  heygen: (secret) => heygen({ secret }),
  videopilot: (secret) => videopilot({ secret }),
  kling: (secret) => kling({ secret }),
};
const providerOf = (name: string, secret = plainSecret): Provider<string, object> =>
  (providers[name] as (secret: string) => Provider<string, object>)(secret);

const all = sampleProviders.flatMap((provider) =>
  sampleTypes(provider).flatMap(({ type, variants }) => variants.map((variant) => ({ provider, type, variant }))),
);

/** For names that are not literals. */
const deliveryOf = (name: string, type: string, options: object = {}) =>
  sampleDelivery(name as "heygen", type as never, { now: NOW, secret: plainSecret, ...options });

describe.each(sampleProviders)("samples of %s", (name) => {
  it("are there for every event type that the provider declares, and for no other", () => {
    expect(
      sampleTypes(name)
        .map(({ type }) => type as string)
        .sort(),
    ).toEqual(Object.keys(providerOf(name).events).sort());
  });

  it("begin with the default shape", () => {
    for (const { variants } of sampleTypes(name)) expect(variants[0]).toBe("default");
  });

  it("come from a sender that waits as long as the provider does", () => {
    const { ackDeadlineMs, validation } = providerOf(name);
    expect(senderOf(name)).toMatchObject({ ackDeadlineMs });
    expect(senderOf(name).validationMs).toBe(validation?.withinMs);
  });

  it("differ from each other, so that one router takes none for a duplicate", async () => {
    const at = observe(providerOf(name));
    const own = all.filter(({ provider }) => provider === name);
    for (const { type, variant } of own) {
      const { delivery } = deliveryOf(name, type, { variant });
      expect([type, variant, (await at.router.receive(delivery)).result]).toEqual([type, variant, "processed"]);
    }
    expect(new Set(at.events.map(({ context }) => context.id)).size).toBe(own.length);
  });
});

describe.each(all)("the sample $provider $type ($variant)", ({ provider, type, variant }) => {
  it("is authentic and valid, reaches its handler with every field, and has a job", async () => {
    const { delivery, event } = deliveryOf(provider, type, { variant });
    const at = observe(providerOf(provider));
    expect([await at.router.receive(delivery), at.errors]).toMatchObject([{ result: "processed", type }, []]);
    expect(at.events).toMatchObject([{ type, event: event as object }]);
    expect(at.events[0]?.job).toMatchObject({ provider, id: expect.stringMatching(/./) });
    const { status, outputs, error } = at.jobs[0] ?? {};
    // A success has a file, and a failure says why.
    const makesFiles = /^(avatar_video|video_translate\.succ|video_agent|personalized|ai_clip|hyperframes|render|video\.comp|task)/.test(
      type,
    );
    // An element of Kling's library has no file of its own.
    if (status === "succeeded" && makesFiles && variant !== "element") expect(outputs).not.toEqual([]);
    if (status === "failed") expect(error?.message).toMatch(/^[A-Z].+\.$/);
    expect(error?.message).not.toBe("The provider gave no reason.");
  });

  it("names no host that anybody could own", () => {
    const text = JSON.stringify(samplePayload(provider, type as never, { variant: variant as never }));
    for (const [, host] of text.matchAll(/https?:\/\/([^/"\\]+)/g)) expect(host).toMatch(/(^|\.)example\.(test|com)$/);
    for (const [, host] of text.matchAll(/@([^"\\]+)/g)) expect(host).toMatch(/(^|\.)example\.(test|com)$/);
  });

  it("tells of a moment that is not after now, and moves with it", () => {
    const at = (now: number): string => JSON.stringify(samplePayload(provider, type as never, { variant: variant as never, now }));
    const times = at(NOW).match(/\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d{13}\b/g) ?? [];
    for (const time of times) expect(new Date(/T/.test(time) ? time : Number(time)).getTime()).toBeLessThanOrEqual(NOW);
    expect(at(NOW) === at(NOW + 86_400_000)).toBe(!/"(created_at|timestamp|create_time)"/.test(at(NOW)));
  });

  it("is a new one at each call, and follows the id that is asked for", async () => {
    const make = (id?: string) => samplePayload(provider, type as never, { variant: variant as never, now: NOW, id }) as object;
    expect(make()).toEqual(make());
    for (const key of ["event_data", "data"]) expect((make() as JsonObject)[key] ?? 1).not.toBe((make() as JsonObject)[key]);
    const at = observe(providerOf(provider));
    for (const id of ["own-1", "own-2"]) await at.router.receive(deliveryOf(provider, type, { variant, id }).delivery);
    expect(at.jobs.map((job) => job.id)).toEqual(["own-1", "own-2"]);
    expect(new Set(at.events.map(({ context }) => context.id)).size).toBe(2);
  });

  it("has no trace of the usual id where another one is asked for, and addresses that can be read with any", async () => {
    const at = observe(providerOf(provider));
    await at.router.receive(deliveryOf(provider, type, { variant }).delivery);
    const usual = at.jobs[0]?.id ?? "";
    expect(usual).not.toBe("");
    const make = (id: string): string => JSON.stringify(samplePayload(provider, type as never, { variant: variant as never, id }));
    expect(make("own-1")).not.toContain(usual);
    for (const [address] of make("a b/ü?").matchAll(/https:[^"\\]+/g)) expect(address).not.toMatch(/a b|ü/);
  });
});

describe("samplePayload", () => {
  it("replaces fields at any depth, arrays as a whole, and leaves out what is undefined", () => {
    const event = samplePayload("heygen", "ai_clipping.success", {
      now: NOW,
      overrides: { event_id: undefined, event_data: { title: "Own", clips: [{ id: "only" }], callback_id: null } },
    });
    expect(event).not.toHaveProperty("event_id");
    expect(event.event_data).toMatchObject({ title: "Own", clips: [{ id: "only" }], callback_id: null, status: "completed" });
    expect(event.event_data.clips).toHaveLength(1);
  });

  it("shares nothing with the overrides", () => {
    const clips = [{ id: "mine" }];
    const event = samplePayload("heygen", "ai_clipping.success", { overrides: { event_data: { clips } } });
    event.event_data.clips?.push({ id: "more" });
    if (event.event_data.clips?.[0]) event.event_data.clips[0].id = "changed";
    expect(clips).toEqual([{ id: "mine" }]);
  });

  it("P22: takes __proto__ for a field like any other", () => {
    const overrides = JSON.parse('{"event_data":{"__proto__":{"polluted":true}}}') as object;
    const { event_data } = samplePayload("heygen", "avatar_video.success", { overrides });
    expect(Object.getPrototypeOf(event_data)).toBe(Object.prototype);
    expect(Object.hasOwn(event_data, "__proto__")).toBe(true);
    expect("polluted" in {}).toBe(false);
  });

  it("P22: has no sample of what every object has", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(() => sampleTypes(name as never)).toThrow(/no samples of/);
      expect(() => samplePayload("kling", name as never)).toThrow(/no event type/);
      expect(() => samplePayload("kling", "task.failed", { variant: name as never })).toThrow(/"default", "legacy"; there is none/);
    }
  });

  it("is typed: misspelt names, fields and values do not compile", () => {
    const unused = [
      // @ts-expect-error no such provider
      () => samplePayload("heygem", "avatar_video.success"),
      // @ts-expect-error no such event type
      () => samplePayload("heygen", "avatar_video.sucess"),
      // @ts-expect-error an event type of another provider
      () => samplePayload("konpro", "video_agent.success"),
      // @ts-expect-error no such field
      () => samplePayload("heygen", "avatar_video.success", { overrides: { event_data: { video: "x" } } }),
      // @ts-expect-error a value of another type
      () => samplePayload("heygen", "avatar_video.success", { overrides: { event_data: { video_id: 7 } } }),
      // @ts-expect-error a shape of another event type
      () => samplePayload("kling", "task.failed", { variant: "images" }),
      // @ts-expect-error only Kling has several schemes
      () => sampleDelivery("heygen", "avatar_video.success", { scheme: "hex" }),
    ];
    expect(unused).toHaveLength(7);
    const event = samplePayload("videopilot", "render.completed");
    const url: string | null | undefined = event.data.output_url;
    expect(url).toMatch(/^https:/);
    // @ts-expect-error the event is not any
    expect(event.nothing).toBeUndefined();
  });
});

describe("sampleDelivery", () => {
  it("is enough to test a handler in three lines", async () => {
    const saved: unknown[] = [];
    const router = createRouter(heygen({ secret: plainSecret })).on("avatar_video.success", (event) => saved.push(event.event_data.url));
    const outcome = await router.receive(sampleDelivery("heygen", "avatar_video.success", { secret: plainSecret }).delivery);
    expect([outcome.result, saved]).toEqual(["processed", [expect.stringContaining(".mp4")]]);
  });

  it("gives the same event as bytes, as a payload, as a delivery and as a request", async () => {
    const sample = deliveryOf("konpro", "avatar_video.fail");
    const text = new TextDecoder().decode(sample.rawBody);
    expect(JSON.parse(text)).toEqual(sample.event);
    expect(sample.delivery).toEqual({ method: "POST", url: sample.url, headers: sample.headers, body: sample.rawBody });
    expect(sample.request).not.toBe(sample.request);
    for (let read = 0; read < 2; read++) {
      const { request } = sample;
      expect([request.method, request.url, await request.text()]).toEqual(["POST", "https://app.example.test/webhooks/konpro", text]);
      for (const [name, value] of Object.entries(sample.headers)) expect(request.headers.get(name)).toBe(value);
    }
  });

  it("is signed as each provider signs, by the judgement of another implementation", async () => {
    const digest = (sample: { readonly rawBody: Uint8Array }) => signHex(plainSecret, sample.rawBody);
    const json = { "content-type": "application/json" };
    const byHeygen = deliveryOf("heygen", "avatar_video.success");
    expect(byHeygen.headers).toEqual({ ...json, signature: await digest(byHeygen) });
    const byKonpro = deliveryOf("konpro", "avatar_video.success");
    expect(byKonpro.headers).toEqual({ ...json, "x-konpro-signature": await digest(byKonpro) });
    const byVideopilot = deliveryOf("videopilot", "render.failed");
    expect(byVideopilot.headers).toEqual({ ...json, "x-videopilot-signature": `sha256=${await digest(byVideopilot)}` });
    const byGuide = deliveryOf("kling", "video.completed");
    expect(byGuide.headers).toEqual({ ...json, "x-kling-signature": await digest(byGuide) });

    const byKling = deliveryOf("kling", "task.succeeded", { secret: standardSecret });
    const message = { id: byKling.headers["webhook-id"] as string, timestamp: Math.floor(NOW / 1000) };
    expect(byKling.headers).toEqual({ ...json, ...(await standardHeaders(standardSecret, message, byKling.rawBody)) });
  });

  it("has a message id that is that of the event, or the given one", () => {
    const idOf = (options: object) => deliveryOf("kling", "task.failed", { secret: standardSecret, ...options }).headers["webhook-id"];
    expect(idOf({})).toMatch(/^msg_[0-9a-f]{24}$/);
    expect(idOf({})).toBe(idOf({}));
    expect(idOf({})).not.toBe(idOf({ id: "another" }));
    expect(idOf({ messageId: "msg_mine" })).toBe("msg_mine");
  });

  it("follows the options scheme and header of the endpoint", async () => {
    const hexRouter = createRouter(kling({ secret: standardSecret, scheme: "hex" }));
    const byHex = sampleDelivery("kling", "task.failed", { secret: standardSecret, scheme: "hex" });
    expect((await hexRouter.receive(byHex.delivery)).result).toBe("ignored");
    const renamed = createRouter(konpro({ secret: plainSecret, header: "X-Other" }));
    const byOther = sampleDelivery("konpro", "avatar_video.fail", { secret: plainSecret, header: "X-Other" });
    expect((await renamed.receive(byOther.delivery)).result).toBe("ignored");
    expect(() => sampleDelivery("kling", "task.failed", { secret: standardSecret, header: "x-other" })).toThrow(/fixes its header names/);
    expect(() => deliveryOf("heygen", "avatar_video.fail", { scheme: "hex" })).toThrow(/one scheme only/);
  });

  it("carries a token in its URL, and no signature without a secret", async () => {
    const token = "0f8fad5b-d9cb-469f-a165";
    const sample = sampleDelivery("kling", "task.submitted", { token, url: "/hooks/kling?a=1", variant: "console" });
    expect(sample.url).toBe(`https://app.example.test/hooks/kling?a=1&token=${token}`);
    expect(sample.headers).toEqual({ "content-type": "application/json" });
    expect((await createRouter(kling({ token })).receive(sample.delivery)).result).toBe("ignored");
    expect((await createRouter(kling({ secret: standardSecret })).receive(sample.delivery)).reason).toBe("signature_missing");
  });

  it("holds at the time that it was made for, by the clock of the router", async () => {
    const idempotency = createMemoryStore();
    const receive = (clock: number) =>
      createRouter(kling({ secret: standardSecret }), { clock: () => clock, idempotency }).receive(
        deliveryOf("kling", "task.failed", { secret: standardSecret }).delivery,
      );
    expect((await receive(NOW)).result).toBe("ignored");
    expect((await receive(NOW + 302_000)).reason).toBe("timestamp_too_old");
  });

  it("refuses options that cannot be meant, and tells neither secret nor token", () => {
    for (const [options, message] of [
      [{ secret: "" }, /A secret is required/],
      [{ secret: "PLANTED " }, /white space/],
      [{ now: Number.NaN }, /option now/],
      [{ now: new Date(Number.NaN) }, /option now/],
      [{ url: "http://[PLANTED", token: "PLANTED" }, /is no URL/],
    ] as const) {
      expect(() => deliveryOf("heygen", "avatar_video.success", options)).toThrow(message);
      expect(() => deliveryOf("heygen", "avatar_video.success", options)).not.toThrow(/PLANTED/);
    }
  });

  it("shows its secret to nobody who prints it", () => {
    const sample = deliveryOf("heygen", "avatar_video.success");
    expect(JSON.stringify(sample)).not.toContain(plainSecret);
    expect(Object.getOwnPropertySymbols(sample)).toEqual([]);
  });
});
