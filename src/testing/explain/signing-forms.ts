import type { HeaderSource } from "../../delivery.ts";
import type { Provider } from "../../provider.ts";
import type { SignatureCheck, SignatureScheme } from "../../signature/scheme.ts";
import { type Mistake, showHeader, showHeaders } from "./finding.ts";
import type { ReceivedHeaders, Sighting } from "./received-headers.ts";
import { repairsOf } from "./secret-repairs.ts";

/** What {@link explain} uses of a provider. */
export type ProviderParts = Pick<Provider<string, object>, "name" | "signature" | "maxAgeSeconds" | "signedAt" | "eventType" | "events">;

/** Hex over the body, or base64 over `id.timestamp.body`. */
export type Family = "hex" | "standard";

/** A way of signing that is expected, or that a known provider has. */
export interface SigningForm {
  readonly provider: string;
  /** The scheme that the secret selects, another one of the provider, or one of another provider. */
  readonly relation: "own" | "sibling" | "other";
  readonly family: Family;
  /** Where the signature is looked for. */
  readonly headers: readonly string[];
  /** What may stand in front of the digest. */
  readonly prefixes: readonly string[];
}

const NO_BODY = new Uint8Array();
// Valid for any scheme that takes a text, and for Standard Webhooks.
const PLACEHOLDERS = ["placeholder-of-a-secret", "whsec_cGxhY2Vob2xkZXItb2YtYS1zZWNyZXQ="];

/** The ways of signing that a scheme has for these secrets, and for others. Empty for a scheme that is neither. */
export function signingForms(
  { name, signature }: ProviderParts,
  secrets: readonly string[],
  others: readonly ProviderParts[],
): readonly SigningForm[] {
  const forms: SigningForm[] = [];
  const add = (provider: string, scheme: SignatureScheme, secret: string, relation: SigningForm["relation"]): void => {
    const form = formOf(scheme, secret);
    if (form === undefined) return;
    if (!forms.some((each) => each.provider === provider && each.family === form.family)) forms.push({ ...form, provider, relation });
  };
  for (const secret of secrets) for (const { text } of repairsOf(secret)) add(name, signature, text, "own");
  for (const secret of PLACEHOLDERS) add(name, signature, secret, forms.some(({ relation }) => relation === "own") ? "sibling" : "own");
  for (const other of others) {
    if (other.name !== name) for (const secret of PLACEHOLDERS) add(other.name, other.signature, secret, "other");
  }
  return forms;
}

/** Finds out what a scheme takes by asking it: a signature of the right form that cannot match is a mismatch, any other is malformed. */
function formOf(scheme: SignatureScheme, secret: string): Omit<SigningForm, "provider" | "relation"> | undefined {
  try {
    const check = scheme.check(secret);
    const asked = refusalOf(check, {});
    const headers = asked?.refused === "signature_missing" ? (asked.headers ?? scheme.headers) : scheme.headers;
    const takes = (given: HeaderSource): boolean => refusalOf(check, given)?.refused === "signature_mismatch";
    // A scheme of one's own may call everything a mismatch, which says nothing about what it takes.
    if (headers.some((header) => takes({ [header]: "no signature" }))) return undefined;
    const prefixes = ["", "sha256="].filter((prefix) => headers.some((header) => takes({ [header]: prefix + "0".repeat(64) })));
    if (prefixes.length > 0) return { family: "hex", headers, prefixes };
    const standard = { "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": `v1,${"A".repeat(43)}=` };
    return takes(standard) ? { family: "standard", headers: ["webhook-signature"], prefixes: ["v1,"] } : undefined;
  } catch {
    // The scheme cannot use this secret.
    return undefined;
  }
}

function refusalOf(
  check: SignatureCheck,
  headers: HeaderSource,
): ReturnType<SignatureCheck> & { readonly refused?: string; readonly headers?: readonly string[] } {
  return check(headers, NO_BODY);
}

/** That a delivery is signed by the other scheme of its provider. */
export function siblingMistake({ provider, family }: SigningForm): Mistake {
  return { code: "other_scheme", facts: { provider, found: family === "hex" ? "hex over the body" : "Standard Webhooks" } };
}

/** What of the form in which a digest was found is not as it should be. */
export function formMistakes(sighting: Sighting, form: SigningForm, headers: ReceivedHeaders): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const { header, prefix } = sighting;
  const { family, provider } = form;
  const found = showHeader(header);
  const add = (code: Mistake["code"], facts: Mistake["facts"] = {}): void => {
    mistakes.push({ code, facts: { found, provider, ...facts } });
  };
  if (!form.headers.includes(header)) add("signature_other_header", { headers: showHeaders(form.headers) });
  else {
    const first = form.headers.find((name) => headers.has(name));
    if (first !== undefined && first !== header && isWellFormed(headers.get(first), form)) {
      add("signature_shadowed", { first: showHeader(first) });
    }
  }
  if (sighting.repeated) add("signature_repeated");
  // White space around a list of Standard Webhooks does no harm.
  if (sighting.wrap === "quotes" || (sighting.wrap !== undefined && family === "hex")) {
    add("signature_white_space", { wrap: sighting.wrap });
  }
  const expected = family === "hex" ? "hex" : "base64";
  if (sighting.encoding !== expected) add("signature_encoding", { encoding: sighting.encoding, expected });
  if (sighting.folded) add("signature_letter_case");
  if (!form.prefixes.includes(prefix)) {
    const { code, facts } = prefixMistake(prefix, form);
    add(code, facts);
  }
  return mistakes;
}

const known: ReadonlySet<string> = new Set([
  "sha256=",
  "sha1=",
  "sha512=",
  "sha256:",
  "hmac-sha256=",
  "v0=",
  "v1=",
  "v2=",
  "v0,",
  "v1,",
  "v2,",
  "v1a,",
]);

function prefixMistake(prefix: string, { prefixes }: SigningForm): Mistake {
  const expected = prefixes.find((each) => each !== "") ?? "";
  if (prefix === "") return { code: "signature_prefix_missing", facts: { expected } };
  if (expected !== "" && prefix.length > expected.length && prefix.replaceAll(expected, "") === "") {
    return { code: "signature_prefix_doubled", facts: { expected } };
  }
  if (prefixes.includes(prefix.toLowerCase())) return { code: "signature_letter_case" };
  const shown = known.has(prefix.toLowerCase()) ? `"${prefix}"` : `${prefix.length} other characters`;
  const taken = prefixes.map((each) => (each === "" ? "none" : `"${each}"`)).join(" or ");
  return { code: "signature_prefix_wrong", facts: { prefix: shown, expected: taken } };
}

/** Whether a header has the form of a signature, so that a scheme looks no further. */
function isWellFormed(values: readonly string[] | undefined, { family, prefixes }: SigningForm): boolean {
  const [value = ""] = values ?? [];
  if (family !== "hex" || values?.length !== 1) return false;
  return prefixes.some((prefix) => value.startsWith(prefix) && /^[0-9A-Fa-f]{64}$/.test(value.slice(prefix.length)));
}
