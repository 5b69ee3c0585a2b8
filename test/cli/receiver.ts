import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { nodeHandler } from "../../src/adapters/node.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";

/** The secret of the receivers of these tests. */
export const secret = "whsec_of-the-cli-tests";

/** A server of one test; resolves to its address. */
export async function serve(handle: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> {
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A receiver of HeyGen; resolves to its address and the events it gets. */
export async function serveHeyGen(): Promise<{ readonly url: string; readonly events: unknown[] }> {
  const events: unknown[] = [];
  const router = createRouter(heygen({ secret }))
    .onAny((event) => events.push(event))
    .onUnknown((event) => events.push(event))
    .onError(() => undefined);
  return { url: `${await serve(nodeHandler(router))}/webhooks/heygen`, events };
}

/** An address where nothing listens. */
export async function unusedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
