import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statusOf } from "../src/outcome.ts";
import { heygen } from "../src/providers/heygen.ts";
import { kling } from "../src/providers/kling.ts";
import { konpro } from "../src/providers/konpro.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { createRouter } from "../src/router.ts";
import { verify } from "../src/verify.ts";

// 100,000 cases in all, from a seed that a failure prints. FUZZ_RUNS multiplies them.
const factor = Number(process.env.FUZZ_RUNS ?? 1);
const runs = (count: number): { numRuns: number } => ({ numRuns: count * factor });

const secret = "whsec_fuzz";
const hex = (body: string | Uint8Array): string => createHmac("sha256", secret).update(body).digest("hex");
const text = fc.string({ unit: "binary", maxLength: 80 });
const header = fc.oneof(
  text,
  fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 60, maxLength: 75 }),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 62, maxLength: 66 }).map((digits) => `sha256=${digits}`),
  fc.array(text, { maxLength: 3 }),
  fc.constantFrom(null, undefined, "", "v1,"),
  text.map((value) => `v1,${value}`),
);
const bytes = fc.uint8Array({ maxLength: 200 });

const typeName = fc.oneof(
  fc.constantFrom(
    "avatar_video.success",
    "video_translate.fail",
    "ai_clipping.success",
    "batch.finished",
    "render.completed",
    "video.failed",
    "video.media_ready",
  ),
  fc.constantFrom("constructor", "__proto__", "toString", "hasOwnProperty", ""),
  text,
);
const value = fc.oneof({ withCrossShrink: true }, fc.jsonValue(), fc.constantFrom(null, "", 0, -1, 1e308, "5.1", true), text);
const fields = fc.dictionary(
  fc.constantFrom(
    "video_id",
    "video_translate_id",
    "id",
    "render_job_id",
    "job_id",
    "batch_id",
    "url",
    "video_url",
    "error",
    "msg",
    "status",
    "duration",
    "clips",
    "items",
    "outputs",
    "callback_id",
    "__proto__",
    "constructor",
  ),
  value,
);
const body = fc.record(
  {
    event_type: fc.oneof(typeName, value),
    event_data: fc.oneof(fields, value),
    event_id: value,
    created_at: value,
    event: fc.oneof(typeName, value),
    data: fc.oneof(fields, value),
    timestamp: value,
    id: value,
    status: fc.oneof(fc.constantFrom("submitted", "processing", "succeeded", "succeed", "failed"), value),
    outputs: value,
    task_id: value,
    task_status: fc.oneof(fc.constantFrom("submitted", "succeed", "failed"), value),
    task_result: value,
    update_time: value,
  },
  { requiredKeys: [] },
);

describe("verify", () => {
  it("never throws and never accepts, for 40,000 generated headers and bodies", () => {
    let accepted = 0;
    fc.assert(
      fc.property(header, fc.oneof(text, bytes), (given, raw) => {
        if (verify(raw, given, secret)) accepted++;
      }),
      runs(40_000),
    );
    expect(accepted).toBe(0);
  });

  it("accepts what an independent signer signed, and nothing with one bit changed, for 10,000 bodies and secrets", () => {
    const secrets = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((each) => each.trim() === each && !/^\0*$/.test(each) && each.isWellFormed());
    fc.assert(
      fc.property(bytes, secrets, fc.nat(), (raw, key, seed) => {
        const signature = createHmac("sha256", key).update(raw).digest("hex");
        const bit = 1 << (seed % 8);
        const flipped = raw.slice();
        const at = raw.length === 0 ? 0 : seed % raw.length;
        if (raw.length > 0) flipped[at] = (flipped[at] as number) ^ bit;
        const digit = seed % 64;
        const wrong =
          signature.slice(0, digit) +
          ((Number.parseInt(signature[digit] as string, 16) ^ 1) & 15).toString(16) +
          signature.slice(digit + 1);
        return (
          verify(raw, signature, key) &&
          verify(raw, `sha256=${signature}`, key) &&
          !verify(raw, wrong, key) &&
          (raw.length === 0 || !verify(flipped, signature, key)) &&
          !verify(raw, signature, `${key}x`)
        );
      }),
      runs(10_000),
    );
  });
});

describe("receive", () => {
  const errors: unknown[] = [];
  const unauthenticated = createRouter(heygen({ secret }))
    .onAny(() => undefined)
    .onUnknown(() => undefined);
  const routers = [
    createRouter(heygen({ unsigned: true })),
    createRouter(konpro({ secret })),
    createRouter(videopilot({ unsigned: true })),
    createRouter(kling({ secret, scheme: "hex" })),
    createRouter(kling({ unsigned: true })),
  ].map((router) =>
    router
      .onJob("*", (job) => {
        if (typeof job.id !== "string" || job.id === "" || !Array.isArray(job.outputs)) throw new Error("not a job");
      })
      .onUnknown(() => undefined)
      .onError((error) => errors.push(error)),
  );
  const refusals = new Set([
    "unauthenticated",
    "body_not_utf8",
    "body_not_json",
    "body_not_object",
    "event_type_missing",
    "payload_invalid",
  ]);
  const successes = new Set(["processed", "duplicate", "ignored", "unknown"]);

  it("never rejects and refuses 20,000 generated headers and bodies as unauthenticated", async () => {
    await fc.assert(
      fc.asyncProperty(header, fc.oneof(text, bytes, fc.json()), text, async (given, raw, url) => {
        const outcome = await unauthenticated.receive({ method: "POST", url, headers: { signature: given as string }, body: raw });
        return outcome.result === "unauthenticated" && outcome.status === 401;
      }),
      runs(20_000),
    );
  });

  it("ends 30,000 authentic bodies, from random bytes to almost valid events, in a listed outcome", async () => {
    const seen = new Map<string, number>();
    const raw = fc.oneof(
      { weight: 1, arbitrary: bytes },
      { weight: 1, arbitrary: fc.json() },
      { weight: 6, arbitrary: body.map((each) => JSON.stringify(each)) },
    );
    await fc.assert(
      fc.asyncProperty(raw, fc.nat(), async (content, pick) => {
        const router = routers[pick % routers.length];
        if (router === undefined) return false;
        const signature = hex(content);
        const headers = { signature, "x-kling-signature": signature };
        const { result, status } = await router.receive({ method: "POST", url: "/", headers, body: content });
        seen.set(result, (seen.get(result) ?? 0) + 1);
        return status === statusOf(result) && (refusals.has(result) || successes.has(result));
      }),
      runs(30_000),
    );
    expect(errors.filter((error) => /configuration|handler_failed/.test((error as { code: string }).code))).toEqual([]);
    // The generator must reach both sides, or the property says little.
    for (const result of ["processed", "unknown", "payload_invalid", "event_type_missing", "body_not_json", "body_not_object"]) {
      expect(seen.get(result) ?? 0, result).toBeGreaterThan(20);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
}, 120_000);
