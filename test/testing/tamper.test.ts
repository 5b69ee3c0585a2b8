import { describe, expect, it } from "vitest";
import type { Provider } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { sampleDelivery, sampleTypes, type Tampering, tamper, tamperings } from "../../src/testing/index.ts";
import { NOW, observe } from "../suites/provider-suite.ts";

const plain = "whsec_of-the-tests";
const standard = "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=";
const DAY_SECONDS = 86_400;

interface Endpoint {
  readonly title: string;
  readonly name: "konpro" | "heygen" | "videopilot" | "kling";
  readonly secret: string;
  readonly provider: Provider<string, object>;
  readonly signsTime: boolean;
}

const endpoints: readonly Endpoint[] = [
  { title: "konpro", name: "konpro", secret: plain, provider: konpro({ secret: plain }), signsTime: false },
  { title: "heygen", name: "heygen", secret: plain, provider: heygen({ secret: plain }), signsTime: false },
  {
    title: "videopilot",
    name: "videopilot",
    secret: plain,
    provider: videopilot({ secret: plain, maxAgeSeconds: DAY_SECONDS }),
    signsTime: true,
  },
  {
    title: "kling, hex",
    name: "kling",
    secret: plain,
    provider: kling({ secret: plain, maxAgeSeconds: DAY_SECONDS }),
    signsTime: true,
  },
  { title: "kling, Standard Webhooks", name: "kling", secret: standard, provider: kling({ secret: standard }), signsTime: true },
];

const samplesOf = ({ name, secret }: Pick<Endpoint, "name" | "secret">) =>
  sampleTypes(name).flatMap(({ type, variants }) =>
    variants.map((variant) => sampleDelivery(name as "heygen", type as never, { secret, now: NOW, variant: variant as never })),
  );

/** What becomes of each: the outcome, its status, and for a delivery that is not authentic the reason. */
const expected: { readonly [How in Tampering]: readonly [result: string, status: number, reason?: string] } = {
  body: ["unauthenticated", 401, "signature_mismatch"],
  signature: ["unauthenticated", 401, "signature_mismatch"],
  truncated_signature: ["unauthenticated", 401, "signature_malformed"],
  missing_signature: ["unauthenticated", 401, "signature_missing"],
  wrong_secret: ["unauthenticated", 401, "signature_mismatch"],
  expired: ["unauthenticated", 401, "timestamp_too_old"],
  future: ["unauthenticated", 401, "timestamp_too_new"],
  replayed: ["duplicate", 200],
  reserialised: ["unauthenticated", 401, "signature_mismatch"],
  byte_order_mark: ["unauthenticated", 401, "signature_mismatch"],
  trailing_newline: ["unauthenticated", 401, "signature_mismatch"],
  crlf: ["unauthenticated", 401, "signature_mismatch"],
  empty_body: ["unauthenticated", 401, "signature_mismatch"],
  not_json: ["body_not_json", 400],
  unknown_type: ["unknown", 200],
  invalid_payload: ["payload_invalid", 422],
};

describe.each(endpoints)("tampered deliveries at a router of $title", (endpoint) => {
  it.each(tamperings)(
    "%s ends as the table of outcomes says, for every sample, and the original is handled before and after",
    async (how) => {
      for (const sample of samplesOf(endpoint)) {
        const at = observe(endpoint.provider);
        expect((await at.router.receive(sample.delivery)).result).toBe("processed");
        if ((how === "expired" || how === "future") && !endpoint.signsTime) {
          expect(() => tamper(sample, how)).toThrow(/have no signed time/);
          continue;
        }
        const outcome = await at.router.receive(tamper(sample, how).delivery);
        expect([sample.type, outcome.result, outcome.status, outcome.reason]).toEqual([
          sample.type,
          ...expected[how],
          ...(expected[how].length === 2 ? [undefined] : []),
        ]);
        expect(at.events).toHaveLength(1);
        expect((await at.router.receive(sample.delivery)).result).toBe("duplicate");
      }
    },
  );
});

const sample = sampleDelivery("kling", "task.succeeded", { secret: standard, now: NOW });
const textOf = ({ rawBody }: { readonly rawBody: Uint8Array }): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(rawBody);

