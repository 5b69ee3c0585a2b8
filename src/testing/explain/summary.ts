import type { Authenticated } from "../../signature/authenticate.ts";
import { MOST_BODY_BYTES, toText } from "./body-forms.ts";
import type { LimitedTime, Subject } from "./check.ts";
import type { Finding } from "./finding.ts";
import { jsonForms } from "./json-forms.ts";

/** Says that a delivery is authentic, and how near the limit its time is. */
export function praise(
  { secrets, now }: Subject,
  signature: Authenticated | undefined,
  time: LimitedTime | undefined,
  hasToken: boolean,
): string {
  if (signature === undefined) return "The delivery is authentic: the URL carries the token.";
  const { authenticity } = signature;
  const index = authenticity.method === "signature" ? authenticity.secretIndex : 0;
  const which = secrets.length > 1 ? ` under secret ${index + 1} of ${secrets.length}` : "";
  const away = Math.round(Math.abs(now - (time?.signedAt ?? 0)) / 1000);
  const within = time === undefined ? "" : `, and its signed time is ${away} seconds away, within the limit of ${time.limit}`;
  return `The delivery is authentic: its signature is correct${which}${within}.${hasToken ? " The URL carries the token." : ""}`;
}

/** What was tried in vain. */
export interface Tried {
  readonly body: Uint8Array;
  /** Everything, nothing since no header has a digest, or only what can be undone for a scheme that is not known. */
  readonly what: "signature" | "nothing" | "scheme";
  /** Whether mistakes of body and secret at once, and all forms of the body, were tried. */
  readonly complete: boolean;
}

/** Says that a delivery is not authentic, and the first of the causes. */
export function blame(refused: string, findings: readonly Finding[], tried: Tried | undefined): string {
  const [first, ...more] = findings;
  if (first === undefined) {
    return `The delivery is not authentic (${refused}), and no known mistake explains it.${tried === undefined ? "" : ` ${listTried(tried)}`}`;
  }
  const word = { proven: "The cause", likely: "The likely cause", possible: "Perhaps" }[first.certainty];
  const rest = more.length === 0 ? "" : ` ${more.length === 1 ? "One more finding follows" : `${more.length} more findings follow`}.`;
  return `The delivery is not authentic (${refused}). ${word}: ${first.message}${rest}`;
}

function listTried({ body, what, complete }: Tried): string {
  if (what === "nothing") return "Nothing in the headers has the form of HMAC-SHA256, so nothing could be tried.";
  const ofSecret =
    what === "scheme"
      ? "the secret without white space, quotes and the like, but no other headers or signed contents, since the scheme is not known"
      : "other spellings and encodings of the secret, other headers, encodings and prefixes of the signature, and other signed contents";
  const limit = complete ? "" : " Some of these and of their combinations were left out, since all of them would take too long.";
  return `Tried were ${formsOf(body)}, ${ofSecret}.${limit} What is left is a secret that is not among those given, a body that was changed, or a form that was not tried.`;
}

/** Which forms of a body there were to try. */
function formsOf(body: Uint8Array): string {
  if (body.length > MOST_BODY_BYTES) return "the body only as it is, since it is larger than 1 MiB";
  const text = toText(body);
  if (text === undefined) return "line break, byte order mark, compression and character set of the body";
  const usual = "line breaks, white space, byte order mark, character sets and encodings of the body";
  const isJson = jsonForms(text).next().done !== true;
  return isJson ? `${usual}, the usual layouts, escapes and key orders of its JSON, whole numbers with ".0"` : usual;
}
