import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeHandler } from "../../src/adapters/node.ts";
import {
  createHeyGenV1Client,
  createKlingClient,
  createKonProClient,
  type KonProClient,
  type V1Endpoints,
} from "../../src/endpoints/index.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { createRouter } from "../../src/router.ts";
import { type FakeApi, listen, shut, startFakeApi } from "./fake-api.ts";
import { startFakeHeyGen } from "./fake-heygen.ts";
import { type FakeKonPro, startFakeKonPro } from "./fake-konpro.ts";

const open: (() => Promise<void>)[] = [];
let receiverUrl: string;
beforeEach(async () => {
  const { server, url } = await listen(nodeHandler(createRouter(konpro({ unsigned: true }))));
  receiverUrl = url;
  open.push(() => shut(server));
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Client = V1Endpoints<"avatar_video.success" | "avatar_video.fail">;
type Setup = () => Promise<{ readonly client: Client; readonly fake: FakeApi; readonly secretBegins: string }>;

async function setUpKonPro(): Promise<{ readonly client: KonProClient; readonly fake: FakeKonPro; readonly secretBegins: string }> {
  const fake = await startFakeKonPro();
  open.push(fake.close);
  const client = createKonProClient({ apiKey: fake.apiKey, baseUrl: fake.url, backoffMs: 0 });
  return { client, fake, secretBegins: "whsec_konpro" };
}

async function setUpHeyGen(): Promise<{ readonly client: Client; readonly fake: FakeApi; readonly secretBegins: string }> {
  const fake = await startFakeHeyGen();
  open.push(fake.close);
  return { client: createHeyGenV1Client({ apiKey: fake.apiKey, baseUrl: fake.url, backoffMs: 0 }), fake, secretBegins: "whsec_fake" };
}

const setups: Readonly<Record<string, Setup>> = { KonPro: setUpKonPro, "HeyGen v1": setUpHeyGen };

describe.each(Object.entries(setups))("the client for %s", (_name, setUp) => {
  it("registers, lists, changes and deletes an endpoint", async () => {
    const { client, secretBegins } = await setUp();
    const created = await client.create({ url: receiverUrl, events: ["avatar_video.success"] });
    expect(created).toMatchObject({ url: receiverUrl, events: ["avatar_video.success"], status: "enabled", createdAt: expect.any(Date) });
    expect(created.secret.startsWith(secretBegins)).toBe(true);
    expect((await client.list()).map(({ id }) => id)).toEqual([created.id]);
    expect(await client.update(created.id, { events: ["avatar_video.fail"] })).toMatchObject({ events: ["avatar_video.fail"] });
    expect(await client.update(created.id, { events: null })).toMatchObject({ url: receiverUrl, events: null });
    await client.delete(created.id);
    expect(await client.list()).toEqual([]);
    await expect(client.delete(created.id)).rejects.toMatchObject({
      code: "not_found",
      providerMessage: expect.stringMatching(/not found/),
    });
    expect((await client.eventTypes()).map(({ type }) => type)).toContain("avatar_video.success");
  });

  it("shows no secret but when one is asked for", async () => {
    const { client } = await setUp();
    const { id, secret } = await client.create({ url: receiverUrl });
    const shown = [await client.list(), await client.update(id, { url: `${receiverUrl}/b` })];
    expect(inspect(shown, { showHidden: true, depth: 9 })).not.toContain("whsec_");
    expect(JSON.stringify(shown)).not.toContain("whsec_");
    expect(await client.secretOf(id)).toBe(secret);
    await expect(client.secretOf("other")).rejects.toMatchObject({ code: "not_found" });
  });

  it("never registers twice: what may have taken effect is not repeated, what the API has refused to do is", async () => {
    for (const mishap of [{ hangUp: "after" }, { status: 500 }, { status: 503, headers: { "retry-after": "0" } }] as const) {
      const { client, fake } = await setUp();
      fake.mishaps.push(mishap);
      await expect(client.create({ url: receiverUrl })).rejects.toMatchObject({ code: "unavailable" });
      expect(fake.requests).toHaveLength(1);
      expect(fake.requests[0]?.headers["idempotency-key"]).toBeUndefined();
    }
    const { client, fake } = await setUp();
    fake.mishaps.push({ status: 429, headers: { "retry-after": "0" } });
    expect(await client.create({ url: receiverUrl })).toMatchObject({ status: "enabled" });
    expect(fake.requests).toHaveLength(2);
  });

  it("says of what may have taken effect that it may, and what to do before it is repeated", async () => {
    for (const mishap of [{ hangUp: "after" }, { status: 500 }, { status: 408 }, { status: 503 }] as const) {
      const { client, fake } = await setUp();
      fake.mishaps.push(mishap);
      const message = await client.create({ url: receiverUrl }).catch(String);
      expect(message, JSON.stringify(mishap)).toContain("; it may have taken effect. Look with list() before you repeat it.");
      expect(message).not.toContain("Try again");
      fake.mishaps.push({ status: 400 });
      await expect(client.create({ url: receiverUrl })).rejects.not.toThrow(/taken effect/);
    }
  });

  it("says of an answer that is not what it must be that the call has taken effect", async () => {
    const { client, fake } = await setUp();
    fake.mishaps.push({ status: 201, body: "<html>" }, { status: 201, body: { data: { endpoint_id: "a" } } });
    fake.mishaps.push({ body: { data: "x".repeat(1024 * 1024) } }, { body: {} });
    for (let call = 1; call <= 3; call++) {
      await expect(client.create({ url: receiverUrl })).rejects.toMatchObject({
        code: "unexpected_answer",
        message: expect.stringContaining("; the status says that it has taken effect. Look with list() before you repeat it."),
      });
    }
    const read = await client.list().catch(String);
    expect(read).not.toContain("effect");
  });

  it("has deleted what is gone when it asks once more", async () => {
    const { client, fake } = await setUp();
    const { id } = await client.create({ url: receiverUrl });
    fake.mishaps.push({ hangUp: "after" });
    expect(await client.delete(id)).toBeUndefined();
    expect(fake.requests).toHaveLength(3);
    fake.mishaps.push({ status: 429 });
    await expect(client.delete(id)).rejects.toMatchObject({ code: "not_found" });
  });

  it("repeats what may be done twice", async () => {
    const { client, fake } = await setUp();
    const { id } = await client.create({ url: receiverUrl });
    fake.mishaps.push({ hangUp: "before" }, { status: 502 });
    expect(await client.list()).toHaveLength(1);
    fake.mishaps.push({ status: 500 });
    await client.update(id, { url: `${receiverUrl}/b` });
    fake.mishaps.push({ status: 500 });
    await client.delete(id);
    expect(fake.requests).toHaveLength(1 + 3 + 2 + 2);
  });

  it("does not take a list without a secret for an answer to who asks for one, nor an endpoint without", async () => {
    const { client, fake } = await setUp();
    const endpoint = { endpoint_id: "a", url: receiverUrl, secret: null };
    fake.mishaps.push({ body: { data: [endpoint] } }, { body: endpoint });
    await expect(client.secretOf("a")).rejects.toMatchObject({ code: "unexpected_answer" });
    await expect(client.create({ url: receiverUrl })).rejects.toThrow(/without a secret/);
  });
});

describe("the client for KonPro", () => {
  it("takes the list under both of its names, and sends an empty list for all events", async () => {
    const { client, fake } = await setUpKonPro();
    await client.create({ url: receiverUrl, events: null });
    expect(fake.requests[0]?.body.events).toEqual([]);
    fake.listName = "endpoints";
    expect(await client.list()).toMatchObject([{ id: "webhook_1", events: null, username: "user123" }]);
  });

  it("registers the names that are in the samples of its pages only, and limits an endpoint to one resource", async () => {
    const { client, fake } = await setUpKonPro();
    await client.create({ url: receiverUrl, events: ["video.created", "avatar.updated"], entityId: "p-1" });
    expect(fake.requests[0]?.body).toEqual({ url: receiverUrl, events: ["video.created", "avatar.updated"], entity_id: "p-1" });
  });

  it("is refused where nothing answers the probe", async () => {
    const fake = await startFakeKonPro(30);
    const deaf = await listen(() => undefined);
    open.push(fake.close, () => shut(deaf.server));
    const client = createKonProClient({ apiKey: fake.apiKey, baseUrl: fake.url });
    await expect(client.create({ url: deaf.url })).rejects.toMatchObject({
      code: "invalid_request",
      status: 400,
      providerMessage: "The endpoint did not answer.",
    });
  });
});

describe("the client for HeyGen v1", () => {
  it("takes a failure inside of an answer with a status of success for one", async () => {
    const { client, fake } = await setUpHeyGen();
    await expect(client.delete("nothing")).rejects.toMatchObject({ code: "not_found", status: 200, providerCode: "404123" });
    for (const [code, expected] of [
      [400144, "invalid_request"],
      [40009, "unauthorized"],
      [401028, "unauthorized"],
      [500001, "unavailable"],
      [7, "invalid_request"],
    ] as const) {
      fake.mishaps.push({ body: { code, data: null, message: "no" } });
      await expect(client.list(), String(code)).rejects.toMatchObject({
        code: expected,
        providerCode: String(code),
        providerMessage: "no",
      });
    }
  });

  it("sends null for all events, and has no option for one resource", async () => {
    const { client, fake } = await setUpHeyGen();
    const { id } = await client.create({ url: receiverUrl, events: null });
    expect(fake.requests[0]?.body).toEqual({ url: receiverUrl, events: null });
    await client.update(id, { events: null });
    expect(fake.requests[1]?.body).toEqual({ endpoint_id: id, events: null });
    await expect(client.create({ url: receiverUrl, entityId: "p-1" } as { url: string })).rejects.toThrow(/no option entityId/);
  });

  it("takes the shape that some code reads", async () => {
    const { client, fake } = await setUpHeyGen();
    fake.mishaps.push({ body: { code: 100, data: { endpoints: [{ endpoint_id: "a", url: "u", secret: "whsec_x" }] } } });
    expect(await client.list()).toEqual([{ id: "a", url: "u", events: null }]);
  });
});

describe("the client for Kling", () => {
  async function setUpKling(reply: object) {
    const fake = await startFakeApi(() => reply);
    open.push(fake.close);
    return { fake, client: createKlingClient({ apiKey: "a-kling-key", baseUrl: fake.url, backoffMs: 0 }) };
  }

  it("registers as the guides of others describe it", async () => {
    const { client, fake } = await setUpKling({ status: 201, body: { id: 77, secret: "kling-secret" } });
    const created = await client.create({ url: receiverUrl, events: ["video.completed"] });
    expect(created).toEqual({ id: "77", url: receiverUrl, events: ["video.completed"] });
    expect(created.secret).toBe("kling-secret");
    const { method, path, headers, body } = fake.requests[0] ?? {};
    expect([method, path, headers?.authorization]).toEqual(["POST", "/v1/webhooks", "Bearer a-kling-key"]);
    expect(body).toEqual({ url: receiverUrl, events: ["video.completed"], active: true });
  });

  it("says what Kling answers to a call that it does not document", async () => {
    const { client } = await setUpKling({ status: 404, body: { code: 1203, message: "no such method", request_id: "r" } });
    await expect(client.create({ url: receiverUrl, events: ["video.completed"] })).rejects.toMatchObject({
      code: "not_found",
      provider: "kling",
      providerCode: "1203",
      providerMessage: "no such method",
    });
    await expect(client.create({ url: receiverUrl, events: [] })).rejects.toThrow(/at least one/);
  });
});
