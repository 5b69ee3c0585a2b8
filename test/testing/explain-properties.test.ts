import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explain } from "../../src/testing/explain.ts";
import { correct, expectDiscreet, explained, keyOf, type Member, members, NOW, nowSeconds } from "./explain-members.ts";

// A failure prints its seed. FUZZ_RUNS multiplies the cases.
const factor = Number(process.env.FUZZ_RUNS ?? 1);
const runs = (count: number): { numRuns: number } => ({ numRuns: count * factor });

const member = fc.constantFrom(...members);
const bytes = fc.uint8Array({ maxLength: 120 });
const text = fc.string({ unit: "binary", maxLength: 80 });
const word = fc.string({
  unit: fc.constantFrom(..."abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"),
  minLength: 12,
  maxLength: 40,
});
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.oneof(
  fc.constantFrom("signature", "x-konpro-signature", "webhook-id", "webhook-timestamp", "webhook-signature", "x-kling-signature"),
  fc.constantFrom("x-videopilot-signature", "content-length", "content-encoding", "x-timestamp", "x-id", "get", "__proto__", "constructor"),
  text,
);
const value = fc.oneof(
  text,
  digest.map((each) => Buffer.from(each).toString("hex")),
  digest.map((each) => `v1,${Buffer.from(each).toString("base64")}`),
  digest.map((each) => `sha256=${Buffer.from(each).toString("hex")}`.slice(0, 50)),
  fc.constantFrom("", "gzip", "br", "deflate", "412", "-1", "NaN", String(nowSeconds), String(NOW)),
  fc.array(text, { maxLength: 3 }),
);
const body = fc.oneof(
  bytes,
  text,
  fc.json(),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(undefined, null, "", "[object Object]", "{", '{"type":"Buffer","data":[300,-1,"a"]}'),
);

/** Signs with the primitives of the platform, without waiting. */
function signed({ family, header, title }: Member, key: Uint8Array, rawBody: string | Uint8Array): Record<string, string> {
  if (family === "hex") {
    const hex = createHmac("sha256", key).update(rawBody).digest("hex");
    return { [header]: title === "videopilot" ? `sha256=${hex}` : hex };
  }
  const hmac = createHmac("sha256", key).update(`id_1.${nowSeconds}.`).update(rawBody).digest("base64");
  return { "webhook-id": "id_1", "webhook-timestamp": String(nowSeconds), "webhook-signature": `v1,${hmac}` };
}

describe("explain, given anything", () => {
  it("never throws, and claims nothing for certain", () => {
    const input = fc.record({
      rawBody: body,
      headers: fc.dictionary(name, value, { maxKeys: 6 }),
      secret: fc.oneof(
        text,
        word,
        word.map((each) => `whsec_${btoa(each)}`),
        fc.array(text, { maxLength: 12 }),
        fc.constant(undefined),
      ),
      otherSecrets: fc.dictionary(text, text, { maxKeys: 3 }),
    });
    const property = fc.property(member, input, ({ provider }, given) => {
      const { authentic, findings, summary } = explain({ ...given, provider, now: NOW });
      expect(authentic).toBe(false);
      expect(findings.filter(({ certainty }) => certainty === "proven")).toEqual([]);
      expect(summary).toContain("not authentic");
    });
    fc.assert(property, runs(250));
  });

  it("finds nothing where the form is right and the digest is random", () => {
    const property = fc.property(member, word, digest, word, ({ provider, family, header, title }, rawBody, random, other) => {
      const secret = family === "hex" ? other : `whsec_${btoa(other)}`;
      const hex = Buffer.from(random).toString("hex");
      const standard = {
        "webhook-id": "id_1",
        "webhook-timestamp": String(nowSeconds),
        "webhook-signature": `v1,${Buffer.from(random).toString("base64")}`,
      };
      const headers = family === "standard" ? standard : { [header]: title === "videopilot" ? `sha256=${hex}` : hex };
      const input = { rawBody, headers, secret, provider, now: NOW };
      const explanation = explain(input);
      expect(explanation).toMatchObject({ authentic: false, findings: [] });
      expectDiscreet(explanation, input);
    });
    fc.assert(property, runs(150));
  });

  it("says of every correct delivery that it is authentic", () => {
    const property = fc.property(member, fc.oneof(bytes, text), word, (each, rawBody, other) => {
      const secret = each.family === "hex" ? other : `whsec_${btoa(other)}`;
      const input = { rawBody, headers: signed(each, keyOf(each, secret), rawBody), secret, provider: each.provider, now: NOW };
      const explanation = explain(input);
      expect(explanation).toMatchObject({ authentic: true, findings: [] });
      expectDiscreet(explanation, input);
    });
    fc.assert(property, runs(400));
  });

  it("finds that any JSON was parsed and written anew", () => {
    const layout = fc.constantFrom(2, 4, "\t");
    const property = fc.property(
      member,
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1 }),
      layout,
      (each, json, indent) => {
        const original = JSON.stringify(json, null, indent);
        const rawBody = JSON.stringify(JSON.parse(original));
        const headers = signed(each, keyOf(each, each.secret), original);
        const { findings } = explain({ rawBody, headers, secret: each.secret, provider: each.provider, now: NOW });
        expect(findings).toMatchObject([{ code: "body_reserialised", certainty: "proven" }]);
      },
    );
    fc.assert(property, runs(100));
  });

  it("says what the router says, whatever was done to a delivery, and quotes nothing", async () => {
    const change = fc.constantFrom<(value: string) => string>(
      (given) => given,
      (given) => `${given}\n`,
      (given) => ` ${given}`,
      (given) => given.slice(1),
      (given) => given.toUpperCase(),
      (given) => `${given}, ${given}`,
      (given) => `sha256=${given}`,
    );
    const property = fc.asyncProperty(member, change, change, change, async (each, onBody, onSecret, onHeader) => {
      const input = await correct(each);
      const headers = Object.fromEntries(
        Object.entries(input.headers as Record<string, string>).map(([key, given]) => [
          key,
          key.toLowerCase() === each.header ? onHeader(given) : given,
        ]),
      );
      await explained(each, { ...input, headers, rawBody: onBody(input.rawBody as string), secret: onSecret(each.secret) });
    });
    await fc.assert(property, runs(120));
  });
});
