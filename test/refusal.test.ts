import { describe, expect, it } from "vitest";
import type { WebhookErrorCode } from "../src/errors.ts";
import { toError } from "../src/refusal.ts";

describe("the message of a refusal", () => {
  const messageOf = (refused: WebhookErrorCode): string =>
    toError({ refused, headers: ["signature"], length: 7, seconds: 1, issues: "none" }, { provider: "heygen" }).message;

  it("points to explain() where it can look into the cause, and nowhere else", () => {
    const lookedInto = ["signature_missing", "signature_malformed", "signature_mismatch", "token_mismatch"] as const;
    for (const code of [...lookedInto, "timestamp_too_old", "timestamp_too_new", "timestamp_malformed"] as const) {
      expect(messageOf(code)).toMatch(/ explain\(\) of video-webhooks\/testing looks for the cause\.$/);
    }
    for (const code of ["secret_missing", "body_not_json", "handler_failed"] as const) {
      expect(messageOf(code)).not.toContain("explain()");
    }
  });

  it("has a value for each of its facts", () => {
    for (const code of ["signature_missing", "signature_malformed", "signature_mismatch", "timestamp_too_old"] as const) {
      expect(messageOf(code)).not.toMatch(/undefined|\$[a-z]/);
    }
  });
});
