import type { JsonObject } from "../../provider.ts";
import type { Refusal } from "../../refusal.ts";
import { isStandardWebhooksSecret } from "../../signature/standard-webhooks.ts";
import { toText } from "./body-forms.ts";
import { type Certainty, type Mistake, showHeader, showHeaders } from "./finding.ts";
import { compressionOf } from "./inflate.ts";
import { announcedLength, type Fragment, type ReceivedHeaders, type Sighting, unwrap } from "./received-headers.ts";
import { repairsOf } from "./secret-repairs.ts";
import { formMistakes, type ProviderParts, type SigningForm, siblingMistake } from "./signing-forms.ts";

/** What can be seen of a delivery whose signature could not be made to hold. */
export interface Seen {
  readonly body: Uint8Array;
  readonly headers: ReceivedHeaders;
  readonly sightings: readonly Sighting[];
  readonly fragments: readonly Fragment[];
  readonly forms: readonly SigningForm[];
  readonly secrets: readonly string[];
  readonly refusal: Refusal;
  readonly provider: ProviderParts;
  readonly others: readonly ProviderParts[];
}

/** A mistake that the form of something shows. */
export interface Symptom {
  readonly mistake: Mistake;
  readonly certainty: Certainty;
}

/** What the form of body, secret and headers shows, likely causes first. */
export function* symptomsOf(seen: Seen): Generator<Symptom> {
  const likely = (mistake: Mistake): Symptom => ({ mistake, certainty: "likely" });
  const text = toText(seen.body);
  if (seen.body.length === 0) yield likely(emptyBody(seen.headers));
  else if (text?.startsWith("[object ")) yield likely({ code: "body_already_parsed", facts: { found: "the text of an object" } });
  for (const mistake of secretMistakes(seen.secrets, seen.refusal)) yield likely(mistake);
  for (const mistake of headerMistakes(seen)) yield likely(mistake);
  const json = text === undefined ? undefined : toObject(text);
  const ofBody = [...bodyMistakes(seen.body, text, json !== undefined, seen.headers)];
  for (const mistake of ofBody) yield likely(mistake);
  if (ofBody.length === 0 && text !== undefined && json !== undefined && hasRoundedNumber(text)) {
    yield { mistake: { code: "body_reserialised", wording: "body_rounded_number" }, certainty: "possible" };
  }
  if (ofBody.length === 0 && announcedLength(seen.headers) === undefined && text !== undefined && endsOpen(text)) {
    yield { mistake: { code: "body_truncated", wording: "body_truncated_json" }, certainty: "possible" };
  }
  const encoding = seen.headers.get("content-encoding")?.[0]?.trim().toLowerCase();
  if (/^(?:gzip|deflate|br|zstd)$/.test(encoding ?? "") && text !== undefined) {
    yield { mistake: { code: "body_decompressed", facts: { encoding: encoding ?? "" } }, certainty: "possible" };
  }
  const other = json === undefined ? undefined : providerByBody(json, seen);
  if (other !== undefined) {
    yield {
      mistake: { code: "other_provider", wording: "other_provider_by_body", facts: { other, provider: seen.provider.name } },
      certainty: "possible",
    };
  }
}

function emptyBody(headers: ReceivedHeaders): Mistake {
  const announced = announcedLength(headers);
  const why = announced ? `although "content-length" announces ${announced} bytes` : "which no delivery of this provider is";
  return { code: "body_empty", facts: { why } };
}

/** What is wrong with secrets as texts. */
export function* secretMistakes(secrets: readonly string[], refusal: Refusal): Generator<Mistake> {
  let isMended = false;
  for (const secret of secrets) {
    const { repairs } = repairsOf(secret).at(-1) ?? { repairs: [] };
    isMended ||= repairs.length > 0;
    yield* repairs;
  }
  if (refusal.refused === "secret_missing")
    yield { code: "secret_missing", facts: { found: secrets.length === 0 ? "none was given" : "it is empty" } };
  // The texts of these errors name lengths and types only.
  else if (refusal.refused === "configuration" && !isMended) {
    yield { code: "secret_unusable", facts: { found: refusal.hint ?? "The scheme cannot use the secret." } };
  }
}