describe("tamper", () => {
  it("lists every way", () => {
    expect([...tamperings].sort()).toEqual(Object.keys(expected).sort());
  });

  it("does not change the sample that it gets", () => {
    const before = structuredClone({ rawBody: sample.rawBody, headers: sample.headers, event: sample.event });
    for (const how of tamperings) tamper(sample, how);
    expect({ rawBody: sample.rawBody, headers: sample.headers, event: sample.event }).toEqual(before);
  });

  it("changes one byte of the body, in a value, and leaves JSON", () => {
    for (const each of endpoints.flatMap(samplesOf)) {
      const changed = tamper(each, "body");
      const different = changed.rawBody.filter((byte, at) => byte !== each.rawBody[at]);
      expect([different.length, changed.rawBody.length]).toEqual([1, each.rawBody.length]);
      expect(Object.keys(JSON.parse(textOf(changed)))).toEqual(Object.keys(each.event as object));
    }
  });

  it("changes one digit of the signature, or takes away the last", () => {
    const header = "webhook-signature";
    const value = sample.headers[header] as string;
    const changed = tamper(sample, "signature").headers[header] as string;
    expect(changed).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
    expect([...changed].filter((character, at) => character !== value[at])).toHaveLength(1);
    expect(tamper(sample, "truncated_signature").headers[header]).toBe(value.slice(0, -1));
    expect(Object.keys(tamper(sample, "missing_signature").headers)).toEqual(["content-type", "webhook-id", "webhook-timestamp"]);
  });

  it("signs with another secret under the same scheme", () => {
    expect(Object.keys(tamper(sample, "wrong_secret").headers)).toEqual(Object.keys(sample.headers));
  });

  it("keeps id and body of what is expired by the time beside the body, and moves the time in the body by a year otherwise", () => {
    const expired = tamper(sample, "expired");
    expect(expired.headers["webhook-id"]).toBe(sample.headers["webhook-id"]);
    expect(Number(expired.headers["webhook-timestamp"])).toBe(Math.floor(NOW / 1000) - 365 * DAY_SECONDS);
    expect(textOf(expired)).toBe(textOf(sample));
    const inBody = tamper(sampleDelivery("videopilot", "render.started", { secret: plain, now: NOW }), "future");
    expect(inBody.event).toMatchObject({ timestamp: new Date(NOW + 365 * DAY_SECONDS * 1000).toISOString() });
    expect(JSON.parse(textOf(inBody))).toEqual(inBody.event);
  });

  it("replays the very same bytes and headers", () => {
    const { rawBody, headers, url } = tamper(sample, "replayed");
    expect({ rawBody, headers, url }).toEqual({ rawBody: sample.rawBody, headers: sample.headers, url: sample.url });
    expect(rawBody).not.toBe(sample.rawBody);
  });

  it("writes the same JSON in other bytes", () => {
    expect(JSON.parse(textOf(tamper(sample, "reserialised")))).toEqual(sample.event);
    expect(tamper(sample, "byte_order_mark").rawBody.slice(0, 3)).toEqual(Uint8Array.of(0xef, 0xbb, 0xbf));
    expect(textOf(tamper(sample, "trailing_newline"))).toBe(`${textOf(sample)}\n`);
    expect(textOf(tamper(sample, "crlf"))).toBe(`${textOf(sample)}\r\n`);
    expect(textOf(tamper(tamper(sample, "reserialised"), "crlf"))).toBe(textOf(tamper(sample, "reserialised")).replaceAll("\n", "\r\n"));
    expect(tamper(sample, "empty_body").rawBody).toHaveLength(0);
  });

  it("works on what was tampered with before", async () => {
    const at = observe(kling({ secret: standard }));
    const twice = tamper(tamper(sample, "unknown_type"), "signature");
    expect((await at.router.receive(twice.delivery)).reason).toBe("signature_mismatch");
    expect((await at.router.receive(tamper(twice, "wrong_secret").delivery)).reason).toBe("signature_mismatch");
    expect(() => tamper(tamper(sample, "not_json"), "reserialised")).toThrow(/not JSON/);
    expect(() => tamper(tamper(sample, "empty_body"), "body")).toThrow(/no text/);
  });

  it("gives a request as well as a delivery", async () => {
    const { request } = tamper(sample, "body");
    expect((await observe(kling({ secret: standard })).router.fetch(request)).status).toBe(401);
  });

  it("refuses what cannot be done", () => {
    const unsigned = sampleDelivery("heygen", "avatar_video.success");
    for (const how of ["signature", "truncated_signature", "missing_signature", "wrong_secret"] as const) {
      expect(() => tamper(unsigned, how)).toThrow(/is not signed/);
    }
    expect(tamper(unsigned, "unknown_type").headers).toEqual(unsigned.headers);
    expect(() => tamper({ ...sample }, "body")).toThrow(/a copy of it does not do/);
    expect(() => tamper(sample, "constructor" as never)).toThrow(/cannot be tampered with/);
    // @ts-expect-error no such way
    expect(() => tamper(sample, "bodies")).toThrow(/The ways are body,/);
  });
});
