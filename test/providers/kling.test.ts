import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import type { JsonObject } from "../../src/provider.ts";
import { kling } from "../../src/providers/kling.ts";
import { describeProvider, NOW, observe } from "../suites/provider-suite.ts";
import { signHex, signStandardWebhooks } from "../suites/signer.ts";
import { consoleTest, fromDocument, klingSamples, vector } from "./samples/kling.ts";

const standardSecret = `whsec_${btoa("thirty-two bytes of a test key..")}`;
const otherStandardSecret = `whsec_${btoa("another key of thirty-two bytes.")}`;
const hexSecret = "kling-hex-secret";
const nowSeconds = NOW / 1000;

/** As Kling does it: one id per message, so that a retry has the same. */
const messageId = (body: string): string => `msg_${createHash("sha256").update(body).digest("hex").slice(0, 32)}`;
const standardHeaders = (
  body: string,
  secret: string = standardSecret,
  timestamp: number | string = nowSeconds,
  id: string = messageId(body),
) => signStandardWebhooks(secret, { id, timestamp, body });
const hexHeaders = async (body: string, secret: string = hexSecret) => ({ "X-Kling-Signature": `sha256=${await signHex(secret, body)}` });

const member = {
  name: "kling",
  create: kling,
  headers: ["webhook-id", "webhook-timestamp", "webhook-signature", "x-kling-signature"],
  ackDeadlineMs: 5000,
  validation: undefined,
  samples: klingSamples,
  named: (type: unknown): JsonObject => ({ event: type, timestamp: "2026-01-02T03:04:05Z", data: { job_id: "job_1" } }),
  states: [
    { id: "900100200", status: "processing", create_time: 1767225600000, update_time: 1767225600000 },
    { id: "900100200", status: "succeeded", create_time: 1767225600000, update_time: 1767225660000 },
  ] as const,
};

describeProvider({
  ...member,
  title: "kling with Standard Webhooks",
  secret: standardSecret,
  otherSecret: otherStandardSecret,
  sign: (body, secret) => standardHeaders(body, secret),
  signatureHeader: "webhook-signature",
});

describeProvider({
  ...member,
  title: "kling with hex",
  secret: hexSecret,
  otherSecret: "another-hex-secret",
  sign: hexHeaders,
  signatureHeader: "X-Kling-Signature",
});

const succeeded = JSON.stringify({ id: "900100200", status: "succeeded", create_time: NOW - 60_000, update_time: NOW });
const completed = JSON.stringify(fromDocument.completed);

