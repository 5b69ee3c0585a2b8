import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { describeProvider, observe } from "../suites/provider-suite.ts";
import { signHex } from "../suites/signer.ts";
import { fromDocument, konproSamples, undocumentedNames } from "./samples/konpro.ts";

const secret = "whsec_abc123def456";
const body = JSON.stringify(fromDocument);

describeProvider({
  title: "konpro",
  name: "konpro",
  create: konpro,
  secret,
  otherSecret: "whsec_of-another-endpoint",
  sign: async (text, key) => ({ "X-KonPro-Signature": await signHex(key, text) }),
  signatureHeader: "X-KonPro-Signature",
  headers: ["x-konpro-signature", "konpro-signature", "signature"],
  ackDeadlineMs: 5000,
  validation: { withinMs: 1000 },
  samples: konproSamples,
  named: (type) => ({ event_type: type, event_data: { video_id: "kv_1" } }),
  states: [
    { event_type: "avatar_video.fail", event_data: { video_id: "kv_1", error: "audio missing" } },
    { event_type: "avatar_video.success", event_data: { video_id: "kv_1", url: "https://cdn.example.test/kv_1.mp4" } },
  ],
});

describe("konpro", () => {
  it("knows the events of its table and the gif events that its pages imply", () => {
    expect(Object.keys(konpro({ secret }).events).sort()).toEqual([
      "avatar_video.fail",
      "avatar_video.success",
      "avatar_video_gif.fail",
      "avatar_video_gif.success",
      "personalized_video",
      "video_translate.fail",
      "video_translate.success",
    ]);
  });

  it.each(undocumentedNames)("%s, which only a registration sample names, reaches onUnknown", async (type) => {
    const at = observe(konpro({ unsigned: true }));
    expect(await at.receive({ event_type: type, event_data: { id: 1 } })).toMatchObject({ result: "unknown", status: 200 });
    expect(at.unknown[0]?.event.type).toBe(type);
  });

  it.each(["x-konpro-signature", "konpro-signature", "signature"])("looks for its guessed signature in %s by default", async (name) => {
    for (const value of [await signHex(secret, body), `sha256=${await signHex(secret, body)}`]) {
      expect((await observe(konpro({ secret })).receive(body, { [name]: value })).result).toBe("processed");
    }
  });

  it.each([
    ["X-Real-Name", ["x-real-name"]],
    [
      ["X-First", "x-second"],
      ["x-first", "x-second"],
    ],
  ])("lets header: %j replace the guessed names", async (header, names) => {
    const provider = konpro({ secret, header });
    const signature = await signHex(secret, body);
    expect(provider.signature.headers).toEqual(names);
    for (const name of names) expect((await observe(provider).receive(body, { [name]: signature })).result).toBe("processed");
    for (const name of ["x-konpro-signature", "konpro-signature", "signature"]) {
      expect(await observe(provider).receive(body, { [name]: signature })).toMatchObject({ status: 401, reason: "signature_missing" });
    }
  });

  it.each([[""], [[]], ["no spaces"], [["x-fine", "not\nfine"]]])("header: %j is refused at construction", (header) => {
    expect(() => konpro({ secret, header })).toThrow(ConfigurationError);
  });

  it("uses the whole secret, whsec_ included, as HeyGen does", async () => {
    const stripped = await signHex(secret.slice("whsec_".length), body);
    expect(await observe(konpro({ secret })).receive(body, { signature: stripped })).toMatchObject({ reason: "signature_mismatch" });
  });

  it("has no signed time, so maxAgeSeconds is refused at construction", () => {
    expect(() => konpro({ secret, maxAgeSeconds: 300 } as never)).toThrow(ConfigurationError);
  });

  it("P37: the same body at HeyGen and at KonPro is two events, also in one store", async () => {
    const idempotency = createMemoryStore();
    const outcomes = [
      await observe(heygen({ unsigned: true }), { idempotency }).receive(body),
      await observe(konpro({ unsigned: true }), { idempotency }).receive(body),
    ];
    expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed"]);
    expect(outcomes[0]?.id).not.toBe(outcomes[1]?.id);
  });
});
