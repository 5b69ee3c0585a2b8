import {
  addChunk,
  alreadyParsed,
  announcesMoreThan,
  complete,
  incomplete,
  joinBytes,
  type ReadBody,
  readRequest,
  tooLarge,
} from "../body.ts";
import type { Delivery, HeaderSource, Receiver } from "../delivery.ts";
import { wholeBody } from "../kept-body.ts";
import { type Answer, toAnswer } from "../outcome.ts";
import type { Refusal } from "../refusal.ts";
import { endReading, limitReading, type Reading } from "./read-timeout.ts";
import { asError } from "./thrown.ts";

/** The part of a Node.js readable stream that is used. */
export interface NodeStream {
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  /** `null` as long as nobody reads, or has paused it. */
  readonly readableFlowing: boolean | null;
  /** What waits to be read. */
  readonly readableLength: number;
  listenerCount(event: "data"): number;
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
  if (stream.readableDidRead) return Promise.resolve(readBefore(fix));
  if (stream.readableEnded) return Promise.resolve(complete(new Uint8Array(), headers["content-length"], fix));
  if (stream.destroyed) return Promise.resolve(incomplete);
  if (announcesMoreThan(headers["content-length"], maxBytes)) return Promise.resolve(tooLarge);
  return new Promise((resolve) => new BodyReader(stream, headers["content-length"], maxBytes, fix, resolve).start());
}

type BodyResult = Awaited<ReturnType<ReadBody>>;

function readBefore(fix: string): Refusal {
  return alreadyParsed(`Something read the request body before. ${fix}`);
}

/** One body that is being read from a stream of Node.js. A class, since a closure for each event and step takes longer to make. */
class BodyReader implements Reading {
  before: Reading | undefined = undefined;
  after: Reading | undefined = undefined;
  since = 0;
  // Chunks in an array and one join: `for await` over the stream costs a third of the throughput.
  #chunks: Uint8Array[] | undefined = undefined;
  #length = 0;
  #settled = false;
  #keepsFlowing = false;
  readonly #stream: NodeStream;
  readonly #contentLength: string | string[] | undefined;
  readonly #maxBytes: number;
  readonly #fix: string;
  readonly #resolve: (result: BodyResult) => void;

  constructor(
    stream: NodeStream,
    contentLength: string | string[] | undefined,
    maxBytes: number,
    fix: string,
    resolve: (result: BodyResult) => void,
  ) {
    this.#stream = stream;
    this.#contentLength = contentLength;
    this.#maxBytes = maxBytes;
    this.#fix = fix;
    this.#resolve = resolve;
  }

  start(): void {
    const stream = this.#stream;
    limitReading(this);
    if (stream.listenerCount("data") > 0) this.#keepFlowing();
    stream.on("data", this.#take);
    // After the end a stream says nothing any more but that it closed, so these listeners can stay.
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#settle(incomplete));
    // Somebody may have paused it, and a listener does not undo that.
    if (stream.readableFlowing === false) stream.resume();
  }

  /**
   * A slower reader of the same stream pauses it for both, and may never go on: a copy that nobody reads, a web stream that was made to look
   * at it. It can do so only when there is more than one chunk, which is rare.
   */
  #keepFlowing(): void {
    this.#keepsFlowing = true;
    this.#stream.on("pause", () => queueMicrotask(() => this.#settled || this.#stream.resume()));
  }

  giveUp(): void {
    const { readableFlowing, readableLength } = this.#stream;
    // A listener for "readable" takes the stream over: it flows to nobody else (documented with that event of Node.js).
    const isHeld = !readableFlowing && readableLength > 0;
    this.#stop(isHeld ? alreadyParsed(`Something holds the request body with a listener for "readable". ${this.#fix}`) : incomplete);
  }

  // A field, since it has to be taken off again.
  readonly #take = (chunk: Uint8Array | string): void => {
    this.#length += chunk.length;
    if (typeof chunk === "string") this.#stop(readBefore(this.#fix));
    else if (this.#length > this.#maxBytes) this.#stop(tooLarge);
    else {
      if (this.#chunks === undefined) this.#chunks = [chunk];
      else addChunk(this.#chunks, chunk);
      if (!this.#keepsFlowing && this.#length !== Number(this.#contentLength)) this.#keepFlowing();
    }
  };

  #end(): void {
    if (!this.#settled) this.#settle(complete(joinBytes(this.#chunks ?? [], this.#length), this.#contentLength, this.#fix));
  }

  #stop(result: Refusal): void {
    this.#stream.off("data", this.#take);
    this.#stream.pause();
    this.#settle(result);
  }

  #settle(result: BodyResult): void {
    if (this.#settled) return;
    this.#settled = true;
    endReading(this);
    this.#resolve(result);
  }
}

/** The bytes or the text that a parser or a platform kept of a whole body. */
export function keptOf(request: ParsedRequest, fix: string): Uint8Array | Refusal | undefined {
  const { rawBody } = request;
  const kept = rawBody === undefined ? undefined : wholeBody(rawBody, headersOf(request), fix, request);
  if (kept !== undefined) return kept;
  const body = bodyOf(request);
  return body === undefined ? undefined : wholeBody(body, headersOf(request), fix, request);
}

function bodyOf(request: ParsedRequest): unknown {
  try {
    return request.body;
  } catch {
    // A getter that parses when it is asked fails on what is no JSON. Unless the stream still has that, it counts as parsed.
    return request.readableEnded ? { parsed: undefined } : undefined;
  }
}

/** Reads the stream, or takes what a platform kept that has drained it. For a place that body parsers do not come before. */
export function readRawBody(request: ParsedRequest, maxBytes: number, fix: string): ReturnType<ReadBody> {
  const mayBeKept = request.rawBody !== undefined || request.readableDidRead || request.readableEnded;
  const kept = mayBeKept ? keptOf(request, fix) : undefined;
  return kept === undefined ? readNodeStream(request, request.headers, maxBytes, fix) : Promise.resolve(kept);
}

/** Reads the body from where it still is: the bytes or the text that a parser kept, else the unread stream. */
export function readParsedBody(request: ParsedRequest, maxBytes: number, fix: string): ReturnType<ReadBody> {
  const kept = keptOf(request, fix);
  if (kept !== undefined) return Promise.resolve(kept);
  // Serverless platforms parse without ever having had a stream. An empty object is what a parser leaves that did nothing.
  const body = bodyOf(request);
  if (typeof body === "object" && body !== null && Object.keys(body).length > 0) {
    return Promise.resolve(readBefore(fix));
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
  return keptOf(incoming, fix) ?? readRequest(request, maxBytes, fix);
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

/** Takes a request through a router, and sends the answer. Rejects only if a receiver of somebody else does, and with an `Error`. */
export async function answerNode(
  router: Receiver,
  request: NodeRequest,
  response: NodeResponse,
  parts: Pick<Delivery, "url" | "body" | "waitUntil">,
): Promise<void> {
  ignoreStreamErrors(request, response);
  const { url, body, waitUntil } = parts;
  try {
    const outcome = await router.receive({ method: request.method ?? "", url, headers: headersOf(request), body, waitUntil });
    sendAnswer(request, response, toAnswer(outcome));
  } catch (thrown) {
    throw asError(thrown);
  }
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
