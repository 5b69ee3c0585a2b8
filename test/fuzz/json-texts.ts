// Texts by what RFC 8259 says of them, each labelled by hand or by how it was made, never by a parser.

/** What is true of a text: it is JSON, it is none, it is not even UTF-8, or the grammar and its implementations may differ. */
export type Verdict = "valid" | "invalid" | "not_utf8" | "either";

/** A text, in bytes since some are not UTF-8. */
export interface JsonText {
  readonly name: string;
  readonly verdict: Verdict;
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();

function made(verdict: Verdict, group: string, texts: readonly (string | readonly number[])[]): readonly JsonText[] {
  return texts.map((text, index) => {
    const bytes = typeof text === "string" ? encoder.encode(text) : Uint8Array.from(text);
    const shown = typeof text === "string" && text.length < 40 ? JSON.stringify(text) : `${index + 1}`;
    return { name: `${group} ${shown}`, verdict, bytes };
  });
}

/** Every combination of one part of each list, joined. */
function combined(...lists: readonly (readonly string[])[]): readonly string[] {
  return lists.reduce((starts, list) => starts.flatMap((start) => list.map((end) => start + end)), [""]);
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const quoted = (inner: string): string => `"${inner}"`;
const inString = (...bytes: readonly number[]): readonly number[] => [0x22, 0x61, ...bytes, 0x62, 0x22];

const exponents = ["", "e0", "E7", "e+1", "E-1", "e+00", "e-400", "e400"];
const numbers = [
  ...made("valid", "number", combined(["", "-"], ["0", "9", "10", "12345678901234567890"], ["", ".0", ".000001"], exponents)),
  ...made(
    "invalid",
    "number",
    combined(["", "-"], ["00", "01", ".5", "1.", "1.e1", "1e", "1e+", "1E-", "1e1.5", "0x10", "1_0", "1e1e1", "1.2.3"]),
  ),
  ...made("invalid", "number", [
    "+1",
    "--1",
    "-",
    "+",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "1 2",
    "\uff11",
    "\u0661",
    "1n",
    "0b1",
    "0o7",
    "1e\u0661",
  ]),
];

const escapes = ['"', "\\", "/", "b", "f", "n", "r", "t"];
const otherEscapes = range(0x20, 0x7e)
  .map((code) => String.fromCharCode(code))
  .filter((character) => !escapes.includes(character) && character !== "u");
const strings = [
  ...made("valid", "escape", [
    ...escapes.map((each) => quoted(`\\${each}`)),
    quoted("\\u0000"),
    quoted("\\u00e9\\u00E9\\uabCD"),
    quoted("\\\\u0041"),
  ]),
  ...made(
    "valid",
    "string",
    ["", "a", "\u007f", "\u0080", "\u00a0", "\u2028\u2029", "\ufeff", "\ufffd\ufffe\uffff", "\u{1f600}\u{10ffff}", "/", "'"].map(quoted),
  ),
  ...made("valid", "long string", [quoted("x".repeat(100_000)), quoted("\\u0041".repeat(20_000))]),
  ...made("valid", "surrogate pair", ["\\ud83d\\ude00", "\\uD83D\\uDE00", "\\udbff\\udfff"].map(quoted)),
  // RFC 8259, section 8.2: the grammar lets them pass, and what becomes of them is unpredictable.
  ...made(
    "either",
    "lone surrogate",
    ["\\ud800", "\\udfff", "\\ude00\\ud83d", "\\ud800\\ud800", "\\ud800a", "\\ud800\\n", "\\ud800\\u0041"].map(quoted),
  ),
  ...made(
    "invalid",
    "escape",
    otherEscapes.map((each) => quoted(`\\${each}`)),
  ),
  ...made(
    "invalid",
    "escape",
    ["\\u", "\\u1", "\\u12", "\\u123", "\\u123g", "\\u 123", "\\u{41}", "\\U0041", "\\x41", "\\101", "\\\u00e9", "\\\n", "\\\u0000"].map(
      quoted,
    ),
  ),
  ...made(
    "invalid",
    "control character",
    range(0, 0x1f).map((code) => quoted(`a${String.fromCharCode(code)}b`)),
  ),
  ...made("invalid", "quotes", ['"', '"a', '"\\"', '"a\\\\\\"', "'a'", "`a`", "\u201ca\u201d", '"a""b"', '"a" "b"', 'a"b"', '"a"b', "a"]),
];

const structures = [
  ...made("valid", "literal", ["true", "false", "null"]),
  ...made("valid", "array", ["[]", "[[]]", "[1,2]", "[null,true,false]", '["a",[],{}]', "[\t1\n,\r2 ]"]),
  ...made("valid", "object", [
    "{}",
    '{"":0}',
    '{"a":{}}',
    '{"a":[],"b":{}}',
    '{ "a" :\n1\t,\r"b" : 2 }',
    '{"a\\u0000b":1}',
    '{"\\u0061":1}',
    '{"0":1,"-1":2}',
  ]),
  ...made("valid", "duplicate keys", [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":{"b":1},"a":{"c":2}}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":{"a":2}}',
  ]),
  ...made("valid", "hostile keys", [
    '{"__proto__":null}',
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"__proto__":{"__proto__":{"polluted":true}},"toString":1,"valueOf":null}',
    '{"\\u005f_proto__":{"polluted":true}}',
    '[{"__proto__":[]}]',
    '{"then":1,"toJSON":2,"length":-1,"hasOwnProperty":false}',
  ]),
  ...made("valid", "white space", [" 1", "1 ", "\t1", "1\n", "\r\n1\r\n", " \t\r\n[ \t\r\n] \t\r\n"]),
  ...made("invalid", "white space", [
    "\u000b1",
    "\u000c1",
    "\u00a01",
    "1\u2028",
    "1\u3000",
    "\u00001",
    "1\u0000",
    "\u0085 1",
    "\u200b1",
    "[1\u000c]",
  ]),
  ...made("invalid", "array", [
    "[",
    "]",
    "[1",
    "1]",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1;2]",
    "[1}",
    "[1]]",
    "[]x",
    "[*]",
    "[1:2]",
    '["a"',
    "[...[]]",
  ]),
  ...made("invalid", "object", [
    "{",
    "}",
    '{"a"}',
    '{"a":}',
    "{:1}",
    "{a:1}",
    "{'a':1}",
    '{"a":1,}',
    "{,}",
    '{"a":1 "b":2}',
    '{"a" 1}',
    "{1:1}",
    "{null:1}",
    '{"a":1]',
    "{}}",
    "{}x",
    '{"a"=1}',
    '{"a"::1}',
    '{"a":1,,"b":2}',
    '{"a":1;"b":2}',
    '{"a"',
    "{[]:1}",
  ]),
  ...made("invalid", "literal", [
    "True",
    "TRUE",
    "FALSE",
    "Null",
    "nul",
    "nulll",
    "tru",
    "undefined",
    "nil",
    "None",
    "true false",
    "-true",
    "!1",
    "new Date()",
    "()",
  ]),
  ...made("invalid", "comment", ["//a\n1", "/*a*/1", "1//a", "1/**/", "#a\n1", "<!--a-->1", '{/**/"a":1}', "[1,//\n2]"]),
];

