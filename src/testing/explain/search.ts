import type { Refusal } from "../../refusal.ts";
import { equalBase64, equalTexts, hmacBase64Digest } from "../../signature/hmac.ts";
import type { BodyForm } from "./body-forms.ts";
import { type Mistake, showHeader } from "./finding.ts";
import type { Fragment, ReceivedHeaders, Sighting } from "./received-headers.ts";
import { type KeyForm, keyMistakes, toHex } from "./secret-forms.ts";
import { formMistakes, type SigningForm, siblingMistake } from "./signing-forms.ts";

/** Everything that a search works with. */
export interface Question {
  readonly body: Uint8Array;
  readonly bodies: () => Iterable<BodyForm>;
  readonly keys: readonly KeyForm[];
  readonly headers: ReceivedHeaders;
  readonly sightings: readonly Sighting[];
  readonly fragments: readonly Fragment[];
  readonly forms: readonly SigningForm[];
  /** What the check says of the delivery as it is. */
  readonly refusal: Refusal;
}

/** A way to make the signature hold. */
export interface Match {
  readonly mistakes: readonly Mistake[];
  readonly form: SigningForm;
  readonly key: KeyForm;
  /** The time that the signature covers beside the body, in the unit that it should have where another one was signed. */
  readonly time: string | undefined;
}

/** What a search has come to. */
export interface SearchResult {
  readonly match: Match | undefined;
  /** Whether everything that there was to try was tried, before a match or the end of the budget. */
  readonly complete: boolean;
}

/** What is signed in front of the body. */
interface Content {
  readonly prefix: string;
  readonly parts: readonly ("id" | "time" | "body")[];
  /** Unix seconds, or whatever was sent in their place. */
  readonly time?: string;
  /** That the time was signed in another unit than it was sent in. */
  readonly unit?: Mistake;
}

/** How many bytes are hashed before the search gives up, each hash counting as 12 KiB at least: about a second. */
const MOST_WORK = 268_435_456;
const LEAST_WORK = 12_288;
/** Writing a form of a body takes about as long as hashing it this often. */
const WRITING = 6;
/** Mistakes of body and secret at once are looked for in bodies up to here, the size of usual ones many times over. */
const MOST_BYTES_FOR_BOTH = 65_536;

/**
 * Undoes known mistakes until the signature holds: first none or those of header and secret, then those of the body, then both. Of
 * several ways the one with the fewest mistakes is given.
 */
export function search(question: Question): SearchResult {
  const { body, keys, sightings, fragments } = question;
  if (sightings.length === 0 && fragments.length === 0) return { match: undefined, complete: true };
  const contents = contentsOf(question.headers);
  const usual = contents.filter(({ unit }) => unit === undefined);
  const plain = keys.filter((key) => key.plain);
  let work = 0;

  const best = (form: Pick<BodyForm, "body"> & Partial<BodyForm>, tried: readonly KeyForm[], fronts: readonly Content[]) => {
    let cheapest: { readonly match: Match; readonly cost: number } | undefined;
    for (const content of fronts) {
      for (const key of tried) {
        if (work > MOST_WORK) return cheapest?.match;
        work += Math.max(form.body.length, LEAST_WORK);
        const digest = hmacBase64Digest(key.key, content.prefix, form.body);
        for (const { match, cost } of matches(question, digest, content, key, form.mistake)) {
          if (cheapest === undefined || cost < cheapest.cost) cheapest = { match, cost };
        }
      }
    }
    return cheapest?.match;
  };

  const asItIs = best({ body }, keys, contents);
  if (asItIs !== undefined) return { match: asItIs, complete: true };
  const hasBoth = body.length <= MOST_BYTES_FOR_BOTH;
  for (const tried of hasBoth ? [plain, keys] : [plain]) {
    for (const form of question.bodies()) {
      work += form.body.length * WRITING;
      const match = best(form, tried, usual);
      if (match !== undefined || work > MOST_WORK) return { match, complete: work <= MOST_WORK };
    }
  }
  return { match: undefined, complete: hasBoth && work <= MOST_WORK };
}

