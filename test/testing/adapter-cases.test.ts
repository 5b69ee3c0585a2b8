import type { AddressInfo } from "node:net";
import { serve as serveFetch } from "@hono/node-server";
import { describe, expect, it } from "vitest";
import { type NodeRequest, type NodeResponse, nodeHandler } from "../../src/adapters/node.ts";
import { toAnswer } from "../../src/outcome.ts";
import type { AnyRouter } from "../../src/router.ts";
import { type AdapterUnderTest, adapterCases } from "../../src/testing/index.ts";
import { listen } from "../suites/raw-http.ts";
import { registerCases } from "../suites/servers.ts";

const onNode: AdapterUnderTest = { serve: (router) => listen(nodeHandler(router)) };

const onFetch: AdapterUnderTest = {
  async serve(router) {
    const server = serveFetch({ fetch: (request) => router.fetch(request), port: 0, hostname: "127.0.0.1" });
    if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const close = (): Promise<unknown> =>
      new Promise((resolve) => {
        server.close(resolve);
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    return { url: `http://127.0.0.1:${port}/`, close };
  },
};

describe.each([
  ["node:http", onNode],
  ["Fetch on node-server", onFetch],
])("adapter cases: %s", (_title, adapter) => {
  registerCases(it, adapterCases(adapter));
});

/** An adapter that reads everything and hands it over, in parts that can be replaced by wrong ones. */
interface Parts {
  readonly bodyOf: (body: Buffer) => Uint8Array;
  readonly cap: boolean;
  readonly methodOf: (method: string) => string;
  readonly urlOf: (url: string) => string;
  readonly headersOf: (headers: NodeRequest["headers"]) => NodeRequest["headers"];
  readonly answerOf: (answer: ReturnType<typeof toAnswer>) => ReturnType<typeof toAnswer>;
  readonly refuses: (request: NodeRequest) => number | undefined;
}

const right: Parts = {
  bodyOf: (body) => body,
  cap: true,
  methodOf: (method) => method,
  urlOf: (url) => url,
  headersOf: (headers) => headers,
  answerOf: (answer) => answer,
  refuses: () => undefined,
};

function adapterOf(changes: Partial<Parts>): AdapterUnderTest {
  const { bodyOf, cap, methodOf, urlOf, headersOf, answerOf, refuses } = { ...right, ...changes };
  const handle = (router: AnyRouter) => async (request: NodeRequest, response: NodeResponse) => {
    const refused = refuses(request);
    let complete = true;
    const chunks: Uint8Array[] = [];
    let length = 0;
    let reading: Promise<void> | undefined;
    const read = async (maxBytes: number): Promise<void> => {
      try {
        for await (const chunk of request as unknown as AsyncIterable<Uint8Array>) {
          chunks.push(chunk);
          length += chunk.length;
          if (cap && length > maxBytes) return;
        }
      } catch {
        complete = false;
      }
    };
    const outcome = await router.receive({
      method: methodOf(request.method ?? ""),
      url: urlOf(request.url ?? "/"),
      headers: headersOf(request.headers),
      async body(maxBytes) {
        reading ??= read(maxBytes);
        await reading;
        if (length > maxBytes) return { refused: "body_too_large" };
        return complete ? bodyOf(Buffer.concat(chunks)) : { refused: "body_incomplete" };
      },
    });
    const { status, headers, body } = answerOf(toAnswer(outcome));
    response.writeHead(refused ?? status, { ...headers, ...(cap && length > 0 && status === 413 && { connection: "close" }) });
    response.end(body ?? "");
  };
  return { serve: (router) => listen(handle(router)) };
}

/** The names of the cases that fail. */
async function failing(changes: Partial<Parts>): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of adapterCases(adapterOf(changes))) await run().catch(() => failed.push(name));
  return failed;
}

