import { describe, expect, it } from "vitest";
import { type OutcomeResult, statusOf, toAnswer } from "../src/outcome.ts";

describe("the answer", () => {
  const table: [OutcomeResult, number][] = [
    ["processed", 200],
    ["duplicate", 200],
    ["ignored", 200],
    ["unknown", 200],
    ["discarded", 200],
    ["validation", 204],
    ["method_not_allowed", 405],
    ["body_too_large", 413],
    ["body_incomplete", 400],
    ["body_already_parsed", 500],
    ["unauthenticated", 401],
    ["body_not_utf8", 400],
    ["body_not_json", 400],
    ["body_not_object", 400],
    ["event_type_missing", 400],
    ["payload_invalid", 422],
    ["in_progress", 503],
    ["deadline_exceeded", 503],
    ["retry_later", 503],
    ["handler_failed", 500],
    ["store_unavailable", 503],
    ["configuration", 500],
  ];
  it.each(table)("to %s has the status %i", (result, status) => {
    const answer = toAnswer({ result, status: statusOf(result), id: "provider/default/id", reason: "signature_mismatch" });
    expect(answer.status).toBe(status);
    expect(answer.body?.includes("signature_mismatch") ?? false).toBe(false);
    if (status === 204) {
      expect(answer).toEqual({ status: 204, headers: { allow: "POST, OPTIONS" } });
    } else if (status === 200) {
      expect(answer.headers["content-type"]).toBe("application/json");
      expect(JSON.parse(answer.body as string)).toEqual({ result, id: "provider/default/id" });
    } else {
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      expect(JSON.parse(answer.body as string)).toEqual({ type: "about:blank", title: expect.any(String), status, code: result });
    }
  });

  it("is the same for every reason of a 401", () => {
    const answers = ["signature_missing", "timestamp_too_old", "token_mismatch"].map((reason) =>
      toAnswer({ result: "unauthenticated", status: 401, reason }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it("names the methods of a 405 and the wait of a 503", () => {
    expect(toAnswer({ result: "method_not_allowed", status: 405 }).headers.allow).toBe("POST, OPTIONS");
    expect(toAnswer({ result: "in_progress", status: 503, retryAfterSeconds: 7 }).headers["retry-after"]).toBe("7");
  });

  it("P47: has a body of ASCII only, whose length in characters is its length in bytes", () => {
    for (const [result] of table) {
      const { body = "" } = toAnswer({ result, status: statusOf(result), id: 'a/b"c\\' });
      expect(Buffer.byteLength(body)).toBe(body.length);
    }
  });
});
