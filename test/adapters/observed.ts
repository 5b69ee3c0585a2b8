// A router that keeps what it saw, servers that end with their test, and a sender that never waits for long.

import { type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import type { AnyWebhookError } from "../../src/errors.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { type AnyRouter, createRouter, type RouterOptions } from "../../src/router.ts";
import { secret } from "../suites/deliveries.ts";
import { signHex, toBytes } from "../suites/signer.ts";

/** A router for HeyGen with the bodies that reached its handler and the errors that it reported. */
export interface Observed {
  readonly router: AnyRouter;
  readonly handled: readonly Uint8Array[];
  readonly errors: readonly AnyWebhookError[];
}

/** Makes a router that is signed for, or that takes a token. */
export function observe(options: RouterOptions = {}, token?: string): Observed {
  const handled: Uint8Array[] = [];
  const errors: AnyWebhookError[] = [];
  const router = createRouter(heygen(token === undefined ? { secret } : { token }), options)
    .onAny((_event, { rawBody }) => handled.push(rawBody))
    .onError((error) => errors.push(error));
  return { router, handled, errors };
}

/** Starts a server on a free port of loopback for as long as the test runs, and resolves to its URL. */
export async function listening(server: Server): Promise<string> {
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** How a delivery differs from a signed `application/json` one with a `Content-Length`. */
export interface Sending {
  readonly method?: string;
  /** Replace and add to the headers; `undefined` removes one. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly chunked?: boolean;
  /** The bytes that the signature is over, where they are others than those sent. */
  readonly signedOver?: string | Uint8Array;
}

/** Above what any answer needs, and far below what a test may take: whatever hangs fails. */
const MOST_MS = 5000;

/** Sends a signed delivery. Rejects when there is no whole answer in time. */
export async function deliver(url: string, body: string | Uint8Array, sending: Sending = {}): Promise<Answered> {
  const { method = "POST", chunked = false, signedOver = body } = sending;
  const bytes = toBytes(body);
  const headers: Record<string, string> = { "content-type": "application/json", signature: await signHex(secret, signedOver) };
  if (chunked) headers["transfer-encoding"] = "chunked";
  else headers["content-length"] = String(bytes.length);
  for (const [name, value] of Object.entries(sending.headers ?? {})) {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, signal: AbortSignal.timeout(MOST_MS) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(bytes);
  });
}

/** The delivery was handled, once, and its handler got the bytes that were sent. */
export function expectHandled(answered: Answered, { handled, errors }: Observed, body: string | Uint8Array): void {
  expect(errors.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
  expect([answered.status, answered.text]).toEqual([200, expect.stringContaining('"result":"processed"')]);
  expect(handled.map((bytes) => Buffer.from(bytes).equals(toBytes(body)))).toEqual([true]);
}

/** The delivery was refused because its bytes were gone, and the application was told which line to change. */
export function expectParsed(answered: Answered, { handled, errors }: Observed, line: RegExp): void {
  expect(errors.map(({ code }) => code)).toEqual(["body_already_parsed"]);
  expect(errors[0]?.message).toMatch(line);
  expect([answered.status, answered.headers["content-type"]]).toEqual([500, expect.stringMatching(/^application\/problem\+json/)]);
  expect(JSON.parse(answered.text)).toMatchObject({ status: 500, code: "body_already_parsed" });
  expect(handled).toEqual([]);
}

/** The delivery was refused with one error. */
export function expectRefused(answered: Answered, { handled, errors }: Observed, status: number, code: string): void {
  expect(errors.map((error) => error.code)).toEqual([code]);
  expect(answered.status).toBe(status);
  expect(handled).toEqual([]);
}
