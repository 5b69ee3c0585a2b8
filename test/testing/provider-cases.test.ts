import { describe, expect, it } from "vitest";
import * as z from "zod";
import { clipforge } from "../../examples/fifth-provider.ts";
import { headerValue } from "../../src/delivery.ts";
import { defineProvider, type JsonObject, type Provider } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { hmacHex } from "../../src/signature/hmac-hex.ts";
import type { SignatureScheme } from "../../src/signature/scheme.ts";
import { type ProviderUnderTest, providerCases, samplePayload, sampleTypes, signHmacHex } from "../../src/testing/index.ts";
import { vector } from "../providers/samples/kling.ts";
import { registerCases } from "../suites/servers.ts";
import { signHex, standardHeaders } from "../suites/signer.ts";

type Name = "konpro" | "heygen" | "videopilot" | "kling";

/** The fields that the schemas of this library require, by what a payload looks like. */
function requiredIn(body: JsonObject): readonly string[] {
  if ("task_status" in body) return ["task_status", "task_id"];
  if ("status" in body) return ["status", "id"];
  const [envelope, payload] = "event_type" in body ? ["event_type", "event_data"] : ["event", "data"];
  const data = body[payload] as JsonObject;
  const type = String(body[envelope]);
  // The ids that a payload has to have; for other HeyGen events every field is optional.
  const known: readonly (readonly [RegExp, string])[] = [
    [/^avatar_video/, "video_id"],
    [/^video_translate\.(success|fail)$/, "video_translate_id"],
    [/^ai_clipping/, "id"],
    [/^batch/, "batch_id"],
    [/^render\./, "render_job_id"],
    [/^video\.(script|media|generation)/, "video_id"],
    [/^video\./, "job_id"],
  ];
  const id = known.find(([form, field]) => form.test(type) && field in data)?.[1];
  const time = payload === "data" && !("job_id" in data) ? ["timestamp"] : [];
  return [envelope, id === undefined ? payload : `${payload}.${id}`, ...time];
}

const samplesOf = (name: Name): ProviderUnderTest["samples"] =>
  sampleTypes(name).flatMap(({ type, variants }) =>
    variants.map((variant) => {
      const body = samplePayload(name as "heygen", type as never, { variant: variant as never }) as unknown as JsonObject;
      return { type, body, required: requiredIn(body) };
    }),
  );

const hex = (header: string, prefix = ""): ProviderUnderTest["sign"] => {
  return async (rawBody, secret) => ({ [header]: prefix + (await signHex(secret, rawBody)) });
};
const secrets = { secret: "whsec_of-the-tests", otherSecret: "whsec_of-another-endpoint" };
const standardSecrets = { secret: vector.secret, otherSecret: "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=" };
const klingNamed = (type: unknown): JsonObject => ({ event: type, data: { job_id: "job_1" } });
const heygenNamed = (type: unknown): JsonObject => ({ event_type: type, event_data: { video_id: "v_1" } });

const clip = (kind: string, more: object = {}) => ({ kind, clip: { id: `clip_${kind}`, ...more }, sent_at: "2026-03-04T05:06:07Z" });

const members: Readonly<Record<string, ProviderUnderTest>> = {
  konpro: { create: konpro, ...secrets, sign: hex("X-KonPro-Signature"), samples: samplesOf("konpro"), named: heygenNamed },
  heygen: { create: heygen, ...secrets, sign: hex("signature"), samples: samplesOf("heygen"), named: heygenNamed },
  videopilot: {
    create: videopilot,
    ...secrets,
    sign: hex("X-VideoPilot-Signature", "sha256="),
    samples: samplesOf("videopilot"),
    named: (type) => ({ event: type, data: { video_id: "v_1" }, timestamp: "2026-03-04T05:06:07Z" }),
  },
  "kling with hex": {
    create: kling,
    ...secrets,
    sign: hex("X-Kling-Signature"),
    samples: samplesOf("kling"),
    named: klingNamed,
    signsTime: false,
  },
  "kling with Standard Webhooks": {
    create: kling,
    ...standardSecrets,
    sign: (rawBody, secret, now) =>
      standardHeaders(
        secret,
        { id: `msg_${rawBody.length}_${rawBody.reduce((sum, byte) => sum + byte, 0)}`, timestamp: Math.floor(now / 1000) },
        rawBody,
      ),
    samples: samplesOf("kling"),
    named: klingNamed,
    vectors: [
      {
        secret: vector.secret,
        headers: { "webhook-id": vector.id, "webhook-timestamp": String(vector.timestamp), "webhook-signature": vector.signature },
        rawBody: vector.body,
        now: vector.timestamp * 1000,
      },
    ],
  },
  "examples/fifth-provider.ts": {
    create: clipforge,
    ...secrets,
    sign: hex("X-ClipForge-Signature", "sha256="),
    samples: [
      { type: "clip.started", body: clip("clip.started"), required: ["kind", "clip.id", "sent_at"] },
      { type: "clip.finished", body: clip("clip.finished", { url: "https://cdn.example.test/1.mp4", seconds: 9 }) },
      { type: "clip.failed", body: clip("clip.failed", { reason: "no audio" }) },
    ],
    named: (type) => ({ kind: type, clip: { id: "clip_1" }, sent_at: "2026-03-04T05:06:07Z" }),
  },
};

