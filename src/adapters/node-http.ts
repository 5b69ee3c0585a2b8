import { alreadyParsed, announcesMoreThan, complete, incomplete, isBytes, joinBytes, type ReadBody, tooLarge } from "../body.ts";
import type { HeaderSource } from "../delivery.ts";
import { keptBody } from "../kept-body.ts";
import type { Answer } from "../outcome.ts";
import type { Refusal } from "../refusal.ts";

/** The part of a Node.js readable stream that is used. */
export interface NodeStream {
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close" | "error" | "pause", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end" | "close" | "pause", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The part of `http.IncomingMessage` that is used. */
export interface NodeRequest extends NodeStream {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly httpVersionMajor: number;
  readonly complete: boolean;
  /** Of HTTP/2. */
  readonly stream?: { readonly endAfterHeaders: boolean; close(): unknown } | undefined;
  destroy(): unknown;
}

/** A request with what a body parser may have left on it. */
export interface ParsedRequest extends NodeRequest {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/** The part of `http.ServerResponse` that is used. */
export interface NodeResponse {
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  flushHeaders?(): void;
  write(chunk: string): unknown;
  end(chunk: string): unknown;
  on(event: "error", listener: () => void): unknown;
}

export const ignore = (): void => undefined;

/** A sender that leaves makes both streams fail, which needs no more than being noticed by the reader of the body. */
export function ignoreStreamErrors(request: NodeStream, response: NodeResponse): void {
  request.on("error", ignore);
  response.on("error", ignore);
}

/** Node.js types headers with arrays that can be written to. */
export function headersOf(request: Pick<NodeRequest, "headers">): HeaderSource {
  return request.headers as HeaderSource;
}

/**
 * Reads a stream under a cap, and stops reading beyond it.
 *
 * @param fix a sentence with the line to change if something was faster
 */
export function readNodeStream(stream: NodeStream, headers: NodeRequest["headers"], maxBytes: number, fix: string): ReturnType<ReadBody> {
  const parsed = (): Refusal => alreadyParsed(`Something read the request body before. ${fix}`);
  if (stream.readableDidRead) return Promise.resolve(parsed());
  if (stream.readableEnded) return Promise.resolve(new Uint8Array());
  if (stream.destroyed) return Promise.resolve(incomplete);
  if (announcesMoreThan(headers["content-length"], maxBytes)) return Promise.resolve(tooLarge);
  // Chunks in an array and one join: `for await` over the stream costs a third of the throughput.
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let settled = false;
    const settle = (result: Awaited<ReturnType<ReadBody>>): void => {
      settled = true;
      stream.off("data", onData);
      stream.off("end", onEnd);
      stream.off("close", onClose);
      stream.off("pause", onPause);
      resolve(result);
    };
    const onData = (chunk: Uint8Array | string): void => {
      length += chunk.length;
      if (typeof chunk === "string") {
        settle(parsed());
      } else if (length > maxBytes) {
        stream.pause();
        settle(tooLarge);
      } else {
        chunks.push(chunk);
      }
    };
    const onEnd = (): void => settle(complete(joinBytes(chunks, length), headers["content-length"], fix));
    const onClose = (): void => settle(incomplete);
    // A slower reader of the same stream pauses it for both, and may never go on: a copy that nobody reads, a web stream that was made
    // to look at it.
    const onPause = (): void => queueMicrotask(() => settled || stream.resume());
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("close", onClose);
    stream.on("pause", onPause);
    // Somebody may have paused it, and a listener does not undo that.
    stream.resume();
  });
}

/** Reads the body from where it still is: the bytes or the text that a parser kept, else the unread stream. */
export async function readParsedBody(request: ParsedRequest, maxBytes: number, fix: string): ReturnType<ReadBody> {
  for (const kept of [request.rawBody, request.body]) {
    if (isBytes(kept) || typeof kept === "string") return keptBody(kept, headersOf(request), fix);
  }
  return readNodeStream(request, request.headers, maxBytes, fix);
}

// How long, and how much, a sender may go on sending a body that was refused, so that it gets to read the answer.
const LINGER_MS = 500;
const LINGER_BYTES = 16_777_216;

/** Whether the sender is still sending a body that nobody will read. */
export function isUnread(request: NodeRequest): boolean {
  const { headers, httpVersionMajor, stream } = request;
  if (request.complete) return false;
  // HTTP/2 needs neither header for a body.
  if (httpVersionMajor >= 2) return stream?.endAfterHeaders === false;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Drops what is left of a refused body, at most for a moment, and then calls back. */
function dropRest(request: NodeRequest, done: () => void): void {
  const finish = (): void => {
    clearTimeout(timer);
    done();
  };
  const timer = setTimeout(finish, LINGER_MS);
  let dropped = 0;
  request.on("data", (chunk) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) finish();
  });
  request.on("end", finish);
  request.on("close", finish);
  request.resume();
}

/**
 * Ends a request whose answer is on its way, and whose body nobody will read. Of HTTP/2, an open stream would stay until the connection
 * ends (RFC 9113, section 8.1).
 */
export function cutOff(request: NodeRequest): void {
  if (!isUnread(request)) return;
  dropRest(request, () => {
    if (request.stream) request.stream.close();
    else if (!request.complete) request.destroy();
  });
}

/** Sends an answer, if there still is somebody to send it to. */
export function sendAnswer(request: NodeRequest, response: NodeResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const { status, body = "" } = answer;
  const headers: Record<string, string> = { ...answer.headers };
  if (status !== 204) headers["content-length"] = String(body.length);
  if (!isUnread(request) || request.httpVersionMajor >= 2) {
    response.writeHead(status, headers);
    response.end(body);
    cutOff(request);
    return;
  }
  // Closing on unread data resets the connection, and the sender may lose the answer with it (RFC 9112, section 9.6). So the
  // answer goes out whole, the rest of the body is dropped for a moment, and then the connection closes.
  headers.connection = "close";
  response.writeHead(status, headers);
  if (body === "") response.flushHeaders?.();
  else response.write(body);
  dropRest(request, () => response.end(""));
}