describe("adapterCases", () => {
  it("pass for an adapter that is right", async () => {
    expect(await failing({})).toEqual([]);
  });

  it("leave out exceptions, with their reason, and refuse one that is no case", () => {
    const exceptions = { "other methods get 405 with Allow": "the platform routes POST only" };
    const skipped = adapterCases({ ...onNode, exceptions }).flatMap(({ name, skipped: reason }) =>
      reason === undefined ? [] : [[name, reason]],
    );
    expect(skipped).toEqual(Object.entries(exceptions));
    expect(() => adapterCases({ ...onNode, exceptions: { constructor: "none" } })).toThrow('No case is called "constructor"');
  });

  it("say what was expected and what was found, and end their servers", async () => {
    let closed = 0;
    const cases = adapterCases({
      async serve(router) {
        const served = await adapterOf({ answerOf: (answer) => ({ ...answer, status: 500 }) }).serve(router);
        return {
          url: served.url,
          async close() {
            await served.close();
            closed++;
          },
        };
      },
    });
    const { run } = cases.find(({ name }) => name.startsWith("P47")) as (typeof cases)[number];
    await run();
    const other = cases.find(({ name }) => name.startsWith("P20")) as (typeof cases)[number];
    await expect(other.run()).rejects.toThrow(
      'the answer and the handlers that ran: expected [[401,"unauthenticated"],0], found [[500,"unauthenticated"],0].',
    );
    expect(closed).toBe(2);
  });

  const reserialised = (body: Buffer): Uint8Array => {
    try {
      return Buffer.from(JSON.stringify(JSON.parse(String(body))));
    } catch {
      return body;
    }
  };
  const without = (name: string) => (answer: ReturnType<typeof toAnswer>) => {
    const { [name]: _, ...headers } = answer.headers;
    return { ...answer, headers };
  };

  // Each adapter is wrong in one way, and is found out by a case of that name.
  const wrong: readonly (readonly [what: string, found: RegExp, changes: Partial<Parts>])[] = [
    ["parses the body and writes it anew", /^P11/, { bodyOf: reserialised }],
    ["reads the body as text", /^P12/, { bodyOf: (body) => Buffer.from(String(body)) }],
    ["drops a byte order mark", /^P11/, { bodyOf: (body) => body.subarray(body[0] === 0xef ? 3 : 0) }],
    [
      "ends a body at its first character of several bytes",
      /^P13/,
      { bodyOf: (body) => body.subarray(0, body.findIndex((byte) => byte > 0x7f) >>> 0) },
    ],
    ["reads on above the cap", /^P19: a body without an announced length/, { cap: false }],
    ["takes every request for a POST", /^other methods/, { methodOf: () => "POST" }],
    ["asks for a signature of an OPTIONS probe", /^P39/, { methodOf: (method) => (method === "OPTIONS" ? "POST" : method) }],
    ["drops the query", /^headers reach the handler/, { urlOf: (url) => url.split("?")[0] as string }],
    [
      "drops headers that it does not know",
      /^headers reach the handler/,
      { headersOf: ({ "x-case-signature": signature }) => ({ "x-case-signature": signature }) },
    ],
    [
      "takes the first of several values of a header",
      /^P20/,
      { headersOf: (headers) => ({ ...headers, "x-case-signature": String(headers["x-case-signature"] ?? "").split(",")[0] }) },
    ],
    ["answers 200 whatever happens", /^P53: what is no event/, { answerOf: (answer) => ({ ...answer, status: 200 }) }],
    [
      "answers 400 for what failed here",
      /^P48, P53/,
      { answerOf: (answer) => ({ ...answer, status: answer.status === 500 ? 400 : answer.status }) },
    ],
    ["drops Retry-After", /^P53: what is to come again/, { answerOf: without("retry-after") }],
    ["drops Allow", /^other methods/, { answerOf: without("allow") }],
    ["drops the content type", /^P53: processed/, { answerOf: without("content-type") }],
    ["drops the body of the answer", /^P47/, { answerOf: ({ body: _, ...answer }) => answer }],
    [
      "takes JSON only",
      /^P17: every content type/,
      {
        refuses: ({ headers }) => (String(headers["content-type"] ?? "application/json").startsWith("application/json") ? undefined : 415),
      },
    ],
  ];

  it.each(wrong)("find out an adapter that %s", async (_what, found, changes) => {
    expect(await failing(changes)).toContainEqual(expect.stringMatching(found));
  });
});
