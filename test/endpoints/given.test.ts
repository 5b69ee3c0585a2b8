import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import {
  backfill,
  createHeyGenClient,
  createKlingClient,
  createKonProClient,
  type EndpointFetch,
  type HeyGenClient,
  type KlingClient,
  type KonProClient,
  type V1Endpoints,
} from "../../src/endpoints/index.ts";
import { ConfigurationError } from "../../src/errors.ts";
import { type HeyGenEventType, heygen as heygenProvider } from "../../src/providers/heygen.ts";
import { konpro as konproProvider } from "../../src/providers/konpro.ts";
import { createRouter } from "../../src/router.ts";

const emptyPage = (): Response => Response.json({ data: [], has_more: false });

describe("addresses", () => {
  const konpro = (baseUrl: string) => createKonProClient({ apiKey: "k", baseUrl });

  it.each([
    "http://api.heygen.com",
    "http://127.0.0.1.example.test",
    "http://localhost.example.test",
    "http://10.0.0.1",
    "ftp://127.0.0.1",
    "api.heygen.com",
    "",
    " https://api.heygen.com",
    "https://user:s3cret@api.heygen.com",
    "https://api.heygen.com?key=s3cret",
  ])("of an API cannot be %j", (baseUrl) => {
    expect(() => konpro(baseUrl)).toThrow(ConfigurationError);
    expect(() => konpro(baseUrl)).not.toThrow(/s3cret/);
  });

  it.each(["https://proxy.example.test/heygen/", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://api.localhost"])(
    "of an API can be %j",
    (baseUrl) => {
      expect(konpro(baseUrl)).toBeDefined();
    },
  );

  it("of an API keep their path", async () => {
    const asked: string[] = [];
    const send: EndpointFetch = async (url) => {
      asked.push(url);
      return emptyPage();
    };
    for (const baseUrl of [undefined, "https://proxy.example.test/heygen/"]) {
      await createHeyGenClient({ apiKey: "k", baseUrl, fetch: send }).list({ limit: 3 });
    }
    expect(asked).toEqual([
      "https://api.heygen.com/v3/webhooks/endpoints?limit=3",
      "https://proxy.example.test/heygen/v3/webhooks/endpoints?limit=3",
    ]);
  });

  it.each(["http://app.example.test/s3cret", "ftp://app.example.test", "/s3cret", "", "https://a.test/ s3cret", undefined, 7])(
    "of a webhook cannot be %j, which is said before anything is sent",
    async (url) => {
      const send = vi.fn();
      const apiKey = "k";
      const events = ["video.completed"] as const;
      for (const create of [
        () => createHeyGenClient({ apiKey, fetch: send }).create({ url: url as string }),
        () => createHeyGenClient({ apiKey, fetch: send }).update("ep_1", { url: url ?? "" } as { url: string }),
        () => createKonProClient({ apiKey, fetch: send }).create({ url: url as string }),
        () => createKlingClient({ apiKey, fetch: send }).create({ url: url as string, events }),
      ]) {
        const error = await create().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ name: "ConfigurationError", message: expect.stringContaining("https://") });
        expect(inspect(error)).not.toContain("s3cret");
      }
      expect(send).not.toHaveBeenCalled();
    },
  );

  it("of a webhook begin with http only where both it and the API are on this machine", async () => {
    const send = async () => Response.json({ data: { endpoint_id: "e", url: "u", secret: "s" } });
    const url = "http://127.0.0.1:8080/hooks";
    await expect(createHeyGenClient({ apiKey: "k", fetch: send }).create({ url })).rejects.toThrow(/https/);
    const local = createHeyGenClient({ apiKey: "k", fetch: send, baseUrl: "http://127.0.0.1:1" });
    expect(await local.create({ url })).toMatchObject({ id: "e" });
    await expect(local.create({ url: "http://app.example.test" })).rejects.toThrow(/https/);
  });
});

