import type { Tampering } from "../testing/tamper.ts";

const known: { readonly [How in Tampering]: true } = {
  body: true,
  signature: true,
  truncated_signature: true,
  missing_signature: true,
  wrong_secret: true,
  expired: true,
  future: true,
  replayed: true,
  reserialised: true,
  byte_order_mark: true,
  trailing_newline: true,
  crlf: true,
  empty_body: true,
  not_json: true,
  unknown_type: true,
  invalid_payload: true,
};

/** What `send --tamper` takes, for the help: without loading what does it. */
export const tamperings: readonly Tampering[] = Object.keys(known) as Tampering[];