function* matches(
  question: Question,
  digest: string,
  content: Content,
  key: KeyForm,
  mistake: Mistake | undefined,
): Generator<{ readonly match: Match; readonly cost: number }> {
  const toMatch = (form: SigningForm, ofHeader: readonly Mistake[]): { match: Match; cost: number } => {
    const mistakes: Mistake[] = [
      ...relationMistakes(form, question),
      ...(mistake ? [mistake] : []),
      ...keyMistakes(key, form.family, form.provider),
      ...ofHeader,
      ...contentMistakes(content, form),
    ];
    // That the other scheme was selected is a consequence of the form of the secret.
    const keyIsWrong = keyMistakes(key, form.family, form.provider).length > 0;
    if (form.relation === "sibling" && !keyIsWrong) mistakes.push(siblingMistake(form));
    // Who the sender is weighs a little less than anything else that may be wrong.
    const cost = mistakes.length - (form.relation === "other" ? 0.1 : 0);
    if (mistakes.length === 0) mistakes.push(...unexplained(question, form));
    return { match: { mistakes, form, key, time: content.time }, cost };
  };

  for (const sighting of question.sightings) {
    if (!holds(digest, sighting)) continue;
    for (const form of question.forms) yield toMatch(form, formMistakes(sighting, form, question.headers));
  }
  for (const fragment of question.fragments) {
    const { digits, encoding, header, prefix } = fragment;
    const expected = encoding === "hex" ? hexOf(digest) : digest;
    if (!equalTexts(expected.slice(0, digits.length), digits)) continue;
    const whole: Sighting = { header, prefix, digest, encoding, folded: false, wrap: undefined, repeated: false };
    const facts = { found: showHeader(header), length: digits.length, expected: expected.length };
    for (const form of question.forms) {
      yield toMatch(form, [{ code: "signature_truncated", facts }, ...formMistakes(whole, form, question.headers)]);
    }
  }
}

function holds(digest: string, { digest: given, folded }: Sighting): boolean {
  return folded ? equalTexts(digest.toLowerCase(), given.toLowerCase()) : equalBase64(digest, given, 0);
}

function hexOf(digest: string): string {
  return toHex(Uint8Array.from(atob(digest), (character) => character.charCodeAt(0)));
}

function relationMistakes({ relation, provider }: SigningForm, { forms }: Question): readonly Mistake[] {
  if (relation !== "other") return [];
  return [
    {
      code: "other_provider",
      facts: { other: provider, provider: forms.find((form) => form.relation !== "other")?.provider ?? "another" },
    },
  ];
}

const words = { id: "id", time: "timestamp", body: "body" } as const;

function contentMistakes({ parts, unit }: Content, { family, provider }: SigningForm): readonly Mistake[] {
  const expected = family === "hex" ? "body" : "id.timestamp.body";
  const found = parts.map((part) => words[part]).join(".");
  const ofParts: readonly Mistake[] = found === expected ? [] : [{ code: "signed_content", facts: { found, expected, provider } }];
  return unit === undefined ? ofParts : [unit, ...ofParts];
}

/** Everything is as it should be, but the check refuses it: by what it says. */
function unexplained({ refusal, headers, forms }: Question, form: SigningForm): readonly Mistake[] {
  if (refusal.refused === "timestamp_malformed") return [{ code: "timestamp_malformed", facts: { where: "" } }];
  const [name = form.headers[0] ?? ""] = refusal.headers ?? [];
  const facts = { found: showHeader(name), provider: forms[0]?.provider ?? form.provider };
  if (refusal.refused === "signature_malformed") {
    if ((headers.get(name)?.length ?? 0) > 1) return [{ code: "signature_repeated", facts }];
    if (name === "webhook-id") return [{ code: "id_malformed" }];
  }
  return refusal.refused === "configuration" ? [] : [{ code: "signature_form", facts }];
}

const MOST_CONTENTS = 12;

/** The body alone, and behind every id and time that the headers have, as they are and with the time in the other unit. */
function contentsOf(headers: ReceivedHeaders): readonly Content[] {
  const contents: Content[] = [{ prefix: "", parts: ["body"] }];
  for (const [name, [time = ""]] of headers) {
    const stem = /^(.*?)[-_]?timestamp$/.exec(name)?.[1];
    if (stem === undefined || !/^[ -~]{1,100}$/.test(time)) continue;
    const ids = ["-id", "-event-id", "-delivery-id"].flatMap((end) => headers.get(stem + end)?.slice(0, 1) ?? []);
    for (const { signed, ...facts } of timesOf(time)) {
      for (const id of ids) {
        if (/^[ -~]{1,300}$/.test(id)) contents.push({ prefix: `${id}.${signed}.`, parts: ["id", "time", "body"], ...facts });
      }
      contents.push({ prefix: `${signed}.`, parts: ["time", "body"], ...facts });
    }
  }
  return contents.slice(0, MOST_CONTENTS);
}

/** A time as it was sent, and in the unit in which it may have been signed instead. */
function timesOf(time: string): readonly (Pick<Content, "time" | "unit"> & { readonly signed: string })[] {
  const asItIs = { signed: time, time };
  if (/^[0-9]{13}$/.test(time)) {
    const seconds = time.slice(0, -3);
    const unit: Mistake = { code: "timestamp_in_milliseconds", wording: "timestamp_sent_in_milliseconds" };
    return [asItIs, { signed: seconds, time: seconds, unit }];
  }
  if (!/^[0-9]{9,10}$/.test(time)) return [asItIs];
  return [asItIs, { signed: `${time}000`, time, unit: { code: "timestamp_in_milliseconds", wording: "timestamp_signed_in_milliseconds" } }];
}
