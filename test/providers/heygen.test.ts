import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import type { JsonObject } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { describeProvider, NOW, observe } from "../suites/provider-suite.ts";
import { signHex } from "../suites/signer.ts";
import { documentedNames, fromDocument, heygenSamples } from "./samples/heygen.ts";

const secret = "whsec_heygen-of-the-tests";

describeProvider({
  title: "heygen",
  name: "heygen",
  create: heygen,
  secret,
  otherSecret: "whsec_of-another-endpoint",
  sign: async (body, key) => ({ Signature: await signHex(key, body) }),
  signatureHeader: "Signature",
  headers: ["signature", "heygen-signature", "x-heygen-signature"],
  ackDeadlineMs: 5000,
  validation: { withinMs: 1000 },
  samples: heygenSamples,
  named: (type) => ({ event_type: type, event_data: { video_id: "v_1" } }),
  states: [
    { event_type: "avatar_video.fail", event_data: { video_id: "v_1", msg: "render failed" } },
    { event_type: "avatar_video.success", event_data: { video_id: "v_1", url: "https://files.example.test/v_1.mp4" } },
  ],
});

describe("heygen: events", () => {
  const job = async (body: JsonObject) => {
    const at = observe(heygen({ unsigned: true }));
    expect(await at.receive(body)).toMatchObject({ result: "processed" });
    return at.jobs[0];
  };
  const failure = (data: JsonObject) => job({ event_type: "avatar_video.fail", event_data: { video_id: "v", ...data } });

  it("knows all 30 names", () => {
    expect(documentedNames).toHaveLength(30);
    expect(Object.keys(heygen({ secret }).events).sort()).toEqual([...documentedNames].sort());
  });

  it.each(["video.completed", "avatar_video.failed", "avatar_video.progress"])("%s, an invented name, reaches onUnknown", async (type) => {
    const at = observe(heygen({ unsigned: true }));
    expect(await at.receive({ event_type: type, event_data: {} })).toMatchObject({ result: "unknown", status: 200 });
  });

  it.each(["video_translate_id", "video_translation_id", "id"])(
    "fills video_translate_id from %s, and keeps what was sent",
    async (name) => {
      const at = observe(heygen({ unsigned: true }));
      const event_data = { [name]: "tr_77", url: "https://files.example.test/tr.mp4" };
      await at.receive({ event_type: "video_translate.success", event_data });
      expect(at.events[0]?.event).toEqual({
        event_type: "video_translate.success",
        event_data: { ...event_data, video_translate_id: "tr_77" },
      });
    },
  );

  it.each([null, ""])("fills a video_translate_id that is %j, too", async (empty) => {
    const event_data = { video_translate_id: empty, video_translation_id: "tr_78" };
    expect(await job({ event_type: "video_translate.fail", event_data })).toMatchObject({ id: "tr_78", kind: "translation" });
  });

  it("prefers the documented id of a translation to the others", async () => {
    const event_data = { id: "no", video_translation_id: "nor this", video_translate_id: "tr_79" };
    expect(await job({ event_type: "video_translate.success", event_data })).toMatchObject({ id: "tr_79" });
  });

  it("takes the failure text from whichever spelling has one", async () => {
    expect(await failure({ error: "a" })).toMatchObject({ error: { message: "a" } });
    expect(await failure({ error: { message: "b", code: "c" } })).toMatchObject({ error: { message: "b", code: "c" } });
    expect(await failure({ error: "", msg: "d" })).toMatchObject({ error: { message: "d" } });
    expect(await failure({ error: {}, msg: null, message: "e" })).toMatchObject({ error: { message: "e" } });
    expect(await failure({ error: null, error_message: "f" })).toMatchObject({ error: { message: "f" } });
    expect(await failure({ failure_message: "g", failure_code: "h" })).toMatchObject({ error: { message: "g", code: "h" } });
  });

  it("takes the failure code from failure_code where an error object has none", async () => {
    expect(await failure({ error: { message: "i" }, failure_code: "j" })).toMatchObject({ error: { message: "i", code: "j" } });
  });

  it("gives a failure without any text an error all the same", async () => {
    expect((await failure({}))?.error?.message).toMatch(/./);
  });

  it("takes url before video_url", async () => {
    const event_data = { video_id: "v", video_url: "https://old.example.test/", url: "https://new.example.test/" };
    expect((await job({ event_type: "avatar_video.success", event_data }))?.outputs).toEqual([
      { type: "video", url: "https://new.example.test/" },
    ]);
  });
});

