import {
  addChunk,
  alreadyParsed,
  announcesMoreThan,
  complete,
  incomplete,
  isBytes,
  joinBytes,
  type ReadBody,
  readRequest,
  tooLarge,
} from "../body.ts";
import type { Delivery, HeaderSource, Receiver } from "../delivery.ts";
import { keptBody } from "../kept-body.ts";
import { type Answer, toAnswer } from "../outcome.ts";
import type { Refusal } from "../refusal.ts";
import { limitReading } from "./read-timeout.ts";

/** The part of a Node.js readable stream that is used. */
export interface NodeStream {
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close" | "error" | "pause", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
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

/**
 * A sender that leaves makes both streams of HTTP/2 fail, which needs no more than being noticed by the reader of the body. Those of
 * HTTP/1 fail silently where nobody listens.
 */
export function ignoreStreamErrors(request: NodeRequest, response: NodeResponse): void {
  if (request.httpVersionMajor < 2) return;
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
    // After the end a stream says nothing any more but that it closed, so its listeners can stay.
    const settle = (result: Awaited<ReturnType<ReadBody>>): void => {
      settled = true;
      stopLimit();
      resolve(result);
    };
    const stop = (result: Refusal): void => {
      stream.off("data", onData);
      stream.pause();
      settle(result);
    };
    const onData = (chunk: Uint8Array | string): void => {
      length += chunk.length;
      if (typeof chunk === "string") stop(parsed());
      else if (length > maxBytes) stop(tooLarge);
      else addChunk(chunks, chunk);
    };
    const stopLimit = limitReading(() => stop(incomplete));
    stream.on("data", onData);
    stream.on("end", () => settled || settle(complete(joinBytes(chunks, length), headers["content-length"], fix)));
    stream.on("close", () => settled || settle(incomplete));
    // A slower reader of the same stream pauses it for both, and may never go on: a copy that nobody reads, a web stream that was made
    // to look at it.
    stream.on("pause", () => queueMicrotask(() => settled || stream.resume()));
    // Somebody may have paused it, and a listener does not undo that.
    stream.resume();
  });
}

/** Reads the body from where it still is: the bytes or the text that a parser kept, else the unread stream. */
export async function readParsedBody(request: ParsedRequest, maxBytes: number, fix: string): ReturnType<ReadBody> {
  for (const kept of [request.rawBody, request.body]) {
    if (isBytes(kept) || typeof kept === "string") return keptBody(kept, headersOf(request), fix);
  }
  // Serverless platforms parse without ever having had a stream. An empty object is what a parser leaves that did nothing.
  const { body } = request;
  if (typeof body === "object" && body !== null && Object.keys(body).length > 0) {
    return alreadyParsed(`A body parser was faster. ${fix}`);
  }
  return readNodeStream(request, request.headers, maxBytes, fix);
}

/** The request of `node:http` among what `@hono/node-server` passes on beside a `Request`. */
export function incomingOf(platform: unknown): ParsedRequest | undefined {
  try {
    const incoming = (platform as { readonly incoming?: Partial<ParsedRequest> } | null | undefined)?.incoming;
    // A service binding of Workers may have that name, and a method for every name.
    return typeof incoming?.readableDidRead === "boolean" ? (incoming as ParsedRequest) : undefined;
  } catch {
    // An environment that checks its names throws for one it does not know.
    return undefined;
  }
}

/**
 * Reads the body of a `Request`, if possible from the stream of Node.js below it: a web stream over that one costs three quarters of the
 * throughput, so it is used only where somebody has read one.
 */
export async function readFetched(
  request: Request,
  incoming: ParsedRequest | undefined,
  maxBytes: number,
  fix: string,
): ReturnType<ReadBody> {
  if (incoming === undefined) return readRequest(request, maxBytes, fix);
  if (!incoming.readableDidRead) return readParsedBody(incoming, maxBytes, fix);
  const read = await readRequest(request, maxBytes, fix);
  // Something was read, and was read past the Request if that has nothing left.
  return isBytes(read) && read.length === 0 ? alreadyParsed(`Something read the request body before. ${fix}`) : read;
}

// How long, and how much, a sender may go on sending a body that was refused, so that it gets to read the answer.
const LINGER_MS = 500;
const LINGER_BYTES = 16_777_216;

/** Whether the sender is still sending a body that nobody will read. */
export function isUnread(request: NodeRequest): boolean {
  if (request.complete || request.readableEnded) return false;
  const { headers, httpVersionMajor, stream } = request;
  // HTTP/2 needs neither header for a body.
  if (httpVersionMajor >= 2) return stream?.endAfterHeaders === false;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Drops what is left of a refused body, at most for a moment, and then calls back. */
export function dropRest(request: NodeRequest, done: () => void): void {
  let over = false;
  const finish = (): void => {
    clearTimeout(timer);
    if (!over) done();
    over = true;
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

/** Takes a request through a router, and sends the answer. Rejects only if a receiver of somebody else does. */
export async function answerNode(
  router: Receiver,
  request: NodeRequest,
  response: NodeResponse,
  parts: Pick<Delivery, "url" | "body" | "waitUntil">,
): Promise<void> {
  ignoreStreamErrors(request, response);
  const { url, body, waitUntil } = parts;
  const outcome = await router.receive({ method: request.method ?? "", url, headers: headersOf(request), body, waitUntil });
  sendAnswer(request, response, toAnswer(outcome));
}

/** Sends an answer, if there still is somebody to send it to. */
function sendAnswer(request: NodeRequest, response: NodeResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const { status, body = "" } = answer;
  const headers: Record<string, string> = { ...answer.headers };
  if (status !== 204) headers["content-length"] = String(body.length);
  const unread = isUnread(request);
  if (!unread || request.httpVersionMajor >= 2) {
    response.writeHead(status, headers);
    response.end(body);
    if (unread) cutOff(request);
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
