import { isBytes } from "../body.ts";
import type { HeaderSource } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import { heygen } from "../providers/heygen.ts";
import { kling } from "../providers/kling.ts";
import { konpro } from "../providers/konpro.ts";
import { videopilot } from "../providers/videopilot.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import { type BodyForm, bodyForms } from "./explain/body-forms.ts";
import { checkOf, limitedTime, type Subject } from "./explain/check.ts";
import { type Finding, type FindingCode, type Mistake, toFinding } from "./explain/finding.ts";
import { ageMistake } from "./explain/freshness.ts";
import { jsonForms } from "./explain/json-forms.ts";
import { fragmentsIn, receivedHeaders, sightingsIn } from "./explain/received-headers.ts";
import { type Match, type Question, search } from "./explain/search.ts";
import { keyForms } from "./explain/secret-forms.ts";
import { repairsOf } from "./explain/secret-repairs.ts";
import { type ProviderParts, signingForms } from "./explain/signing-forms.ts";
import { blame, praise } from "./explain/summary.ts";
import { type Seen, secretMistakes, symptomsOf } from "./explain/symptoms.ts";
import { tokenMistake } from "./explain/token-mistakes.ts";

export type { Certainty, Finding, FindingCode } from "./explain/finding.ts";

/** A built-in provider by name, one that is bound to an endpoint, or a factory made by `defineProvider`. */
export type ExplainProvider =
  | "konpro"
  | "heygen"
  | "videopilot"
  | "kling"
  | ProviderParts
  | ((options: { readonly unsigned: true }) => ProviderParts);

/** What {@link explain} is given: what the receiver was given, and its settings. */
export interface ExplainInput {
  /** The body as it reached the check: bytes or text. Anything else, such as a parsed object, is a finding. */
  readonly rawBody: unknown;
  readonly headers: HeaderSource;
  /** A bound provider brings its `header`, `scheme` and `maxAgeSeconds`; its own secret is not used. */
  readonly provider: ExplainProvider;
  /** The secret of this endpoint, or several while rotating. Leave it out where only `token` is used. */
  readonly secret?: string | readonly string[] | undefined;
  /** Secrets of other endpoints, by names of yours that may be shown, to find out whether they were mixed up. */
  readonly otherSecrets?: Readonly<Record<string, string>> | undefined;
  /** The token of this endpoint; then `url` is checked as well. */
  readonly token?: string | undefined;
  /** The request URL, absolute or only path and query. */
  readonly url?: string | undefined;
  /**
   * When the delivery arrived, in milliseconds since 1970 or as a date.
   * @default the present
   */
  readonly now?: number | Date | undefined;
}

/** What {@link explain} has found. */
export interface Explanation {
  /** What the library's own check says, freshness included. No finding changes it. */
  readonly authentic: boolean;
  /** Ranked, the most certain cause first; empty when the delivery is authentic, or when no known mistake explains it. */
  readonly findings: readonly Finding[];
  /** One or two sentences for people. */
  readonly summary: string;
}

/**
 * Finds out why a signature does not match. It runs the library's own check and, if that refuses, undoes the known mistakes one by one:
 * a body that was parsed, re-encoded or trimmed, a secret with a line break or of another endpoint, a signature in another header,
 * encoding or form, a clock that is off. It only diagnoses: nothing is accepted that the check refuses.
 *
 * For development only. It may take a second for a body of 1 MiB, against microseconds for the check, and what it says would help whoever
 * forges deliveries: show it to developers, never to the sender. No text has a secret, a token, a payload or a signature in it.
 *
 * @throws {@link ConfigurationError} for a provider that does not exist, and for a secret that is a function
 *
 * @example
 * ```ts
 * import { explain } from "video-webhooks/testing";
 *
 * const rawBody = '{"event_type": "avatar_video.success", "event_data": {"video_id": "v"}}';
 * const headers = { signature: "0".repeat(64) };
 * const { authentic, findings, summary } = explain({ rawBody, headers, provider: "heygen", secret: "a-secret" });
 * console.log(authentic, findings.length, summary);
 * ```
 */
export function explain(input: ExplainInput): Explanation {
  const provider = toProvider(input.provider);
  const secrets = toList(input.secret);
  const subject: Subject = {
    url: input.url,
    provider,
    secrets,
    headers: input.headers ?? {},
    body: typeof input.rawBody === "string" ? new TextEncoder().encode(input.rawBody) : isBytes(input.rawBody) ? input.rawBody : undefined,
    now: Number(input.now ?? Date.now()),
  };
  const token = input.token === undefined ? undefined : checkOf(subject, { token: input.token });
  const isSigned = input.secret !== undefined || token === undefined;
  const signature = isSigned ? checkOf(subject, { secret: input.secret }) : undefined;
  const signed = signature === undefined || isRefusal(signature) ? undefined : signature;
  const time = signed && limitedTime(subject, signed);
  const late = time && ageMistake(time, subject.now);

  const findings: Finding[] = [];
  if (signature !== undefined && isRefusal(signature)) findings.push(...explainSignature(input, subject, signature));
  if (late !== undefined) findings.push(toFinding(late, "proven"));
  if (token !== undefined && isRefusal(token)) {
    if (token.refused !== "body_already_parsed") findings.push(toFinding(tokenMistake(input.token, input.url, token), "proven"));
    else if (!isSigned) findings.push(toFinding(parsed(input.rawBody), "proven"));
  }
  const refusal = [token, signature].find((each): each is Refusal => each !== undefined && isRefusal(each));
  const refused: string | undefined = refusal?.refused ?? late?.code;
  if (refused === undefined) return { authentic: true, findings: [], summary: praise(subject, signed, time, token !== undefined) };
  const ranked = rank(findings);
  return { authentic: false, findings: ranked, summary: blame(refused, ranked) };
}