function* headerMistakes(seen: Seen): Generator<Mistake> {
  const { forms, headers, sightings, refusal, provider } = seen;
  const own = forms.filter(({ relation }) => relation !== "other");
  const names = new Set(own.length > 0 ? own.flatMap((form) => form.headers) : provider.signature.headers);
  const [first] = own;
  const inOwn = sightings.filter(({ header }) => names.has(header));
  const isThere = [...names].some((name) => headers.get(name)?.some((value) => value.trim() !== ""));

  if (!isThere) {
    yield elsewhere(seen, names, first);
    return;
  }
  const sibling = wantsOtherSecret(seen, first) ? undefined : siblingThatCame(seen);
  if (sibling !== undefined) yield siblingMistake(sibling);
  if (refusal.refused === "timestamp_malformed") yield { code: "timestamp_malformed", facts: { where: "" } };
  if (first?.family === "standard" && refusal.refused === "signature_missing" && sibling === undefined) {
    yield { code: "signature_missing", facts: { headers: showHeaders(refusal.headers ?? []) } };
  }
  if (wantsOtherSecret(seen, first)) {
    yield {
      code: "secret_unusable",
      facts: { found: 'The delivery is signed by Standard Webhooks, but the secret is not "whsec_" and base64.' },
    };
  } else if (inOwn.length > 0) {
    const ways = own.flatMap((form) => inOwn.map((sighting) => formMistakes(sighting, form, headers)));
    const [fewest = []] = ways.sort((left, right) => left.length - right.length);
    yield* fewest;
  } else yield* cutOrOther(seen, names);
}

/** Whether Standard Webhooks are there, but no secret that could select them. */
function wantsOtherSecret({ headers, secrets, refusal }: Seen, own: SigningForm | undefined): boolean {
  if (own?.family !== "hex" || refusal.refused === "secret_missing" || headers.has(own.headers[0] ?? "")) return false;
  return headers.has("webhook-id") && headers.has("webhook-signature") && !secrets.some(isStandardWebhooksSecret);
}

/** The other scheme of the provider, if a header of that one arrived and none of the scheme that the secret selects. */
function siblingThatCame({ forms, headers, refusal }: Seen): SigningForm | undefined {
  // Without a secret, none is selected.
  if (refusal.refused === "secret_missing") return undefined;
  const isThere = (form: SigningForm): boolean => form.headers.some((name) => headers.get(name)?.some((value) => value.trim() !== ""));
  if (forms.some((form) => form.relation === "own" && isThere(form))) return undefined;
  return forms.find((form) => form.relation === "sibling" && isThere(form));
}

/** None of the expected headers arrived. */
function elsewhere({ forms, headers, sightings, provider }: Seen, names: ReadonlySet<string>, own: SigningForm | undefined): Mistake {
  for (const form of forms) {
    const isTheirs = ({ header }: Sighting): boolean => form.headers.includes(header);
    const sighting = form.relation === "other" ? sightings.find(isTheirs) : undefined;
    if (sighting !== undefined && formMistakes(sighting, form, headers).length === 0) {
      return { code: "other_provider", facts: { other: form.provider, provider: provider.name } };
    }
  }
  const looked = showHeaders(own?.headers ?? [...names]);
  const named = sightings.find(({ header }) => /sign|hmac/.test(header));
  if (named === undefined) return { code: "signature_missing", facts: { headers: looked } };
  return { code: "signature_other_header", facts: { found: showHeader(named.header), provider: provider.name, headers: looked } };
}

const algorithms: readonly (readonly [form: RegExp, name: string])[] = [
  [/^(?:[0-9A-Fa-f]{128}|[A-Za-z0-9+/]{86}(?:==)?)$/, "SHA-512"],
  [/^(?:[0-9A-Fa-f]{96}|[A-Za-z0-9+/]{64})$/, "SHA-384"],
  [/^(?:[0-9A-Fa-f]{40}|[A-Za-z0-9+/]{27}=)$/, "SHA-1"],
  [/^(?:[0-9A-Fa-f]{32}|[A-Za-z0-9+/]{22}==)$/, "MD5"],
];

