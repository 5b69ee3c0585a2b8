import { Readable } from "node:stream";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { defineProvider } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { type ExplainInput, explain, type FindingCode } from "../../src/testing/explain.ts";
import { signHex, signStandardWebhooks, toBytes } from "../suites/signer.ts";
import {
  clipforge,
  correct,
  expectDiscreet,
  explained,
  keyOf,
  MARKER,
  type Member,
  memberOf,
  members,
  NOW,
  nowSeconds,
} from "./explain-members.ts";

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const base64 = (bytes: Uint8Array): string => btoa(latin1(bytes));
const ascii = (json: string, upper = false): string =>
  json.replace(/[\u0080-\uffff]/g, (character) => {
    const digits = character.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${upper ? digits.toUpperCase() : digits}`;
  });
/** As Python writes it when it keeps other characters. */
function python(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`);
  return `{${fields.join(", ")}}`;
}
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
};
const parsed = (received: string): string => JSON.stringify(JSON.parse(received));
const html = (json: string): string => json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026");

type Bytes = string | Uint8Array;

/** What was signed, what is there in its place, and the mistake. */
interface BodyCase {
  readonly title: string;
  readonly code: FindingCode;
  readonly sign: (body: Member["body"]) => Bytes;
  readonly receive: (signed: Bytes, body: Member["body"]) => Bytes;
  readonly headers?: Readonly<Record<string, string>>;
}

const compact = (body: Member["body"]): string => JSON.stringify(body);
const asText = (signed: Bytes): string => (typeof signed === "string" ? signed : new TextDecoder().decode(signed));
const reparsed = (signed: Bytes): string => parsed(asText(signed));

const rows: readonly (readonly [string, FindingCode, BodyCase["sign"], BodyCase["receive"], BodyCase["headers"]?])[] = [
  ["with spaces, as Python writes it", "body_reserialised", (body) => python(body), reparsed],
  ["with spaces and ASCII only, as Python writes it by default", "body_reserialised", (body) => ascii(python(body)), reparsed],
  ["indented by two", "body_reserialised", (body) => JSON.stringify(body, null, 2), reparsed],
  ["indented by four", "body_reserialised", (body) => JSON.stringify(body, null, 4), reparsed],
  ["indented by tabs", "body_reserialised", (body) => JSON.stringify(body, null, "\t"), reparsed],
  ["indented, with a line break at its end", "body_reserialised", (body) => `${JSON.stringify(body, null, 2)}\n`, reparsed],
  ["with escaped slashes", "body_reserialised", (body) => compact(body).replaceAll("/", "\\/"), reparsed],
  ["as PHP writes it", "body_reserialised", (body) => ascii(compact(body)).replaceAll("/", "\\/"), reparsed],
  ["in ASCII, upper case", "body_reserialised", (body) => ascii(compact(body), true), reparsed],
  ["as Go writes it", "body_reserialised", (body) => html(compact(body)), reparsed],
  ["with sorted keys", "body_reserialised", (body) => compact(sorted(body) as never), (_signed, body) => compact(body)],
  ["with sorted keys and spaces", "body_reserialised", (body) => python(sorted(body)), (_signed, body) => compact(body)],
  ["compact, and received indented", "body_reserialised", compact, (_signed, body) => JSON.stringify(body, null, 2)],
  ["as itself, and received as a JSON string", "body_reserialised", compact, (signed) => JSON.stringify(signed)],
  ["as itself, and received as a Buffer in JSON", "body_already_parsed", compact, (signed) => JSON.stringify(Buffer.from(asText(signed)))],
  [
    "with a line break at its end, which was lost",
    "body_trailing_newline",
    (body) => `${compact(body)}\n`,
    (_signed, body) => compact(body),
  ],
  ["with CRLF at its end, which was lost", "body_trailing_newline", (body) => `${compact(body)}\r\n`, (_signed, body) => compact(body)],
  ["without a line break, which was added", "body_trailing_newline", compact, (signed) => `${signed}\n`],
  ["without CRLF, which was added", "body_trailing_newline", compact, (signed) => `${signed}\r\n`],
  [
    "with LF at its end, which became CRLF",
    "body_trailing_newline",
    (body) => `${compact(body)}\n`,
    (_signed, body) => `${compact(body)}\r\n`,
  ],
  ["with a byte order mark, which was lost", "body_byte_order_mark", (body) => `\ufeff${compact(body)}`, (_signed, body) => compact(body)],
  ["without a byte order mark, which was added", "body_byte_order_mark", compact, (signed) => `\ufeff${signed}`],
  [
    "with CRLF inside, which became LF",
    "body_line_breaks",
    (body) => JSON.stringify(body, null, 2).replaceAll("\n", "\r\n"),
    (signed) => asText(signed).replaceAll("\r\n", "\n"),
  ],
  [
    "with LF inside, which became CRLF",
    "body_line_breaks",
    (body) => JSON.stringify(body, null, 2),
    (signed) => asText(signed).replaceAll("\n", "\r\n"),
  ],
  ["without white space, which was added", "body_white_space", compact, (signed) => `  ${signed} `],
  ["in UTF-8, and received decoded as Latin-1", "body_charset", compact, (signed) => latin1(toBytes(signed))],
  [
    "in UTF-8, and received decoded as Windows-1252",
    "body_charset",
    (body) => compact({ ...body, note: "10 € – “now”" }),
    (signed) => new TextDecoder("windows-1252").decode(toBytes(signed)),
  ],
  [
    "in UTF-8, and received in Latin-1",
    "body_charset",
    (body) => compact(body).replace("–", "-"),
    (signed) => Buffer.from(asText(signed), "latin1"),
  ],
  ["form-encoded after it was signed", "body_form_encoded", compact, (signed) => encodeURIComponent(asText(signed))],
  ["written by a form parser", "body_form_encoded", compact, (signed) => String(new URLSearchParams({ [asText(signed)]: "" }))],
  ["in a field of a form", "body_form_encoded", compact, (signed) => String(new URLSearchParams({ payload: asText(signed) }))],
  ["and received as base64", "body_base64", compact, (signed) => base64(toBytes(signed))],
  ["and compressed by gzip after it", "body_compressed", compact, (signed) => gzipSync(signed), { "content-encoding": "gzip" }],
  ["and compressed by gzip, without the header", "body_compressed", compact, (signed) => gzipSync(signed)],
  ["and compressed by deflate", "body_compressed", compact, (signed) => deflateSync(signed), { "content-encoding": "deflate" }],
  ["and compressed by Brotli", "body_compressed", compact, (signed) => brotliCompressSync(signed), { "content-encoding": "br" }],
];

