import { ConfigurationError } from "../errors.ts";
import type { JsonObject } from "../provider.ts";
import { createSample, recipeOf, type SampleDelivery, type SampleRecipe } from "./sample.ts";
import { otherSecret } from "./signing.ts";

/**
 * What can be done to a delivery. The signature stays what it was, unless it says "signed anew":
 *
 * - `body`: one byte of a value is changed; it is still JSON.
 * - `signature`: one digit is changed.
 * - `truncated_signature`: the last digit is missing.
 * - `missing_signature`: the header is missing.
 * - `wrong_secret`: signed anew, with another secret of the same form.
 * - `expired`, `future`: signed anew, a year before or after. Only where a time is signed: by Standard Webhooks, or in the body of
 *   VideoPilot and Kling.
 * - `replayed`: the same bytes and headers again.
 * - `reserialised`: parsed and written again, with other white space.
 * - `byte_order_mark`: with a byte order mark before the body.
 * - `trailing_newline`: with a line feed behind the body.
 * - `crlf`: every line feed becomes CR LF; a body without one gets CR LF at its end.
 * - `empty_body`: no byte is left.
 * - `not_json`: signed anew, the second half of the body is missing.
 * - `unknown_type`: signed anew, under an event type that the library does not know.
 * - `invalid_payload`: signed anew, without what the schema of the event requires.
 */
export type Tampering =
  | "body"
  | "signature"
  | "truncated_signature"
  | "missing_signature"
  | "wrong_secret"
  | "expired"
  | "future"
  | "replayed"
  | "reserialised"
  | "byte_order_mark"
  | "trailing_newline"
  | "crlf"
  | "empty_body"
  | "not_json"
  | "unknown_type"
  | "invalid_payload";

type Tamper = (sample: SampleDelivery, recipe: SampleRecipe) => SampleDelivery;

const YEAR_MS = 365 * 86_400_000;

const ways: { readonly [How in Tampering]: Tamper } = {
  body: (sample, recipe) => withBytes(sample, recipe, changeByte),
  signature: (sample, recipe) => withSignature(sample, recipe, changeDigit),
  truncated_signature: (sample, recipe) => withSignature(sample, recipe, (value) => value.slice(0, -1)),
  missing_signature: (sample, recipe) => withSignature(sample, recipe, () => undefined),
  wrong_secret(_sample, recipe) {
    const signer = signerOf(recipe);
    return createSample({ ...recipe, signer: { ...signer, secret: otherSecret(signer.secret) } });
  },
  expired: (_sample, recipe) => moved(recipe, -YEAR_MS),
  future: (_sample, recipe) => moved(recipe, YEAR_MS),
  replayed: (sample, recipe) => withBytes(sample, recipe, (bytes) => bytes.slice()),
  reserialised: (sample, recipe) => withBytes(sample, recipe, (bytes) => encode(JSON.stringify(parse(bytes), null, 2))),
  byte_order_mark: (sample, recipe) => withBytes(sample, recipe, (bytes) => join([0xef, 0xbb, 0xbf], bytes)),
  trailing_newline: (sample, recipe) => withBytes(sample, recipe, (bytes) => join(bytes, [LF])),
  crlf: (sample, recipe) => withBytes(sample, recipe, toCrLf),
  empty_body: (sample, recipe) => withBytes(sample, recipe, () => new Uint8Array()),
  not_json: (_sample, recipe) => createSample({ ...recipe, rawBody: recipe.rawBody.slice(0, recipe.rawBody.length >> 1) }),
  unknown_type: (_sample, recipe) => withEvent(recipe, recipe.sender.withUnknownType(recipe.event)),
  invalid_payload: (_sample, recipe) => withEvent(recipe, recipe.sender.withInvalidPayload(recipe.event)),
};

/** Every value of {@link Tampering}. */
export const tamperings: readonly Tampering[] = [
  "body",
  "signature",
  "truncated_signature",
  "missing_signature",
  "wrong_secret",
  "expired",
  "future",
  "replayed",
  "reserialised",
  "byte_order_mark",
  "trailing_newline",
  "crlf",
  "empty_body",
  "not_json",
  "unknown_type",
  "invalid_payload",
];