describe("kling: events", () => {
  const receive = async (body: JsonObject) => {
    const at = observe(kling({ unsigned: true }));
    return { at, outcome: await at.receive(body) };
  };

  it("knows the five names of its document and four for the states of a task", () => {
    expect(Object.keys(kling({ secret: hexSecret }).events).sort()).toEqual([
      "task.failed",
      "task.processing",
      "task.submitted",
      "task.succeeded",
      "video.cancelled",
      "video.completed",
      "video.created",
      "video.failed",
      "video.processing",
    ]);
  });

  it.each([
    [{ id: "1", status: "succeeded" }],
    [{ id: "1", status: "succeed" }],
    [{ task_id: "1", task_status: "succeed" }],
    [{ task_id: "1", task_status: "succeeded" }],
  ])("%j is task.succeeded, in either spelling and shape", async (body) => {
    const { at, outcome } = await receive(body);
    expect(outcome).toMatchObject({ result: "processed", type: "task.succeeded" });
    expect(at.jobs).toMatchObject([{ id: "1", status: "succeeded" }]);
  });

  it.each([
    [{ id: "1", status: "paused" }, "task.paused"],
    [{ task_id: "1", task_status: "paused" }, "task.paused"],
    [{ id: "1", status: "__proto__" }, "task.__proto__"],
    [{ event: "job.completed", data: {} }, "job.completed"],
  ])("P22, P49: %j, a state or name that Kling may add, reaches onUnknown", async (body, type) => {
    const { at, outcome } = await receive(body);
    expect(outcome).toMatchObject({ result: "unknown", status: 200, type });
    expect(at.unknown.map(({ event }) => event)).toEqual([{ type, body }]);
  });

  it("is told by its fields, not by names that the other shape has too", async () => {
    const body = { task_id: "1", task_status: "failed", task_status_msg: "no", id: "2", status: "succeeded", outputs: [] };
    const { at } = await receive(body);
    expect(at.jobs).toMatchObject([{ id: "1", status: "failed", error: { message: "no" } }]);
  });

  it.each([null, ""])("a task with an unknown field named event that is %j stays a task", async (event) => {
    const { at, outcome } = await receive({ id: "1", status: "succeeded", event });
    expect(at.errors).toEqual([]);
    expect(outcome).toMatchObject({ result: "processed", type: "task.succeeded" });
    expect(at.jobs).toMatchObject([{ id: "1", status: "succeeded" }]);
  });

  it.each([null, ""])(
    "a task of the current shape whose task_status is %j, and so decides nothing, is no reason to refuse it",
    async (task_status) => {
      const { outcome } = await receive({ id: "1", status: "succeeded", task_status });
      expect(outcome).toMatchObject({ result: "processed", type: "task.succeeded" });
    },
  );

  it("the test callback of the console is task.submitted, with no files and no message", async () => {
    const { at, outcome } = await receive({ ...consoleTest });
    expect(outcome).toMatchObject({ result: "processed", type: "task.submitted" });
    expect(at.events[0]?.event).toEqual(consoleTest);
  });

  it.each([
    [0, 0],
    [40, 0.4],
    [100, 1],
    [250, 1],
    [-3, 0],
  ])("progress %i becomes %d", async (progress, expected) => {
    const { at } = await receive({ event: "video.processing", data: { job_id: "1", progress } });
    expect(at.jobs[0]?.progress).toBe(expected);
  });
});

