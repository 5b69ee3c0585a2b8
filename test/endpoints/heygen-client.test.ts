import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeHandler } from "../../src/adapters/node.ts";
import { createHeyGenClient, type HeyGenClient, isEndpointError } from "../../src/endpoints/index.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { success } from "../suites/deliveries.ts";
import { signHex } from "../suites/signer.ts";
import { listen, shut } from "./fake-api.ts";
import { type FakeHeyGen, startFakeHeyGen } from "./fake-heygen.ts";

let fake: FakeHeyGen;
let client: HeyGenClient;
let receiver: Awaited<ReturnType<typeof listen>>;
const secrets: string[] = [];
const handled: string[] = [];

beforeEach(async () => {
  fake = await startFakeHeyGen();
  client = createHeyGenClient({ apiKey: fake.apiKey, baseUrl: fake.url, backoffMs: 0 });
  secrets.length = 0;
  handled.length = 0;
  // As a receiver has to be before it is registered: without a secret.
  const router = createRouter(heygen({ secret: () => secrets })).on("avatar_video.success", ({ event_data }) => {
    handled.push(event_data.video_id);
  });
  receiver = await listen(nodeHandler(router));
});
afterEach(async () => {
  await fake.close();
  await shut(receiver.server);
});

async function deliver(secret: string): Promise<number> {
  const body = success(`v${handled.length}`);
  const response = await fetch(receiver.url, { method: "POST", body, headers: { signature: await signHex(secret, body) } });
  return response.status;
}

async function gather<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const gathered: Item[] = [];
  for await (const item of items) gathered.push(item);
  return gathered;
}

const fill = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await client.create({ url: `${receiver.url}/${index}` });
};

describe("an endpoint of HeyGen", () => {
  it("is registered with a receiver that answers the probe, and its secret is the one of the deliveries", async () => {
    const created = await client.create({ url: receiver.url, events: ["avatar_video.success"], entityId: "p-1" });
    expect(created).toEqual({
      id: "ep_1",
      url: receiver.url,
      events: ["avatar_video.success"],
      status: "enabled",
      createdAt: new Date("2026-11-20T10:00:00Z"),
    });
    expect(fake.requests[0]?.body).toEqual({ url: receiver.url, events: ["avatar_video.success"], entity_id: "p-1" });
    expect(await deliver("whsec_other")).toBe(401);
    secrets.push(created.secret);
    expect(await deliver(created.secret)).toBe(200);
    expect(handled).toEqual(["v0"]);
  });

  it("is registered for types that this version does not know, beside those that it knows", async () => {
    const otherEvents = ["brand.new", "avatar_video.success"];
    await client.create({ url: receiver.url, events: ["avatar_video.success"], otherEvents });
    expect(fake.requests[0]?.body.events).toEqual(["avatar_video.success", "brand.new"]);
    await client.update("ep_1", { otherEvents: ["brand.new"] });
    expect(fake.requests[1]?.body).toEqual({ events: ["brand.new"] });
  });

  it("has a secret that is a plain text, and is not printed with the rest", async () => {
    const created = await client.create({ url: receiver.url });
    const rotated = await client.rotateSecret(created.id);
    for (const { secret, ...rest } of [created, rotated]) {
      expect(secret).toMatch(/^whsec_/);
      expect(rest).not.toHaveProperty("secret");
    }
    expect(`${inspect(created)}${JSON.stringify(rotated)}${inspect(rotated)}`).not.toContain("whsec_");
  });

  it("is changed in what is named, and nothing else", async () => {
    const { id } = await client.create({ url: receiver.url, events: ["avatar_video.fail"] });
    const other = `${receiver.url}/other`;
    expect(await client.update(id, { url: other })).toMatchObject({ url: other, events: ["avatar_video.fail"] });
    expect(fake.requests.at(-1)?.body).toEqual({ url: other });
    expect(await client.update(id, { events: null })).toMatchObject({ url: other, events: null });
    expect(fake.requests.at(-1)?.body).toEqual({ events: null });
    await expect(client.update(id, {})).rejects.toThrow(/something to change/);
  });

  it("gets a new secret, and a receiver that takes both loses nothing of what the new one signs", async () => {
    const { id, secret } = await client.create({ url: receiver.url });
    const rotated = await client.rotateSecret(id);
    secrets.push(secret, rotated.secret);
    expect(rotated.id).toBe(id);
    expect(rotated.secret).not.toBe(secret);
    expect(await deliver(rotated.secret)).toBe(200);
  });

  it("is deleted, after which it is not found", async () => {
    const { id } = await client.create({ url: receiver.url });
    expect(await client.delete(id)).toBeUndefined();
    const error = await client.delete(id).catch((thrown: unknown) => thrown);
    expect(isEndpointError(error)).toBe(true);
    expect(error).toMatchObject({
      code: "not_found",
      status: 404,
      provider: "heygen",
      providerCode: "resource_not_found",
      providerMessage: "Webhook endpoint not found.",
      requestId: "req-7",
    });
  });

  it("is refused when nothing answers the probe in time, without its address in the error", async () => {
    const deaf = await listen(() => undefined);
    const hasty = await startFakeHeyGen({ probeMs: 30 });
    const registering = createHeyGenClient({ apiKey: hasty.apiKey, baseUrl: hasty.url });
    const error = await registering.create({ url: `${deaf.url}/hooks/s3cret-path?token=s3cret-token` }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "invalid_request", status: 400, providerCode: "invalid_parameter" });
    expect(inspect(error)).not.toContain("s3cret");
    expect(hasty.endpoints.size).toBe(0);
    await hasty.close();
    await shut(deaf.server);
  });
});

