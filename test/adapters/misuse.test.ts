import { createServer } from "node:http";
import express from "express";
import { expect, it } from "vitest";
import { expressHandler } from "../../src/adapters/express.ts";
import { honoHandler } from "../../src/adapters/hono.ts";
import { nextApiRoute, nextRoute } from "../../src/adapters/next.ts";
import { nodeHandler } from "../../src/adapters/node.ts";
import { success } from "../suites/deliveries.ts";
import { deliver, expectParsed, listening, observe } from "./observed.ts";

it.each([
  ["expressHandler()", expressHandler],
  ["nodeHandler()", nodeHandler],
  ["honoHandler()", honoHandler],
  ["nextRoute()", nextRoute],
  ["nextApiRoute()", nextApiRoute],
] as readonly [string, (router: never) => unknown][])("a forgotten router is refused at once: %s", (name, adapter) => {
  for (const nothing of [undefined, null, {}, () => undefined]) {
    expect(() => adapter(nothing as never)).toThrow(`${name} needs a router, such as createRouter(heygen({ secret })).`);
  }
});

it("an adapter that was mounted itself, instead of what it returns, answers 500 instead of never", async () => {
  const app = express();
  app.all("/", expressHandler as never);
  app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).send(error.message);
  });
  const answered = await deliver(await listening(createServer(app)), success("v_1"));
  expect([answered.status, answered.text]).toEqual([500, expect.stringContaining("Mount what it returns, not itself.")]);
});

it("P18: a route of Next.js behind the body parser of a custom server names that server", async () => {
  const observed = observe();
  const app = express();
  app.all("/", express.json(), nextApiRoute(observed.router));
  expectParsed(
    await deliver(await listening(createServer(app)), success("v_1")),
    observed,
    /In a custom server, mount Next\.js above express\.json\(\)\./,
  );

  const other = observe();
  const body = new ReadableStream({ start: (controller) => controller.close() });
  const headers = { "transfer-encoding": "chunked" };
  const drained = new Request("http://localhost", { method: "POST", headers, body, duplex: "half" } as RequestInit);
  expect((await nextRoute(other.router).POST(drained)).status).toBe(500);
  expect(other.errors[0]?.message).toMatch(/In a custom server, mount Next\.js above express\.json\(\)\./);
});