/** An expected header arrived, but nothing in it has the length of a digest. */
function* cutOrOther({ headers, fragments, provider, forms }: Seen, names: ReadonlySet<string>): Generator<Mistake> {
  for (const name of names) {
    const values = headers.get(name);
    if (values === undefined || name === "webhook-id" || name === "webhook-timestamp") continue;
    const found = showHeader(name);
    if (values.length > 1) yield { code: "signature_repeated", facts: { found } };
    const { core } = unwrap(values[0] ?? "");
    const digits = core.replace(/^(?:[A-Za-z0-9-]{1,12}[=,:])+/, "");
    const algorithm = algorithms.find(([form]) => form.test(digits))?.[1];
    const fragment = fragments.find(({ header }) => header === name);
    const family = forms.find((form) => form.headers.includes(name))?.family;
    if (algorithm !== undefined) yield { code: "signature_other_algorithm", facts: { found, algorithm, provider: provider.name } };
    else if (fragment !== undefined && fragment.encoding === (family === "standard" ? "base64" : "hex")) {
      const expected = fragment.encoding === "hex" ? 64 : 44;
      yield { code: "signature_truncated", facts: { found, length: fragment.digits.length, expected } };
    }
  }
}

function* bodyMistakes(body: Uint8Array, text: string | undefined, isWhole: boolean, headers: ReceivedHeaders): Generator<Mistake> {
  if (body.length === 0) return;
  const compression = compressionOf(body, headers.get("content-encoding")?.[0]);
  if (compression !== undefined) yield { code: "body_compressed", facts: { encoding: compression, proof: "" } };
  const announced = announcedLength(headers);
  // A body that something inflated has another length, and is a mistake of its own.
  const isInflated = text !== undefined && headers.has("content-encoding");
  if (announced !== undefined && announced !== body.length && !isInflated) {
    const facts = { announced, length: body.length };
    if (announced < body.length) yield { code: "body_length_differs", facts };
    // What was cut off is no whole JSON any more, and most serialisers write less than arrived.
    else if (isWhole) yield { code: "body_reserialised", wording: "body_reserialised_shorter", facts };
    else yield { code: "body_truncated", facts };
  }
  const count = text?.match(/\ufffd/g)?.length;
  if (count !== undefined) yield { code: "body_lossy", facts: { count } };
  if (text !== undefined && /^(?:\w+=)?%7b/i.test(text)) yield { code: "body_form_encoded" };
}

/** Whether a text begins as a JSON object and ends before that does. */
function endsOpen(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  // Of strings nothing counts, also of one that has no end; of anything else only brackets.
  const tokens = text.match(/"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}[\]]/g) ?? [];
  let depth = 0;
  for (const token of tokens) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    // What follows a whole object is no part that was cut off.
    if (depth === 0) return false;
  }
  return true;
}

/** The JSON object that a text is. */
function toObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    // No JSON.
    return undefined;
  }
}

/** Whether a whole number stands in a JSON text that is too large for JavaScript, and is what JavaScript would write for one. */
function hasRoundedNumber(text: string): boolean {
  const words = text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\],:"]+/g) ?? [];
  return words.some((word) => /^-?\d+$/.test(word) && !Number.isSafeInteger(Number(word)) && String(Number(word)) === word);
}

/** The provider whose event the body is, if it is none of the one that it is checked for. */
function providerByBody(body: JsonObject, { provider, others }: Seen): string | undefined {
  const knows = (parts: ProviderParts): boolean => {
    try {
      const type: unknown = parts.eventType(body);
      return typeof type === "string" && Object.hasOwn(parts.events, type);
    } catch {
      // A function of a provider that is being written may throw for a body that it does not expect.
      return false;
    }
  };
  return knows(provider) ? undefined : others.find(knows)?.name;
}
