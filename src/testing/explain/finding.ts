/** What can be wrong with a delivery that is not authentic. */
export type FindingCode =
  | "body_already_parsed"
  | "body_type"
  | "body_empty"
  | "body_reserialised"
  | "body_trailing_newline"
  | "body_line_breaks"
  | "body_byte_order_mark"
  | "body_white_space"
  | "body_charset"
  | "body_lossy"
  | "body_form_encoded"
  | "body_base64"
  | "body_compressed"
  | "body_decompressed"
  | "body_truncated"
  | "body_length_differs"
  | "secret_missing"
  | "secret_unusable"
  | "secret_white_space"
  | "secret_quoted"
  | "secret_escaped_newline"
  | "secret_assignment"
  | "secret_other_endpoint"
  | "secret_prefix_stripped"
  | "secret_prefix_kept"
  | "secret_decoded"
  | "secret_not_decoded"
  | "secret_encoded"
  | "secret_url_safe"
  | "secret_letter_case"
  | "other_provider"
  | "other_scheme"
  | "headers_unreadable"
  | "signature_missing"
  | "signature_other_header"
  | "signature_shadowed"
  | "signature_repeated"
  | "signature_encoding"
  | "signature_prefix_missing"
  | "signature_prefix_doubled"
  | "signature_prefix_wrong"
  | "signature_letter_case"
  | "signature_white_space"
  | "signature_truncated"
  | "signature_other_algorithm"
  | "signature_form"
  | "signed_content"
  | "id_malformed"
  | "timestamp_in_milliseconds"
  | "timestamp_in_seconds"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "timestamp_malformed"
  | "token_missing"
  | "token_repeated"
  | "token_misplaced"
  | "token_mismatch"
  | "token_unusable";

/**
 * `"proven"`: undoing the mistake makes the check hold, or the check itself refuses exactly this. `"likely"`: the form shows it.
 * `"possible"`: a hint, no more.
 */
export type Certainty = "proven" | "likely" | "possible";

/** One cause, in words. Neither text contains a secret, a token, a payload or a signature. */
export interface Finding {
  /** A stable fact in lower snake case. */
  readonly code: FindingCode;
  /** How sure it is. */
  readonly certainty: Certainty;
  /** What is wrong, and what was found. */
  readonly message: string;
  /** What to change. */
  readonly fix: string;
}

/** A text that tells more of a code than its usual one, where more is known. */
type Wording =
  | "body_reserialised_here"
  | "body_reserialised_by_sender"
  | "body_reserialised_shorter"
  | "body_rounded_number"
  | "body_promise"
  | "body_unread"
  | "body_truncated_json"
  | "other_provider_by_body"
  | "timestamp_sent_in_milliseconds"
  | "timestamp_signed_in_milliseconds";

/** A mistake as data; its facts fill the texts. */
export interface Mistake {
  readonly code: FindingCode;
  /** The text, where it is not the usual one of the code. */
  readonly wording?: Wording;
  readonly facts?: Readonly<Record<string, string | number>>;
}

const RAW =
  "Verify the bytes that arrived: mount the route before any body parser (express.json() and the like), or read new Uint8Array(await request.arrayBuffer()).";
const SIGN_SENT = "If your own code signs, serialise once, and sign the bytes that are sent.";
const COPY = "Copy the secret from the provider again, whole and as it is shown.";
const SIGNER = "If your own code signs, change it there; if a proxy rewrites the header, let it pass unchanged.";