describe.each(Object.entries(members))("provider cases: %s", (_title, member) => {
  registerCases(it, providerCases(member));
});

/** A provider that is right, in parts that can be replaced by wrong ones. */
const parts = {
  name: "clips",
  signature: hmacHex({ headers: ["x-clips-signature"] }) as SignatureScheme,
  events: {
    "clip.started": z.looseObject({ kind: z.literal("clip.started"), clip: z.string().min(1), note: z.string().nullish() }),
    "clip.done": z.looseObject({ kind: z.literal("clip.done"), clip: z.string().min(1), note: z.string().nullish() }),
  },
  eventType: ({ kind }: JsonObject) => (typeof kind === "string" && kind !== "" ? kind : undefined),
  dedupeKey: (event: { readonly clip: string }, type: string) => [type, event.clip] as readonly string[] | undefined,
  toJob: (event: { readonly clip: string }, type: string) =>
    ({ provider: "clips", id: event.clip, kind: "video", status: type === "clip.done" ? "succeeded" : "processing", outputs: [] }) as const,
  ackDeadlineMs: 1000,
};
const clips: ProviderUnderTest = {
  create: defineProvider(parts as never),
  ...secrets,
  sign: (rawBody, secret) => signHmacHex(rawBody, secret, { header: "x-clips-signature" }),
  samples: [
    { type: "clip.started", body: { kind: "clip.started", clip: "c_1", note: "a note" }, required: ["kind", "clip"] },
    { type: "clip.done", body: { kind: "clip.done", clip: "c_1", note: "a note" }, required: ["kind", "clip"] },
  ],
  named: (type) => ({ kind: type, clip: "c_1" }),
};
const withParts = (changes: object): Partial<ProviderUnderTest> => ({ create: defineProvider({ ...parts, ...changes } as never) });

/** The names of the cases that fail. */
async function failing(changes: Partial<ProviderUnderTest> = {}): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, skipped, run } of providerCases({ ...clips, ...changes })) {
    if (skipped === undefined) await run().catch(() => failed.push(name));
  }
  return failed;
}

/** The scheme with its check replaced. */
const scheme = (check: SignatureScheme["check"]): object => ({ signature: { ...parts.signature, check } });
const right = (secret: string) => parts.signature.check(secret);
const HEADER = "x-clips-signature";
const matched = { matched: true } as const;
const mismatch = { refused: "signature_mismatch", headers: [HEADER] } as const;

