import { describe, expect, it } from "vitest";
import { ConfigurationError, isWebhookError, StoreError, VerificationError, WebhookError } from "../src/errors.ts";
import { Discard, isDiscard, isRetryLater, RetryLater } from "../src/signals.ts";

describe("errors", () => {
  it("have a literal name, a code, a status and a cause", () => {
    const cause = new Error("why");
    const error = new StoreError("store_unavailable", "message", { provider: "heygen", deliveryId: "id", cause });
    expect(error).toMatchObject({
      name: "StoreError",
      code: "store_unavailable",
      status: 503,
      provider: "heygen",
      deliveryId: "id",
      cause,
    });
    expect(error).toBeInstanceOf(WebhookError);
    expect(String(error)).toBe("StoreError: message");
    expect(new VerificationError("signature_missing", "m").status).toBe(401);
    expect("cause" in new VerificationError("signature_missing", "m")).toBe(false);
    expect(new ConfigurationError("m", { code: "secret_missing" })).toMatchObject({ status: 500, code: "secret_missing" });
  });

  it("P55: are recognised by a brand and not by their class", () => {
    const error = new ConfigurationError("m");
    expect(isWebhookError(error)).toBe(true);
    const foreign = Object.assign(new Error("m"), { [Symbol.for("video-webhooks.error")]: true });
    expect(isWebhookError(foreign)).toBe(true);
    for (const other of [new Error("m"), null, undefined, "x", {}, { code: "configuration", name: "ConfigurationError" }]) {
      expect(isWebhookError(other)).toBe(false);
    }
  });

  it("keep the brand out of what is printed", () => {
    expect(Object.keys(new ConfigurationError("m"))).not.toContain("Symbol(video-webhooks.error)");
  });
});

describe("signals", () => {
  it("are recognised across copies", () => {
    expect(isRetryLater(new RetryLater())).toBe(true);
    expect(isDiscard(new Discard("why"))).toBe(true);
    expect(isRetryLater(new Discard("why"))).toBe(false);
    expect(isDiscard(undefined)).toBe(false);
    expect(isRetryLater(Object.assign(new Error(), { [Symbol.for("video-webhooks.signal")]: "retry" }))).toBe(true);
  });

  it("refuse a wait that is none", () => {
    for (const afterSeconds of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => new RetryLater({ afterSeconds })).toThrow(ConfigurationError);
    expect(new RetryLater({ afterSeconds: 0 }).afterSeconds).toBe(0);
    expect(new RetryLater().afterSeconds).toBe(60);
  });

  it.each([
    ["no file", "no file"],
    ["", "No reason was given."],
    ["  ", "No reason was given."],
    [undefined, "No reason was given."],
    [null, "No reason was given."],
    [404, "404"],
    [new Error("no file"), "Error: no file"],
    [{ a: 1 }, "[object Object]"],
    [Object.create(null), "The reason that was given is no text."],
  ])("keep a reason as text: %o", (given, text) => {
    const { reason, message } = new Discard(given as string);
    expect([reason, message]).toEqual([text, text]);
  });
});
