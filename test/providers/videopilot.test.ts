import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/provider.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { describeProvider, NOW, observe } from "../suites/provider-suite.ts";
import { signHex } from "../suites/signer.ts";
import { fromDocument, videopilotSamples } from "./samples/videopilot.ts";

const secret = "vp-secret-of-the-tests";
const sign = async (body: string, key: string = secret): Promise<Record<string, string>> => ({
  "X-VideoPilot-Signature": `sha256=${await signHex(key, body)}`,
});

describeProvider({
  title: "videopilot",
  name: "videopilot",
  create: videopilot,
  secret,
  otherSecret: "another-vp-secret",
  sign,
  signatureHeader: "X-VideoPilot-Signature",
  headers: ["x-videopilot-signature"],
  ackDeadlineMs: 30_000,
  validation: undefined,
  samples: videopilotSamples,
  named: (type) => ({ event: type, data: { video_id: "vid_1" }, timestamp: "2026-02-03T04:05:06.789Z" }),
  states: [
    { event: "render.started", data: { render_job_id: "render_1", video_id: "vid_1" }, timestamp: "2026-02-03T04:05:06.789Z" },
    { event: "render.completed", data: { render_job_id: "render_1", video_id: "vid_1" }, timestamp: "2026-02-03T04:05:06.789Z" },
  ],
});

describe("videopilot", () => {
  const completed = { ...fromDocument["render.completed"] };
  const body = JSON.stringify(completed);
  const at = (timestamp: unknown): string => JSON.stringify({ ...completed, timestamp });
  const isoAt = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1000).toISOString();

  it("knows the six events of its document", () => {
    expect(Object.keys(videopilot({ secret }).events).sort()).toEqual(Object.keys(fromDocument).sort());
  });

  it("accepts sha256= and hex digits, and refuses bare hex", async () => {
    const digits = await signHex(secret, body);
    const receive = (value: string) => observe(videopilot({ secret })).receive(body, { "x-videopilot-signature": value });
    expect((await receive(`sha256=${digits}`)).result).toBe("processed");
    for (const value of [digits, `sha1=${digits}`, `SHA256=${digits}`, `sha256=sha256=${digits}`, `sha256= ${digits}`]) {
      expect(await receive(value)).toMatchObject({ result: "unauthenticated", reason: "signature_malformed" });
    }
  });

  it("refuses bare hex also under a header name of the application's own", async () => {
    const provider = videopilot({ secret, header: "x-own" });
    const digits = await signHex(secret, body);
    expect((await observe(provider).receive(body, { "x-own": `sha256=${digits}` })).result).toBe("processed");
    expect(await observe(provider).receive(body, { "x-own": digits })).toMatchObject({ reason: "signature_malformed" });
    expect(await observe(provider).receive(body, await sign(body))).toMatchObject({ reason: "signature_missing" });
  });

  it("P31: tells events apart by event, resource and timestamp, since no delivery has an id", async () => {
    const seen = observe(videopilot({ unsigned: true }));
    const events: readonly JsonObject[] = [
      completed,
      { ...completed, timestamp: "2024-01-15T10:43:30.001Z" },
      { ...completed, data: { ...completed.data, render_job_id: "render_other" } },
      { ...completed, event: "render.failed" },
    ];
    const outcomes = [];
    for (const event of events) outcomes.push(await seen.receive(event));
    expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed", "processed", "processed"]);
    expect(new Set(outcomes.map(({ id }) => id)).size).toBe(4);
    expect((await seen.receive(completed)).result).toBe("duplicate");
  });

  it("takes the id that its type requires, whatever else a payload names", async () => {
    const seen = observe(videopilot({ unsigned: true }));
    const timestamp = "2026-02-03T04:05:06.789Z";
    for (const render_job_id of [null, "", "render_1"]) {
      await seen.receive({ event: "video.media_ready", data: { video_id: `vid_${render_job_id}`, render_job_id }, timestamp });
    }
    expect(seen.errors).toEqual([]);
    expect(seen.jobs).toMatchObject([
      { id: "vid_null", kind: "video" },
      { id: "vid_", kind: "video" },
      { id: "vid_render_1", kind: "video" },
    ]);
    expect(new Set(seen.events.map(({ context }) => context.id)).size).toBe(3);
  });

  it("keeps the key when only fields beside event, resource and timestamp differ", async () => {
    const seen = observe(videopilot({ unsigned: true }), { idempotency: false });
    const one = await seen.receive(completed);
    const other = await seen.receive(JSON.stringify({ ...completed, data: { ...completed.data, quality: "low" } }, null, 2));
    expect(other.id).toBe(one.id);
  });

  it("P36: accepts a delivery of any age unless maxAgeSeconds is set", async () => {
    for (const timestamp of ["2001-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"]) {
      expect((await observe(videopilot({ secret })).receive(at(timestamp), await sign(at(timestamp)))).result).toBe("processed");
    }
  });

  it.each([
    [0, undefined],
    [600, undefined],
    [-600, undefined],
    [601, "timestamp_too_old"],
    [-601, "timestamp_too_new"],
  ])("P26: with maxAgeSeconds 600, a timestamp of %i seconds ago leads to %s", async (secondsAgo, reason) => {
    const text = at(isoAt(secondsAgo));
    const outcome = await observe(videopilot({ secret, maxAgeSeconds: 600 })).receive(text, await sign(text));
    expect(outcome).toMatchObject(reason === undefined ? { result: "processed" } : { status: 401, reason });
  });

  it.each([[undefined], [null], [""], ["soon"], ["2026"], [{}], [Number.MAX_SAFE_INTEGER]])(
    "P27: with maxAgeSeconds, a delivery whose timestamp is %j is refused",
    async (timestamp) => {
      const text = at(timestamp);
      const outcome = await observe(videopilot({ secret, maxAgeSeconds: 600 })).receive(text, await sign(text));
      expect(outcome).toMatchObject({ result: "unauthenticated", status: 401 });
    },
  );

  it("P27: an unsigned Date header does not make a stale delivery fresh", async () => {
    const headers = { ...(await sign(at(isoAt(9999)))), date: new Date(NOW).toUTCString(), "x-videopilot-timestamp": isoAt(0) };
    const outcome = await observe(videopilot({ secret, maxAgeSeconds: 600 })).receive(at(isoAt(9999)), headers);
    expect(outcome).toMatchObject({ reason: "timestamp_too_old" });
  });

  it.each([[undefined], [null], [1]])("refuses a delivery whose timestamp, part of the envelope, is %j", async (timestamp) => {
    expect(await observe(videopilot({ unsigned: true })).receive(at(timestamp))).toMatchObject({ result: "payload_invalid", status: 422 });
  });
});
