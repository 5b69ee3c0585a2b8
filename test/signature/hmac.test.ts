import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { equalBase64, equalHex, equalTexts, hmacBase64Digest, hmacHexDigest, hmacKey, sha256Hex } from "../../src/signature/hmac.ts";

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

describe("P52: the one implementation", () => {
  it("gives what createHmac gives, for 5,000 keys, prefixes and bodies of every length that matters", () => {
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random(256));
    // Around the block size for keys, around the reused buffer (16,384 bytes with the key's block) for bodies.
    const keyLengths = [1, 20, 32, 63, 64, 65, 100, 200];
    const bodyLengths = [0, 1, 55, 56, 63, 64, 300, 2048, 16_319, 16_320, 16_321, 20_000];
    for (let round = 0; round < 5000; round++) {
      const secret = bytes(round < 100 ? (keyLengths[round % keyLengths.length] as number) : 1 + random(130));
      const body = bytes(round < 100 ? (bodyLengths[round % bodyLengths.length] as number) : random(600));
      const prefix = round % 2 ? `msg_${random(1e6)}.${random(1e6)}.` : "";
      const key = hmacKey(secret);
      expect(hmacHexDigest(key, body)).toBe(crypto.createHmac("sha256", secret).update(body).digest("hex"));
      expect(hmacBase64Digest(key, prefix, body)).toBe(crypto.createHmac("sha256", secret).update(prefix).update(body).digest("base64"));
    }
  });

  it("takes a secret and a body as text, as UTF-8", () => {
    for (const text of ["", "a", "é\u{1F600}", "x".repeat(30_000)]) {
      expect(hmacHexDigest(hmacKey("sécret"), text)).toBe(crypto.createHmac("sha256", "sécret").update(text).digest("hex"));
    }
  });

  it("P14: hashes a view at its offset, also a large one", () => {
    for (const length of [100, 20_000]) {
      const pool = new Uint8Array(length + 20).fill(7);
      const view = pool.subarray(10, length + 10);
      expect(hmacHexDigest(hmacKey("k"), view)).toBe(crypto.createHmac("sha256", "k").update(view).digest("hex"));
    }
  });
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

  it("P5: compare through timingSafeEqual, over the whole digest, wherever they differ", () => {
    const compare = vi.spyOn(crypto, "timingSafeEqual");
    try {
      for (const at of [0, 31, 63]) {
        compare.mockClear();
        expect(equalHex(hex, `${hex.slice(0, at)}f${hex.slice(at + 1)}`.replace(hex, "0".repeat(64)), 0)).toBe(false);
        expect(compare.mock.calls.map(([left, right]) => [left.byteLength, right.byteLength])).toEqual([[64, 64]]);
      }
      compare.mockClear();
      expect(equalBase64(base64, `B${base64.slice(1)}`, 0)).toBe(false);
      expect(compare).toHaveBeenCalledTimes(1);
    } finally {
      compare.mockRestore();
    }
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
