import type { HeaderSource } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import { heygen } from "../providers/heygen.ts";
import { kling } from "../providers/kling.ts";
import { konpro } from "../providers/konpro.ts";
import { videopilot } from "../providers/videopilot.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import { bodyForms } from "./explain/body-forms.ts";
import { checkOf, limitedTime, type Subject } from "./explain/check.ts";
import { type Finding, type FindingCode, type Mistake, showHeaders, toFinding } from "./explain/finding.ts";
import { ageMistake } from "./explain/freshness.ts";
import { fragmentsIn, receivedHeaders, sightingsIn, unreadableHeaders } from "./explain/received-headers.ts";
import { type Match, type Question, search } from "./explain/search.ts";
import { keyForms } from "./explain/secret-forms.ts";
import { repairsOf } from "./explain/secret-repairs.ts";
import { type ProviderParts, signingForms } from "./explain/signing-forms.ts";
import { blame, praise, type Tried } from "./explain/summary.ts";
import { type Seen, secretMistakes, symptomsOf } from "./explain/symptoms.ts";
import { tokenMistake } from "./explain/token-mistakes.ts";
import { bodyBytes, explainUnusable, unusableMistake, wrappedBytes } from "./explain/unread-body.ts";
import { momentOf } from "./moment-of.ts";

export type { Certainty, Finding, FindingCode } from "./explain/finding.ts";
export type { ProviderParts } from "./explain/signing-forms.ts";

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
  /** As they reached the check. */
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
 * @throws {@link ConfigurationError} for a provider that does not exist, a secret that is a function, and a `now` that is no time
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
    body: bodyBytes(input.rawBody),
    now: momentOf(input.now),
  };
  const token = input.token === undefined ? undefined : checkOf(subject, { token: input.token });
  const isSigned = input.secret !== undefined || token === undefined;
  const signature = isSigned ? checkOf(subject, { secret: input.secret }) : undefined;
  const signed = signature === undefined || isRefusal(signature) ? undefined : signature;
  const time = signed && limitedTime(subject, signed);
  const late = time && ageMistake(time, subject.now);

  const findings: Finding[] = [];
  const explained = signature !== undefined && isRefusal(signature) ? explainSignature(input, subject, signature) : undefined;
  if (explained !== undefined) findings.push(...explained.findings);
  if (late !== undefined) findings.push(toFinding(late, "proven"));
  if (token !== undefined && isRefusal(token)) {
    if (token.refused !== "body_already_parsed") findings.push(toFinding(tokenMistake(input.token, input.url, token), "proven"));
    else if (!isSigned) findings.push(toFinding(wrappedBytes(input.rawBody)?.mistake ?? unusableMistake(input.rawBody), "proven"));
  }
  const refusal = [token, signature].find((each): each is Refusal => each !== undefined && isRefusal(each));
  const refused: string | undefined = refusal?.refused ?? late?.code;
  if (refused === undefined) return { authentic: true, findings: [], summary: praise(subject, signed, time, token !== undefined) };
  const ranked = rank(findings);
  return { authentic: false, findings: ranked, summary: blame(refused, ranked, explained?.tried) };
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

/** What was found out about a signature, and what was tried. */
interface Explained {
  readonly findings: readonly Finding[];
  readonly tried?: Tried | undefined;
}

function explainSignature(input: ExplainInput, subject: Subject, refusal: Refusal): Explained {
  const { provider, secrets, body } = subject;
  const forms = signingForms(provider, secrets, allBuiltIns());
  const headers = receivedHeaders(subject.headers, [...NAMES, ...forms.flatMap((form) => form.headers), ...provider.signature.headers]);
  const missed = unreadableHeaders(subject.headers, headers, provider.signature.headers);
  if (missed.length > 0) {
    const mistake: Mistake = { code: "headers_unreadable", facts: { missed: showHeaders(missed) } };
    return explainMended(input, { ...subject, headers: Object.fromEntries(headers) }, mistake);
  }
  const wrapped = body === undefined ? wrappedBytes(input.rawBody) : undefined;
  if (wrapped !== undefined) return explainMended(input, { ...subject, body: wrapped.bytes }, wrapped.mistake);
  const parts = {
    headers,
    forms,
    refusal,
    sightings: sightingsIn(headers),
    fragments: fragmentsIn(headers),
    keys: keyForms(secrets, input.otherSecrets ?? {}),
  };
  if (body === undefined) return { findings: [explainUnusable(input.rawBody, parts)] };

  const question: Question = { ...parts, body, bodies: () => bodyForms(body, headers) };
  const isKnown = forms.some(({ relation }) => relation !== "other");
  const { match, complete } = search(question);
  if (match !== undefined) {
    // The signature holds under one of several secrets, and another one of them makes the check impossible.
    const mistakes = match.mistakes.length > 0 ? match.mistakes : [...secretMistakes(secrets, refusal)];
    return { findings: [...mistakes, ...lateAfter(match, subject)].map((mistake) => toFinding(mistake, "proven")) };
  }
  const byScheme = isKnown ? undefined : askScheme(subject, question);
  if (byScheme !== undefined) return { findings: byScheme.map((mistake) => toFinding(mistake, "proven")) };
  const seen: Seen = { ...question, secrets, provider, others: allBuiltIns() };
  const hasDigest = question.sightings.length > 0 || question.fragments.length > 0;
  return {
    findings: [...symptomsOf(seen)].map(({ mistake, certainty }) => toFinding(mistake, certainty)),
    tried: { body, complete, what: isKnown ? (hasDigest ? "signature" : "nothing") : "scheme" },
  };
}

/** Names what keeps the check from seeing a delivery at all, and explains the delivery as it would be seen. */
function explainMended(input: ExplainInput, mended: Subject, mistake: Mistake): Explained {
  const checked = checkOf(mended, { secret: input.secret });
  const first = toFinding(mistake, "proven");
  if (isRefusal(checked)) {
    const { findings, tried } = explainSignature(input, mended, checked);
    return { findings: [first, ...findings], tried };
  }
  const time = limitedTime(mended, checked);
  const late = time && ageMistake(time, mended.now);
  return { findings: late === undefined ? [first] : [first, toFinding(late, "proven")] };
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
