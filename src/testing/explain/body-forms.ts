import type { Mistake } from "./finding.ts";
import { compressionOf, inflate } from "./inflate.ts";
import { jsonForms } from "./json-forms.ts";
import { announcedLength, type ReceivedHeaders } from "./received-headers.ts";

/** A body as it may have been when it was signed, and the mistake that would have changed it. */
export interface BodyForm {
  readonly body: Uint8Array;
  readonly mistake: Mistake;
}

/** Larger bodies are checked as they are, since each form of them would cost milliseconds. */
export const MOST_BODY_BYTES = 1_048_576;

const encoder = new TextEncoder();
const MARK = [0xef, 0xbb, 0xbf];

/** The forms in which a body may have been signed, likely ones first: up to about 480, each made when it is asked for. */
export function* bodyForms(body: Uint8Array, headers: ReceivedHeaders): Generator<BodyForm> {
  if (body.length === 0 || body.length > MOST_BODY_BYTES) return;
  yield* ends(body);
  yield* marks(body);
  const compression = compressionOf(body, headers.get("content-encoding")?.[0]);
  const inflated = compression === undefined ? undefined : inflate(body, compression);
  if (compression !== undefined && inflated !== undefined) {
    const proof = ", and the signature holds over the inflated bytes";
    yield { body: inflated, mistake: { code: "body_compressed", facts: { encoding: compression, proof } } };
  }
  const text = toText(body);
  if (text === undefined) {
    const recoded = encoder.encode(latin1Text(body));
    yield { body: recoded, mistake: { code: "body_charset", facts: { form: "from UTF-8 to Latin-1" } } };
    return;
  }
  yield* lineBreaks(text);
  yield* padding(text);
  yield* charsets(text);
  // The length of a compressed body tells nothing about the plain one.
  const announced = headers.has("content-encoding") ? undefined : announcedLength(headers);
  yield* encodings(text, body, announced);
  for (const { text: written, form } of jsonForms(text)) {
    if (written === text) continue;
    const signed = encoder.encode(written);
    yield { body: signed, mistake: { code: "body_reserialised", ...whoWrote(announced, body, signed), facts: { form } } };
  }
}

/** Whether a parser here has written the body anew, or the sender sent another one than it signed: the announced length may tell. */
function whoWrote(announced: number | undefined, body: Uint8Array, signed: Uint8Array): Pick<Mistake, "wording"> {
  if (announced === undefined || body.length === signed.length) return {};
  return { wording: announced === body.length ? "body_reserialised_by_sender" : "body_reserialised_here" };
}

/** A body as text; `undefined` when it is not UTF-8. The byte order mark is kept. */
export function toText(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    // Bytes that are no text.
    return undefined;
  }
}

function* ends(body: Uint8Array): Generator<BodyForm> {
  const mistake = (form: string): Mistake => ({ code: "body_trailing_newline", facts: { form } });
  const last = body.length - 1;
  if (body[last] === 0x0a) {
    const isPair = body[last - 1] === 0x0d;
    yield { body: body.subarray(0, isPair ? last - 1 : last), mistake: mistake("without the line break") };
    if (isPair)
      yield { body: joined(body.subarray(0, last - 1), [0x0a]), mistake: mistake('with the line break "\\n" instead of "\\r\\n"') };
    else yield { body: joined(body.subarray(0, last), [0x0d, 0x0a]), mistake: mistake('with the line break "\\r\\n" instead of "\\n"') };
  } else {
    yield { body: joined(body, [0x0a]), mistake: mistake('with a line break "\\n", which was lost,') };
    yield { body: joined(body, [0x0d, 0x0a]), mistake: mistake('with a line break "\\r\\n", which was lost,') };
  }
}

function* marks(body: Uint8Array): Generator<BodyForm> {
  const has = MARK.every((byte, index) => body[index] === byte);
  const form = has ? "without" : "with";
  yield { body: has ? body.subarray(3) : joined(MARK, body), mistake: { code: "body_byte_order_mark", facts: { form } } };
}