// What was found, and what to do. $names stand for the facts of a mistake.
const texts: Readonly<Record<FindingCode | Wording, readonly [message: string, fix: string]>> = {
  body_already_parsed: ["The body is $found, not the bytes that arrived: a parser was faster.", RAW],
  body_type: ["The body is of the type $found: its bytes are there, but only a Uint8Array or a text is taken.", "Pass $bytes."],
  body_empty: ["The body is empty, $why: something read it before.", `Let nothing read the body before the check. ${RAW}`],
  body_reserialised: [
    "The signature holds over the same JSON $form. Either the body was parsed and written anew here, or the sender signed another serialisation than it sent; the length that arrived does not tell which.",
    `${RAW} ${SIGN_SENT}`,
  ],
  body_reserialised_here: [
    'The body was parsed and written anew: it is not as long as "content-length" announces. The signature holds over the same JSON $form.',
    RAW,
  ],
  body_reserialised_by_sender: [
    'The sender signed another serialisation than it sent: the signature holds over the same JSON $form, but the body is as long as "content-length" announces, so no parser here has changed it.',
    `${SIGN_SENT} If the sender is not yours, look for a proxy that writes bodies and their length anew.`,
  ],
  body_reserialised_shorter: [
    'The body was parsed and written anew: it is a whole JSON object of $length bytes, but "content-length" announces $announced.',
    RAW,
  ],
  body_rounded_number: [
    "The body has a whole number beyond 2^53 with the digits that JavaScript rounds to: it may have been parsed and written anew.",
    RAW,
  ],
  body_promise: ["The body is a promise, not the bytes that it is of.", "Await what reads the body before it is checked."],
  body_unread: ["The body is $found, of which nothing was read yet, not its bytes.", "Pass $bytes."],
  body_trailing_newline: ["The signature holds over the body $form at its end.", `Nothing may add or trim line breaks. ${RAW}`],
  body_line_breaks: ["The signature holds over the body with line breaks of the form $form; they were converted.", RAW],
  body_byte_order_mark: [
    "The signature holds over the body $form a byte order mark.",
    "Decode for parsing only, since decoders drop the mark and editors add one; verify the bytes.",
  ],
  body_white_space: ["The signature holds over the body without the white space $form.", `Let nothing pad the body. ${RAW}`],
  body_charset: ["The body was converted $form, so every character beyond ASCII has changed.", `Let nothing decode the body. ${RAW}`],
  body_lossy: [
    "The body contains $count replacement characters (U+FFFD): it was decoded as text, and what was there is lost.",
    `Join the chunks as bytes and verify those. ${RAW}`,
  ],
  body_form_encoded: ["The body is form-encoded, the signature is over what it encodes.", `Keep form parsers off this route. ${RAW}`],
  body_base64: [
    "The body is base64 of what was signed, as serverless gateways hand over binary bodies.",
    "Decode it once before the check, such as Buffer.from(event.body, 'base64') where event.isBase64Encoded is set.",
  ],
  body_compressed: [
    "The body is compressed ($encoding)$proof.",
    "Let the server inflate the body before the check if the sender signs the plain bytes, and keep proxies from compressing requests.",
  ],
  body_decompressed: [
    'The header "content-encoding" says $encoding, but the body is plain: something inflated it. If the sender signs what it sends, those bytes are gone.',
    "Switch off inflating for this route, such as express.raw({ inflate: false }), and compare.",
  ],
  body_truncated: ["Of a body of $announced bytes, $length are left: it was cut off.", `Raise the limit that cuts it. ${RAW}`],
  body_truncated_json: [
    'The body begins as a JSON object and ends before that is closed: it may have been cut off. No "content-length" tells how long it was.',
    `Raise the limit that may cut it. ${RAW}`,
  ],
  body_length_differs: [
    'The header "content-length" announces $announced bytes, but there are $length: something wrote the body anew.',
    RAW,
  ],
  secret_missing: ["There is no secret: $found.", "Set the variable that it comes from, and read it where the process can see it."],
  secret_unusable: ["$found", COPY],
  secret_white_space: [
    "The secret$which has white space or an invisible character at an end, such as the line break of a file.",
    "Use secret.trim() wherever it is read, or store it without: printf instead of echo, no line break in the secret store.",
  ],
  secret_quoted: ["The secret has quotes around it, which .env loaders and shells treat differently.", "Store the secret without quotes."],
  secret_escaped_newline: ["The secret ends with the two characters \\n instead of ending.", "Remove them where the secret is stored."],
  secret_assignment: ["The secret begins with the name of a variable and an equals sign.", "Keep only what follows the equals sign."],
  secret_other_endpoint: [
    "The delivery is signed with the secret of another endpoint: $name.",
    "Give this endpoint that secret, or register the URL of that endpoint with the provider.",
  ],
  secret_prefix_stripped: ['The secret lacks its prefix "whsec_".', `${COPY} For $provider, "whsec_" belongs to it.`],
  secret_prefix_kept: ['The signature holds without the prefix "whsec_" of the secret.', "Give the secret without it, or sign with it."],
  secret_decoded: [
    "The sender uses the secret decoded from $encoding, but $provider uses it as text.",
    "Sign with the text of the secret, whole and as it is shown.",
  ],
  secret_not_decoded: [
    'The sender uses the secret as text, but for $provider the key is the base64 behind "whsec_", decoded.',
    'Sign with the decoded bytes: Buffer.from(secret.slice("whsec_".length), "base64").',
  ],
  secret_encoded: ["The sender uses the $encoding text of this secret: it was decoded before.", `Do not decode it. ${COPY}`],
  secret_url_safe: [
    "The secret is URL-safe base64 or lacks its padding.",
    'Write "+" for "-", "/" for "_" and pad with "=", as the provider shows it.',
  ],
  secret_letter_case: ["The signature holds under the secret in $form case.", `Something changed its letter case. ${COPY}`],
  other_provider: [
    "This is a delivery as $other signs it, but it is checked as one of $provider.",
    "Mount the router of $other on this URL, or register the right URL with each provider.",
  ],
  other_provider_by_body: [
    "The body is an event of $other, and none that $provider is known to send. Who signed it cannot be seen.",
    "See whether the URL of this endpoint is registered with $other; then mount the router of $other on it.",
  ],
  other_scheme: [
    "The delivery is signed in $found, but the secret or the option scheme selects another scheme of $provider.",
    "Use the secret that belongs to it, or set the option scheme.",
  ],
  headers_unreadable: [
    "The headers have $missed, but not in a form in which that is found: a Map, for one, tells capital letters apart.",
    "Pass a Headers object or a record, such as new Headers([...map]) or Object.fromEntries(map).",
  ],
  signature_missing: [
    "No signature arrived in $headers.",
    "Check that the provider signs this kind of delivery and that no proxy removes the header; for unsigned callbacks use token.",
  ],
  signature_other_header: [
    "The signature is in $found, but for $provider it is looked for in $headers.",
    "Name the header with the option header where the provider has it, or let the proxy keep the name.",
  ],
  signature_shadowed: [
    "The right signature is in $found, but $first comes first and carries another one.",
    "Remove the other header, or name the right one with the option header.",
  ],
  signature_repeated: ["The header $found arrived more than once or holds several values.", "Let one sender or proxy set it, once."],
  signature_encoding: ["The signature in $found is $encoding, but $provider takes $expected.", SIGNER],
  signature_prefix_missing: ['The signature in $found lacks its prefix "$expected".', SIGNER],
  signature_prefix_doubled: ['The signature in $found has its prefix "$expected" more than once.', SIGNER],
  signature_prefix_wrong: ["The signature in $found has $prefix in front, but $provider takes $expected.", SIGNER],
  signature_letter_case: ["The value of $found has changed its letter case.", SIGNER],
  signature_white_space: ["The value of $found has $wrap around it.", SIGNER],
  signature_truncated: ["The signature in $found is cut off: $length characters of $expected.", SIGNER],
  signature_other_algorithm: [
    "The value of $found has the form of $algorithm, not of HMAC-SHA256.",
    "Choose HMAC-SHA256 where the sender is set up; this library accepts no other.",
  ],
  signature_form: ["The signature in $found is right, but not in the form that $provider takes.", SIGNER],
  signed_content: ["The signature covers $found, but for $provider it has to cover $expected.", "Sign exactly that, byte for byte."],
  id_malformed: [
    'The header "webhook-id" has characters that no id may have, or is too long.',
    'Use at most 256 letters, digits, "-" and "_": a dot would shift the boundaries of what is signed.',
  ],
  timestamp_in_milliseconds: [
    "The signed time is in milliseconds, but seconds are expected.",
    "Sign Math.floor(Date.now() / 1000), and send the same number.",
  ],
  timestamp_sent_in_milliseconds: [
    "The signature covers the time in seconds, but the header has it in milliseconds.",
    "Send the number that is signed: Math.floor(Date.now() / 1000).",
  ],
  timestamp_signed_in_milliseconds: [
    "The signature covers the time in milliseconds, but the header has it in seconds.",
    "Sign the number that is sent: Math.floor(Date.now() / 1000).",
  ],
  timestamp_in_seconds: [
    "The signed time is in seconds, but is read as milliseconds.",
    "Send milliseconds or ISO 8601, or mend signedAt().",
  ],
  timestamp_too_old: [
    "The signed time is $seconds seconds ago, $over beyond the limit of $limit: delayed, replayed, or the clock here is fast.",
    "For a delivery that was saved, give now the time when it arrived. Otherwise set the clock by NTP, or raise maxAgeSeconds.",
  ],
  timestamp_too_new: [
    "The signed time is $seconds seconds ahead, $over beyond the limit of $limit: the clock here is slow, or that of the sender fast.",
    "Set both clocks by NTP, or raise maxAgeSeconds.",
  ],
  timestamp_malformed: ["The signed time is no number of seconds, or cannot be read$where.", "Send unix seconds in digits only."],
  token_missing: ["The URL carries no parameter token$found.", "Register the URL with ?token=… and keep the query in front of the check."],
  token_repeated: ["The URL carries the parameter token $count times.", "Register the URL with one."],
  token_misplaced: ["The URL carries the token in $found, not in the query parameter token.", "Register the URL with ?token=…"],
  token_mismatch: [
    "The URL carries another token: $length characters, where $expected are expected$form.",
    "Register the URL with the token that this endpoint is given.",
  ],
  token_unusable: ["$found", "Make a new one and register the URL with it."],
};

/** Puts a mistake into words. */
export function toFinding({ code, wording, facts = {} }: Mistake, certainty: Certainty): Finding {
  // A function, since a replacement text would give the characters of a fact a meaning (pitfall P15).
  const fill = (text: string): string => text.replace(/\$([a-z]+)/g, (name, fact: string) => String(facts[fact] ?? name));
  const [message, fix] = texts[wording ?? code];
  return { code, certainty, message: fill(message), fix: fill(fix) };
}

/** The name of a header for a text. Names come from outside, so only those that look like one are shown. */
export function showHeader(name: string): string {
  return /^[a-z0-9_-]{1,60}$/.test(name) ? `"${name}"` : "a header";
}

/** Several names of headers for a text. */
export function showHeaders(names: readonly string[]): string {
  return names.map(showHeader).join(", ");
}