describe("names of events", () => {
  it("are checked by the compiler, and others have an option of their own", () => {
    const heygen = (client: HeyGenClient, url: string) => [
      client.create({ url, events: ["avatar_video.success"], otherEvents: ["brand.new"] }),
      // @ts-expect-error a misspelt name would be registered, and nothing would be delivered
      client.create({ url, events: ["avatar_video.succes"] }),
      // @ts-expect-error likewise
      client.update("ep_1", { events: ["video_translate.succes"] }),
      // @ts-expect-error it would find nothing
      client.events({ eventType: "avatar_video.failed" }),
      // @ts-expect-error the names of another provider
      client.create({ url, events: ["video.completed"] }),
    ];
    const others = (konpro: KonProClient, v1: V1Endpoints<HeyGenEventType>, kling: KlingClient, url: string) => [
      konpro.create({ url, events: ["avatar_video.success", "video.created", "avatar.updated"], entityId: "p-1" }),
      // @ts-expect-error misspelt
      konpro.create({ url, events: ["video.create"] }),
      // @ts-expect-error version 1 of HeyGen has no such option
      v1.create({ url, entityId: "p-1" }),
      kling.create({ url, events: ["video.completed"] }),
      // @ts-expect-error nothing can be registered for it
      kling.create({ url, events: ["task.succeeded"] }),
    ];
    const recovering = (client: HeyGenClient, since: Date) => [
      backfill(createRouter(heygenProvider({ secret: "s" })), client, { since, eventType: "avatar_video.fail" }),
      // @ts-expect-error only HeyGen has a history
      backfill(createRouter(konproProvider({ secret: "s" })), client, { since }),
    ];
    // They are compiled, and never run.
    expect([heygen, others, recovering]).toHaveLength(3);
  });
});

describe("what is refused before a call", () => {
  it.each([
    [{ apiKey: undefined }, /apiKey is undefined/],
    [{ apiKey: "" }, /apiKey is empty/],
    [{ apiKey: "s3cret\n" }, /line breaks/],
    [{ apiKey: "s3crét" }, /ASCII/],
    [{ apiKey: "a", accessToken: "b" }, /not both/],
    [{}, /apiKey/],
    [{ apiKey: "a", timeoutMs: 0 }, /timeoutMs/],
    [{ apiKey: "a", retries: -1 }, /retries/],
    [{ apiKey: "a", backoffMs: Number.NaN }, /backoffMs/],
    [{ apiKey: "a", maxWaitMs: 2 ** 31 }, /maxWaitMs/],
    [{ apiKey: "a", fetch: 7 }, /fetch/],
  ])("the options %j", (options, message) => {
    const make = () => createHeyGenClient(options as never);
    expect(make).toThrow(message);
    expect(make).toThrow(ConfigurationError);
    expect(make).not.toThrow(/s3cr/);
  });

  it.each(["", "..", ".", "a/b", "a?b", "é", "x".repeat(201), undefined])("the id %j", async (id) => {
    const send = vi.fn();
    const client = createHeyGenClient({ apiKey: "k", fetch: send });
    for (const call of [() => client.delete(id as string), () => client.rotateSecret(id as string)]) {
      await expect(call()).rejects.toThrow(ConfigurationError);
    }
    expect(send).not.toHaveBeenCalled();
  });

  it("an empty list of events, which would subscribe to all", async () => {
    const send = vi.fn();
    const client = createHeyGenClient({ apiKey: "k", fetch: send });
    await expect(client.create({ url: "https://a.test", events: [] })).rejects.toThrow(/null for all/);
    await expect(client.update("ep_1", { events: [] })).rejects.toThrow(/null for all/);
    await expect(client.create({ url: "https://a.test", events: "avatar_video.success" as never })).rejects.toThrow(/array/);
    expect(send).not.toHaveBeenCalled();
  });

  it("lists of events that say two things", async () => {
    const send = vi.fn();
    const client = createHeyGenClient({ apiKey: "k", fetch: send });
    const url = "https://a.test";
    await expect(client.create({ url, events: null, otherEvents: ["brand.new"] })).rejects.toThrow(/leave out otherEvents/);
    await expect(client.create({ url, otherEvents: [] })).rejects.toThrow(/null for all/);
    await expect(client.create({ url, otherEvents: null as never })).rejects.toThrow(/otherEvents must be an array/);
    await expect(client.events({ eventType: "avatar_video.fail", otherEventType: "brand.new" })).rejects.toThrow(/not both/);
    const kling = createKlingClient({ apiKey: "k", fetch: send });
    for (const given of [{}, { events: [] }, { events: [], otherEvents: [] }]) {
      await expect(kling.create({ url, ...given })).rejects.toThrow(/at least one/);
    }
    expect(send).not.toHaveBeenCalled();
  });

  it("nothing because it is frozen", async () => {
    const send = async () => Response.json({ data: { endpoint_id: "e", url: "u", secret: "s" } });
    const options = Object.freeze({ apiKey: "k", fetch: send, retries: undefined });
    const settings = Object.freeze({ url: "https://app.example.test", events: Object.freeze(["avatar_video.success" as const]) });
    expect(await createHeyGenClient(options).create(settings)).toMatchObject({ id: "e" });
  });
});