describe("heygen: signature", () => {
  const body = JSON.stringify(fromDocument.success);
  const receive = (headers: Record<string, string | string[]>, text: string = body) => observe(heygen({ secret })).receive(text, headers);

  it.each(["Signature", "Heygen-Signature", "x-heygen-signature"])("is found in %s, bare and with sha256=", async (name) => {
    const digits = await signHex(secret, body);
    for (const value of [digits, digits.toUpperCase(), `sha256=${digits}`])
      expect((await receive({ [name]: value })).result).toBe("processed");
  });

  it("is looked for in signature, then heygen-signature, then x-heygen-signature", async () => {
    const names = ["signature", "heygen-signature", "x-heygen-signature"] as const;
    const good = await signHex(secret, body);
    const bad = await signHex("another secret", body);
    for (const [index, first] of names.entries()) {
      for (const second of names.slice(index + 1)) {
        expect((await receive({ [second]: bad, [first]: good })).result).toBe("processed");
        expect(await receive({ [second]: good, [first]: bad })).toMatchObject({ reason: "signature_mismatch" });
      }
    }
  });

  it("is not hidden by a Signature header of another standard", async () => {
    const headers = { signature: "sig1=:K2qGT5srn2OGbOIDzQ6kYT+ruaycnDAAUpKv+ePFfD0=:", "heygen-signature": await signHex(secret, body) };
    expect((await receive(headers)).result).toBe("processed");
  });

  it("covers the raw bytes: the same JSON with other spacing, escapes or order is not what was signed (P11)", async () => {
    const signed = '{ "event_type":"avatar_video.success", "event_data":{"video_id":"caf\\u00e9","duration":1.0} }';
    const headers = { signature: await signHex(secret, signed) };
    expect((await receive(headers, signed)).result).toBe("processed");
    expect(await receive(headers, JSON.stringify(JSON.parse(signed)))).toMatchObject({ reason: "signature_mismatch" });
  });

  it("uses the whole secret, whsec_ included", async () => {
    expect(await receive({ signature: await signHex(secret.slice("whsec_".length), body) })).toMatchObject({
      reason: "signature_mismatch",
    });
  });

  it("can be looked for elsewhere", async () => {
    const at = observe(heygen({ secret, header: "x-own" }));
    expect(await at.receive(body, { signature: await signHex(secret, body) })).toMatchObject({ reason: "signature_missing" });
    expect((await at.receive(body, { "X-Own": await signHex(secret, body) })).result).toBe("processed");
  });

  it.each(["0", "not a time", String(NOW / 1000 - 86_400), String(NOW / 1000 + 86_400)])(
    "P28: is not affected by the unsigned Heygen-Timestamp %s",
    async (timestamp) => {
      expect((await receive({ signature: await signHex(secret, body), "Heygen-Timestamp": timestamp })).result).toBe("processed");
    },
  );

  it("P28: has no signed time, so maxAgeSeconds is refused at construction", () => {
    expect(() => heygen({ secret, maxAgeSeconds: 300 } as never)).toThrow(ConfigurationError);
  });
});

