import { describe, expect, it } from "vitest";
import { signHmacHex, signStandardWebhooks } from "../../src/testing/index.ts";
import { verify } from "../../src/verify.ts";
import { vector } from "../providers/samples/kling.ts";
import { signHex } from "../suites/signer.ts";

const secret = "whsec_of-the-tests";

describe("signHmacHex", () => {
  it("signs bytes and texts alike, as another implementation does", async () => {
    for (const body of ["", "{}", "é\u{1F600}", "x".repeat(100_000)]) {
      const signed = signHmacHex(body, secret, { header: "X-Signature" });
      expect(signed).toEqual({ "X-Signature": await signHex(secret, body) });
      expect(signHmacHex(new TextEncoder().encode(body), secret, { header: "X-Signature" })).toEqual(signed);
    }
  });

  it("puts a prefix before the digits", () => {
    const { signature } = signHmacHex("{}", secret, { header: "signature", prefix: "sha256=" });
    expect(verify("{}", signature, secret, { scheme: "sha256=" })).toBe(true);
  });

  it("P7: refuses a secret that no endpoint could have", () => {
    for (const bad of ["", " ", "whsec_", `${secret}\n`]) {
      expect(() => signHmacHex("{}", bad, { header: "signature" })).toThrow(expect.objectContaining({ name: "ConfigurationError" }));
    }
  });
});

describe("signStandardWebhooks", () => {
  it("P6: makes the signature of Kling's public test vector", () => {
    const { id, timestamp, body } = vector;
    const expected = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": vector.signature };
    expect(signStandardWebhooks(body, vector.secret, { id, timestamp })).toEqual(expected);
    expect(signStandardWebhooks(new TextEncoder().encode(body), vector.secret, { id, timestamp })).toEqual(expected);
  });

  it("signs the present time unless it is told another", () => {
    const before = Math.floor(Date.now() / 1000);
    const timestamp = Number(signStandardWebhooks("{}", vector.secret, { id: "msg_1" })["webhook-timestamp"]);
    expect(timestamp).toBeGreaterThanOrEqual(before);
    expect(timestamp).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
  });

  it("refuses a secret that is not whsec_ and base64, and does not tell it", () => {
    for (const bad of ["", "PLANTED", "whsec_PLANTED!", "whsec_"]) {
      const sign = () => signStandardWebhooks("{}", bad, { id: "msg_1" });
      expect(sign).toThrow(expect.objectContaining({ name: "ConfigurationError" }));
      expect(sign).not.toThrow(/PLANTED/);
    }
  });
});
