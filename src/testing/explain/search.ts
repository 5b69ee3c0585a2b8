import type { Refusal } from "../../refusal.ts";
import { equalBase64, equalTexts, hmacBase64Digest } from "../../signature/hmac.ts";
import type { BodyForm } from "./body-forms.ts";
import { type Mistake, showHeader } from "./finding.ts";
import type { Fragment, ReceivedHeaders, Sighting } from "./received-headers.ts";
import { type KeyForm, keyMistakes, toHex } from "./secret-forms.ts";
import { formMistakes, type SigningForm } from "./signing-forms.ts";

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
  /** The time that the signature covers beside the body, as it was sent. */
  readonly time: string | undefined;
}

/** What is signed in front of the body. */
interface Content {
  readonly prefix: string;
  readonly parts: readonly ("id" | "time" | "body")[];
  readonly time?: string;
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
export function search(question: Question): Match | undefined {
  const { body, keys, sightings, fragments } = question;
  if (sightings.length === 0 && fragments.length === 0) return undefined;
  const contents = contentsOf(question.headers);
  const plain = keys.filter((key) => key.plain);
  let work = 0;

  const best = (changed: Uint8Array, mistake: Mistake | undefined, tried: readonly KeyForm[]): Match | undefined => {
    let cheapest: { readonly match: Match; readonly cost: number } | undefined;
    for (const content of contents) {
      for (const key of tried) {
        if (work > MOST_WORK) return cheapest?.match;
        work += Math.max(changed.length, LEAST_WORK);
        const digest = hmacBase64Digest(key.key, content.prefix, changed);
        for (const { match, cost } of matches(question, digest, content, key, mistake)) {
          if (cheapest === undefined || cost < cheapest.cost) cheapest = { match, cost };
        }
      }
    }
    return cheapest?.match;
  };

  const asItIs = best(body, undefined, keys);
  if (asItIs !== undefined) return asItIs;
  for (const tried of body.length > MOST_BYTES_FOR_BOTH ? [plain] : [plain, keys]) {
    for (const form of question.bodies()) {
      work += form.body.length * WRITING;
      const found = best(form.body, form.mistake, tried);
      if (found !== undefined || work > MOST_WORK) return found;
    }
  }
  return undefined;
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

function siblingMistake({ provider, family }: SigningForm): Mistake {
  return { code: "other_scheme", facts: { provider, found: family === "hex" ? "hex over the body" : "Standard Webhooks" } };
}

const words = { id: "id", time: "timestamp", body: "body" } as const;

function contentMistakes({ parts }: Content, { family, provider }: SigningForm): readonly Mistake[] {
  const expected = family === "hex" ? "body" : "id.timestamp.body";
  const found = parts.map((part) => words[part]).join(".");
  return found === expected ? [] : [{ code: "signed_content", facts: { found, expected, provider } }];
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

const MOST_CONTENTS = 8;

/** The body alone, and behind every id and time that the headers have. */
function contentsOf(headers: ReceivedHeaders): readonly Content[] {
  const contents: Content[] = [{ prefix: "", parts: ["body"] }];
  for (const [name, [time = ""]] of headers) {
    const stem = /^(.*?)[-_]?timestamp$/.exec(name)?.[1];
    if (stem === undefined || !/^[ -~]{1,100}$/.test(time)) continue;
    for (const [other, [id = ""]] of headers) {
      const isId = other === `${stem}-id` || other === `${stem}-event-id` || other === `${stem}-delivery-id`;
      if (isId && /^[ -~]{1,300}$/.test(id)) contents.push({ prefix: `${id}.${time}.`, parts: ["id", "time", "body"], time });
    }
    contents.push({ prefix: `${time}.`, parts: ["time", "body"], time });
  }
  return contents.slice(0, MOST_CONTENTS);
}