describe("heygen: what tells events apart", () => {
  const success = (videoId: string, envelope: JsonObject = {}): JsonObject => ({
    event_type: "avatar_video.success",
    event_data: { video_id: videoId },
    ...envelope,
  });

  it("is the event_id in the body, where there is one", async () => {
    const at = observe(heygen({ unsigned: true }), { idempotency: false });
    const one = await at.receive(success("v_1", { event_id: "evt_1" }));
    const again = await at.receive(JSON.stringify(success("v_1", { event_id: "evt_1", created_at: "2026-03-04T05:06:07Z" }), null, 1));
    const other = await at.receive(success("v_1", { event_id: "evt_2" }));
    expect(again.id).toBe(one.id);
    expect(other.id).not.toBe(one.id);
  });

  it("is type and resource, where there is no event_id", async () => {
    const at = observe(heygen({ unsigned: true }), { idempotency: false });
    const one = await at.receive(success("v_1"));
    for (const empty of [null, ""]) expect((await at.receive(success("v_1", { event_id: empty }))).id).toBe(one.id);
    expect((await at.receive(success("v_2"))).id).not.toBe(one.id);
    expect((await at.receive({ ...success("v_1"), event_type: "avatar_video_caption.success" })).id).not.toBe(one.id);
  });

  it("P30: is not the unsigned Heygen-Event-Id: one id on two events loses none", async () => {
    const at = observe(heygen({ unsigned: true }));
    const headers = { "Heygen-Event-Id": "evt_1" };
    const outcomes = [await at.receive(success("v_1"), headers), await at.receive(success("v_2"), headers)];
    expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed"]);
    expect(outcomes[0]?.id).not.toBe(outcomes[1]?.id);
  });

  it("P30: is not the unsigned Heygen-Event-Id: a replay under new ids stays a duplicate", async () => {
    const at = observe(heygen({ unsigned: true }));
    for (const [id, result] of [
      ["evt_1", "processed"],
      ["evt_2", "duplicate"],
      ["evt_3", "duplicate"],
    ] as const) {
      expect((await at.receive(success("v_1"), { "heygen-event-id": id })).result).toBe(result);
    }
  });

  it("P38: is not routed by an unsigned header", async () => {
    const at = observe(heygen({ unsigned: true }));
    await at.receive(success("v_1"), { "heygen-event-type": "avatar_video.fail", "x-event-type": "avatar_video.fail" });
    expect(at.events.map(({ type }) => type)).toEqual(["avatar_video.success"]);
  });

  it("does not let an event_id pass for a type and a resource", async () => {
    const at = observe(heygen({ unsigned: true }), { idempotency: false });
    const plain = await at.receive(success("v_1"));
    for (const event_id of ["avatar_video.success/v_1", "avatar_video.success%2Fv_1"]) {
      expect((await at.receive(success("v_9", { event_id }))).id).not.toBe(plain.id);
    }
  });

  it.each([
    ["avatar_video.success", "video_id", "video_translate_id"],
    ["avatar_video.success", "video_id", "batch_id"],
    ["avatar_video_gif.fail", "video_id", "video_translate_id"],
    ["video_translate.success", "video_translate_id", "video_id"],
    ["batch.finished", "batch_id", "video_id"],
    ["ai_clipping.success", "id", "video_id"],
  ])("P31: is, for %s, its required %s and not a %s that it happens to have", async (event_type, own, foreign) => {
    const at = observe(heygen({ unsigned: true }), { idempotency: false });
    for (const id of ["res_1", "res_2"]) await at.receive({ event_type, event_data: { [own]: id, [foreign]: "shared", created_at: null } });
    expect(at.jobs.map(({ id }) => id)).toEqual(["res_1", "res_2"]);
    expect(at.events[0]?.context.id).not.toBe(at.events[1]?.context.id);
  });

  it("P31: the two states of a personalized_video, whose type names none, have different keys", async () => {
    const at = observe(heygen({ unsigned: true }));
    const data = { project_id: "pj_5", video_id: "v_1" };
    const failed = await at.receive({ event_type: "personalized_video", event_data: { ...data, msg: "render failed" } });
    const done = await at.receive({ event_type: "personalized_video", event_data: { ...data, video_url: "https://files.example.test/p" } });
    expect([failed.result, done.result]).toEqual(["processed", "processed"]);
    expect(at.jobs.map(({ status }) => status)).toEqual(["failed", "succeeded"]);
    expect(done.id).not.toBe(failed.id);
  });
});

it("P30: an event id that lost digits as a number is none, and the body decides", async () => {
  const body = (id: string) => `{"event_type":"live_avatar.success","event_data":{},"event_id":${id},"created_at":null}`;
  const ids = ["1234567890123456789", "1234567890123456790", "42"];
  const outcomes = [];
  for (const id of ids)
    outcomes.push(
      await createRouter(heygen({ unsigned: true }))
        .onAny(() => undefined)
        .receive({ method: "POST", url: "/", headers: {}, body: body(id) }),
    );
  expect(new Set(outcomes.map(({ id }) => id)).size).toBe(3);
  expect(outcomes[2]?.id).toBe("heygen/default/42");
});