function* lineBreaks(text: string): Generator<BodyForm> {
  if (!/[\r\n]/.test(text)) return;
  const unix = text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  for (const [form, end] of [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ] as const) {
    const mistake: Mistake = { code: "body_line_breaks", facts: { form } };
    for (const base of [unix, unix.replace(/\n$/, ""), `${unix}\n`]) {
      const changed = base.replaceAll("\n", end);
      if (changed !== text) yield { body: encoder.encode(changed), mistake };
    }
  }
}

function* padding(text: string): Generator<BodyForm> {
  for (const [form, stripped] of [
    ["at its end", text.trimEnd()],
    ["at its beginning", text.trimStart()],
    ["at both ends", text.trim()],
  ] as const) {
    if (stripped !== text) yield { body: encoder.encode(stripped), mistake: { code: "body_white_space", facts: { form } } };
  }
}

function* charsets(text: string): Generator<BodyForm> {
  for (const [form, toByte] of [
    ["from Latin-1 to UTF-8", (code: number) => (code <= 0xff ? code : undefined)],
    ["from Windows-1252 to UTF-8", (code: number) => windows1252().get(code)],
  ] as const) {
    const bytes = new Uint8Array(text.length);
    let isOther = false;
    let fits = true;
    for (let index = 0; index < text.length && fits; index++) {
      const byte = toByte(text.charCodeAt(index));
      if (byte === undefined) fits = false;
      else {
        bytes[index] = byte;
        isOther ||= byte > 0x7f;
      }
    }
    if (fits && isOther) yield { body: bytes, mistake: { code: "body_charset", facts: { form } } };
  }
}

function* encodings(text: string, body: Uint8Array, announced: number | undefined): Generator<BodyForm> {
  if (/%[0-9a-f]{2}/i.test(text)) {
    // A form parser that wrote its fields anew puts the whole text into the name of a field or into the value of one.
    for (const part of [text, text.replace(/=$/, ""), text.slice(text.indexOf("=") + 1)]) {
      const decoded = percentDecoded(part);
      if (decoded !== undefined && decoded !== text) yield { body: encoder.encode(decoded), mistake: { code: "body_form_encoded" } };
    }
  }
  if (text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    yield { body: bytes, mistake: { code: "body_base64" } };
  }
  const value = jsonValue(text);
  if (typeof value === "string") {
    const signed = encoder.encode(value);
    const facts = { form: "before it became a JSON string" };
    yield { body: signed, mistake: { code: "body_reserialised", ...whoWrote(announced, body, signed), facts } };
  }
  const { type, data } = (typeof value === "object" ? value : undefined) ?? ({} as { type?: unknown; data?: unknown });
  if (type === "Buffer" && Array.isArray(data) && data.every((each) => typeof each === "number")) {
    yield { body: Uint8Array.from(data), mistake: { code: "body_already_parsed", facts: { found: "a Buffer written as JSON" } } };
  }
}

function jsonValue(text: string): string | { readonly type?: unknown; readonly data?: unknown } | null | undefined {
  if (!text.startsWith('"') && !text.startsWith('{"type":"Buffer"')) return undefined;
  try {
    return JSON.parse(text) as never;
  } catch {
    // No JSON, so not written by a serialiser.
    return undefined;
  }
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    // A percent sign that encodes nothing.
    return undefined;
  }
}

function joined(head: Iterable<number> & { readonly length: number }, tail: Iterable<number> & { readonly length: number }): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  let at = 0;
  for (const part of [head, tail]) for (const byte of part) bytes[at++] = byte;
  return bytes;
}

function latin1Text(body: Uint8Array): string {
  let text = "";
  for (const byte of body) text += String.fromCharCode(byte);
  return text;
}

let table: Map<number, number> | undefined;

/** The byte of each character of Windows-1252, which most platforms mean by "latin1". */
function windows1252(): ReadonlyMap<number, number> {
  if (table !== undefined) return table;
  table = new Map();
  try {
    const decoder = new TextDecoder("windows-1252");
    for (let byte = 0; byte < 256; byte++) table.set(decoder.decode(Uint8Array.of(byte)).charCodeAt(0), byte);
  } catch {
    // The platform decodes UTF-8 only.
  }
  return table;
}
