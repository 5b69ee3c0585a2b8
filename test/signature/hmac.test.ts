import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { equalDigests, equalTexts, hmacHexDigest, hmacKey, sha256Hex } from "../../src/signature/hmac.ts";

const { hmac_sha256 } = JSON.parse(readFileSync(new URL("../vectors/signatures.json", import.meta.url), "utf8")) as {
  hmac_sha256: { source: string; key_hex: string; data_hex: string; hex: string }[];
};

describe("HMAC-SHA256", () => {
  for (const { source, key_hex, data_hex, hex } of hmac_sha256) {
    it(`gives the digest of ${source}`, () => {
      const key = hmacKey(Buffer.from(key_hex, "hex"));
      const data = Buffer.from(data_hex, "hex");
      expect(hmacHexDigest(key, data)).toBe(hex);
      expect(hmacHexDigest(key, Buffer.concat([data, Buffer.of(0)]))).not.toBe(hex);
    });
  }
});

describe("equalDigests", () => {
  const digest = "0123456789abcdef".repeat(4);
  const base64 = `${"Ab+/".repeat(10)}Abc=`;

  it("ignores letter case in hex digits only", () => {
    expect(equalDigests(digest, digest.toUpperCase())).toBe(true);
    expect(equalDigests(base64, base64)).toBe(true);
    expect(equalDigests(base64, base64.toLowerCase())).toBe(false);
  });

  it("reads from the given start", () => {
    expect(equalDigests(digest, `sha256=${digest}`, 7)).toBe(true);
    expect(equalDigests(digest, `sha256=${digest}`, 6)).toBe(false);
  });

  it("P4: is false, not an error, for other lengths", () => {
    expect(equalDigests(digest, "")).toBe(false);
    expect(equalDigests("", "")).toBe(false);
    expect(equalDigests(digest, digest.slice(1))).toBe(false);
    expect(equalDigests("short", "short")).toBe(false);
  });

  it("keeps nothing from one comparison to the next", () => {
    expect(equalDigests(digest, digest)).toBe(true);
    expect(equalDigests("f".repeat(64), "0".repeat(64))).toBe(false);
    expect(equalDigests("0".repeat(64), "0".repeat(64))).toBe(true);
  });
});

it("compares texts of any length", () => {
  expect(equalTexts("", "")).toBe(true);
  expect(equalTexts("token", "token")).toBe(true);
  expect(equalTexts("token", "tokeN")).toBe(false);
  expect(equalTexts("token", "tokens")).toBe(false);
});

it("gives the SHA-256 of FIPS 180-4's example", () => {
  expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
