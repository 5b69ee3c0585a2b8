// The other copy of the package, for applications that use `require`.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { isWebhookError } from "video-webhooks";

/** @param vectors as in vectors.mjs */
export function commonjsCases({ prefixed: [vector] }) {
  return [
    {
      name: "require() gives a copy that verifies the same, and whose errors this one recognises",
      async run() {
        const require = createRequire(import.meta.url);
        const { verify, ConfigurationError } = require("video-webhooks");
        assert.equal(verify(vector.body, vector.header, vector.secret), true);
        assert.equal(verify(`${vector.body} `, vector.header, vector.secret), false);
        const { heygen } = require("video-webhooks/heygen");
        assert.throws(
          () => heygen({ secret: "" }),
          (error) => error instanceof ConfigurationError && isWebhookError(error),
        );
      },
    },
  ];
}