describe("providerCases", () => {
  it("pass for a provider that is right", async () => {
    expect(await failing()).toEqual([]);
  });

  it("say which of them cannot be run, and why", () => {
    const { named: _, ...bare } = clips;
    const skipped = providerCases({ ...bare, samples: clips.samples.map(({ type, body }) => ({ type, body })) }).flatMap(
      ({ skipped: reason }) => reason ?? [],
    );
    expect(skipped.sort()).toEqual([
      "named is not given",
      "named is not given",
      "no sample says what is required",
      "no sample says what is required",
      "no vectors are given",
      "the provider reads no time from the body",
      "the scheme signs no time of its own",
    ]);
  });

  it("say what was expected and what was found", async () => {
    const [first] = providerCases({ ...clips, samples: clips.samples.slice(0, 1) });
    await expect(first?.run()).rejects.toThrow('the types of the samples: expected ["clip.done","clip.started"], found ["clip.started"].');
  });

  // Each provider is wrong in one way, and is found out by a case of that name.
  const wrong: readonly (readonly [what: string, found: RegExp, changes: () => Partial<ProviderUnderTest>])[] = [
    ["accepts everything", /another secret/, () => withParts(scheme(() => () => matched))],
    [
      "accepts a delivery without a signature",
      /^P9: refuses a delivery without a signature/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => (headerValue(headers, HEADER) === undefined ? matched : right(secret)(headers, body))),
        ),
    ],
    [
      "compares as many digits as there are",
      /^P4:/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => {
            const value = headerValue(headers, HEADER);
            const { [HEADER]: digits } = signHmacHex(body, secret, { header: HEADER });
            return typeof value === "string" && digits?.startsWith(value) ? matched : right(secret)(headers, body);
          }),
        ),
    ],
    [
      "throws for a header of another form",
      /^P1, P2, P3:/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => {
            if (/[^ -~]/.test(String(headerValue(headers, HEADER)))) throw new RangeError("Input buffers must have the same byte length");
            return right(secret)(headers, body);
          }),
        ),
    ],
    [
      "takes the first of several signatures",
      /^P20:/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => {
            const [first] = [headerValue(headers, HEADER)].flat();
            return right(secret)({ [HEADER]: first }, body);
          }),
        ),
    ],
    [
      "signs the JSON and not the bytes",
      /^P12: verifies the bytes as they come/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => {
            try {
              return right(secret)(headers, new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)))));
            } catch {
              return mismatch;
            }
          }),
        ),
    ],
    ["has a secret of its own", /^says which of several secrets/, () => withParts(scheme(() => right(secrets.secret)))],
    [
      "accepts a master secret as well",
      /another secret/,
      () =>
        withParts(
          scheme((secret) => (headers, body) => {
            const found = right(secrets.otherSecret)(headers, body);
            return "matched" in found ? found : right(secret)(headers, body);
          }),
        ),
    ],
    ["takes an empty secret", /^P7, P8, P10, P40/, () => ({ create: (options) => createLeniently(options as never) })],
    [
      "keeps its secret where it can be read",
      /^does not show its secret/,
      () => ({ create: (options) => ({ ...clips.create(options), secret: (options as { readonly secret?: unknown }).secret }) }),
    ],
    [
      "verifies by another scheme than the provider's documentation",
      /^P6:/,
      () => ({ vectors: [{ secret: secrets.secret, headers: { [HEADER]: "0".repeat(64) }, rawBody: "{}" }] }),
    ],
    ["takes the resource id alone for the key", /^P31:/, () => withParts({ dedupeKey: ({ clip: id }: { readonly clip: string }) => [id] })],
    ["has a key that is never the same", /^handles an event once/, () => withParts({ dedupeKey: () => [crypto.randomUUID()] })],
    [
      "has a strict schema",
      /^keeps fields that it does not know/,
      () =>
        withParts({
          events: { ...parts.events, "clip.done": z.strictObject({ kind: z.literal("clip.done"), clip: z.string(), note: z.string() }) },
        }),
    ],
    [
      "drops what it does not know",
      /^keeps fields that it does not know/,
      () =>
        withParts({
          events: {
            ...parts.events,
            "clip.done": z.object({ kind: z.literal("clip.done"), clip: z.string().min(1), note: z.string().nullish() }),
          },
        }),
    ],
    [
      "takes no null for a field that may be absent",
      /^P49: an event with any optional field/,
      () =>
        withParts({
          events: {
            ...parts.events,
            "clip.done": z.looseObject({ kind: z.literal("clip.done"), clip: z.string(), note: z.string().optional() }),
          },
        }),
    ],
    [
      "requires nothing",
      /^P46: an event without a field that is required/,
      () =>
        withParts({ events: { ...parts.events, "clip.done": z.looseObject({ clip: z.string().nullish() }) }, dedupeKey: () => undefined }),
    ],
    ["knows no type", /^processes every sample/, () => withParts({ eventType: () => undefined })],
    [
      "takes the type from a table that has a prototype",
      /^P22, P49/,
      () => withParts({ eventType: ({ kind }: JsonObject) => (String(kind) in {} ? undefined : parts.eventType({ kind })) }),
    ],
    [
      "makes a text of whatever stands in the place of the type",
      /^refuses an event that names no type/,
      () => withParts({ eventType: ({ kind }: JsonObject) => String(kind) }),
    ],
    [
      "makes a job without an id",
      /^makes a job that is complete/,
      () => withParts({ toJob: () => ({ provider: "clips", id: "", kind: "video", status: "processing", outputs: [] }) }),
    ],
    [
      "copies a payload field by field",
      /^P22: __proto__ members/,
      () => withParts({ events: { ...parts.events, "clip.started": merging(parts.events["clip.started"]) } }),
    ],
    [
      "has an event without a sample",
      /^has a sample for every event type/,
      () => withParts({ events: { ...parts.events, "clip.lost": parts.events["clip.done"] } }),
    ],
    [
      "reads no time from the body of which it says it has one",
      /^P26: holds maxAgeSeconds/,
      () => withParts({ signedAt: () => undefined }),
    ],
    ["reads seconds for the milliseconds of the body", /^P26: holds maxAgeSeconds/, () => withParts({ signedAt: () => Date.now() / 1000 })],
    [
      "checks no time of its scheme",
      /^P26: refuses a signed time/,
      () => withParts({ signature: { ...parts.signature, maxAgeSeconds: 300 } }),
    ],
  ];

  it.each(wrong)("find out a provider that %s", async (_what, found, changes) => {
    const failed = await failing(changes());
    expect(failed).toContainEqual(expect.stringMatching(found));
  });
});

/** Takes what has to be refused at construction. */
function createLeniently(options: { readonly secret?: string }): Provider<string, object> {
  return clips.create(options.secret === "" ? { secret: "anything-else" } : (options as never));
}

/** A schema whose output is copied by assignment, so that `__proto__` sets the prototype. */
function merging(schema: z.ZodType): object {
  return {
    safeParse(body: unknown) {
      const parsed = schema.safeParse(body);
      if (!parsed.success) return parsed;
      const copy: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(body as object)) copy[key] = value;
      return { success: true, data: copy };
    },
  };
}