describe("kling: which scheme", () => {
  it("verifies Kling's public test vector", async () => {
    const headers = { "webhook-id": vector.id, "webhook-timestamp": String(vector.timestamp), "webhook-signature": vector.signature };
    const at = observe(kling({ secret: vector.secret }), { clock: () => 1781080794 * 1000 });
    expect(await at.receive(vector.body, headers)).toMatchObject({ result: "processed", status: 200, type: "task.succeeded" });
    expect(at.events[0]?.context.id).toContain(vector.id);
    const twin = observe(kling({ secret: vector.secret }), { clock: () => 1781080794 * 1000 });
    expect(await twin.receive(vector.body.replace("1234567890", "1234567891"), headers)).toMatchObject({ reason: "signature_mismatch" });
    expect(await twin.receive(vector.body, { ...headers, "webhook-id": "9876543211" })).toMatchObject({ reason: "signature_mismatch" });
    expect(await twin.receive(vector.body, { ...headers, "webhook-timestamp": "1781080795" })).toMatchObject({
      reason: "signature_mismatch",
    });
  });

  it("is Standard Webhooks for a secret of whsec_ and base64, and hex for any other", async () => {
    const receive = async (secret: string, headers: Record<string, string>) => observe(kling({ secret })).receive(succeeded, headers);
    expect((await receive(standardSecret, await standardHeaders(succeeded))).result).toBe("processed");
    for (const secret of [hexSecret, "whsec_not-base64!", "whsec_abc", standardSecret.slice("whsec_".length)]) {
      expect((await receive(secret, await hexHeaders(succeeded, secret))).result).toBe("processed");
      const bare = { "x-kling-signature": await signHex(secret, succeeded) };
      expect((await receive(secret, bare)).result).toBe("processed");
    }
  });

  it.each([
    ["the current shape", succeeded],
    ["the shape of its document", completed],
  ])("P41: a whsec_ secret refuses X-Kling-Signature for %s, whatever it is made with", async (_shape, body) => {
    for (const key of [standardSecret, standardSecret.slice("whsec_".length), atob(standardSecret.slice("whsec_".length))]) {
      const outcome = await observe(kling({ secret: standardSecret })).receive(body, await hexHeaders(body, key));
      expect(outcome).toMatchObject({ result: "unauthenticated", status: 401, reason: "signature_missing" });
    }
  });

  it("P41: a hex secret refuses Standard Webhooks", async () => {
    const outcome = await observe(kling({ secret: hexSecret })).receive(succeeded, await standardHeaders(succeeded));
    expect(outcome).toMatchObject({ result: "unauthenticated", reason: "signature_missing" });
  });

  it("P41: a wrong signature of the configured scheme is not saved by a right one of the other", async () => {
    const both = { ...(await hexHeaders(succeeded, standardSecret)), ...(await standardHeaders(succeeded, otherStandardSecret)) };
    expect(await observe(kling({ secret: standardSecret })).receive(succeeded, both)).toMatchObject({ reason: "signature_mismatch" });
  });

  it("P41: signature in the body is data and never trusted", async () => {
    const unsigned = { ...fromDocument.test, signature: `sha256=${await signHex(hexSecret, JSON.stringify(fromDocument.test))}` };
    for (const secret of [hexSecret, standardSecret]) {
      expect(await observe(kling({ secret })).receive(unsigned)).toMatchObject({ status: 401, reason: "signature_missing" });
    }
    const at = observe(kling({ secret: hexSecret }));
    expect((await at.receive(unsigned, await hexHeaders(JSON.stringify(unsigned)))).result).toBe("processed");
    expect(at.events[0]?.event).toEqual(unsigned);
  });

  it("can be set by scheme:, against the form of the secret", async () => {
    const hex = observe(kling({ secret: standardSecret, scheme: "hex" }));
    expect((await hex.receive(succeeded, await hexHeaders(succeeded, standardSecret))).result).toBe("processed");
    expect(await hex.receive(succeeded, await standardHeaders(succeeded))).toMatchObject({ reason: "signature_missing" });
    const standard = observe(kling({ secret: standardSecret, scheme: "standard-webhooks" }));
    expect((await standard.receive(succeeded, await standardHeaders(succeeded))).result).toBe("processed");
    expect(await standard.receive(succeeded, await hexHeaders(succeeded, standardSecret))).toMatchObject({ reason: "signature_missing" });
  });

  it.each([
    ["Standard Webhooks with a secret of another form", { secret: hexSecret, scheme: "standard-webhooks" }],
    ["an unknown scheme", { secret: hexSecret, scheme: "md5" }],
    ["a header name for Standard Webhooks, which fixes them", { secret: standardSecret, scheme: "standard-webhooks", header: "x-own" }],
    ["a key of zero bytes", { secret: `whsec_${btoa("\0".repeat(32))}` }],
    ["maxAgeSeconds without a secret", { unsigned: true, maxAgeSeconds: 300 }],
    ["maxAgeSeconds of zero", { secret: standardSecret, maxAgeSeconds: 0 }],
  ])("%s throws ConfigurationError", (_title, options) => {
    expect(() => kling(options as never)).toThrow(ConfigurationError);
  });

  it("lets header: replace X-Kling-Signature for a hex secret", async () => {
    const at = observe(kling({ secret: hexSecret, header: "x-own" }));
    expect((await at.receive(succeeded, { "x-own": await signHex(hexSecret, succeeded) })).result).toBe("processed");
    expect(await at.receive(succeeded, await hexHeaders(succeeded))).toMatchObject({ reason: "signature_missing" });
  });
});

