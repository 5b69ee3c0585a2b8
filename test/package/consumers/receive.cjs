// What a receiver does, on the functions that a project got by `import` or by `require`.
const assert = require("node:assert/strict");
const { createHmac } = require("node:crypto");
const { createServer } = require("node:http");

const hex = (secret, body) => createHmac("sha256", secret).update(body).digest("hex");

const samples = {
  heygen: {
    secret: "whsec_example",
    type: "avatar_video.success",
    event: { event_type: "avatar_video.success", event_data: { video_id: "v1", url: "https://example.com/v1.mp4" } },
    sign: (secret, body) => ({ signature: hex(secret, body) }),
  },
  konpro: {
    secret: "example",
    type: "avatar_video.fail",
    event: { event_type: "avatar_video.fail", event_data: { video_id: "v1", msg: "no credits" } },
    sign: (secret, body) => ({ "x-konpro-signature": hex(secret, body) }),
  },
  videopilot: {
    secret: "example",
    type: "render.completed",
    event: { event: "render.completed", data: { render_job_id: "r1" }, timestamp: "2026-11-21T12:00:00.000Z" },
    sign: (secret, body) => ({ "x-videopilot-signature": `sha256=${hex(secret, body)}` }),
  },
  kling: {
    secret: `whsec_${Buffer.from("twenty-four bytes of key").toString("base64")}`,
    type: "task.succeeded",
    event: { id: "t1", status: "succeeded", update_time: 1_781_080_794_151 },
    sign(secret, body) {
      const timestamp = Math.floor(Date.now() / 1000);
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      const digest = createHmac("sha256", key).update(`t1.${timestamp}.${body}`).digest("base64");
      return { "webhook-id": "t1", "webhook-timestamp": String(timestamp), "webhook-signature": `v1,${digest}` };
    },
  },
};

/** Ways to hand a `Request` to an adapter, none of which needs its framework to be there. */
const ways = {
  fetch: (router) => router.fetch,
  nextRoute: (router, { nextRoute }) => nextRoute(router).POST,
  honoHandler: (router, { honoHandler }) => {
    const handle = honoHandler(router);
    const body = (data, status, headers) => new Response(data, { status, headers });
    return (raw) => handle({ req: { raw, method: raw.method, url: raw.url, bodyCache: {} }, env: {}, body });
  },
  nodeHandler: (router, { nodeHandler }) => overHttp(nodeHandler(router)),
  expressHandler: (router, { expressHandler }) => overHttp((request, response) => expressHandler(router)(request, response, assert.fail)),
  nextApiRoute: (router, { nextApiRoute }) => overHttp(nextApiRoute(router)),
};

function overHttp(handler) {
  return async (request) => {
    const server = createServer(handler);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address();
      return await fetch(`http://127.0.0.1:${port}/`, {
        method: request.method,
        headers: request.headers,
        body: await request.arrayBuffer(),
        signal: AbortSignal.timeout(5000),
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
}

/** Delivers one genuine and one forged event per provider and adapter, and prints what the handlers got. */
exports.receiveAll = async function receiveAll({ createRouter, verify, createMemoryStore }, providers, adapters) {
  assert.equal(verify("body", `sha256=${hex("secret", "body")}`, "secret"), true);
  assert.equal(verify("another body", `sha256=${hex("secret", "body")}`, "secret"), false);
  assert.equal(typeof adapters.fastifyPlugin, "function");
  const handled = [];
  for (const [name, { secret, type, event, sign }] of Object.entries(samples)) {
    for (const [way, adapt] of Object.entries(ways)) {
      const router = createRouter(providers[name]({ secret }), { idempotency: createMemoryStore() });
      router.on(type, (_event, context) => handled.push(`${context.provider} ${context.type} ${way}`));
      const handle = adapt(router, adapters);
      const body = JSON.stringify(event);
      const post = (signed) => new Request("https://example.com/", { method: "POST", body, headers: sign(secret, signed) });
      assert.equal((await handle(post(`${body} `))).status, 401, `${name} ${way}`);
      assert.equal((await handle(post(body))).status, 200, `${name} ${way}`);
    }
  }
  console.log(JSON.stringify(handled));
};