describe("lists of HeyGen", () => {
  it("come page by page, without secrets even if the API should show them", async () => {
    await fill(5);
    const first = await client.list({ limit: 2 });
    expect(first.items.map(({ id }) => id)).toEqual(["ep_1", "ep_2"]);
    const last = await client.list({ limit: 2, token: (await client.list({ limit: 2, token: first.nextToken })).nextToken });
    expect(last).toEqual({ items: [expect.objectContaining({ id: "ep_5" })] });
    const shows = { endpoint_id: "ep_9", url: "https://a.test", secret: "whsec_shown" };
    fake.mishaps.push({ body: { data: [shows], has_more: false } });
    const { items } = await client.list();
    expect(items).toEqual([{ id: "ep_9", url: "https://a.test", events: null }]);
    expect(inspect(items, { showHidden: true })).not.toContain("whsec_");
  });

  it("come whole through the iterator, which asks for a page only when it is needed", async () => {
    await fill(5);
    const asked = fake.requests.length;
    const seen: string[] = [];
    for await (const { id } of client.listAll({ limit: 2 })) {
      seen.push(id);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["ep_1", "ep_2", "ep_3"]);
    expect(fake.requests.length - asked).toBe(2);
    expect((await gather(client.listAll({ limit: 2 }))).length).toBe(5);
    expect((await gather(client.listAll({ limit: 2, token: "page-4" }))).length).toBe(1);
  });

  it("are taken in the other shape as well", async () => {
    fake.mishaps.push({ body: { data: { endpoints: [{ endpoint_id: "a", url: "u" }], has_more: true, next_token: "t" } } });
    expect(await client.list()).toEqual({ items: [{ id: "a", url: "u", events: null }], nextToken: "t" });
  });

  it("end instead of going round in a circle", async () => {
    const page = { body: { data: [], has_more: true, next_token: "again" } };
    fake.mishaps.push(page, page, page);
    await expect(gather(client.listAll())).rejects.toMatchObject({ code: "unexpected_answer" });
    fake.mishaps.length = 0;
    for (let index = 0; index < 30; index++) fake.mishaps.push({ body: { data: [], has_more: true, next_token: `t${index}` } });
    await expect(gather(client.listAll())).rejects.toThrow(/empty page/);
  });

  it("do not lose what is left when the API does not say where it is", async () => {
    fake.mishaps.push({ body: { data: [], has_more: true, next_token: null } });
    await expect(client.list()).rejects.toMatchObject({ code: "unexpected_answer" });
  });

  it("are asked for with a limit that HeyGen takes", async () => {
    for (const limit of [0, 101, 1.5]) await expect(client.list({ limit })).rejects.toMatchObject({ name: "ConfigurationError" });
    expect(fake.requests).toHaveLength(0);
  });

  it("name the event types", async () => {
    expect(await client.eventTypes()).toEqual([{ type: "avatar_video.success", description: "A video is ready." }]);
  });

  it("show the history in HeyGen's names, of one type and page by page", async () => {
    const entry = (type: string, id: string) => ({
      event_id: id,
      event_type: type,
      event_data: { video_id: id },
      created_at: "2026-01-01T00:00:00Z",
    });
    fake.history.push(entry("a", "1"), entry("b", "2"), entry("a", "3"));
    expect(await client.events({ otherEventType: "a", entityId: "e", limit: 1 })).toEqual({
      items: [entry("a", "1")],
      nextToken: "page-1",
    });
    expect(fake.requests[0]?.query.toString()).toBe("event_type=a&entity_id=e&limit=1");
    expect(await gather(client.allEvents({ limit: 2 }))).toEqual(fake.history);
  });
});

describe("writes of HeyGen", () => {
  it("carry a random key, the same one on every attempt, so that a lost answer registers nothing twice", async () => {
    fake.mishaps.push({ hangUp: "after" }, { status: 503 });
    const created = await client.create({ url: receiver.url });
    await client.create({ url: receiver.url });
    expect([...fake.endpoints.keys()]).toEqual([created.id, "ep_2"]);
    const keys = fake.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys[0]).toMatch(/^[\w-]{36}$/);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
  });

  it("carry the key that they are given, if HeyGen takes it", async () => {
    const { id } = await client.create({ url: receiver.url, idempotencyKey: "order:42" });
    await client.create({ url: receiver.url, idempotencyKey: "order:42" });
    expect(fake.endpoints.size).toBe(1);
    for (const write of [
      () => client.update(id, { events: null, idempotencyKey: "k" }),
      () => client.rotateSecret(id, { idempotencyKey: "l" }),
      () => client.delete(id, { idempotencyKey: "m" }),
    ]) {
      await write();
    }
    expect(fake.requests.slice(2).map(({ headers }) => headers["idempotency-key"])).toEqual(["k", "l", "m"]);
    await expect(client.delete("ep_1", { idempotencyKey: "with space" })).rejects.toThrow(/idempotencyKey/);
  });

  it("end as a conflict while another call has the key, and wait for an attempt of their own", async () => {
    fake.mishaps.push({ status: 409, body: { error: { code: "idempotency_conflict", message: "under way" } } });
    await expect(client.create({ url: receiver.url, idempotencyKey: "shared" })).rejects.toMatchObject({ code: "conflict", status: 409 });
    expect(fake.requests).toHaveLength(1);
    fake.mishaps.push({ hangUp: "before" }, { status: 409 });
    expect(await client.create({ url: receiver.url })).toMatchObject({ status: "enabled" });
  });
});
