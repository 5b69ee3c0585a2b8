import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../src/errors.ts";
import { verify } from "../src/verify.ts";
import { signHex, toBytes } from "./suites/signer.ts";

const vectors = JSON.parse(readFileSync(new URL("./vectors/signatures.json", import.meta.url), "utf8")) as {
  hmac_sha256: { source: string; key_hex: string; data_hex: string; hex: string }[];
  sha256_prefix: { source: string; secret: string; body: string; header: string }[];
};

const secret = "whsec_verify-me";
const body = '{"event_type":"avatar_video.success","event_data":{"video_id":"é"}}';
const digest = await signHex(secret, body);
const flip = (text: string, at: number): string => `${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`;

describe("published vectors", () => {
  // RFC 4231 has keys of arbitrary bytes; those that are a text can be given as a secret, the others are tested in signature/hmac.test.ts.
  const isText = (key: Buffer): boolean => Buffer.from(key.toString()).equals(key);
  const texts = vectors.hmac_sha256.filter(({ key_hex }) => isText(Buffer.from(key_hex, "hex")));
  const [blank, ...secrets] = texts;

  it("are all that have a key of text, of which one is white space", () => {
    expect(texts.map(({ source }) => source)).toEqual(["RFC 4231 case 1", "RFC 4231 case 2", "RFC 4231 case 4"]);
    const { key_hex, data_hex, hex } = blank as NonNullable<typeof blank>;
    const whiteSpace = Buffer.from(key_hex, "hex").toString();
    expect(() => verify(Buffer.from(data_hex, "hex"), hex, whiteSpace)).toThrow("white space only");
  });

  for (const vector of secrets) {
    it(`verifies ${vector.source} and refuses it with any digit changed`, () => {
      const key = Buffer.from(vector.key_hex, "hex").toString();
      const data = Buffer.from(vector.data_hex, "hex");
      expect(verify(data, vector.hex, key)).toBe(true);
      for (let at = 0; at < 64; at++) expect(verify(data, flip(vector.hex, at), key)).toBe(false);
    });
  }

  for (const vector of vectors.sha256_prefix) {
    it(`verifies ${vector.source} and refuses its negative twins`, () => {
      expect(verify(vector.body, vector.header, vector.secret)).toBe(true);
      expect(verify(vector.body, vector.header.slice(7), vector.secret)).toBe(true);
      expect(verify(`${vector.body} `, vector.header, vector.secret)).toBe(false);
      expect(verify(vector.body, vector.header, `${vector.secret}!`)).toBe(false);
      for (let at = 7; at < 71; at++) expect(verify(vector.body, flip(vector.header, at), vector.secret)).toBe(false);
    });
  }
});

describe("what is accepted", () => {
  it.each([
    ["the bare digits", digest],
    ["the prefixed digits", `sha256=${digest}`],
    ["upper case digits", digest.toUpperCase()],
    ["upper case digits with the prefix", `sha256=${digest.toUpperCase()}`],
    ["a header array with one value", [digest]],
  ])("%s", (_name, header) => {
    expect(verify(body, header, secret)).toBe(true);
    expect(verify(toBytes(body), header, secret)).toBe(true);
    expect(verify(Buffer.from(body), header, secret)).toBe(true);
  });

  it("only the spelling that options.scheme names", () => {
    expect(verify(body, `sha256=${digest}`, secret, { scheme: "sha256=" })).toBe(true);
    expect(verify(body, digest, secret, { scheme: "sha256=" })).toBe(false);
    expect(verify(body, digest, secret, { scheme: "hex" })).toBe(true);
    expect(verify(body, `sha256=${digest}`, secret, { scheme: "hex" })).toBe(false);
  });

  it("any of several secrets while rotating", () => {
    expect(verify(body, digest, ["another", secret])).toBe(true);
    expect(verify(body, digest, [secret, "another"])).toBe(true);
    expect(verify(body, digest, ["another", "a third"])).toBe(false);
  });

  it("an empty body", async () => {
    expect(verify("", await signHex(secret, ""), secret)).toBe(true);
    expect(verify("", digest, secret)).toBe(false);
  });

  it("a frozen options object and frozen secrets", () => {
    expect(verify(body, digest, Object.freeze([secret]), Object.freeze({ scheme: "hex" as const }))).toBe(true);
  });
});

