import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeaderSource } from "../src/delivery.ts";
import { keptBody, wholeBody } from "../src/kept-body.ts";
import { toBytes } from "./suites/signer.ts";

const FIX = "Move the line.";

/** What a parser kept of a body of so many bytes. */
function keep(kept: Uint8Array | string, length?: number, more: Readonly<Record<string, string>> = {}) {
  return keptBody(kept, { ...(length !== undefined && { "content-length": String(length) }), ...more }, FIX);
}

const parsed = { refused: "body_already_parsed", hint: expect.stringMatching(/ Move the line\.$/) };

describe("bytes that were kept", () => {
  it("are taken as they are, without a copy", () => {
    const bytes = toBytes('{"a":"é"}');
    expect(keep(bytes, bytes.length)).toBe(bytes);
    expect(keep(bytes)).toBe(bytes);
    expect(keep(new Uint8Array(), 0)).toEqual(new Uint8Array());
  });

  it("P14: may be a part of a larger buffer", () => {
    const pool = toBytes("before{}after");
    expect(keep(pool.subarray(6, 8), 2)).toEqual(toBytes("{}"));
  });

  it("P55: may come from another realm", () => {
    const bytes = runInNewContext("new Uint8Array([123, 125])") as Uint8Array;
    expect(bytes instanceof Uint8Array).toBe(false);
    expect(keep(bytes, 2)).toBe(bytes);
  });

  it("P12: need not be UTF-8, since nobody decoded them", () => {
    expect(keep(Uint8Array.of(0xff, 0xfe), 2)).toEqual(Uint8Array.of(0xff, 0xfe));
    expect(keep(toBytes("\ufffd"), 3)).toEqual(toBytes("\ufffd"));
  });

  it("P11 and P18: are refused when they are more or fewer than arrived", () => {
    expect(keep(toBytes("{}"), 3)).toEqual(parsed);
    expect(keep(toBytes("{ }"), 2)).toEqual(parsed);
    expect(keep(new Uint8Array(), 2)).toEqual(parsed);
  });
});

describe("text that was kept", () => {
  it("is taken when it is as long as what arrived", () => {
    expect(keep('{"a":"é"}', 10)).toEqual(toBytes('{"a":"é"}'));
    expect(keep("", 0)).toEqual(new Uint8Array());
  });

  it("P12: is refused when nothing shows that no byte was lost", () => {
    expect(keep("{}")).toEqual(parsed);
    expect(keep("")).toEqual(parsed);
  });

  it("P12: is refused when a byte order mark is gone", () => {
    const arrived = Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d);
    expect(keep(new TextDecoder().decode(arrived), arrived.length)).toEqual(parsed);
  });

  it("P12: is refused when a character was replaced, even where the length is the same", () => {
    // The first three bytes of a character of four become one replacement character, which has three bytes as well.
    const arrived = Uint8Array.of(0x22, 0xf0, 0x9f, 0x98, 0x22);
    const text = new TextDecoder().decode(arrived);
    expect(toBytes(text)).toHaveLength(arrived.length);
    expect(keep(text, arrived.length)).toEqual(parsed);
  });

  it("P12: is refused when a lone surrogate would be replaced, even where the length is the same", () => {
    expect(keptBody('"\ud83d"', { "content-length": "5" }, FIX)).toEqual(parsed);
  });

  it("P12: gives the bytes that arrived or a refusal, whatever arrived and however it was decoded", () => {
    const encodings = fc.constantFrom("utf-8", "latin1", "utf-16le", "windows-1251", "shift_jis", "gb18030", "euc-kr");
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: "binary" }).map(toBytes)), encodings, (arrived, encoding) => {
        const read = keep(new TextDecoder(encoding).decode(arrived), arrived.length);
        if (encoding === "utf-8" && read instanceof Uint8Array) expect(Buffer.from(read).equals(arrived)).toBe(true);
        // Of another encoding, what has an equal length may differ; the signature decides then.
        else if (read instanceof Uint8Array) expect(read).toHaveLength(arrived.length);
        else expect(read).toEqual(parsed);
      }),
    );
  });
});

describe("P17: what was kept of a compressed body", () => {
  it.each(["gzip", "br", "deflate", "zstd", "gzip, br", "GZIP", "x-gzip"])("is refused: %s", (encoding) => {
    expect(keep(toBytes("{}"), 2, { "content-encoding": encoding })).toEqual(parsed);
    expect(keep("{}", 2, { "content-encoding": encoding })).toEqual(parsed);
  });

  it.each(["identity", ""])("is taken when the encoding is none: %j", (encoding) => {
    expect(keep(toBytes("{}"), 2, { "content-encoding": encoding })).toEqual(toBytes("{}"));
  });

  it("is refused when the header is repeated", () => {
    expect(keptBody(toBytes("{}"), { "content-encoding": ["identity", "gzip"] }, FIX)).toEqual(parsed);
  });
});

describe("P18: what was kept of a stream", () => {
  const unread = { readableDidRead: false, readableEnded: false };
  const begun = { readableDidRead: true, readableEnded: false };
  const ended = { readableDidRead: true, readableEnded: true };
  const bytes = toBytes("{}");

  it("is whole when the stream has ended, or nobody has read it", () => {
    for (const stream of [unread, ended, { readableDidRead: false, readableEnded: true }])
      expect(wholeBody(bytes, {}, FIX, stream)).toBe(bytes);
    expect(wholeBody("{}", {}, FIX, ended)).toEqual(parsed);
    expect(wholeBody(bytes, { "content-length": "3" }, FIX, ended)).toEqual(parsed);
  });

  it("may be a part while one of the streams is being read", () => {
    expect(wholeBody(bytes, {}, FIX, begun)).toBeUndefined();
    expect(wholeBody(bytes, {}, FIX, ended, begun)).toBeUndefined();
    expect(wholeBody("{}", { "content-length": "3" }, FIX, begun)).toBeUndefined();
    expect(wholeBody(bytes, { "content-length": "2" }, FIX, begun)).toBe(bytes);
  });

  it("is no body when it is nothing, unless nothing was announced", () => {
    for (const stream of [unread, begun, ended]) {
      for (const nothing of [new Uint8Array(), ""]) expect(wholeBody(nothing, {}, FIX, stream)).toBeUndefined();
      expect(wholeBody("", { "content-length": "0" }, FIX, stream)).toEqual(new Uint8Array());
    }
  });

  it("is neither bytes nor text", () => {
    for (const other of [undefined, null, {}, 1, [123, 125]]) expect(wholeBody(other, {}, FIX, ended)).toBeUndefined();
  });
});

describe("the headers", () => {
  const sources: readonly [string, HeaderSource][] = [
    ["of the Fetch standard", new Headers({ "Content-Length": "3" })],
    ["of Node.js", { "content-length": "3" }],
    ["in any letter case", { "Content-Length": "3" }],
  ];
  it.each(sources)("are read %s", (_name, headers) => {
    expect(keptBody(toBytes("{}"), headers, FIX)).toEqual(parsed);
    expect(keptBody(toBytes("{ }"), headers, FIX)).toEqual(toBytes("{ }"));
  });
});

it("P46: the hint holds lengths, and nothing of what was kept", () => {
  for (const refusal of [
    keep("secret-text", 5),
    keep("secret-text"),
    keep(toBytes("secret-text"), 5),
    keep("secret-text", 11, { "content-encoding": "gzip" }),
  ]) {
    expect(refusal).toEqual(parsed);
    expect(JSON.stringify(refusal)).not.toContain("secret-text");
  }
});
