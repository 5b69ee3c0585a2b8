import { alreadyParsed, complete, isBytes } from "./body.ts";
import { type HeaderSource, headerValue } from "./delivery.ts";
import type { Refusal } from "./refusal.ts";

const encoder = new TextEncoder();

/**
 * The raw bytes from what a body parser kept of them, or a refusal where those bytes cannot be the ones that arrived. Letting them
 * through would end as a signature mismatch, which hides the cause (pitfalls P11, P12, P17, P18).
 *
 * @param fix a sentence with the line to change
 */
export function keptBody(kept: Uint8Array | string, headers: HeaderSource, fix: string): Uint8Array | Refusal {
  if (isEncoded(headers)) return alreadyParsed(`The body was decompressed before the signature was checked. ${fix}`);
  const bytes = isBytes(kept) ? kept : encoder.encode(kept);
  const announced = headerValue(headers, "content-length");
  // Text decoders drop a byte order mark and replace what is not UTF-8; only an equal length shows that neither happened.
  if (typeof kept === "string" && (announced === undefined || kept.includes("\ufffd") || !kept.isWellFormed())) {
    return alreadyParsed(`The body was decoded to text, and nothing shows that no byte was lost. ${fix}`);
  }
  return complete(bytes, announced, fix);
}

/** Whether a body is compressed, or encoded in another way. */
export function isEncoded(headers: HeaderSource): boolean {
  const encoding = headerValue(headers, "content-encoding");
  return encoding !== undefined && encoding !== "" && encoding !== "identity";
}
