import { describe, expect, it } from "vitest";
import { printable, printableLines, toJson } from "../../src/cli/printable.ts";
import { createRedactor, maskUrls } from "../../src/cli/redact.ts";
import { didYouMean } from "../../src/cli/suggest.ts";

describe("text from outside", () => {
  it("cannot steer a terminal, on one line or several", () => {
    const evil = "a\u001b[31m\nb\u009b\u202e\u2028c\td";
    expect(printable(evil)).toBe("a\\u001b[31m\\u000ab\\u009b\\u202e\\u2028c\\u0009d");
    expect(printableLines(evil)).toBe("a\\u001b[31m\nb\\u009b\\u202e\\u2028c\td");
    expect(JSON.parse(toJson({ evil }))).toEqual({ evil });
    expect(toJson({ evil })).toMatch(/^[ -~]+$/);
  });

  it("is cut where it is long", () => {
    expect(printable("x".repeat(500))).toBe("x".repeat(500));
    expect(printable("x".repeat(1_000_000))).toBe(`${"x".repeat(500)}…`);
  });
});

describe("what must not be printed", () => {
  it.each([
    ["postgres://user:pa%40ss@db.example.test/app", "postgres://***@db.example.test/app"],
    ["redis://:pw@[::1]:6379", "redis://***@[::1]:6379"],
    ["404http://user:pw@x.test", "404http://***@x.test"],
    ["http://x.test/?a=1&token=abc.def~g, and more", "http://x.test/?a=1&token=***, and more"],
    ["http://x.test/?token=abc: refused", "http://x.test/?token=***: refused"],
    ["http://x.test/?Signature=abc#part", "http://x.test/?Signature=***#part"],
    [
      "http://x.test/?k=abc&access_token=def&X-Amz-Signature=0f&api-key=g",
      "http://x.test/?k=***&access_token=***&X-Amz-Signature=***&api-key=***",
    ],
    ["http://x.test/?monkey=1&q=a@b.c", "http://x.test/?monkey=1&q=a@b.c"],
  ])("is masked in URLs: %s", (text, masked) => {
    expect(maskUrls(text)).toBe(masked);
  });

  it("is every text that was told to be hidden, with or without its prefix and the white space around it", () => {
    const { hide, redact } = createRedactor();
    hide(" whsec_abcdefgh\n");
    hide("at");
    expect(redact("It was whsec_abcdefgh, that is abcdefgh; at last.")).toBe("It was whsec_***, that is ***; at last.");
  });
});

describe("a suggestion", () => {
  const names = ["konpro", "heygen", "videopilot", "kling"];

  it.each([
    ["heygn", " Did you mean heygen?"],
    ["HeyGen", " Did you mean heygen?"],
    ["kilng", " Did you mean kling?"],
    ["video", " Did you mean videopilot?"],
    ["runway", ""],
    ["", ""],
    ["x".repeat(100_000), ""],
  ])("is near, or not made: %.20s", (given, suggestion) => {
    expect(didYouMean(given, names)).toBe(suggestion);
  });

  it("has at most three names, the nearest first", () => {
    const types = ["a_video.fail", "avatar_video.success", "avatar_video_gif.success", "avatar_video.successes", "avatar_video.succeeds"];
    expect(didYouMean("avatar_video.succes", types)).toMatch(/^ Did you mean avatar_video\.successe?s?, [\w.]+ or [\w.]+\?$/);
  });
});
