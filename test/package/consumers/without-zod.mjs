// Runs where zod is not installed: only providers may need it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

for (const name of ["video-webhooks", "video-webhooks/node", "video-webhooks/idempotency"]) {
  await import(name);
  require(name);
}
for (const name of ["heygen", "konpro", "videopilot", "kling"]) {
  await assert.rejects(import(`video-webhooks/${name}`), /'zod'/);
  assert.throws(() => require(`video-webhooks/${name}`), /'zod'/);
}