/**
 * Makes another delivery out of a sample: what an attacker, a proxy or a parser would make of it, or what a provider may send one day.
 * The sample is not changed, and what is made can be tampered with in turn.
 *
 * @throws {@link ConfigurationError} where it cannot be done: no signature to change, no signed time to move, a body that is not JSON
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { konpro } from "video-webhooks/konpro";
 * import { sampleDelivery, tamper } from "video-webhooks/testing";
 *
 * const secret = "whsec_of-this-test";
 * const router = createRouter(konpro({ secret })).onError((error) => console.log(error.code));
 * const sample = sampleDelivery("konpro", "avatar_video.fail", { secret });
 * const outcome = await router.receive(tamper(sample, "body").delivery);
 * console.log(outcome.status);
 * ```
 */
export function tamper<Name extends string, Type extends string>(
  sample: SampleDelivery<Name, Type>,
  how: Tampering,
): SampleDelivery<Name, Type> {
  if (!Object.hasOwn(ways, how)) {
    throw new ConfigurationError(`A delivery cannot be tampered with by "${how}". The ways are ${tamperings.join(", ")}.`);
  }
  // Tampering leaves name and type as they are.
  return ways[how](sample, recipeOf(sample)) as SampleDelivery<Name, Type>;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COLON = 0x3a;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** Changes the bytes and leaves the headers. */
function withBytes({ headers }: SampleDelivery, recipe: SampleRecipe, change: (bytes: Uint8Array) => Uint8Array): SampleDelivery {
  return createSample({ ...recipe, rawBody: change(recipe.rawBody) }, headers);
}

/** Changes the value of the header with the signature, or removes it. */
function withSignature({ headers }: SampleDelivery, recipe: SampleRecipe, change: (value: string) => string | undefined): SampleDelivery {
  const { signatureHeader } = signerOf(recipe).signing;
  const { [signatureHeader]: value, ...rest } = headers;
  const changed = value === undefined ? undefined : change(value);
  return createSample(recipe, changed === undefined ? rest : { ...rest, [signatureHeader]: changed });
}

/** Changes the last hex digit, or of base64 one before the end, where every bit counts. */
function changeDigit(value: string): string {
  const at = value.length - (value.endsWith("=") ? 5 : 1);
  return `${value.slice(0, at)}${value[at] === "0" ? "1" : "0"}${value.slice(at + 1)}`;
}

function toCrLf(bytes: Uint8Array): Uint8Array {
  const lines = Array.from(bytes).flatMap((byte) => (byte === LF ? [CR, LF] : [byte]));
  return lines.length > bytes.length ? Uint8Array.from(lines) : join(bytes, [CR, LF]);
}

/** Sends another event, signed. */
function withEvent(recipe: SampleRecipe, event: JsonObject): SampleDelivery {
  return createSample({ ...recipe, event, rawBody: encode(JSON.stringify(event)) });
}

function moved(recipe: SampleRecipe, byMs: number): SampleDelivery {
  const { sender, signer, event, now } = recipe;
  if (signer?.signing.signsTime) return createSample({ ...recipe, now: now + byMs });
  if (sender.moved !== undefined) return withEvent(recipe, sender.moved(event, byMs));
  throw new ConfigurationError(
    `Deliveries of ${recipe.provider} have no signed time, so none is too old or too new. Duplicates are recognised without it.`,
    { provider: recipe.provider },
  );
}

function signerOf({ signer, provider }: SampleRecipe): NonNullable<SampleRecipe["signer"]> {
  if (signer !== undefined) return signer;
  throw new ConfigurationError("The sample is not signed, so there is no signature to change. Make it with a secret.", { provider });
}

/** Changes the last character of a value, so that the body stays JSON. */
function changeByte(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  for (let at = bytes.length - 2; at >= 0; at--) {
    // A letter or digit before the closing quote of a value; with its lowest bit changed it is neither a quote nor a backslash.
    if (bytes[at + 1] !== QUOTE || bytes[at + 2] === COLON || !/[0-9A-Za-z]/.test(String.fromCharCode(bytes[at] as number))) continue;
    changed[at] = (bytes[at] as number) ^ 1;
    return changed;
  }
  throw new ConfigurationError("The body has no text of which a byte could be changed.");
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // The message of a SyntaxError quotes the body.
    throw new ConfigurationError("The body is not JSON, so it cannot be written anew.");
  }
}
