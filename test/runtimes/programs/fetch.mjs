// One delivery per provider through `router.fetch`, without a socket.

import assert from "node:assert/strict";
import { createRouters } from "./receivers.mjs";

export function fetchCases(deliveries) {
  return deliveries.map((delivery) => ({
    name: `router.fetch handles a delivery of ${delivery.provider} once, and nothing that was changed, is too long or is none`,
    run: () => receive(delivery, deliveries),
  }));
}

async function receive({ provider, type, headers, body, id }, deliveries) {
  const handled = [];
  const { [provider]: router } = createRouters(deliveries, {}, (event, context) => handled.push({ event, context }));
  const post = async (content, sent = headers) => {
    const response = await router.fetch(requestOf({ method: "POST", headers: sent, body: content }));
    return { status: response.status, type: response.headers.get("content-type"), content: await response.json() };
  };

  const unsigned = await post(body, { "content-type": "application/json" });
  const changed = await post(`${body} `);
  assert.deepEqual(unsigned, changed);
  assert.deepEqual([changed.status, changed.type, changed.content.code], [401, "application/problem+json", "unauthenticated"]);
  assert.deepEqual(handled, []);

  assert.deepEqual(await post(body), { status: 200, type: "application/json", content: { result: "processed", id } });
  assert.deepEqual(await post(body), { status: 200, type: "application/json", content: { result: "duplicate", id } });
  assert.equal(handled.length, 1);
  const [{ event, context }] = handled;
  assert.deepEqual(event, JSON.parse(body));
  assert.deepEqual([context.provider, context.type, context.id], [provider, type, id]);
  assert.deepEqual(context.authenticity, { method: "signature", secretIndex: 0 });
  assert.equal(new TextDecoder().decode(context.rawBody), body);

  assert.equal((await post(streamOf("x".repeat(65_536), 20))).status, 413);
  assert.equal((await router.fetch(requestOf({ method: "OPTIONS" }))).status, 204);
  assert.equal((await router.fetch(requestOf({ method: "GET" }))).status, 405);
}

function requestOf(init) {
  return new Request("https://app.example.test/webhooks", { ...init, duplex: "half" });
}

function streamOf(text, times) {
  let left = times;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new TextEncoder().encode(text));
      else controller.close();
    },
  });
}