const factories = { heygen, konpro, videopilot, kling };

let builtIns: readonly ProviderParts[] | undefined;

function allBuiltIns(): readonly ProviderParts[] {
  builtIns ??= Object.values(factories).map((create) => create({ unsigned: true }));
  return builtIns;
}

function toProvider(given: ExplainProvider): ProviderParts {
  const found =
    typeof given === "string"
      ? allBuiltIns().find(({ name }) => name === given)
      : typeof given === "function"
        ? given({ unsigned: true })
        : given;
  if (typeof found?.signature?.check === "function") return found;
  throw new ConfigurationError(`explain() needs a provider: ${Object.keys(factories).join(", ")}, or what defineProvider() has made.`);
}

function toList(secret: unknown): readonly string[] {
  if (typeof secret === "function") {
    throw new ConfigurationError("explain() is synchronous, so it cannot ask a secret function. Pass the secret that it returns.");
  }
  const list: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  return list.filter((each): each is string => typeof each === "string");
}

function explainSignature(input: ExplainInput, subject: Subject, refusal: Refusal): readonly Finding[] {
  const { provider, secrets, body } = subject;
  const forms = signingForms(provider, secrets, allBuiltIns());
  const headers = receivedHeaders(subject.headers, [...NAMES, ...forms.flatMap((form) => form.headers), ...provider.signature.headers]);
  const parts = {
    headers,
    forms,
    refusal,
    sightings: sightingsIn(headers),
    fragments: fragmentsIn(headers),
    keys: keyForms(secrets, input.otherSecrets ?? {}),
  };
  if (body === undefined) return [explainParsed(input.rawBody, parts)];

  const encoding = headers.get("content-encoding")?.[0];
  const question: Question = { ...parts, body, bodies: () => bodyForms(body, encoding) };
  const isKnown = forms.some(({ relation }) => relation !== "other");
  const match = search(question);
  if (match !== undefined) {
    // The signature holds under one of several secrets, and another one of them makes the check impossible.
    const mistakes = match.mistakes.length > 0 ? match.mistakes : [...secretMistakes(secrets, refusal)];
    return [...mistakes, ...lateAfter(match, subject)].map((mistake) => toFinding(mistake, "proven"));
  }
  const byScheme = isKnown ? undefined : askScheme(subject, question);
  if (byScheme !== undefined) return byScheme.map((mistake) => toFinding(mistake, "proven"));
  const seen: Seen = { ...question, secrets, provider, others: allBuiltIns() };
  return [...symptomsOf(seen)].map(({ mistake, certainty }) => toFinding(mistake, certainty));
}

/** Headers that tell something beside the signature, for readers that do not list theirs. */
const NAMES = [
  "content-length",
  "content-encoding",
  "signature",
  "x-signature",
  "webhook-id",
  "webhook-timestamp",
  "heygen-timestamp",
  "heygen-event-id",
];

/** Once the mistakes are mended, the time would be the next to fail. */
function lateAfter({ form, time }: Match, { provider, now }: Subject): readonly Mistake[] {
  const limit = provider.maxAgeSeconds ?? provider.signature.maxAgeSeconds;
  if (form.relation === "other" || form.family !== "standard" || limit === undefined || !/^[0-9]{1,15}$/.test(time ?? "")) return [];
  const late = ageMistake({ signedAt: Number(time) * 1000, limit }, now);
  return late === undefined ? [] : [late];
}

function parsed(rawBody: unknown): Mistake {
  const found = rawBody === undefined || rawBody === null ? `${rawBody}` : Object.prototype.toString.call(rawBody).slice(8, -1);
  // The name of a class may come from the value itself.
  return { code: "body_already_parsed", facts: { found: /^\w{1,40}$/.test(found) ? found : "an object" } };
}

/** Something was parsed before; whether its text would verify is shown, but the bytes are gone. */
function explainParsed(rawBody: unknown, parts: Omit<Question, "body" | "bodies">): Finding {
  const mistake = parsed(rawBody);
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
  return toFinding(mistake, search({ ...parts, body: encoder.encode(text), bodies }) === undefined ? "likely" : "proven");
}

/** For a scheme of one's own, of which nothing is known but its check: undoes what can be undone from outside. */
function askScheme({ provider, secrets, headers }: Subject, { body, bodies }: Question): readonly Mistake[] | undefined {
  const holds = (secret: string, changed: Uint8Array): boolean => {
    try {
      const found = provider.signature.check(secret)(headers, changed);
      return "matched" in found && found.matched === true;
    } catch {
      // The scheme cannot use this secret.
      return false;
    }
  };
  const texts = secrets.flatMap(repairsOf);
  for (const { text, repairs } of texts) if (repairs.length > 0 && holds(text, body)) return repairs;
  for (const form of bodies()) for (const { text, repairs } of texts) if (holds(text, form.body)) return [form.mistake, ...repairs];
  return undefined;
}

const certainties = ["proven", "likely", "possible"] as const;

/** Sorted by certainty, each code once. */
function rank(findings: readonly Finding[]): readonly Finding[] {
  const codes = new Set<FindingCode>();
  const sorted = certainties.flatMap((certainty) => findings.filter((finding) => finding.certainty === certainty));
  return sorted.filter(({ code }) => !codes.has(code) && codes.add(code));
}
