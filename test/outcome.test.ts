import { describe, expect, it } from "vitest";
import { type OutcomeResult, statusOf, toAnswer } from "../src/outcome.ts";
import { statuses } from "./suites/outcomes.ts";

describe("the answer", () => {
  const table = Object.entries(statuses) as readonly [OutcomeResult, number][];
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
