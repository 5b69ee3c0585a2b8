import { describe, expect, it } from "vitest";
import { logDelivery } from "../src/log.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { createRouter } from "../src/router.ts";
import { signHex } from "./suites/signer.ts";

describe("the log", () => {
  it("has one line per delivery: provider, type, id, outcome, status, milliseconds; refusals with their reason", async () => {
    const lines: string[] = [];
    const level = (name: string) => (line: string) => void lines.push(`${name} ${line}`);
    const logger = { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
    let now = 0;
    const router = createRouter(videopilot({ secret: "a-secret" }), { logger, clock: () => (now += 7) });
    router.on("render.failed", () => {
      throw new TypeError("MARKER");
    });
    const send = async (body: string, method = "POST", headers?: Record<string, string>) =>
      router.receive({
        method,
        url: "/",
        headers: headers ?? { "x-videopilot-signature": `sha256=${await signHex("a-secret", body)}` },
        body,
      });
    const event = (type: string) =>
      `{"event":${JSON.stringify(type)},"timestamp":"2026-01-01T00:00:00.000Z","data":{"render_job_id":"r","video_id":"v"}}`;
    await send("", "OPTIONS");
    await send("", "GET");
    await send("{}", "POST", {});
    await send(event("render.started"));
    await send(event("render.failed"));
    await send(event('new\nwebhook provider="x" \u202e'));
    expect(lines).toEqual([
      "debug webhook provider=videopilot outcome=validation status=204 ms=7",
      "warn webhook provider=videopilot outcome=method_not_allowed status=405 ms=7",
      "warn webhook provider=videopilot outcome=unauthenticated reason=signature_missing status=401 ms=7",
      "info webhook provider=videopilot type=render.started id=videopilot/default/render.started/r/2026-01-01T00:00:00.000Z outcome=ignored status=200 ms=7",
      expect.stringMatching(
        /^error webhook provider=videopilot type=render\.failed id=\S+ outcome=handler_failed error=TypeError status=500 ms=\d+$/,
      ),
      expect.stringMatching(
        /^info webhook provider=videopilot type="new\\nwebhook provider=\\"x\\" .*" id=\S+ outcome=unknown status=200 ms=7$/,
      ),
    ]);
    expect(lines.join("")).not.toMatch(/MARKER|\n/);
  });

  it("cuts what is too long and quotes what could imitate a field", () => {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const logger = { debug: write, info: write, warn: write, error: write };
    logDelivery(logger, { provider: "p", outcome: { result: "unknown", status: 200, type: "x".repeat(5000) }, milliseconds: 0.4 });
    logDelivery(logger, { provider: "p", outcome: { result: "unknown", status: 200, type: "a b=c" }, milliseconds: 1.6, late: true });
    expect(lines[0]?.length).toBeLessThan(300);
    expect(lines[1]).toBe('webhook provider=p type="a b=c" outcome=unknown status=200 ms=2 late=true');
  });

  it("a logger that throws costs no delivery", async () => {
    const fail = (): never => {
      throw new Error("disk full");
    };
    const router = createRouter(videopilot({ unsigned: true }), { logger: { debug: fail, info: fail, warn: fail, error: fail } });
    expect(await router.receive({ method: "OPTIONS", url: "/", headers: {}, body: "" })).toEqual({ result: "validation", status: 204 });
  });
});