const bodyCases = rows.map(([title, code, sign, receive, headers = {}]): BodyCase => ({ title, code, sign, receive, headers }));

describe.each(members)("explain: $title", (member) => {
  it.each(bodyCases)("finds that the body was signed $title", async ({ code, sign, receive, headers }) => {
    const signed = sign(member.body);
    const received = receive(signed, member.body);
    const input = await correct(member, signed);
    const { authentic, findings, summary } = await explained(member, {
      ...input,
      rawBody: received,
      headers: { ...input.headers, ...headers },
    });
    expect({ authentic, first: findings[0]?.code, certainty: findings[0]?.certainty }).toEqual({
      authentic: false,
      first: code,
      certainty: "proven",
    });
    expect(summary).toContain("not authentic");
    expect(findings.map((finding) => finding.code)).toEqual([code]);
  });

  it.each([
    ["a parsed object", (body: Member["body"]) => body],
    ["what a form parser makes of it", (body: Member["body"]) => ({ [compact(body)]: "" })],
  ])("finds that the body is %s", async (_title, make) => {
    const input = await correct(member);
    const { authentic, findings } = explain({ ...input, rawBody: make(member.body) });
    expect(authentic).toBe(false);
    expect(findings).toMatchObject([{ code: "body_already_parsed", certainty: "proven" }]);
    const spaced = await correct(member, python(member.body));
    expect(explain({ ...spaced, rawBody: make(member.body) }).findings[0]?.code).toBe("body_already_parsed");
  });

  it.each([
    ["an object that does not verify", { a: MARKER }],
    [
      "an object with a circle",
      Object.assign(Object.create(null), {
        get self() {
          return this;
        },
      }),
    ],
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a list", [1, 2]],
  ])("finds that the body is %s", async (_title, rawBody) => {
    const { authentic, findings } = explain({ ...(await correct(member)), rawBody });
    expect(authentic).toBe(false);
    expect(findings).toMatchObject([{ code: "body_already_parsed", certainty: "likely" }]);
  });

  it("finds that the body is a Buffer that went through JSON", async () => {
    const input = await correct(member);
    const rawBody: unknown = JSON.parse(JSON.stringify(Buffer.from(compact(member.body))));
    expect(explain({ ...input, rawBody }).findings).toMatchObject([{ code: "body_already_parsed", certainty: "proven" }]);
  });

  it.each([
    ["a promise", () => Promise.resolve(compact(member.body)), /Await what reads the body/],
    ["a Request", () => new Request("http://localhost/", { method: "POST", body: "{}" }), /new Uint8Array\(await it\.arrayBuffer\(\)\)/],
    ["a Blob", () => new Blob(["{}"]), /new Uint8Array\(await it\.arrayBuffer\(\)\)/],
    ["a web stream", () => new Blob(["{}"]).stream(), /joined as bytes/],
    ["a stream of Node.js", () => Readable.from(["{}"]), /joined as bytes/],
  ])("finds that nothing has read the body: %s", async (_title, make, fix) => {
    const { authentic, findings } = explain({ ...(await correct(member)), rawBody: make() });
    expect(authentic).toBe(false);
    expect(findings).toMatchObject([{ code: "body_type", certainty: "proven", fix: expect.stringMatching(fix) }]);
    expect(findings[0]?.message).not.toContain("parser");
  });

  it("takes a large number that JavaScript has rounded for a hint that the body was parsed", async () => {
    const exact = `${compact(member.body).slice(0, -1)},"n":12345678901234567890}`;
    const input = await correct(member, exact);
    const hint = { code: "body_reserialised", certainty: "possible", message: expect.stringContaining("2^53") };
    expect((await explained(member, { ...input, rawBody: parsed(exact) })).findings).toMatchObject([hint]);
    // Digits that JavaScript would not write, and the same digits in a text, tell nothing.
    for (const untold of [exact.replace("7890}", "7891}"), exact.replace("12345678901234567890", '"12345678901234567000"')]) {
      expect((await explained(member, { ...input, rawBody: untold })).findings).toEqual([]);
    }
  });

  it("finds that the body is the text of an object", async () => {
    const { findings } = await explained(member, { ...(await correct(member)), rawBody: "[object Object]" });
    expect(findings).toMatchObject([{ code: "body_already_parsed", certainty: "likely" }]);
  });

  it("finds that bytes were decoded as text and lost", async () => {
    const cut = Uint8Array.from([...toBytes(compact(member.body)), 0xc3, 0x28]);
    const { findings } = await explained(member, { ...(await correct(member, cut)), rawBody: new TextDecoder().decode(cut) });
    expect(findings).toMatchObject([{ code: "body_lossy", certainty: "likely" }]);
  });

  it.each([
    ["announced by its length", { "content-length": "412" }],
    ["not announced", {}],
  ])("finds that the body was read before: %s", async (_title, extra) => {
    const input = await correct(member);
    const { findings } = await explained(member, { ...input, rawBody: "", headers: { ...input.headers, ...extra } });
    expect(findings).toMatchObject([{ code: "body_empty", certainty: "likely" }]);
    expect(findings[0]?.message.includes("412")).toBe("content-length" in extra);
  });

  it.each([
    ["cut off", "body_truncated", (body: string) => body, (body: string) => body.slice(0, -20)],
    [
      "longer in a way that is not known",
      "body_length_differs",
      (body: string) => body,
      (body: string) => `${body.slice(0, -1)},"more":1}`,
    ],
    ["parsed, of spaces before colons", "body_reserialised", (body: string) => body.replaceAll('":', '" :'), parsed],
    ["parsed, of one space in one place", "body_reserialised", (body: string) => body.replace(",", ", "), parsed],
    ["parsed, of a price", "body_reserialised", (body: string) => `${body.slice(0, -1)},"n":12.50}`, parsed],
    ["parsed, of an exponent", "body_reserialised", (body: string) => `${body.slice(0, -1)},"n":1.0e2}`, parsed],
    ["parsed, of a key that came twice", "body_reserialised", (body: string) => `${body.slice(0, -1)},"n":1,"n":1}`, parsed],
  ])("finds by its length that the body was %s", async (_title, code, write, change) => {
    const body = write(compact(member.body));
    const input = await correct(member, body);
    const headers = { ...input.headers, "content-length": String(toBytes(body).length) };
    const { findings } = await explained(member, { ...input, headers, rawBody: change(body) });
    expect(findings).toMatchObject([{ code, certainty: "likely" }]);
  });

  it("says only that something may have inflated a body whose header says gzip", async () => {
    const body = compact(member.body);
    const input = await correct(member, gzipSync(body));
    const headers = { ...input.headers, "content-encoding": "gzip", "content-length": String(gzipSync(body).length) };
    const { findings } = await explained(member, { ...input, rawBody: body, headers });
    expect(findings).toMatchObject([{ code: "body_decompressed", certainty: "possible" }]);
  });

  it("finds a compressed body that it cannot inflate", async () => {
    const input = await correct(member);
    const { findings } = await explained(member, { ...input, rawBody: gzipSync(compact(member.body)).subarray(0, 40) });
    expect(findings).toMatchObject([{ code: "body_compressed", certainty: "likely" }]);
  });

  it.each([
    ["a line break at its end", "secret_white_space", (secret: string) => `${secret}\n`],
    ["CRLF at its end", "secret_white_space", (secret: string) => `${secret}\r\n`],
    ["a space in front", "secret_white_space", (secret: string) => ` ${secret}`],
    ["a zero-width space", "secret_white_space", (secret: string) => `${secret}\u200b`],
    ["double quotes", "secret_quoted", (secret: string) => `"${secret}"`],
    ["single quotes", "secret_quoted", (secret: string) => `'${secret}'`],
    ["a written line break", "secret_escaped_newline", (secret: string) => `${secret}\\n`],
    ["the name of its variable", "secret_assignment", (secret: string) => `WEBHOOK_SECRET=${secret}`],
  ])("finds a secret with %s", async (_title, code, spoil) => {
    const input = await correct(member);
    for (const secret of [spoil(member.secret), [member.otherSecret, spoil(member.secret)]]) {
      const { authentic, findings } = await explained(member, { ...input, secret });
      expect(authentic).toBe(false);
      expect(findings).toMatchObject([{ code, certainty: "proven" }]);
    }
    // The right one is among them, but the other makes the router refuse to start.
    const both = await explained(member, { ...input, secret: [member.secret, `${member.otherSecret}\n`] });
    expect(both.findings).toMatchObject([{ code: "secret_white_space", certainty: "proven" }]);
  });

  it("finds a secret in quotes with a line break behind them", async () => {
    const { findings } = await explained(member, { ...(await correct(member)), secret: `"${member.secret}"\n` });
    expect(findings.map(({ code }) => code)).toEqual(["secret_white_space", "secret_quoted"]);
  });

  it("finds the secret of another endpoint, and names the endpoint", async () => {
    const input = await correct(member);
    const otherSecrets = { "eu-staging": "unrelated-secret", "us-production": member.secret };
    const { findings } = await explained(member, { ...input, secret: member.otherSecret, otherSecrets });
    expect(findings).toMatchObject([{ code: "secret_other_endpoint", certainty: "proven" }]);
    expect(findings[0]?.message).toContain('"us-production"');
    // A name that is the secret, because the two were confused, is not shown.
    const confused = await explained(member, { ...input, secret: member.otherSecret, otherSecrets: { [member.secret]: member.secret } });
    expect(confused.findings).toMatchObject([{ code: "secret_other_endpoint" }]);
  });

  it("finds two mistakes at once", async () => {
    const input = await correct(member, python(member.body));
    const { findings } = await explained(member, { ...input, rawBody: compact(member.body), secret: `${member.secret}\n` });
    expect(findings.map(({ code }) => code)).toEqual(["body_reserialised", "secret_white_space"]);
  });

  it.each([
    ["undefined", undefined, "none was given"],
    ["empty", "", "it is empty"],
    ["an empty list", [], "none was given"],
  ])("finds a secret that is %s", async (_title, secret, words) => {
    const { findings } = await explained(member, { ...(await correct(member)), secret });
    expect(findings).toMatchObject([{ code: "secret_missing", certainty: "likely" }]);
    expect(findings[0]?.message).toContain(words);
  });

  it("finds a secret that is encoded, or was decoded before", async () => {
    const input = await correct(member);
    const signed = async (key: Uint8Array) => ({ ...input, headers: await member.sign(compact(member.body), key) });
    const text = member.secret;
    const asBase64 = await explained(member, await signed(toBytes(base64(toBytes(text)))));
    expect(asBase64.findings).toMatchObject([{ code: "secret_encoded", certainty: "proven" }]);
    const digits = "00ff10203040506070809fafbfcfdfef";
    const decoded = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const given = member.family === "hex" ? digits : `whsec_${digits}`;
    const asHex = await explained(member, { ...(await signed(decoded)), secret: given });
    expect(asHex.findings).toMatchObject([{ code: "secret_decoded", certainty: "proven" }]);
  });

  it("finds that no signature arrived", async () => {
    const { findings } = await explained(member, { ...(await correct(member)), headers: { "content-type": "application/json" } });
    expect(findings).toMatchObject([{ code: "signature_missing", certainty: "likely" }]);
    const empty = await explained(member, { ...(await correct(member)), headers: { [member.header]: "" } });
    expect(empty.findings[0]?.code).toBe("signature_missing");
  });

  it("finds a signature in a header of another name, whether the secret is right or not", async () => {
    const input = await correct(member);
    const { [member.header]: value = "", ...rest } = lowered(input.headers);
    const moved = { ...input, headers: { ...rest, "x-forwarded-signature": value } };
    expect((await explained(member, moved)).findings).toMatchObject([{ code: "signature_other_header", certainty: "proven" }]);
    const unknown = await explained(member, { ...moved, secret: member.otherSecret });
    expect(unknown.findings).toMatchObject([{ code: "signature_other_header", certainty: "likely" }]);
  });

  const mangled: readonly (readonly [string, FindingCode, (value: string) => string | readonly string[]])[] = [
    ["quotes around it", "signature_white_space", (value) => `"${value}"`],
    [
      "its prefix twice",
      "signature_prefix_doubled",
      (value) => `${member.family === "hex" ? "sha256=sha256=" : "v1,"}${last(value, member)}`,
    ],
    ["the prefix sha1=", "signature_prefix_wrong", (value) => `sha1=${digitsOf(value)}`],
    ["the prefix v1=", "signature_prefix_wrong", (value) => `v1=${digitsOf(value)}`],
    ["an unknown prefix", "signature_prefix_wrong", (value) => `hmac-of-${MARKER}=${digitsOf(value)}`],
    ["itself twice", "signature_repeated", (value) => [value, value]],
    ["itself twice, joined", "signature_repeated", (value) => `${value}, ${value}`],
    ["half of it", "signature_truncated", (value) => value.slice(0, -20)],
  ];

  it.each(mangled)("finds a signature with %s, whether the secret is right or not", async (_title, code, mangle) => {
    const input = await correct(member);
    const { [member.header]: value = "", ...rest } = lowered(input.headers);
    // A provider that takes bare digits only finds one prefix wrong, not two of them doubled.
    const expected = code === "signature_prefix_doubled" && member.provider === clipforge ? "signature_prefix_wrong" : code;
    const headers = { ...rest, [member.header]: mangle(value) };
    const known = await explained(member, { ...input, headers });
    expect(known.findings.map((finding) => [finding.code, finding.certainty])).toEqual([[expected, "proven"]]);
    const unknown = await explained(member, { ...input, headers, secret: member.otherSecret });
    expect(unknown.findings.map((finding) => [finding.code, finding.certainty])).toEqual([[expected, "likely"]]);
  });

  it("finds a signature in the other encoding, whether the secret is right or not", async () => {
    const input = await correct(member);
    const { [member.header]: value = "", ...rest } = lowered(input.headers);
    const prefix = member.family === "hex" ? (member.title === "videopilot" ? "sha256=" : "") : "v1,";
    const bytes = bytesOf(digitsOf(value));
    const urlSafe = base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
    const others = member.family === "hex" ? [base64(bytes), urlSafe] : [hexOf(bytes), urlSafe];
    for (const other of others) {
      const headers = { ...rest, [member.header]: prefix + other };
      const known = await explained(member, { ...input, headers });
      expect(known.findings).toMatchObject([{ code: "signature_encoding", certainty: "proven" }]);
      const unknown = await explained(member, { ...input, headers, secret: member.otherSecret });
      expect(unknown.findings).toMatchObject([{ code: "signature_encoding", certainty: "likely" }]);
    }
  });

  it.each([
    ["SHA-1", 20],
    ["SHA-512", 64],
    ["MD5", 16],
  ])("finds a signature that has the form of %s", async (algorithm, length) => {
    const input = await correct(member);
    const digest = Uint8Array.from({ length }, (_, index) => (index * 37 + 11) % 256);
    const value = member.family === "hex" ? hexOf(digest) : `v1,${base64(digest)}`;
    const { findings } = await explained(member, { ...input, headers: { ...lowered(input.headers), [member.header]: value } });
    expect(findings).toMatchObject([{ code: "signature_other_algorithm", certainty: "likely" }]);
    expect(findings[0]?.message).toContain(algorithm);
  });

  it("says that a correct delivery is correct", async () => {
    const input = await correct(member);
    const rawBody = new TextEncoder().encode(input.rawBody as string);
    for (const each of [input, { ...input, rawBody }, { ...input, headers: new Headers(input.headers as Record<string, string>) }]) {
      const { authentic, findings, summary } = await explained(member, each);
      expect({ authentic, findings }).toEqual({ authentic: true, findings: [] });
      expect(summary).toContain("its signature is correct");
      if (member.family === "standard") expect(summary).toContain("0 seconds away, within the limit of 300");
    }
    const rotated = await explained(member, { ...input, secret: [member.otherSecret, member.secret] });
    expect(rotated.summary).toContain("under secret 2 of 2");
  });

  it("claims nothing about garbage of the right form, and says what it tried", async () => {
    const input = await correct(member, `something else ${MARKER}`);
    const { authentic, findings, summary } = await explained(member, { ...input, rawBody: "garbage" });
    expect({ authentic, findings }).toEqual({ authentic: false, findings: [] });
    expect(summary).toMatch(/no known mistake explains it\. Tried were/);
  });

  it("reads headers of a reader that does not list them", async () => {
    const input = await correct(member, python(member.body));
    const headers = lowered(input.headers);
    const reader = { get: (name: string) => headers[name.toLowerCase()] };
    const { findings } = explain({ ...input, rawBody: compact(member.body), headers: reader });
    expect(findings).toMatchObject([{ code: "body_reserialised", certainty: "proven" }]);
  });

  it("takes a bound provider as well", async () => {
    const input = await correct(member);
    expect(explain({ ...input, provider: member.bind(member.secret) }).authentic).toBe(true);
    expect(explain({ ...input, provider: member.bind(member.secret), secret: `${member.secret}\n` }).findings[0]?.code).toBe(
      "secret_white_space",
    );
  });
});