describe("what a sender can get wrong is false, never an error", () => {
  const headers: [string, string | readonly string[] | null | undefined][] = [
    ["P9: a missing header", undefined],
    ["P9: a null header", null],
    ["P4: an empty header", ""],
    ["P4: a prefix of the signature", digest.slice(0, 32)],
    ["P4: only the prefix sha256=", "sha256="],
    ["P1: one digit less", digest.slice(1)],
    ["P1: one digit more", `${digest}0`],
    ["P1: one digit more behind the prefix", `sha256=${digest}0`],
    ["P2: characters of several bytes at the right string length", "é".repeat(64)],
    ["P2: a signature with one character of several bytes", `${digest.slice(0, 63)}é`],
    ["P2: a full-width digit, whose low bits look like one", `${digest.slice(0, 63)}\uff11`],
    ["P2: letters whose lower seven bits are hex digits", `${digest.slice(0, 63)}\u0161`],
    ["P3: a digit that is none", `${digest.slice(0, 63)}g`],
    ["P3: characters next to the hex alphabet", "`".repeat(64)],
    ["P3: a bad character in the middle, where a lenient decoder would stop", `${digest.slice(0, 32)}-${digest.slice(33)}`],
    ["P3: base64 instead of hex", Buffer.from(digest, "hex").toString("base64")],
    ["P16: white space around the value", ` ${digest}`],
    ["P16: a trailing line break", `${digest}\n`],
    ["P16: upper case in the prefix", `SHA256=${digest}`],
    ["P16: the prefix twice", `sha256=sha256=${digest}`],
    ["P41: another algorithm", `sha1=${digest}`],
    ["P41: a version tag", `v1=${digest}`],
    ["P20: two values in an array", [digest, digest]],
    ["P20: no values in an array", []],
    ["P20: two values joined by a comma", `${digest}, ${digest}`],
    ["zero bytes", "\0".repeat(64)],
  ];
  it.each(headers)("%s", (_name, header) => {
    expect(verify(body, header, secret)).toBe(false);
    expect(verify(toBytes(body), header, [secret, "another"])).toBe(false);
  });

  it("refuses a header of another type than declared, as plain JavaScript can pass it", () => {
    for (const header of [0, true, {}, Symbol("s"), () => digest, [[digest]], { length: 1, 0: digest }]) {
      expect(verify(body, header as never, secret)).toBe(false);
    }
  });

  it("P6: every flipped bit of body, signature and secret is refused", async () => {
    const bytes = toBytes(body);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(verify(changed, digest, secret)).toBe(false);
    }
    for (let at = 0; at < 64; at++) expect(verify(body, flip(digest, at), secret)).toBe(false);
    for (let at = 0; at < secret.length; at++) expect(verify(body, digest, flip(secret, at))).toBe(false);
  });

  it("P12: refuses a text with a lone surrogate, which has no UTF-8 form", async () => {
    const replaced = await signHex(secret, '{"a":"\ufffd"}');
    expect(verify('{"a":"\ufffd"}', replaced, secret)).toBe(true);
    expect(verify('{"a":"\ud800"}', replaced, secret)).toBe(false);
  });

  it("P12: tells invalid UTF-8 from its replacement, and a body with a byte order mark from one without", async () => {
    const invalid = Uint8Array.of(0x22, 0xff, 0x22);
    const signature = await signHex(secret, invalid);
    expect(verify(invalid, signature, secret)).toBe(true);
    expect(verify(Uint8Array.of(0x22, 0xfe, 0x22), signature, secret)).toBe(false);
    expect(verify("\ufeff{}", await signHex(secret, "{}"), secret)).toBe(false);
  });

  it("P14: reads a view at its offset and not the memory around it", () => {
    const pool = Buffer.concat([Buffer.from("noise"), Buffer.from(body), Buffer.from("noise")]);
    expect(verify(pool.subarray(5, pool.length - 5), digest, secret)).toBe(true);
    expect(verify(pool, digest, secret)).toBe(false);
  });

  it("P15: gives the characters $& and {} of a body no meaning", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder is what this is about
    const odd = "$& $1 ${x} {0} %s \\u0000";
    expect(verify(odd, await signHex(secret, odd), secret)).toBe(true);
  });
});

describe("what only the developer can get wrong is a ConfigurationError", () => {
  it.each([
    ["P7: an empty secret", ""],
    ["P7: a blank secret", "  "],
    ["P7: a secret of zero bytes", "\0\0"],
    ["P7: a bare whsec_", "whsec_"],
    ["P8: no secret", undefined],
    ["P8: a null secret", null],
    ["P10: white space before the secret", " secret"],
    ["P10: a line break behind the secret", "secret\n"],
    ["an empty list of secrets", []],
    ["a list with an empty secret", ["secret", ""]],
    ["P21: more secrets than can be meant", Array.from({ length: 11 }, (_, index) => `secret-${index}`)],
    ["a number", 42],
  ])("%s", (_name, wrong) => {
    expect(() => verify(body, digest, wrong as never)).toThrow(ConfigurationError);
    // Also before anything is signed: a receiver that never checks must not look healthy.
    expect(() => verify(body, undefined, wrong as never)).toThrow(ConfigurationError);
  });

  it.each([
    ["P11: a parsed object", { event: "x" }],
    ["P11: a parsed array", []],
    ["nothing", undefined],
    ["null", null],
    ["an ArrayBuffer, whose bounds are unknown", new ArrayBuffer(2)],
    ["an object that calls itself a Uint8Array", { [Symbol.toStringTag]: "Uint8Array" }],
  ])("%s as body", (_name, parsed) => {
    expect(() => verify(parsed as never, digest, secret)).toThrow(/raw body as a string or Uint8Array.*express\.raw/);
    expect(() => verify(parsed as never, digest, secret)).toThrow(expect.objectContaining({ code: "body_already_parsed", status: 500 }));
  });

  it("a scheme that does not exist", () => {
    expect(() => verify(body, digest, secret, { scheme: "sha1=" as never })).toThrow(ConfigurationError);
  });

  it("P46: names no secret and no body", () => {
    try {
      verify({ marker: "PAYLOAD-MARKER" } as never, "SIGNATURE-MARKER", "SECRET-MARKER");
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toMatch(/MARKER/);
    }
    expect(() => verify(body, digest, " SECRET-MARKER")).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/MARKER/) }));
  });
});

it("P55: takes bytes of another realm", () => {
  const foreign = runInNewContext("new Uint8Array(bytes)", { bytes: [...toBytes(body)] }) as Uint8Array;
  expect(foreign instanceof Uint8Array).toBe(false);
  expect(verify(foreign, digest, secret)).toBe(true);
});

it("does not keep every secret it ever saw", () => {
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 20_000; index++) verify(body, digest, `secret-${index}`);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
});
