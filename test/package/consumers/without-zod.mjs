// Runs where neither zod nor a framework is installed: only providers may need zod, and nothing a framework.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

const adapters = ["express", "fastify", "next", "hono", "node"];
for (const name of ["", "/idempotency", ...adapters.map((adapter) => `/${adapter}`)]) {
  assert.deepEqual(Object.keys(await import(`video-webhooks${name}`)).sort(), Object.keys(require(`video-webhooks${name}`)).sort());
}
for (const framework of ["express", "fastify", "next", "hono"]) {
  await assert.rejects(import(framework), { code: "ERR_MODULE_NOT_FOUND" });
}
for (const name of ["heygen", "konpro", "videopilot", "kling"]) {
  await assert.rejects(import(`video-webhooks/${name}`), /'zod'/);
  assert.throws(() => require(`video-webhooks/${name}`), /'zod'/);
}