function lowered(headers: ExplainInput["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers as Record<string, string>).map(([name, value]) => [name.toLowerCase(), value]));
}
const digitsOf = (value: string): string => value.replace(/^(?:sha256=|v1,)/, "");
const last = (value: string, { family }: Member): string => (family === "hex" ? digitsOf(value) : value);
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
function bytesOf(digits: string): Uint8Array {
  if (digits.length === 64) return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
}

describe("explain: schemes with hex", () => {
  const hexMembers = members.filter(({ family }) => family === "hex");

  it.each(hexMembers)("finds what is done to whsec_ and to base64 in a secret: $title", async (member) => {
    const body = compact(member.body);
    const whole = `whsec_${btoa("the bytes of a key, 3 times 8..")}`;
    const rest = whole.slice("whsec_".length);
    const stripped = await explained(member, {
      ...(await correct(member)),
      headers: await member.sign(body, toBytes(whole)),
      secret: rest,
    });
    expect(stripped.findings).toMatchObject([{ code: "secret_prefix_stripped", certainty: "proven" }]);
    // Kling takes such a secret for one of Standard Webhooks.
    if (member.provider === "kling") return;
    const cases: readonly [FindingCode, Uint8Array][] = [
      ["secret_prefix_kept", toBytes(rest)],
      ["secret_decoded", keyOf({ family: "standard" }, whole)],
    ];
    for (const [code, key] of cases) {
      const { findings } = await explained(member, { ...(await correct(member)), headers: await member.sign(body, key), secret: whole });
      expect(findings).toMatchObject([{ code, certainty: "proven" }]);
    }
  });

  it.each(hexMembers)("finds a secret in another letter case: $title", async (member) => {
    const input = await correct(member);
    const { findings } = await explained(member, {
      ...input,
      headers: await member.sign(compact(member.body), toBytes(member.secret.toUpperCase())),
    });
    expect(findings).toMatchObject([{ code: "secret_letter_case", certainty: "proven" }]);
  });

  it.each(hexMembers)("finds a line break that the sender has in its secret: $title", async (member) => {
    const input = await correct(member);
    const { findings } = await explained(member, {
      ...input,
      headers: await member.sign(compact(member.body), toBytes(`${member.secret}\n`)),
    });
    expect(findings).toMatchObject([{ code: "secret_white_space", certainty: "proven" }]);
  });

  it.each(hexMembers)("finds that more than the body was signed: $title", async (member) => {
    const body = compact(member.body);
    const times = { "webhook-id": "msg_1", "webhook-timestamp": String(nowSeconds) };
    for (const [front, found] of [
      [`msg_1.${nowSeconds}.`, "id.timestamp.body"],
      [`${nowSeconds}.`, "timestamp.body"],
    ] as const) {
      const headers = { ...(await member.sign(front + body, toBytes(member.secret))), ...times };
      const { findings } = await explained(member, { ...(await correct(member)), headers });
      expect(findings).toMatchObject([{ code: "signed_content", certainty: "proven" }]);
      expect(findings[0]?.message).toContain(`covers ${found}, but`);
    }
  });

  it.each(hexMembers)("takes digits in upper case, and finds a prefix in upper case: $title", async (member) => {
    const input = await correct(member);
    const value = digitsOf(lowered(input.headers)[member.header] ?? "").toUpperCase();
    const prefix = member.title === "videopilot" ? "sha256=" : "";
    expect((await explained(member, { ...input, headers: { [member.header]: prefix + value } })).authentic).toBe(true);
    const { findings } = await explained(member, { ...input, headers: { [member.header]: `SHA256=${value}` } });
    expect(findings[0]?.code).toBe(member.provider === clipforge ? "signature_prefix_wrong" : "signature_letter_case");
  });

  it.each(hexMembers)("finds white space around the value: $title", async (member) => {
    const input = await correct(member);
    const value = lowered(input.headers)[member.header] ?? "";
    const { findings } = await explained(member, { ...input, headers: { [member.header]: ` ${value}\t` } });
    expect(findings).toMatchObject([{ code: "signature_white_space", certainty: "proven" }]);
  });

  it("finds that VideoPilot's prefix is missing", async () => {
    const member = memberOf("videopilot");
    const input = await correct(member);
    const headers = { [member.header]: digitsOf(lowered(input.headers)[member.header] ?? "") };
    expect((await explained(member, { ...input, headers })).findings).toMatchObject([
      { code: "signature_prefix_missing", certainty: "proven" },
    ]);
  });

  it("finds a signature behind a header that comes first", async () => {
    const member = memberOf("heygen");
    const input = await correct(member);
    const value = lowered(input.headers).signature ?? "";
    const headers = { signature: "0".repeat(64), "heygen-signature": value };
    const { findings } = await explained(member, { ...input, headers });
    expect(findings).toMatchObject([{ code: "signature_shadowed", certainty: "proven" }]);
  });
});

describe("explain: Standard Webhooks", () => {
  const standardMembers = members.filter(({ family }) => family === "standard");

  it.each(standardMembers)("finds what is done to the secret: $title", async (member) => {
    const input = await correct(member);
    const rest = member.secret.slice("whsec_".length);
    const urlSafe = `whsec_${rest.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
    expect(urlSafe).toMatch(/[-_]/);
    for (const [code, secret] of [
      ["secret_prefix_stripped", rest],
      ["secret_url_safe", urlSafe],
    ] as const) {
      expect((await explained(member, { ...input, secret })).findings).toMatchObject([{ code, certainty: "proven" }]);
    }
    for (const key of [member.secret, rest]) {
      const headers = await member.sign(compact(member.body), toBytes(key));
      expect((await explained(member, { ...input, headers })).findings).toMatchObject([
        { code: "secret_not_decoded", certainty: "proven" },
      ]);
    }
  });

  it.each(standardMembers)("finds a secret that cannot be used: $title", async (member) => {
    const { findings } = await explained(member, { ...(await correct(member)), secret: "n0-Standard-S3cret" });
    expect(findings).toMatchObject([{ code: "secret_unusable", certainty: "likely" }]);
  });

  it.each(standardMembers)("finds that less than id, time and body was signed: $title", async (member) => {
    const body = compact(member.body);
    const input = await correct(member);
    for (const [front, found] of [
      ["", "body"],
      [`${nowSeconds}.`, "timestamp.body"],
    ] as const) {
      const value = `v1,${base64(bytesOf(await signHex(keyOf(member, member.secret), front + body)))}`;
      const { findings } = await explained(member, { ...input, headers: { ...input.headers, "webhook-signature": value } });
      expect(findings).toMatchObject([{ code: "signed_content", certainty: "proven" }]);
      expect(findings[0]?.message).toContain(`covers ${found}, but`);
    }
  });

  it.each(standardMembers)("finds a missing prefix, and letters in one case: $title", async (member) => {
    const input = await correct(member);
    const value = lowered(input.headers)["webhook-signature"] ?? "";
    const find = async (changed: string) =>
      (await explained(member, { ...input, headers: { ...input.headers, "webhook-signature": changed } })).findings;
    expect(await find(digitsOf(value))).toMatchObject([{ code: "signature_prefix_missing", certainty: "proven" }]);
    expect(await find(`V1,${digitsOf(value)}`)).toMatchObject([{ code: "signature_letter_case", certainty: "proven" }]);
    expect(await find(value.toLowerCase())).toMatchObject([{ code: "signature_letter_case", certainty: "proven" }]);
  });

  it.each(standardMembers)("finds the headers of Svix, and one of three that is missing: $title", async (member) => {
    const input = await correct(member);
    const headers = lowered(input.headers);
    const svix = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.replace("webhook", "svix"), value]));
    expect((await explained(member, { ...input, headers: svix })).findings).toMatchObject([
      { code: "signature_other_header", certainty: "proven" },
    ]);
    for (const name of ["webhook-id", "webhook-timestamp"]) {
      const { [name]: _lost, ...rest } = headers;
      const { findings } = await explained(member, { ...input, headers: rest });
      expect(findings).toMatchObject([{ code: "signature_missing", certainty: "likely" }]);
      expect(findings[0]?.message).toContain(`"${name}"`);
    }
  });

  const at = async (member: Member, timestamp: number | string, id = "msg_1"): Promise<ExplainInput> => {
    const body = compact(member.body);
    const headers = await signStandardWebhooks(member.secret, { id, timestamp, body });
    return { ...(await correct(member)), headers };
  };

  it.each(standardMembers)("finds times that are too far away, and says by how much: $title", async (member) => {
    const old = await explained(member, await at(member, nowSeconds - 420));
    expect(old.findings).toMatchObject([{ code: "timestamp_too_old", certainty: "proven" }]);
    expect(old.findings[0]?.message).toContain("420 seconds ago, 120 beyond the limit of 300");
    const ahead = await explained(member, await at(member, nowSeconds + 301));
    expect(ahead.findings).toMatchObject([{ code: "timestamp_too_new", certainty: "proven" }]);
    expect(ahead.findings[0]?.message).toContain("301 seconds ahead, 1 beyond");
    expect(ahead.findings[0]?.message).toContain("clock here is slow");
    for (const near of [nowSeconds - 300, nowSeconds + 300]) expect((await explained(member, await at(member, near))).authentic).toBe(true);
  });

  it.each(standardMembers)("finds times in another unit or form, and ids that cannot be: $title", async (member) => {
    expect((await explained(member, await at(member, NOW))).findings).toMatchObject([
      { code: "timestamp_in_milliseconds", certainty: "proven" },
    ]);
    for (const form of ["2026-11-21T12:00:00Z", `${nowSeconds}.5`, `0${nowSeconds}`, "soon"]) {
      const { findings } = await explained(member, await at(member, form));
      expect(findings).toMatchObject([{ code: "timestamp_malformed", certainty: "proven" }]);
      const unknown = await explained(member, { ...(await at(member, form)), secret: member.otherSecret });
      expect(unknown.findings).toMatchObject([{ code: "timestamp_malformed", certainty: "likely" }]);
    }
    const { findings } = await explained(member, await at(member, nowSeconds, "msg.1"));
    expect(findings).toMatchObject([{ code: "id_malformed", certainty: "proven" }]);
  });

  it.each(standardMembers)("names the time that would fail next: $title", async (member) => {
    const input = await at(member, nowSeconds - 1000);
    const { findings } = await explained(member, { ...input, rawBody: `${input.rawBody}\n` });
    expect(findings.map(({ code }) => code)).toEqual(["body_trailing_newline", "timestamp_too_old"]);
  });
});

describe("explain: deliveries of another provider", () => {
  const titles = ["heygen", "konpro", "videopilot", "kling with Standard Webhooks", "kling with hex"];
  const pairs = titles
    .flatMap((from) => titles.map((to) => [from, to] as const))
    .filter(([from, to]) => from.split(" ")[0] !== to.split(" ")[0]);

  it.each(pairs)("finds a delivery of %s that is checked as one of %s", async (fromTitle, toTitle) => {
    const from = memberOf(fromTitle);
    const to = memberOf(toTitle);
    const input = await correct(from);
    const known = await explained({ ...to, secret: from.secret }, { ...input, provider: to.provider });
    // Both look for "signature".
    if (fromTitle === "heygen" && toTitle === "konpro") return expect(known.authentic).toBe(true);
    expect(known.findings[0]).toMatchObject({ code: "other_provider", certainty: "proven" });
    expect(known.findings[0]?.message).toContain(`as ${from.provider} signs it`);
    const unknown = await explained(to, { ...input, provider: to.provider, secret: to.secret });
    expect(unknown.findings[0]).toMatchObject({ code: "other_provider", certainty: "likely" });
    expect(unknown.findings[0]?.message).toContain(`as ${from.provider} signs it`);
  });

  it("finds that Kling signs by its other scheme", async () => {
    const member = memberOf("kling with Standard Webhooks");
    const body = compact(member.body);
    const headers = { "x-kling-signature": `sha256=${await signHex(member.secret, body)}` };
    const { findings } = await explained(member, { ...(await correct(member)), headers });
    expect(findings).toMatchObject([{ code: "other_scheme", certainty: "proven" }]);
    const fixed = kling({ secret: member.secret, scheme: "hex" });
    expect(explain({ ...(await correct(member)), headers, provider: fixed }).authentic).toBe(true);
  });

  it("guesses by the body, and says no more than that it is possible", async () => {
    const member = memberOf("heygen");
    const input = await correct(member);
    const { findings } = await explained(member, { ...input, rawBody: compact(memberOf("videopilot").body) });
    expect(findings).toMatchObject([{ code: "other_provider", certainty: "possible" }]);
    expect(findings[0]?.message).toContain("videopilot");
  });
});

describe("explain: times inside the body", () => {
  const member = memberOf("videopilot");
  const find = async (timestamp: unknown, maxAgeSeconds = 60) => {
    const body = compact({ ...member.body, timestamp });
    const explanation = explain({ ...(await correct(member, body)), provider: videopilot({ secret: member.secret, maxAgeSeconds }) });
    return explanation.findings[0] ?? explanation.summary;
  };

  it("are held against the limit of the endpoint", async () => {
    expect(await find("2026-11-21T11:59:30.000Z")).toContain("30 seconds away, within the limit of 60");
    expect(await find("2026-11-21T11:00:00.000Z")).toMatchObject({ code: "timestamp_too_old", certainty: "proven" });
    expect(await find("2026-11-21T13:00:00.000Z")).toMatchObject({ code: "timestamp_too_new" });
    expect(await find(NOW / 1000)).toMatchObject({ code: "timestamp_in_seconds" });
    expect(await find(NOW * 1000)).toMatchObject({ code: "timestamp_in_milliseconds" });
    expect(await find(undefined)).toMatchObject({ code: "timestamp_malformed" });
  });

  it("are of no account without one", async () => {
    const body = compact({ ...member.body, timestamp: "1999-01-01T00:00:00Z" });
    expect((await explained(member, await correct(member, body))).authentic).toBe(true);
  });
});

describe("explain: tokens", () => {
  const token = "tk-9f8e7d6c5b4a39281706";
  const base = { rawBody: "{}", headers: {}, provider: "konpro" as const, token };

  it.each([
    ["nothing", "/hook", "token_missing"],
    ["no url", undefined, "token_missing"],
    ["an empty value", "/hook?token=", "token_missing"],
    ["it twice", `/hook?token=${token}&token=${token}`, "token_repeated"],
    ["another one", "https://example.test/hook?token=another-token-of-17", "token_mismatch"],
    ["it in upper case", `/hook?token=${token.toUpperCase()}`, "token_mismatch"],
    ["it in quotes", `/hook?token=%22${token}%22`, "token_mismatch"],
    ["it under another name", `/hook?key=${token}`, "token_misplaced"],
    ["it in the path", `/hook/${token}`, "token_misplaced"],
    ["it in the fragment", `/hook#token=${token}`, "token_misplaced"],
  ])("finds that the URL carries %s", (_title, url, code) => {
    const input = { ...base, url };
    const explanation = explain(input);
    expectDiscreet(explanation, input);
    expect(explanation).toMatchObject({ authentic: false, findings: [{ code, certainty: "proven" }] });
  });

  it("says that a token is right, alone and beside a signature", async () => {
    expect(explain({ ...base, url: `/hook?token=${token}` })).toEqual({
      authentic: true,
      findings: [],
      summary: "The delivery is authentic: the URL carries the token.",
    });
    const member = memberOf("konpro");
    const both = { ...(await correct(member)), token };
    expect(explain({ ...both, url: `/?token=${token}` }).summary).toContain("signature is correct. The URL carries the token.");
    const wrong = explain({ ...both, secret: `${member.secret}\n`, url: "/" });
    expect(wrong.findings.map(({ code }) => code)).toEqual(["secret_white_space", "token_missing"]);
    expect(explain({ ...both, url: "/" })).toMatchObject({ authentic: false, findings: [{ code: "token_missing" }] });
  });

  it("finds a token that no router takes, and a body that was parsed", () => {
    expect(explain({ ...base, token: "short" }).findings).toMatchObject([{ code: "token_unusable" }]);
    expect(explain({ ...base, url: `/?token=${token}`, rawBody: {} })).toMatchObject({
      authentic: false,
      findings: [{ code: "body_already_parsed" }],
    });
  });
});

describe("explain: schemes of one's own", () => {
  const reversed = (text: string): string => [...text].reverse().join("");
  const odd = defineProvider({
    name: "oddity",
    signature: {
      name: "reversed",
      headers: ["x-odd"],
      check: (secret) => (headers, rawBody) =>
        (headers as Record<string, string>)["x-odd"] === reversed(secret) + rawBody.length
          ? { matched: true }
          : { refused: "signature_mismatch", headers: ["x-odd"] },
    },
    events: { a: { safeParse: (body) => ({ success: true, data: body }) } },
    eventType: () => "a",
    dedupeKey: () => undefined,
    toJob: () => undefined,
    ackDeadlineMs: 5000,
  });
  const input = { headers: { "x-odd": `${reversed("a-secret-here")}3` }, secret: "a-secret-here", provider: odd };

  it("are asked with what undoes a mistake", () => {
    expect(explain({ ...input, rawBody: "abc" }).authentic).toBe(true);
    expect(explain({ ...input, rawBody: "abc\n" }).findings).toMatchObject([{ code: "body_trailing_newline", certainty: "proven" }]);
    expect(explain({ ...input, rawBody: "abc", secret: "a-secret-here\n" }).findings).toMatchObject([
      { code: "secret_white_space", certainty: "proven" },
    ]);
    expect(explain({ ...input, rawBody: "a different body" }).findings).toEqual([]);
  });

  it("do not end an explanation when they throw or are asynchronous", () => {
    for (const check of [
      () => {
        throw new Error(MARKER);
      },
      () => () => Promise.resolve({ matched: true }),
    ]) {
      const broken = { ...odd({ unsigned: true }), signature: { name: "broken", headers: ["x-odd"], check: check as never } };
      const { authentic, findings, summary } = explain({ ...input, provider: broken, rawBody: "abc" });
      expect(authentic).toBe(false);
      expect(findings).toMatchObject([{ code: "secret_unusable" }]);
      expect(summary).not.toContain(MARKER);
    }
  });
});

describe("explain", () => {
  it("refuses a provider that does not exist, and a secret that is a function", () => {
    for (const provider of ["nobody", undefined, {}, () => ({})]) {
      expect(() => explain({ rawBody: "", headers: {}, provider: provider as never, secret: "a" })).toThrow(ConfigurationError);
    }
    expect(() => explain({ rawBody: "", headers: {}, provider: "heygen", secret: (() => "a") as never })).toThrow(ConfigurationError);
  });

  it("uses the headers that an endpoint sets", async () => {
    const member = memberOf("heygen");
    const input = await correct(member);
    const provider = heygen({ secret: member.secret, header: "x-own" });
    expect(explain({ ...input, provider, headers: { "x-own": lowered(input.headers).signature } }).authentic).toBe(true);
    expect(explain({ ...input, provider }).findings[0]).toMatchObject({ certainty: "proven" });
  });

  it("takes the present where no time is given, and a date", async () => {
    const member = memberOf("kling with Standard Webhooks");
    const body = compact(member.body);
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = await signStandardWebhooks(member.secret, { id: "msg_1", timestamp, body });
    const { now: _now, ...input } = await correct(member);
    expect(explain({ ...input, headers }).authentic).toBe(true);
    expect(explain({ ...input, headers, now: new Date(timestamp * 1000 + 301_000) }).findings[0]?.code).toBe("timestamp_too_old");
  });

  it("stays within a bounded time for a body of 1 MiB, and finds a mistake in it", async () => {
    const member = memberOf("heygen");
    const large = { ...member.body, filling: "é/<".repeat(200_000) };
    const input = await correct(member, `${compact(large)}`);
    expect(toBytes(compact(large)).length).toBeLessThan(1_048_576);
    expect(explain({ ...input, rawBody: `${compact(large)}\n` }).findings[0]?.code).toBe("body_trailing_newline");
    expect(explain({ ...input, rawBody: compact({ ...large, more: 1 }) }).findings).toEqual([]);
  });
});
