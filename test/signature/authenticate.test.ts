import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createAuthenticate } from "../../src/signature/authenticate.ts";
import { hmacHex } from "../../src/signature/hmac-hex.ts";
import { signHex, toBytes } from "../suites/signer.ts";

const scheme = hmacHex({ headers: ["x-signature"] });
const rawBody = toBytes("{}");
const signed = { url: "/hooks", headers: { "x-signature": await signHex("secret-b", rawBody) }, rawBody };
const token = "0f8fad5b-d9cb-469f-a165";

describe("secrets", () => {
  it("reports the index of the one that matched", () => {
    expect(createAuthenticate({ secret: ["secret-a", "secret-b"] }, scheme)(signed)).toEqual({
      match: { matched: true },
      authenticity: { method: "signature", secretIndex: 1 },
    });
  });

  it("may be found per delivery, also asynchronously, and are told the URL", async () => {
    const bySync = createAuthenticate({ secret: ({ url }: { url: string }) => (url === "/hooks" ? "secret-b" : undefined) }, scheme);
    expect(await bySync(signed)).toEqual({ match: { matched: true }, authenticity: { method: "signature", secretIndex: 0 } });
    expect(await bySync({ ...signed, url: "/other" })).toEqual({ refused: "secret_missing" });
    const byAsync = createAuthenticate({ secret: async () => ["secret-a", "secret-b"] }, scheme);
    expect(await byAsync(signed)).toEqual({ match: { matched: true }, authenticity: { method: "signature", secretIndex: 1 } });
    expect(await byAsync(signed)).toEqual({ match: { matched: true }, authenticity: { method: "signature", secretIndex: 1 } });
  });

  it.each([
    ["returns an empty text", () => ""],
    ["returns a blank", async () => " "],
    ["returns a number", () => 7],
    [
      "throws",
      () => {
        throw new Error("database down SECRET-MARKER");
      },
    ],
    ["rejects with nothing", () => Promise.reject()],
  ])("P8: fails closed when the function %s", async (_name, secret) => {
    const result = await createAuthenticate({ secret }, scheme)(signed);
    expect(result).toMatchObject({ refused: "configuration" });
    expect((result as { hint: string }).hint).not.toMatch(/MARKER/);
  });

  it.each([undefined, null, []])("P8: refuses the delivery when the function returns %j", async (none) => {
    expect(await createAuthenticate({ secret: () => none }, scheme)(signed)).toEqual({ refused: "secret_missing" });
  });

  it("does not remember every secret a function ever returned", async () => {
    let count = 0;
    const authenticate = createAuthenticate({ secret: () => (count++ % 2 ? "secret-b" : `secret-${count}`) }, scheme);
    for (let index = 0; index < 3000; index++) {
      const result = await authenticate(signed);
      expect("authenticity" in result).toBe(index % 2 === 1);
    }
  });
});

describe("what must be configured", () => {
  it.each([
    ["P40: nothing", {}],
    ["P8: an unset secret", { secret: undefined }],
    ["P8: an unset token", { token: undefined }],
    ["P7: an empty secret", { secret: "" }],
    ["P8: unsigned: false alone", { unsigned: false }],
    ["unsigned that is not true", { unsigned: "yes" }],
    ["unsigned together with a secret", { unsigned: true, secret: "secret-a" }],
    ["unsigned together with a token", { unsigned: true, token }],
    ["a token that can be guessed", { token: "short" }],
    ["a token with white space", { token: ` ${token}` }],
    ["a token that a URL would change", { token: "abcdefghijklmnop+/==" }],
    ["P8: a good token with an unset secret", { token, secret: undefined }],
    ["P8: a good secret with an unset token", { token: undefined, secret: "secret-a" }],
  ])("refuses %s", (_name, settings) => {
    expect(() => createAuthenticate(settings, scheme)).toThrow(ConfigurationError);
  });

  it("names the way out in the message", () => {
    expect(() => createAuthenticate({ secret: undefined }, scheme)).toThrow(/secret is required.*environment.*unsigned: true/);
    expect(() => createAuthenticate({ secret: undefined }, scheme)).toThrow(expect.objectContaining({ code: "secret_missing" }));
  });
});

describe("a scheme of one's own", () => {
  const own = (check: unknown) => ({ name: "own", headers: [], check: () => check as never });
  it.each([
    ["an asynchronous check that refuses", async () => ({ refused: "signature_mismatch" })],
    ["an asynchronous check that matches", async () => ({ matched: true })],
    ["an asynchronous check that fails", () => Promise.reject(new Error("bad"))],
    ["a check that returns something else", () => ({})],
    ["a check that returns true", () => Object(true)],
  ])("P6: refuses every delivery with %s", (_name, check) => {
    expect(createAuthenticate({ secret: "a-secret" }, own(check))(signed)).toMatchObject({
      refused: "configuration",
      hint: expect.stringMatching(/synchronous/),
    });
  });
});

describe("tokens", () => {
  const authenticate = createAuthenticate({ token }, scheme);
  it.each([`/hooks?token=${token}`, `https://app.example/hooks?a=1&token=${token}&b=2`, `/hooks?token=${token}#fragment`])(
    "accepts %s",
    (url) => {
      expect(authenticate({ ...signed, url })).toEqual({ authenticity: { method: "token" } });
    },
  );

  it.each([
    "/hooks",
    "/hooks?",
    "/hooks?token=",
    `/hooks?token=${token}0`,
    `/hooks?token=${token.slice(1)}`,
    `/hooks?Token=${token}`,
    `/hooks?token=${token}&token=${token}`,
    `/hooks#?token=x`,
    `/${token}`,
    "",
  ])("refuses %j", (url) => expect(authenticate({ ...signed, url })).toEqual({ refused: "token_mismatch" }));

  it("must hold together with the secret when both are set", () => {
    const both = createAuthenticate({ token, secret: "secret-b" }, scheme);
    const url = `/hooks?token=${token}`;
    expect(both({ ...signed, url })).toEqual({ match: { matched: true }, authenticity: { method: "signature", secretIndex: 0 } });
    expect(both(signed)).toEqual({ refused: "token_mismatch" });
    expect(both({ ...signed, url, headers: {} })).toMatchObject({ refused: "signature_missing" });
  });
});

it("accepts everything with unsigned: true, and says so", () => {
  expect(createAuthenticate({ unsigned: true }, scheme)({ ...signed, headers: {} })).toEqual({ authenticity: { method: "none" } });
});
