import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { NodeHandler } from "../../src/adapters/node.ts";

/** Starts a handler on a free port of loopback. */
export async function listen(
  handler: NodeHandler,
): Promise<{ readonly server: Server; readonly port: number; readonly url: string; close(): Promise<void> }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { server, port, url: `http://127.0.0.1:${port}/hooks`, close };
}

/** Writes bytes to a socket as they are, in the given pieces, and resolves to everything that comes back until it closes. */
export function exchange(
  port: number,
  pieces: readonly (string | Uint8Array)[],
  options: { readonly end?: boolean } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
    socket.on("connect", async () => {
      socket.setNoDelay(true);
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(piece);
        await new Promise((next) => setImmediate(next));
      }
      if (options.end) socket.end();
    });
  });
}

/** What to send; a GET without anything by default. */
export interface Sent {
  readonly method?: string;
  /** The target of the request line as it is, where the URL would not keep it. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
}

/** Like `fetch`, on a connection of its own, which a server may close whenever it likes. Gives up after ten seconds. */
export function request(url: string, { method = "GET", target, headers = {}, body }: Sent = {}): Promise<Response> {
  const framing = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const options = {
    method,
    headers: { ...framing, ...headers },
    agent: false,
    signal: AbortSignal.timeout(10_000),
    ...(target && { path: target }),
  };
  return new Promise((resolve, reject) => {
    const sending = httpRequest(url, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const { statusCode = 0, headers: received } = incoming;
        const empty = statusCode === 204 || method === "HEAD";
        const fields = Object.entries(received).map(([name, value]): [string, string] => [name, String(value)]);
        resolve(new Response(empty ? null : Buffer.concat(chunks), { status: statusCode, headers: fields }));
      });
    });
    // Once the answer has begun, a connection that breaks while the rest of the body is sent is none of its business.
    sending.on("error", reject);
    sending.end(body);
  });
}
