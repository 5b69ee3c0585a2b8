import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { equalBase64, equalHex, equalTexts, hmacHexDigest, hmacKey, sha256Hex } from "../../src/signature/hmac.ts";

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

describe("equalHex and equalBase64", () => {
  const hex = "0123456789abcdef".repeat(4);
  const base64 = `${"Ab+/".repeat(10)}Abc=`;

  it("ignore letter case in hex digits only", () => {
    expect(equalHex(hex, hex.toUpperCase(), 0)).toBe(true);
    expect(equalBase64(base64, base64, 0)).toBe(true);
    expect(equalBase64(base64, base64.toLowerCase(), 0)).toBe(false);
  });

  it("read from the given start", () => {
    expect(equalHex(hex, `sha256=${hex}`, 7)).toBe(true);
    expect(equalHex(hex, `sha256=${hex}`, 6)).toBe(false);
    expect(equalBase64(base64, `v1,${base64}`, 3)).toBe(true);
  });

  it("P4: are false, not an error, for other lengths", () => {
    for (const [expected, given] of [
      [hex, ""],
      ["", ""],
      [hex, hex.slice(1)],
      ["short", "short"],
      [hex.slice(1), hex.slice(1)],
    ] as const) {
      expect(equalHex(expected, given, 0)).toBe(false);
      expect(equalBase64(expected, given, 0)).toBe(false);
    }
  });

  it("keep nothing from one comparison to the next", () => {
    expect(equalHex(hex, hex, 0)).toBe(true);
    expect(equalHex("f".repeat(64), "0".repeat(64), 0)).toBe(false);
    expect(equalHex("0".repeat(64), "0".repeat(64), 0)).toBe(true);
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
