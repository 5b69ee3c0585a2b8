import type { Refusal } from "./refusal.ts";

/**
 * Reads a body without ever holding more than `maxBytes`. It resolves to the exact bytes, or to a refusal with the code
 * `body_too_large`, `body_incomplete` or `body_already_parsed`; it does not reject.
 */
export type ReadBody = (maxBytes: number) => Promise<Uint8Array | Refusal>;

/** Whether a value is a `Uint8Array` or `Buffer`, also one of another realm, where `instanceof` fails. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]");
}

/** The body exceeds the cap. */
export const tooLarge: Refusal = { refused: "body_too_large" };

/** The connection ended early. */
export const incomplete: Refusal = { refused: "body_incomplete" };

/** A body parser was faster; the hint names the line to change. */
export function alreadyParsed(hint: string): Refusal {
  return { refused: "body_already_parsed", hint };
}

/**
 * Passes on bytes that are as many as were announced. Others are not those that arrived: a proxy has cut them off, or a parser has
 * written them anew, which would end as a signature mismatch that hides the cause.
 *
 * @param fix a sentence with the line to change
 */
export function complete(
  bytes: Uint8Array,
  contentLength: string | readonly string[] | null | undefined,
  fix: string,
): Uint8Array | Refusal {
  if (typeof contentLength !== "string" || Number(contentLength) === bytes.length) return bytes;
  return alreadyParsed(`Of a body of ${Number(contentLength)} bytes, ${bytes.length} are left: something changed it or cut it off. ${fix}`);
}

/** Whether a `Content-Length` alone shows that a body is over the cap. It is a hint for refusing, never for accepting. */
export function announcesMoreThan(contentLength: string | readonly string[] | null | undefined, maxBytes: number): boolean {
  return typeof contentLength === "string" && Number(contentLength) > maxBytes && /^[0-9]+$/.test(contentLength);
}

/** How long a sender may take to send a body, in milliseconds. Several servers of Node.js have no limit of their own. */
export const BODY_TIMEOUT_MS = 30_000;

const MOST_CHUNKS = 64;

/** Adds a chunk to those of a body. Many small ones are joined, since each would weigh a hundred times what it holds. */
export function addChunk(chunks: Uint8Array[], chunk: Uint8Array): void {
  chunks.push(chunk);
  for (let at = chunks.length - 2; at >= MOST_CHUNKS; at--) {
    const [before, last] = chunks.slice(at) as [Uint8Array, Uint8Array];
    if (before.length > last.length) return;
    chunks.splice(at, 2, joinBytes([before, last], before.length + last.length));
  }
}

/** Joins chunks as bytes: joining them as text would split characters (pitfall P13). */
export function joinBytes(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const first = chunks[0];
  if (first !== undefined && chunks.length === 1) return first;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

/** Reads the body of a `Request` under the cap; `fix` is a sentence with the line to change if something was faster. */
export async function readRequest(request: Request, maxBytes: number, fix: string): ReturnType<ReadBody> {
  if (request.bodyUsed || request.body?.locked) return alreadyParsed(`The body of the Request was read before. ${fix}`);
  const announced = request.headers.get("content-length");
  if (announcesMoreThan(announced, maxBytes)) return tooLarge;
  const read = request.body === null ? new Uint8Array() : await readStream(request.body, maxBytes);
  if (!isBytes(read)) return read;
  // A stream that was drained elsewhere looks like one that brought nothing, but a sender without a body announces none.
  if (read.length === 0 && request.headers.has("transfer-encoding")) {
    return alreadyParsed(`The body of the Request was read before, or nothing was sent. ${fix}`);
  }
  return complete(read, announced, fix);
}

/** Reads a web stream under the cap and cancels it when it grows past the cap. */
async function readStream(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | Refusal> {
  const reader = stream.getReader();
  // Nobody waits for a cancellation, which a sender may ignore, nor for its failure.
  const cancel = (): unknown => reader.cancel().catch(() => undefined);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    cancel();
  }, BODY_TIMEOUT_MS);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) return incomplete;
      if (done) return joinBytes(chunks, length);
      length += value.length;
      if (length > maxBytes) {
        cancel();
        return tooLarge;
      }
      addChunk(chunks, value);
    }
  } catch {
    // The stream of a request fails only when its connection does; there is nobody left to tell.
    return incomplete;
  } finally {
    clearTimeout(timer);
  }
}
