import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { hmacHex } from "../../src/signature/hmac-hex.ts";
import { signHex, toBytes } from "../suites/signer.ts";

const secret = "whsec_hex-secret";
const body = toBytes('{"a":1}');
const digest = await signHex(secret, body);
const check = hmacHex({ headers: ["X-One", "x-two"] }).check(secret);

describe("hmacHex", () => {
  it("finds its header in any letter case, in a record and in Headers", () => {
    expect(check({ "x-one": digest }, body)).toEqual({ matched: true });
    expect(check({ "X-ONE": digest }, body)).toEqual({ matched: true });
    expect(check(new Headers({ "X-One": `sha256=${digest}` }), body)).toEqual({ matched: true });
    expect(check({ "x-one": [digest] }, body)).toEqual({ matched: true });
  });

  it("lets the first well formed header decide", () => {
    expect(check({ "x-two": digest }, body)).toEqual({ matched: true });
    expect(check({ "x-one": "sig1=:not-ours:", "x-two": digest }, body)).toEqual({ matched: true });
    expect(check({ "x-one": "0".repeat(64), "x-two": digest }, body)).toEqual({
      refused: "signature_mismatch",
      headers: ["x-one"],
      length: 7,
    });
  });

  it("P9: says that the signature is missing, and where it looked", () => {
    expect(check({ "x-three": digest }, body)).toEqual({ refused: "signature_missing", headers: ["x-one", "x-two"] });
  });

  it("P20: refuses a repeated header", () => {
    expect(check({ "x-one": [digest, digest] }, body)).toMatchObject({ refused: "signature_malformed" });
    const repeated = new Headers();
    repeated.append("x-one", digest);
    repeated.append("x-one", digest);
    expect(check(repeated, body)).toMatchObject({ refused: "signature_malformed", headers: ["x-one"] });
  });

  it("P20: takes two spellings of one name for a repeated header", () => {
    expect(check({ "X-One": "0", "x-one": digest }, body)).toMatchObject({ refused: "signature_malformed" });
    expect(check({ "x-one": digest, "X-ONE": digest }, body)).toMatchObject({ refused: "signature_malformed" });
    expect(check({ "X-One": undefined, "x-one": digest }, body)).toEqual({ matched: true });
  });

  it("P22: takes a header called constructor for a header", () => {
    const odd = hmacHex({ headers: ["constructor"] }).check(secret);
    expect(odd({}, body)).toMatchObject({ refused: "signature_missing" });
    expect(odd({ constructor: digest } as never, body)).toEqual({ matched: true });
  });

  it("accepts only the format it is told to", () => {
    const prefixed = hmacHex({ headers: ["x-one"], format: "sha256=" }).check(secret);
    expect(prefixed({ "x-one": `sha256=${digest}` }, body)).toEqual({ matched: true });
    expect(prefixed({ "x-one": digest }, body)).toMatchObject({ refused: "signature_malformed", length: 64 });
  });

  it("reads other headers when asked to", () => {
    const other = hmacHex({ headers: ["x-one"] }).withHeaders?.(["X-Other"]);
    expect(other?.headers).toEqual(["x-other"]);
    expect(other?.check(secret)({ "x-other": digest }, body)).toEqual({ matched: true });
  });

  it("P10: uses the secret whole, prefix included", async () => {
    expect(check({ "x-one": await signHex("hex-secret", body) }, body)).toMatchObject({ refused: "signature_mismatch" });
  });

  it("refuses names that no header has, and no names at all", () => {
    expect(() => hmacHex({ headers: [] })).toThrow(ConfigurationError);
    expect(() => hmacHex({ headers: 5 as never })).toThrow(ConfigurationError);
    expect(() => hmacHex({ headers: [undefined as never] })).toThrow(ConfigurationError);
    expect(() => hmacHex({ headers: ["a b"] })).toThrow(ConfigurationError);
    expect(() => hmacHex({ headers: ["x\r\ny"] })).toThrow(ConfigurationError);
  });
});
