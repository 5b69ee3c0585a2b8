// What a receiver does, on the functions that a project got by `import` or by `require`.
const assert = require("node:assert/strict");
const { createHmac } = require("node:crypto");

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

/** Delivers one genuine and one forged event per provider, and prints the types that the handlers got. */
exports.receiveAll = async function receiveAll({ createRouter, verify, createMemoryStore, nodeHandler }, providers) {
  assert.equal(verify("body", `sha256=${hex("secret", "body")}`, "secret"), true);
  assert.equal(verify("another body", `sha256=${hex("secret", "body")}`, "secret"), false);
  const handled = [];
  for (const [name, { secret, type, event, sign }] of Object.entries(samples)) {
    const router = createRouter(providers[name]({ secret }), { idempotency: createMemoryStore() });
    router.on(type, (_event, context) => handled.push(`${context.provider} ${context.type}`));
    assert.equal(typeof nodeHandler(router), "function");
    const body = JSON.stringify(event);
    const post = (signed) => new Request("https://example.com/", { method: "POST", body, headers: sign(secret, signed) });
    assert.equal((await router.fetch(post(`${body} `))).status, 401, name);
    assert.equal((await router.fetch(post(body))).status, 200, name);
  }
  console.log(JSON.stringify(handled));
};
