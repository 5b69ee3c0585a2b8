import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { isStandardWebhooksSecret, standardWebhooks } from "../../src/signature/standard-webhooks.ts";
import { signStandardWebhooks, toBytes } from "../suites/signer.ts";

const { standard_webhooks } = JSON.parse(readFileSync(new URL("../vectors/signatures.json", import.meta.url), "utf8")) as {
  standard_webhooks: { source: string; secret: string; id: string; timestamp: string; body: string; signature: string }[];
};

const secret = `whsec_${btoa("a key of 24 bytes, or so")}`;
const message = { id: "msg_1", timestamp: "1700000000", body: '{"a":1}' };
const headers = await signStandardWebhooks(secret, message);
const signature = headers["webhook-signature"];
const body = toBytes(message.body);
const check = standardWebhooks().check(secret);
const found = { matched: true, id: "msg_1", timestampSeconds: 1_700_000_000 };
const replace = (name: string, value: string | string[] | undefined) => ({ ...headers, [name]: value });

describe("published vectors", () => {
  for (const vector of standard_webhooks) {
    it(`verifies ${vector.source} and refuses its negative twins`, () => {
      const verify = standardWebhooks().check(vector.secret);
      const given = { "webhook-id": vector.id, "webhook-timestamp": vector.timestamp, "webhook-signature": vector.signature };
      const bytes = toBytes(vector.body);
      expect(verify(given, bytes)).toEqual({ matched: true, id: vector.id, timestampSeconds: Number(vector.timestamp) });
      expect(verify({ ...given, "webhook-id": `${vector.id}0` }, bytes)).toMatchObject({ refused: "signature_mismatch" });
      expect(verify({ ...given, "webhook-timestamp": `${Number(vector.timestamp) + 1}` }, bytes)).toMatchObject({
        refused: "signature_mismatch",
      });
      expect(verify(given, toBytes(`${vector.body} `))).toMatchObject({ refused: "signature_mismatch" });
      for (let at = 3; at < 46; at++) {
        const changed = vector.signature[at] === "A" ? "B" : "A";
        const twin = vector.signature.slice(0, at) + changed + vector.signature.slice(at + 1);
        expect(verify({ ...given, "webhook-signature": twin }, bytes)).toMatchObject({ refused: "signature_mismatch" });
      }
    });
  }

  it("agrees with the reference implementation", () => {
    const reference = new Webhook(secret);
    const signed = reference.sign("msg_ref", new Date(1_700_000_000_000), message.body);
    expect(check({ ...headers, "webhook-id": "msg_ref", "webhook-signature": signed }, body)).toEqual({ ...found, id: "msg_ref" });
  });
});

describe("the list of signatures", () => {
  it("passes when any of them matches", () => {
    const wrong = `v1,${btoa("0".repeat(32))}`;
    expect(check(replace("webhook-signature", `${wrong} ${signature}`), body)).toEqual(found);
    expect(check(replace("webhook-signature", `${signature} ${wrong}`), body)).toEqual(found);
    expect(check(replace("webhook-signature", wrong), body)).toMatchObject({ refused: "signature_mismatch" });
  });

  it("P41: passes over other versions and never accepts one", () => {
    expect(check(replace("webhook-signature", `v1a,${signature.slice(3)} ${signature}`), body)).toEqual(found);
    expect(check(replace("webhook-signature", `v0,${signature.slice(3)}`), body)).toMatchObject({ refused: "signature_malformed" });
    expect(check(replace("webhook-signature", `v2,${signature.slice(3)}`), body)).toMatchObject({ refused: "signature_malformed" });
    expect(check(replace("webhook-signature", signature.slice(3)), body)).toMatchObject({ refused: "signature_malformed" });
  });

  it("P21: looks at ten of them at most", () => {
    const wrong = `v1,${btoa("0".repeat(32))}`;
    expect(check(replace("webhook-signature", `${`${wrong} `.repeat(9)}${signature}`), body)).toEqual(found);
    expect(check(replace("webhook-signature", `${`${wrong} `.repeat(10)}${signature}`), body)).toMatchObject({
      refused: "signature_mismatch",
    });
  });

  it.each([
    ["P4: an empty one", ""],
    ["P4: only the version", "v1,"],
    ["P3: base64 that is cut", signature.slice(0, -1)],
    ["P3: base64 with a bad character", `${signature.slice(0, 10)}!${signature.slice(11)}`],
    ["P3: base64 of the URL alphabet", `v1,${"-_".repeat(21)}A=`],
    ["P3: one character more", `${signature}=`],
    ["P2: characters of several bytes", `v1,${"é".repeat(44)}`],
    ["P20: two values joined by a comma", `${signature}, ${signature}`],
    ["P20: two values joined by a comma, the first of another version", `v1a,abc, ${signature}`],
    ["P16: white space of another kind", `\t${signature}`],
  ])("refuses %s", (_name, value) => {
    expect(check(replace("webhook-signature", value), body)).toMatchObject({
      refused: "signature_malformed",
      headers: ["webhook-signature"],
    });
  });

  it("P3: refuses a signature whose unused bits are set, though it decodes to the same bytes", () => {
    const last = signature.at(-2) as string;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const twin = `${signature.slice(0, -2)}${alphabet[alphabet.indexOf(last) + 1]}=`;
    expect(atob(twin.slice(3))).toBe(atob(signature.slice(3)));
    expect(check(replace("webhook-signature", twin), body)).toMatchObject({ refused: "signature_mismatch" });
  });
});