describe("kling: rotation", () => {
  it("accepts a delivery with two signatures under either secret alone", async () => {
    const old = await standardHeaders(succeeded, otherStandardSecret);
    const fresh = await standardHeaders(succeeded, standardSecret);
    for (const list of [
      [old, fresh],
      [fresh, old],
    ]) {
      const headers = { ...fresh, "webhook-signature": list.map((each) => each["webhook-signature"]).join(" ") };
      for (const secret of [standardSecret, otherStandardSecret]) {
        expect((await observe(kling({ secret })).receive(succeeded, headers)).result).toBe("processed");
      }
      const stranger = `whsec_${btoa("a key that signed nothing here..")}`;
      expect(await observe(kling({ secret: stranger })).receive(succeeded, headers)).toMatchObject({ reason: "signature_mismatch" });
    }
  });

  it("passes over versions that it does not know", async () => {
    const headers = await standardHeaders(succeeded);
    const list = { ...headers, "webhook-signature": `v1a,${"A".repeat(86)}== v2,x ${headers["webhook-signature"]}` };
    expect((await observe(kling({ secret: standardSecret })).receive(succeeded, list)).result).toBe("processed");
    const renamed = { ...headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,") };
    expect((await observe(kling({ secret: standardSecret })).receive(succeeded, renamed)).status).toBe(401);
  });

  it("tries each secret with its own scheme while moving from hex to Standard Webhooks", async () => {
    const at = observe(kling({ secret: [hexSecret, standardSecret] }), { idempotency: false });
    await at.receive(succeeded, await hexHeaders(succeeded));
    await at.receive(succeeded, await standardHeaders(succeeded));
    expect(at.events.map(({ context }) => context.authenticity)).toEqual([
      { method: "signature", secretIndex: 0 },
      { method: "signature", secretIndex: 1 },
    ]);
  });
});

describe("kling: freshness", () => {
  const reasonOf = (reason: string | undefined) => (reason === undefined ? { result: "processed" } : { result: "unauthenticated", reason });

  it.each([
    [0, undefined],
    [300, undefined],
    [-300, undefined],
    [301, "timestamp_too_old"],
    [-301, "timestamp_too_new"],
  ])("P26: a webhook-timestamp of %i seconds ago leads to %s", async (secondsAgo, reason) => {
    const headers = await standardHeaders(succeeded, standardSecret, nowSeconds - secondsAgo);
    expect(await observe(kling({ secret: standardSecret })).receive(succeeded, headers)).toMatchObject(reasonOf(reason));
  });

  it.each([
    [900, undefined],
    [901, "timestamp_too_old"],
    [-901, "timestamp_too_new"],
  ])("with maxAgeSeconds 900, a webhook-timestamp of %i seconds ago leads to %s", async (secondsAgo, reason) => {
    const headers = await standardHeaders(succeeded, standardSecret, nowSeconds - secondsAgo);
    expect(await observe(kling({ secret: standardSecret, maxAgeSeconds: 900 })).receive(succeeded, headers)).toMatchObject(
      reasonOf(reason),
    );
  });

  it("does not look at the body's times where a timestamp is signed beside it", async () => {
    const old = JSON.stringify({ id: "1", status: "succeeded", update_time: 1 });
    const provider = kling({ secret: standardSecret, maxAgeSeconds: 60 });
    expect((await observe(provider).receive(old, await standardHeaders(old))).result).toBe("processed");
  });

  it.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("P27: a delivery without %s is refused", async (name) => {
    const headers: Record<string, string> = { ...(await standardHeaders(succeeded)) };
    delete headers[name];
    expect(await observe(kling({ secret: standardSecret })).receive(succeeded, headers)).toMatchObject({ reason: "signature_missing" });
  });

  it.each(["", " ", "abc", `${nowSeconds}x`, `${nowSeconds}.0`, `-${nowSeconds}`, "NaN", "1e9", `0${nowSeconds}`])(
    "P25: webhook-timestamp %j is no time, even if it is signed",
    async (timestamp) => {
      const headers = await standardHeaders(succeeded, standardSecret, timestamp);
      expect(await observe(kling({ secret: standardSecret })).receive(succeeded, headers)).toMatchObject({ reason: "timestamp_malformed" });
    },
  );

  it("P42: a webhook-id with a dot, which could shift the boundary to the timestamp, is refused", async () => {
    const headers = await standardHeaders(succeeded, standardSecret, nowSeconds, "msg.1");
    expect(await observe(kling({ secret: standardSecret })).receive(succeeded, headers)).toMatchObject({ reason: "signature_malformed" });
  });

  const shapes: readonly (readonly [string, (time: unknown) => JsonObject, (milliseconds: number) => unknown])[] = [
    ["update_time", (update_time) => ({ id: "1", status: "succeeded", update_time }), (milliseconds) => milliseconds],
    ["updated_at", (updated_at) => ({ task_id: "1", task_status: "succeed", updated_at }), (milliseconds) => milliseconds],
    [
      "timestamp",
      (timestamp) => ({ event: "video.completed", data: { job_id: "1" }, timestamp }),
      (milliseconds) => new Date(milliseconds).toISOString(),
    ],
  ];

  describe.each(shapes)("with hex and maxAgeSeconds, by the body's %s", (_name, bodyWith, timeOf) => {
    const receive = async (time: unknown) => {
      const body = JSON.stringify(bodyWith(time));
      return observe(kling({ secret: hexSecret, maxAgeSeconds: 300 })).receive(body, await hexHeaders(body));
    };

    it.each([
      [0, undefined],
      [300, undefined],
      [-300, undefined],
      [301, "timestamp_too_old"],
      [-301, "timestamp_too_new"],
    ])("P26: a time of %i seconds ago leads to %s", async (secondsAgo, reason) => {
      expect(await receive(timeOf(NOW - secondsAgo * 1000))).toMatchObject(reasonOf(reason));
    });

    it.each([[undefined], [null], [""], ["soon"], [{}], [true]])("P27: a time of %j is refused", async (time) => {
      expect(await receive(time)).toMatchObject({ result: "unauthenticated", reason: "timestamp_malformed" });
    });
  });

  it("P36: with hex, a delivery of any age is accepted unless maxAgeSeconds is set", async () => {
    const old = JSON.stringify({ id: "1", status: "succeeded", update_time: 1 });
    expect((await observe(kling({ secret: hexSecret })).receive(old, await hexHeaders(old))).result).toBe("processed");
  });
});

describe("kling: what tells events apart", () => {
  const standard = async (id: string, body: string, timestamp: number = nowSeconds) => standardHeaders(body, standardSecret, timestamp, id);

  it("is the webhook-id under Standard Webhooks: a retry has it again, with another timestamp", async () => {
    const at = observe(kling({ secret: standardSecret }));
    const first = await at.receive(succeeded, await standard("msg_1", succeeded));
    const retry = await at.receive(succeeded, await standard("msg_1", succeeded, nowSeconds + 120));
    expect([first.result, retry.result]).toEqual(["processed", "duplicate"]);
    expect(retry.id).toBe(first.id);
    expect((await at.receive(succeeded, await standard("msg_2", succeeded))).result).toBe("processed");
  });

  it("P30: is not an unsigned webhook-id", async () => {
    const body = succeeded;
    for (const [provider, headers] of [
      [kling({ secret: hexSecret }), await hexHeaders(body)],
      [kling({ unsigned: true }), {}],
    ] as const) {
      const at = observe(provider);
      const first = await at.receive(body, { ...headers, "webhook-id": "msg_1" });
      const replay = await at.receive(body, { ...headers, "webhook-id": "msg_2" });
      expect([first.result, replay.result]).toEqual(["processed", "duplicate"]);
      expect(replay.id).toBe(first.id);
    }
  });

  it.each([
    [
      "the current shape",
      { id: "1", status: "processing", update_time: 1000 },
      { id: "2", status: "processing", update_time: 1000 },
      { id: "1", status: "failed", update_time: 1000 },
      { id: "1", status: "processing", update_time: 2000 },
    ],
    [
      "the legacy shape",
      { task_id: "1", task_status: "processing", updated_at: 1000 },
      { task_id: "2", task_status: "processing", updated_at: 1000 },
      { task_id: "1", task_status: "failed", updated_at: 1000 },
      { task_id: "1", task_status: "processing", updated_at: 2000 },
    ],
    [
      "the shape of its document",
      { event: "video.processing", data: { job_id: "1" }, timestamp: "2026-01-02T03:04:05Z" },
      { event: "video.processing", data: { job_id: "2" }, timestamp: "2026-01-02T03:04:05Z" },
      { event: "video.failed", data: { job_id: "1" }, timestamp: "2026-01-02T03:04:05Z" },
      { event: "video.processing", data: { job_id: "1" }, timestamp: "2026-01-02T03:04:06Z" },
    ],
  ])("P31: is task id, status and time otherwise, in %s", async (_shape, ...bodies) => {
    const at = observe(kling({ unsigned: true }));
    const outcomes = [];
    for (const body of bodies) outcomes.push(await at.receive(body));
    expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed", "processed", "processed"]);
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(4);
    const again = await at.receive(`${JSON.stringify(bodies[0])} `);
    expect(again.id).toBe(outcomes[0]?.id);
  });
});
