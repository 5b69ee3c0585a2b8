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

/** How far a stream of Node.js was read. */
export interface ReadSoFar {
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
}

/**
 * What {@link keptBody} says of bytes or text that somebody kept. Nothing for anything else, and where the stream may have more: whoever
 * collects chunk by chunk starts with nothing, and has a part until the end (pitfall P18). What is there before anybody has read comes from
 * a platform, which read it elsewhere.
 */
export function wholeBody(
  kept: unknown,
  headers: HeaderSource,
  fix: string,
  ...streams: readonly ReadSoFar[]
): Uint8Array | Refusal | undefined {
  if (!isBytes(kept) && typeof kept !== "string") return undefined;
  const body = keptBody(kept, headers, fix);
  // As long as was announced, so nothing is missing.
  if (isBytes(body) && headerValue(headers, "content-length") !== undefined) return body;
  return kept.length > 0 && streams.every((stream) => stream.readableEnded || !stream.readableDidRead) ? body : undefined;
}

/** Whether a body is compressed, or encoded in another way. */
export function isEncoded(headers: HeaderSource): boolean {
  const encoding = headerValue(headers, "content-encoding");
  return encoding !== undefined && encoding !== "" && encoding !== "identity";
}
