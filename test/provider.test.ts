import { describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../src/errors.ts";
import { defineProvider, lazyEvents } from "../src/provider.ts";
import { heygen, heygenEvents } from "../src/providers/heygen.ts";
import { kling } from "../src/providers/kling.ts";
import { videopilot } from "../src/providers/videopilot.ts";
import { hmacHex } from "../src/signature/hmac-hex.ts";

const definition = {
  name: "clipforge",
  signature: hmacHex({ headers: ["x-signature"] }),
  events: { "clip.done": { safeParse: (data: unknown) => ({ success: true as const, data }) } },
  eventType: () => "clip.done",
  dedupeKey: () => undefined,
  toJob: () => undefined,
  ackDeadlineMs: 1000,
};

describe("defineProvider", () => {
  it.each([
    ["a name with a slash", { name: "a/b" }],
    ["an empty name", { name: "" }],
    ["no events", { events: {} }],
    ["no deadline", { ackDeadlineMs: 0 }],
  ])("refuses %s", (_name, change) => {
    expect(() => defineProvider({ ...definition, ...change })).toThrow(ConfigurationError);
  });

  it.each([
    ["of its own", defineProvider(definition)],
    ["of this library", videopilot],
    ["with options of its own", kling],
  ])("makes a provider %s that refuses options that do not exist, since a limit would silently not hold", (_whose, factory) => {
    const misspelt = { secret: "a-secret", maxAgeSecond: 300 };
    expect(() => factory(misspelt)).toThrow(/has no option "maxAgeSecond"\. Its options are secret, .*maxAgeSeconds/);
    expect(() => factory({ ...misspelt, maxAgeSecond: undefined } as never)).not.toThrow();
  });

  it("does not ask for a schema before its first event", () => {
    const build = vi.fn();
    const events = lazyEvents({ "clip.done": build });
    defineProvider({ ...definition, events })({ secret: "a-secret" });
    expect(build).not.toHaveBeenCalled();
  });
});

describe("lazyEvents", () => {
  it("builds each schema once, when it is first read", () => {
    const build = vi.fn(() => ({ built: true }));
    const events = lazyEvents({ a: build, b: build });
    expect(Object.keys(events)).toEqual(["a", "b"]);
    expect(build).not.toHaveBeenCalled();
    expect(events.a).toBe(events.a);
    expect(build).toHaveBeenCalledTimes(1);
    expect(Object.isFrozen(events)).toBe(true);
  });
});

describe("options of an endpoint", () => {
  it("P7, P8, P40: throw for a secret that is missing or cannot be meant", () => {
    for (const secret of [undefined, "", "  ", "whsec_", "\0", " x", "x\n", null, 7, []]) {
      expect(() => heygen({ secret } as never)).toThrow(ConfigurationError);
    }
    expect(() => heygen({} as never)).toThrow(/secret is required/);
    expect(() => heygen(undefined as never)).toThrow(/heygen\(\) needs options/);
    expect(() => kling(undefined as never)).toThrow(/kling\(\) needs options/);
  });

  it("name the provider that is meant", () => {
    expect(() => heygen({ secret: undefined })).toThrow(/^heygen\(\): A secret is required/);
    expect(() => heygen({ secret: undefined })).toThrow(expect.objectContaining({ provider: "heygen", code: "secret_missing" }));
    expect(() => heygen({ token: undefined })).toThrow(/^heygen\(\): The token must be at least 16 .* but is undefined/);
  });

  it("throw for an endpoint that could not be part of a key", () => {
    for (const endpoint of ["", "a b", "é", "x".repeat(101), 7 as never]) {
      expect(() => heygen({ secret: "a-secret", endpoint })).toThrow(/endpoint/);
    }
    expect(heygen({ secret: "a-secret" }).endpoint).toBe("default");
  });

  it("throw for maxAgeSeconds without a signed time, and for one that is no number", () => {
    expect(() => heygen({ secret: "a-secret", maxAgeSeconds: 60 } as never)).toThrow(/needs a signed timestamp/);
    expect(() => videopilot({ unsigned: true, maxAgeSeconds: 60 })).toThrow(/needs a signed timestamp/);
    expect(() => kling({ token: "0f8fad5b-d9cb-469f", maxAgeSeconds: 60 })).toThrow(/needs a signed timestamp/);
    for (const maxAgeSeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "60" as never])
      expect(() => videopilot({ secret: "a-secret", maxAgeSeconds })).toThrow(/above zero/);
  });

  it("throw for a header where the scheme fixes its names", () => {
    expect(() => kling({ secret: "whsec_YWJjZA==", scheme: "standard-webhooks", header: "x" })).toThrow(/header does not apply to kling/);
    expect(() => kling({ secret: "whsec_YWJjZA==", header: "x" })).toThrow(/selects Standard Webhooks.*Remove the option header/);
    expect(() => kling({ secret: "a-secret", scheme: "sha1" as never })).toThrow(/standard-webhooks/);
  });

  it("P46: leave no secret on the provider", () => {
    const provider = heygen({ secret: ["SECRET-MARKER-1", "SECRET-MARKER-2"], token: "TOKEN-MARKER-of-some-length" });
    const seen = JSON.stringify(provider) + Object.values(provider).map(String).join();
    expect(seen).not.toMatch(/MARKER/);
  });
});

it("exports schemas that work on their own", () => {
  expect(
    heygenEvents["avatar_video.success"].safeParse({ event_type: "avatar_video.success", event_data: { video_id: "v", x: 1 } }),
  ).toEqual({
    success: true,
    data: { event_type: "avatar_video.success", event_data: { video_id: "v", x: 1 } },
  });
  expect(heygenEvents["avatar_video.success"].safeParse({ event_type: "avatar_video.fail", event_data: { video_id: "v" } }).success).toBe(
    false,
  );
});