describe("id and timestamp", () => {
  it.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("P27: refuses a delivery without %s", (name) => {
    expect(check(replace(name, undefined), body)).toEqual({ refused: "signature_missing", headers: [name] });
    expect(check(replace(name, ["a", "b"]), body)).toMatchObject({ refused: "signature_malformed" });
  });

  it.each(["a.b", "a b", "", "é", "a\nb", "x".repeat(257)])("P42: refuses the id %j", async (id) => {
    const signed = await signStandardWebhooks(secret, { ...message, id });
    expect(check(signed, body)).toMatchObject({ refused: "signature_malformed", headers: ["webhook-id"] });
  });

  it("P42: a dot in the id cannot shift the boundary to the timestamp", async () => {
    const signed = await signStandardWebhooks(secret, { id: "msg", timestamp: "1.1700000000", body: message.body });
    expect(check(signed, body)).toMatchObject({ refused: "timestamp_malformed" });
    expect(check({ ...signed, "webhook-id": "msg.1", "webhook-timestamp": "1700000000" }, body)).toMatchObject({
      refused: "signature_malformed",
    });
  });

  it.each(["", "1700000000x", "0x10", "1e9", "-1", "+1", " 1", "1.5", "01", "NaN", "9".repeat(16), "１"])(
    "P25: refuses the timestamp %j",
    async (timestamp) => {
      const signed = await signStandardWebhooks(secret, { ...message, timestamp });
      expect(check(signed, body)).toEqual({ refused: "timestamp_malformed", headers: ["webhook-timestamp"] });
    },
  );
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1, "300"])(
  "P25: refuses maxAgeSeconds %j, with which every time would pass",
  (maxAgeSeconds) => {
    expect(() => standardWebhooks({ maxAgeSeconds: maxAgeSeconds as number })).toThrow(ConfigurationError);
  },
);

describe("the secret", () => {
  it.each([
    ["P7: a bare whsec_", "whsec_"],
    ["P10: base64 without the prefix", secret.slice(6)],
    ["P10: another prefix", `whpk_${secret.slice(6)}`],
    ["P3: no base64", "whsec_not base64"],
    ["P3: base64 without padding", "whsec_YWI"],
    ["P3: base64 of the URL alphabet", "whsec_-_-_"],
    ["P10: a trailing line break", `${secret}\n`],
    ["P7: bytes that are all zero", `whsec_${btoa("\0\0\0")}`],
  ])("refuses %s", (_name, wrong) => {
    expect(() => standardWebhooks().check(wrong)).toThrow(ConfigurationError);
  });

  it("is recognised by its form", () => {
    expect(isStandardWebhooksSecret(secret)).toBe(true);
    expect(isStandardWebhooksSecret("whsec_made-up")).toBe(false);
    expect(isStandardWebhooksSecret("whsec_")).toBe(false);
    expect(isStandardWebhooksSecret(secret.slice(6))).toBe(false);
  });
});
