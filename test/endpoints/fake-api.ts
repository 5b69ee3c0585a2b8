import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the fake API got it. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer: an object becomes JSON, text is sent as it is. */
export interface FakeReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What happens to one request instead of the usual. */
export type FakeMishap =
  | FakeReply
  /** The connection ends without an answer; with `after` only when the request has taken effect. */
  | { readonly hangUp: "before" | "after" }
  /** Nothing is answered, or the headers only. */
  | { readonly stall: "headers" | "body" };

/** A fake API that listens on this machine. */
export interface FakeApi {
  readonly url: string;
  readonly requests: FakeRequest[];
  /** What happens to the next requests, in order. */
  readonly mishaps: FakeMishap[];
  close(): Promise<void>;
}

/** Listens on a free port of this machine. */
export async function listen(listener: RequestListener): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Closes a server with everything that is open. */
export async function shut(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Starts a fake API that answers by these rules. */
export async function startFakeApi(answer: (request: FakeRequest) => FakeReply | Promise<FakeReply>): Promise<FakeApi> {
  const requests: FakeRequest[] = [];
  const mishaps: FakeMishap[] = [];
  const { server, url } = await listen(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://fake");
    const body = text === "" ? {} : JSON.parse(text);
    const request = { method: incoming.method ?? "", path: pathname, query: searchParams, headers: incoming.headers, body };
    requests.push(request);
    const mishap = mishaps.shift();
    if (mishap !== undefined && "hangUp" in mishap) {
      if (mishap.hangUp === "after") await answer(request);
      response.destroy();
      return;
    }
    if (mishap !== undefined && "stall" in mishap) {
      if (mishap.stall === "body") response.writeHead(200, { "content-type": "application/json" }).write('{"data":');
      return;
    }
    const reply = mishap ?? (await answer(request));
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
    response.end(typeof reply.body === "string" ? reply.body : reply.body === undefined ? "" : JSON.stringify(reply.body));
  });
  return { url, requests, mishaps, close: () => shut(server) };
}

/** Asks an address by OPTIONS as providers do before they register it. */
export async function answersProbe(url: unknown, withinMs: number): Promise<boolean> {
  try {
    const { ok } = await fetch(String(url), { method: "OPTIONS", redirect: "manual", signal: AbortSignal.timeout(withinMs) });
    return ok;
  } catch {
    return false;
  }
}