/** Nests a value; `closed` of the levels are closed again. */
function nested(open: string, close: string, levels: number, closed: number = levels): string {
  return `${open.repeat(levels)}1${close.repeat(closed)}`;
}

const nesting = [
  ...made("valid", "nesting", [
    ...[1, 100, 5000, 100_000].flatMap((levels) => [nested("[", "]", levels), nested('{"a":', "}", levels)]),
    nested('[{"a":', "}]", 50_000),
    nested('{"__proto__":', "}", 10_000),
    `[${"[],".repeat(50_000)}[]]`,
  ]),
  ...made("invalid", "nesting", [
    ...[1, 100, 100_000].flatMap((levels) => [
      nested("[", "]", levels, 0),
      nested('{"a":', "}", levels, levels - 1),
      nested("[", "]", levels, levels + 1),
    ]),
    nested('[{"a":', "}", 50_000),
  ]),
];

const notText = made("not_utf8", "bytes", [
  ...[0x80, 0xbf, 0xc0, 0xc1, 0xc3, 0xe2, 0xf0, 0xf5, 0xf8, 0xfe, 0xff].map((byte) => inString(byte)),
  inString(0xc0, 0x80),
  inString(0xc1, 0xbf),
  inString(0xe0, 0x80, 0x80),
  inString(0xe0, 0x9f, 0xbf),
  inString(0xe2, 0x82),
  inString(0xed, 0xa0, 0x80),
  inString(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80),
  inString(0xf0, 0x80, 0x80, 0x80),
  inString(0xf0, 0x9f, 0x98),
  inString(0xf4, 0x90, 0x80, 0x80),
  [0xff, 0xfe, 0x31, 0x00],
  [0xfe, 0xff, 0x00, 0x31],
]);

/** JSON values, and what is none, that can stand for themselves as well as in a larger text. */
export const jsonTexts: readonly JsonText[] = [...numbers, ...strings, ...structures, ...nesting, ...notText];

/** Forms that a whole body can have, by what the text within is turned into. */
export function bodyForms(text: string): readonly (JsonText & { readonly verdict: "valid" | "invalid" | "not_utf8" })[] {
  const bytes = encoder.encode(text);
  const wide = Uint8Array.from([...bytes].flatMap((byte) => [byte, 0]));
  const form = (name: string, verdict: "valid" | "invalid" | "not_utf8", ...parts: readonly (Uint8Array | readonly number[])[]) => ({
    name,
    verdict,
    bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
  });
  const mark = [0xef, 0xbb, 0xbf];
  return [
    form("as it is", "valid", bytes),
    // RFC 8259, section 8.1: a receiver may pass over a byte order mark. It is part of what was signed.
    form("behind a byte order mark", "valid", mark, bytes),
    form("in white space", "valid", [0x20, 0x0a, 0x0d, 0x09], bytes, [0x20, 0x0a, 0x0d, 0x09]),
    form("behind two byte order marks", "invalid", mark, mark, bytes),
    form("before a byte order mark", "invalid", bytes, mark),
    form("behind white space and a byte order mark", "invalid", [0x20], mark, bytes),
    form("before a zero byte", "invalid", bytes, [0]),
    form("twice", "invalid", bytes, bytes),
    form("twice, in two lines", "invalid", bytes, [0x0a], bytes),
    form("in two bytes per character", "invalid", wide),
    form("in UTF-16 with a byte order mark", "not_utf8", [0xff, 0xfe], wide),
    form("behind a byte that is none of UTF-8", "not_utf8", [0xff], bytes),
    form("before half a character", "not_utf8", bytes, [0xe2, 0x82]),
    form("of nothing", "invalid"),
    form("of white space", "invalid", [0x20, 0x0a]),
    form("of a byte order mark", "invalid", mark),
  ];
}
