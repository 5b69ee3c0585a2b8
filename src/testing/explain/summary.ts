import type { Authenticated } from "../../signature/authenticate.ts";
import type { LimitedTime, Subject } from "./check.ts";
import type { Finding } from "./finding.ts";

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

/** Says that a delivery is not authentic, and the first of the causes. */
export function blame(refused: string, findings: readonly Finding[]): string {
  const [first, ...more] = findings;
  if (first === undefined) return `The delivery is not authentic (${refused}), and no known mistake explains it. ${TRIED}`;
  const word = { proven: "The cause", likely: "The likely cause", possible: "Perhaps" }[first.certainty];
  const rest = more.length === 0 ? "" : ` ${more.length === 1 ? "One more finding follows" : `${more.length} more findings follow`}.`;
  return `The delivery is not authentic (${refused}). ${word}: ${first.message}${rest}`;
}

const TRIED =
  "Tried were other serialisations, line breaks, white space, byte order mark, character sets and compression of the body, other spellings and encodings of the secret, other headers, encodings and prefixes of the signature, and other signed contents; what is left is a secret that is not among those given, or a body that was changed.";
