import { isBytes } from "../../body.ts";
import { isPromiseLike } from "../../promise.ts";
import type { BodyForm } from "./body-forms.ts";
import { type Finding, type Mistake, toFinding } from "./finding.ts";
import { jsonForms } from "./json-forms.ts";
import { type Question, search } from "./search.ts";

/** A body as bytes, where it is bytes or a text; `undefined` for anything that no receiver takes. */
export function bodyBytes(rawBody: unknown): Uint8Array | undefined {
  return typeof rawBody === "string" ? new TextEncoder().encode(rawBody) : isBytes(rawBody) ? rawBody : undefined;
}

/** The bytes that a body of a type that no receiver takes holds all the same, and the mistake. */
export function wrappedBytes(rawBody: unknown): { readonly bytes: Uint8Array; readonly mistake: Mistake } | undefined {
  const found = typeName(rawBody);
  if (ArrayBuffer.isView(rawBody)) {
    const bytes = new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength);
    const facts = { found, bytes: "new Uint8Array(body.buffer, body.byteOffset, body.byteLength)" };
    return { bytes, mistake: { code: "body_type", facts } };
  }
  // By the name, since `instanceof` fails for a buffer of another realm.
  if (found !== "ArrayBuffer" && found !== "SharedArrayBuffer") return undefined;
  try {
    return {
      bytes: new Uint8Array(rawBody as ArrayBuffer),
      mistake: { code: "body_type", facts: { found, bytes: "new Uint8Array(body)" } },
    };
  } catch {
    // Detached, or something else by that name.
    return undefined;
  }
}

/** Why a body is neither bytes nor a text: nothing has read it yet, or a parser was faster. */
export function unusableMistake(rawBody: unknown): Mistake {
  return unreadMistake(rawBody) ?? { code: "body_already_parsed", facts: { found: typeName(rawBody) } };
}

/** Objects of the Fetch standard that read themselves, by their names, since `instanceof` fails for those of another realm. */
const readers: ReadonlySet<string> = new Set(["Request", "Response", "Blob", "File"]);

function unreadMistake(rawBody: unknown): Mistake | undefined {
  if (isPromiseLike(rawBody)) return { code: "body_type", wording: "body_promise" };
  const found = typeName(rawBody);
  const unread = (what: string, bytes: string): Mistake => ({ code: "body_type", wording: "body_unread", facts: { found: what, bytes } });
  if (readers.has(found)) return unread(`a ${found}`, "new Uint8Array(await it.arrayBuffer())");
  if (found === "ReadableStream" || isNodeStream(rawBody)) {
    return unread("a stream", "its chunks joined as bytes, such as await buffer(it) with buffer from node:stream/consumers");
  }
  return undefined;
}

function isNodeStream(value: unknown): boolean {
  return typeof value === "object" && value !== null && "pipe" in value && typeof value.pipe === "function";
}

/** Something was parsed before; whether its text would verify is shown, but the bytes are gone. */
export function explainUnusable(rawBody: unknown, parts: Omit<Question, "body" | "bodies">): Finding {
  const unread = unreadMistake(rawBody);
  if (unread !== undefined) return toFinding(unread, "proven");
  const mistake = unusableMistake(rawBody);
  const text = textOf(rawBody);
  if (text === undefined || text.length > 1_048_576) return toFinding(mistake, "likely");
  const encoder = new TextEncoder();
  const written = text;
  const bodies = function* (): Generator<BodyForm> {
    for (const form of jsonForms(written)) yield { body: encoder.encode(form.text), mistake };
  };
  const { match } = search({ ...parts, body: encoder.encode(text), bodies });
  return toFinding(mistake, match === undefined ? "likely" : "proven");
}

/** The text that a body may have been before it was parsed. */
function textOf(rawBody: unknown): string | undefined {
  try {
    const [name, ...more] = typeof rawBody === "object" && rawBody !== null ? Object.keys(rawBody) : [];
    // A form parser makes a whole JSON text the name of the only field.
    if (name?.startsWith("{") && more.length === 0) return name;
    const { type, data } = rawBody as { readonly type?: unknown; readonly data?: unknown };
    // A Buffer that went through JSON, as queues pass them on.
    if (type === "Buffer" && Array.isArray(data)) return new TextDecoder().decode(Uint8Array.from(data as number[]));
    return JSON.stringify(rawBody);
  } catch {
    // A circle, or a value that JSON does not have: no text to check.
    return undefined;
  }
}

function typeName(rawBody: unknown): string {
  if (rawBody === undefined || rawBody === null) return `${rawBody}`;
  const name = Object.prototype.toString.call(rawBody).slice(8, -1);
  // The name of a class may come from the value itself.
  return /^\w{1,40}$/.test(name) ? name : "an object";
}
