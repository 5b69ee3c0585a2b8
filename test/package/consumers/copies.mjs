// Both copies of the package in one process, as when a CommonJS dependency and an ESM application use it (pitfall P55).
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import * as esm from "video-webhooks";
import * as esmHeygen from "video-webhooks/heygen";

const require = createRequire(import.meta.url);
const cjs = require("video-webhooks");
const cjsHeygen = require("video-webhooks/heygen");

const thrownBy = (action) => {
  try {
    action();
  } catch (error) {
    return error;
  }
  assert.fail("Nothing was thrown.");
};

assert.notEqual(esm.WebhookError, cjs.WebhookError);
for (const [from, to, { heygen }] of [
  [esm, cjs, esmHeygen],
  [cjs, esm, cjsHeygen],
]) {
  const error = thrownBy(() => heygen({ secret: "" }));
  assert.equal(error instanceof from.ConfigurationError, true);
  assert.equal(error instanceof to.WebhookError, false);
  assert.equal(from.isWebhookError(error), true);
  assert.equal(to.isWebhookError(error), true);
  assert.equal(to.isWebhookError(new to.VerificationError("signature_missing", "text")), true);
  assert.equal(to.isWebhookError(new Error("another")), false);
}
