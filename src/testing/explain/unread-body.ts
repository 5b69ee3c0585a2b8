import { isBytes } from "../../body.ts";
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

/** That a parser was faster. */
export function parsedMistake(rawBody: unknown): Mistake {
  return { code: "body_already_parsed", facts: { found: typeName(rawBody) } };
}

/** Something was parsed before; whether its text would verify is shown, but the bytes are gone. */
export function explainParsed(rawBody: unknown, parts: Omit<Question, "body" | "bodies">): Finding {
  const mistake = parsedMistake(rawBody);
  let text: string | undefined;
  try {
    const [name, ...more] = typeof rawBody === "object" && rawBody !== null ? Object.keys(rawBody) : [];
    // A form parser makes a whole JSON text the name of the only field.
    text = name?.startsWith("{") && more.length === 0 ? name : JSON.stringify(rawBody);
  } catch {
    // A circle, or a value that JSON does not have: no text to check.
  }
  if (text === undefined || text.length > 1_048_576) return toFinding(mistake, "likely");
  const encoder = new TextEncoder();
  const written = text;
  const bodies = function* (): Generator<BodyForm> {
    for (const form of jsonForms(written)) yield { body: encoder.encode(form.text), mistake };
  };
  const { match } = search({ ...parts, body: encoder.encode(text), bodies });
  return toFinding(mistake, match === undefined ? "likely" : "proven");
}

function typeName(rawBody: unknown): string {
  if (rawBody === undefined || rawBody === null) return `${rawBody}`;
  const name = Object.prototype.toString.call(rawBody).slice(8, -1);
  // The name of a class may come from the value itself.
  return /^\w{1,40}$/.test(name) ? name : "an object";
}
