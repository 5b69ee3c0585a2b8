import { alreadyParsed, announcesMoreThan, incomplete, joinBytes, type ReadBody, tooLarge } from "../body.ts";
import type { HeaderSource, Receiver } from "../delivery.ts";
import { type Answer, toAnswer } from "../outcome.ts";

/** The part of `http.IncomingMessage` that is used. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly complete: boolean;
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The part of `http.ServerResponse` that is used. */
export interface NodeResponse {
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  flushHeaders(): void;
  write(chunk: string): unknown;
  end(chunk?: string): unknown;
  on(event: "error", listener: () => void): unknown;
}

/** Answers a request; the promise never rejects. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => Promise<void>;

/**
 * Makes a request listener for `node:http` and `node:https`. It reads the raw bytes itself, so mount it before any body parser.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { nodeHandler } from "video-webhooks/node";
 *
 * const router = createRouter(heygen({ secret: "a-long-secret" }));
 * const server = createServer(nodeHandler(router));
 * ```
 */
export function nodeHandler(router: Receiver): NodeHandler {
  return async function handleWebhook(request, response) {
    // A sender that leaves makes both streams fail, which needs no more than being noticed by the reader below.
    request.on("error", ignore);
    response.on("error", ignore);
    const outcome = await router.receive({
      method: request.method ?? "",
      url: request.url ?? "/",
      headers: request.headers as HeaderSource,
      body: (maxBytes) => readRequest(request, maxBytes),
    });
    send(request, response, toAnswer(outcome));
  };
}

const ignore = (): void => undefined;

/** Reads the body of a Node.js request under a cap, and stops reading beyond it. */
function readRequest(request: NodeRequest, maxBytes: number): ReturnType<ReadBody> {
  if (request.readableDidRead) return Promise.resolve(alreadyParsed(HINT));
  if (request.destroyed) return Promise.resolve(incomplete);
  if (announcesMoreThan(request.headers["content-length"], maxBytes)) return Promise.resolve(tooLarge);
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const settle = (result: Awaited<ReturnType<ReadBody>>): void => {
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onClose);
      resolve(result);
    };
    const onData = (chunk: Uint8Array | string): void => {
      length += chunk.length;
      if (typeof chunk === "string") {
        settle(alreadyParsed(HINT));
      } else if (length > maxBytes) {
        request.pause();
        settle(tooLarge);
      } else {
        chunks.push(chunk);
      }
    };
    const onEnd = (): void => settle(joinBytes(chunks, length));
    const onClose = (): void => settle(incomplete);
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("close", onClose);
  });
}

const HINT =
  "Something read the request body before nodeHandler did. Call nodeHandler(router)(request, response) before any body parser, and do not set an encoding on the request.";

/** How long a sender may go on sending a body that was refused, so that it gets to read the answer. */
const LINGER_MS = 500;

function send(request: NodeRequest, response: NodeResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const { status, body = "" } = answer;
  const headers: Record<string, string> = { ...answer.headers };
  if (status !== 204) headers["content-length"] = String(body.length);
  if (request.complete || !hasBody(request)) {
    response.writeHead(status, headers);
    response.end(body);
    return;
  }
  // Closing on unread data resets the connection, and the sender may lose the answer with it (RFC 9112, section 9.6). So the
  // answer goes out whole, the rest of the body is dropped for a moment, and then the connection closes.
  headers.connection = "close";
  response.writeHead(status, headers);
  if (body === "") response.flushHeaders();
  else response.write(body);
  const finish = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  request.on("end", finish);
  request.on("close", finish);
  request.resume();
}

function hasBody({ headers }: NodeRequest): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
