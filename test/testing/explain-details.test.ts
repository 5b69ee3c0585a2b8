import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { createRouter } from "../../src/router.ts";
import { jsonForms } from "../../src/testing/explain/json-forms.ts";
import { type ExplainInput, type Explanation, explain } from "../../src/testing/explain.ts";
import { signHex, toBytes } from "../suites/signer.ts";
import { correct, explained, keyOf, MARKER, type Member, memberOf, members, NOW, nowSeconds } from "./explain-members.ts";

const heygenMember = memberOf("heygen");
const standardMembers = members.filter(({ family }) => family === "standard");
const lowered = (headers: ExplainInput["headers"]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers as Record<string, string>).map(([name, value]) => [name.toLowerCase(), value]));
const compact = (value: unknown): string => JSON.stringify(value);
const pretty = (value: unknown): string => JSON.stringify(value, null, 2);
const base64 = (hex: string): string => btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))));

describe("explain: JSON that was signed in one form and arrived in another", () => {
  const find = async (signed: string, rawBody: string, extra: Record<string, string> = {}, member = heygenMember) => {
    const input = await correct(member, signed);
    const { findings } = await explained(member, { ...input, rawBody, headers: { ...input.headers, ...extra } });
    expect(findings).toMatchObject([{ code: "body_reserialised", certainty: "proven" }]);
    return findings[0] ?? { message: "", fix: "" };
  };
  const announcing = (text: string) => ({ "content-length": String(toBytes(text).length) });

  it.each(members)("is the sender's doing where the length is the announced one: $title", async (member) => {
    const { message, fix } = await find(compact(member.body), pretty(member.body), announcing(pretty(member.body)), member);
    expect(message).toContain("The sender signed another serialisation than it sent");
    expect(message).not.toContain("parsed and written anew");
    expect(fix).toContain("sign the bytes that are sent");
    expect(fix).not.toContain("body parser");
  });

  it.each(members)("is a parser's doing where another length was announced: $title", async (member) => {
    const { message, fix } = await find(pretty(member.body), compact(member.body), announcing(pretty(member.body)), member);
    expect(message).toContain("parsed and written anew");
    expect(message).not.toContain("sender");
    expect(fix).toContain("before any body parser");
  });

  it.each([
    ["no length was announced", {}],
    ["the length is that of a compressed body", { "content-encoding": "br", "content-length": "90" }],
  ])("may be either's doing where %s", async (_title, extra: Record<string, string>) => {
    const { message, fix } = await find(compact(heygenMember.body), pretty(heygenMember.body), extra);
    expect(message).toContain("Either the body was parsed and written anew here, or the sender signed another serialisation");
    expect(fix).toContain("before any body parser");
    expect(fix).toContain("sign the bytes that are sent");
  });

  it("may be either's doing where both forms are equally long", async () => {
    const [signed, received] = ['{"a":1,"b":{"d":1,"c":2}}', '{"b":{"d":1,"c":2},"a":1}'];
    const { message } = await find(signed.replace('"d":1,"c":2', '"c":2,"d":1'), received, announcing(received));
    expect(message).toContain("Either");
  });
});

describe("explain: numbers that lost their .0", () => {
  const event = { video_id: "v", note: `é ${MARKER}`, duration: 5, parts: [{ from: 0, to: 2.5, n: 1 }], ratio: -3, size: 1_000 };
  const whole = ["duration", "from", "n", "ratio", "size"];
  /** As a language writes it in which some of the numbers are floats. */
  const written = (floats: readonly string[], spaced: boolean, ascii = false): string => {
    const json = compact(event).replace(/"(\w+)":(-?\d+)(?=[,}])/g, (all, name: string) => (floats.includes(name) ? `${all}.0` : all));
    const laid = spaced ? json.replace(/([:,])(?=["[{\d-])/g, "$1 ") : json;
    return ascii ? laid.replaceAll("é", "\\u00e9") : laid;
  };

  it.each([
    ["all of them, as Python writes it", written(whole, true, true)],
    ["all of them, spaced", written(whole, true)],
    ["all of them, compact", written(whole, false)],
    ["one, spaced", written(["ratio"], true)],
    ["two, compact", written(["duration", "from"], false)],
    ["all but one, as Python writes it", written(whole.slice(1), true, true)],
  ])("are found: %s", async (_title, signed) => {
    for (const member of [heygenMember, memberOf("kling with Standard Webhooks")]) {
      const input = await correct(member, signed);
      const { findings } = await explained(member, { ...input, rawBody: compact(event) });
      expect(findings).toMatchObject([{ code: "body_reserialised", certainty: "proven", message: expect.stringContaining('".0"') }]);
    }
  });

  it("are found by their field where there are many", async () => {
    const clips = Array.from({ length: 40 }, (_, index) => ({ index, seconds: index + 1 }));
    const signed = compact({ clips }).replace(/"seconds":\d+/g, "$&.0");
    const input = await correct(heygenMember, signed);
    const { findings } = await explained(heygenMember, { ...input, rawBody: compact({ clips }) });
    expect(findings).toMatchObject([{ code: "body_reserialised", message: expect.stringContaining("some of the whole numbers") }]);
  });

  it("are tried in a bounded number of ways, each of which is the same JSON", () => {
    for (const count of [0, 1, 6, 7, 300]) {
      const value = { text: "é", list: Object.fromEntries(Array.from({ length: count }, (_, index) => [`field_${index}`, index])) };
      const texts = [...jsonForms(compact(value))].map(({ text }) => text);
      const withFloats = texts.filter((text) => text.includes(".0"));
      expect(withFloats.length).toBe(4 * (count > 6 ? 63 : 2 ** count - 1));
      expect(new Set(withFloats).size).toBe(withFloats.length);
      for (const text of texts) expect(JSON.parse(text)).toEqual(value);
    }
  });

  it("do not make an explanation endless", async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`field_${index}`, index]));
    const input = await correct(heygenMember, "something else");
    expect((await explained(heygenMember, { ...input, rawBody: compact(many) })).findings).toEqual([]);
  });
});

describe("explain: what it says it has tried", () => {
  const summaryOf = async (rawBody: string | Uint8Array, headers?: Record<string, string>) => {
    const input = await correct(heygenMember, "something else");
    const { authentic, findings, summary } = explain({ ...input, rawBody, ...(headers && { headers }) });
    expect(authentic).toBe(false);
    expect(findings).toEqual([]);
    return summary;
  };

  it("are forms of JSON for JSON only", async () => {
    expect(await summaryOf('{"a":1}')).toContain("layouts, escapes and key orders of its JSON");
    expect(await summaryOf("plain text")).not.toMatch(/JSON|serialisation/);
    expect(await summaryOf(Uint8Array.of(0xff, 0xfe, 0x00))).not.toMatch(/JSON|white space/);
  });

  it("is nothing of a body that is larger than 1 MiB, and nothing at all without a digest", async () => {
    expect(await summaryOf(`{"a":"${"x".repeat(1_048_576)}"}`)).toContain("only as it is, since it is larger than 1 MiB");
    expect(await summaryOf('{"a":1}', { signature: "no digest" })).toContain("nothing could be tried");
  });
});

describe("explain: Kling by its other scheme", () => {
  const member = memberOf("kling with Standard Webhooks");

  it("is found by the header, also where the secret is another one", async () => {
    const body = compact(member.body);
    for (const prefix of ["", "sha256="]) {
      const headers = { "x-kling-signature": prefix + (await signHex("a secret that nobody here has", body)) };
      const { findings } = await explained(member, { ...(await correct(member)), headers });
      expect(findings).toMatchObject([{ code: "other_scheme", certainty: "likely" }]);
      expect(findings[0]?.message).toContain("hex over the body");
    }
  });

  it("is not claimed where the headers of the right one are there", async () => {
    const input = await correct(member);
    const hex = await signHex("a secret that nobody here has", compact(member.body));
    const headers = { ...lowered(input.headers), "x-kling-signature": hex };
    const { findings } = await explained(member, { ...input, secret: member.otherSecret, headers });
    expect(findings.map(({ code }) => code)).not.toContain("other_scheme");
  });
});

describe("explain: times that were signed in another unit than they were sent in", () => {
  const signedAs = async (member: Member, content: string): Promise<string> =>
    `v1,${base64(await signHex(keyOf(member, member.secret), content))}`;

  it.each(standardMembers)("are found: $title", async (member) => {
    const body = compact(member.body);
    for (const [sent, signed, words] of [
      [NOW, nowSeconds, "covers the time in seconds, but the header has it in milliseconds"],
      [nowSeconds, NOW, "covers the time in milliseconds, but the header has it in seconds"],
    ] as const) {
      const headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(sent),
        "webhook-signature": await signedAs(member, `msg_1.${signed}.${body}`),
      };
      const { findings } = await explained(member, { ...(await correct(member)), headers });
      expect(findings).toMatchObject([{ code: "timestamp_in_milliseconds", certainty: "proven" }]);
      expect(findings[0]?.message).toContain(words);
    }
  });

  it("are held against the limit in the right unit", async () => {
    const [member] = standardMembers as [Member];
    const body = compact(member.body);
    const signed = nowSeconds - 1000;
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(signed * 1000),
      "webhook-signature": await signedAs(member, `msg_1.${signed}.${body}`),
    };
    const { findings } = await explained(member, { ...(await correct(member)), headers });
    expect(findings.map(({ code }) => code)).toEqual(["timestamp_in_milliseconds", "timestamp_too_old"]);
  });
});

describe("explain: an event of another provider", () => {
  it("is no proof of who signed it", async () => {
    const input = await correct(heygenMember);
    const { findings } = await explained(heygenMember, { ...input, rawBody: compact(memberOf("videopilot").body) });
    expect(findings).toMatchObject([{ code: "other_provider", certainty: "possible" }]);
    expect(findings[0]?.message).toContain("The body is an event of videopilot");
    expect(findings[0]?.message).not.toContain("signs it");
  });
});

describe("explain: a time that is none", () => {
  it("is refused", async () => {
    const input = await correct(heygenMember);
    for (const now of [new Date("soon"), Number.NaN, "soon" as never]) {
      expect(() => explain({ ...input, now })).toThrow(ConfigurationError);
      expect(() => explain({ ...input, now })).toThrow(/option now/);
    }
  });
});

describe("explain: headers that the check cannot find", () => {
  const capital = (headers: ExplainInput["headers"]): readonly (readonly [string, string])[] =>
    Object.entries(lowered(headers)).map(([name, value]) => [name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()), value]);
  const forms: readonly (readonly [string, (pairs: readonly (readonly [string, string])[]) => unknown])[] = [
    ["a Map with capital letters", (pairs) => new Map(pairs)],
    ["a list of pairs", (pairs) => pairs],
  ];
  const outcome = async (member: Member, input: ExplainInput): Promise<Explanation> => {
    const router = createRouter(member.bind(member.secret), { clock: () => NOW, idempotency: false });
    const delivery = { method: "POST", url: "/", headers: input.headers, body: input.rawBody as string };
    expect((await router.receive(delivery)).result).toBe("unauthenticated");
    const explanation = explain(input);
    expect(explanation.authentic).toBe(false);
    expect(compact(explanation)).not.toContain(MARKER);
    return explanation;
  };

  it.each(members.flatMap((member) => forms.map(([form, make]) => ({ title: member.title, form, member, make }))))(
    "are $form: $title",
    async ({ member, make }) => {
      const input = await correct(member);
      const { findings } = await outcome(member, { ...input, headers: make(capital(input.headers)) as never });
      expect(findings).toMatchObject([{ code: "headers_unreadable", certainty: "proven" }]);
      expect(findings[0]?.message).toContain(member.header);
    },
  );

  it("do not hide what else is wrong", async () => {
    for (const member of [heygenMember, ...standardMembers]) {
      const input = await correct(member);
      const { findings } = await outcome(member, {
        ...input,
        headers: new Map(capital(input.headers)) as never,
        rawBody: `${input.rawBody}\n`,
      });
      expect(findings.map(({ code }) => code)).toEqual(["headers_unreadable", "body_trailing_newline"]);
    }
    const [member] = standardMembers as [Member];
    const input = await correct(member);
    const late = explain({ ...input, headers: new Map(capital(input.headers)) as never, now: NOW + 301_000 });
    expect(late.findings.map(({ code }) => code)).toEqual(["headers_unreadable", "timestamp_too_old"]);
  });

  it("are none of a Map with lower case names", async () => {
    const input = await correct(heygenMember);
    expect(explain({ ...input, headers: new Map(Object.entries(lowered(input.headers))) as never }).authentic).toBe(true);
  });
});

describe("explain: bytes in another wrapping", () => {
  const wrappings: readonly (readonly [string, (bytes: Uint8Array) => unknown, string])[] = [
    ["ArrayBuffer", (bytes) => Uint8Array.from(bytes).buffer, "new Uint8Array(body)"],
    ["DataView", (bytes) => new DataView(Uint8Array.from([0, ...bytes, 0]).buffer, 1, bytes.length), "new Uint8Array(body.buffer"],
    ["Uint8ClampedArray", (bytes) => Uint8ClampedArray.from(bytes), "new Uint8Array(body.buffer"],
  ];

  it.each(members.flatMap((member) => wrappings.map(([name, wrap, fix]) => ({ title: member.title, name, member, wrap, fix }))))(
    "are found in a $name: $title",
    async ({ member, name, wrap, fix }) => {
      const input = await correct(member);
      const bytes = toBytes(input.rawBody as string);
      const { findings, summary } = await explained(member, { ...input, rawBody: wrap(bytes) });
      expect(findings).toMatchObject([{ code: "body_type", certainty: "proven" }]);
      expect(findings[0]?.message).toContain(`type ${name}`);
      expect(findings[0]?.fix).toContain(fix);
      expect(summary).not.toContain("parser");
      const changed = await explained(member, { ...input, rawBody: wrap(toBytes(`${input.rawBody}\n`)) });
      expect(changed.findings.map(({ code }) => code)).toEqual(["body_type", "body_trailing_newline"]);
    },
  );

  it("are found where only the token is checked", () => {
    const token = "tk-9f8e7d6c5b4a39281706";
    const { authentic, findings } = explain({
      rawBody: new ArrayBuffer(2),
      headers: {},
      provider: "konpro",
      token,
      url: `/?token=${token}`,
    });
    expect({ authentic, code: findings[0]?.code }).toEqual({ authentic: false, code: "body_type" });
  });
});

describe("explain: JSON that ends too early", () => {
  const find = async (rawBody: string, extra: Record<string, string> = {}) => {
    const input = await correct(heygenMember);
    return (await explained(heygenMember, { ...input, rawBody, headers: { ...input.headers, ...extra } })).findings;
  };
  const body = compact(heygenMember.body);

  it.each([1, 5, 30, 80, body.length - 1])("may have been cut off: at %i", async (length) => {
    const findings = await find(body.slice(0, length));
    expect(findings).toMatchObject([{ code: "body_truncated", certainty: "possible" }]);
    expect(findings[0]?.message).toContain("may have been cut off");
  });

  it("is told by the length where there is one", async () => {
    expect(await find(body.slice(0, 80), { "content-length": String(toBytes(body).length) })).toMatchObject([
      { code: "body_truncated", certainty: "likely" },
    ]);
    expect(await find(body.slice(0, 80), { "content-length": "80" })).toEqual([]);
  });

  it.each([['{"a":1}}'], ['{"a":01}'], ['["a"'], ["{}x{"], ['{"a":"}{"}'], ['x{"a']])("is not claimed of %s", async (text) => {
    expect(await find(text)).toEqual([]);
  });

  it("takes no long time for a long text of quotes and backslashes", () => {
    for (const piece of ['"', '\\"', "\\", '{"', "\\\n"]) {
      const rawBody = `{${piece.repeat(200_000)}`;
      const { authentic } = explain({ rawBody, headers: { signature: "none" }, provider: heygen({ unsigned: true }), secret: "a-secret" });
      expect(authentic).toBe(false);
    }
  });
});

describe("explain: the name of another endpoint", () => {
  const nameOf = async (name: string): Promise<string> => {
    const input = await correct(heygenMember);
    const otherSecrets = { [name]: heygenMember.secret };
    const { findings } = await explained(heygenMember, { ...input, secret: heygenMember.otherSecret, otherSecrets });
    expect(findings).toMatchObject([{ code: "secret_other_endpoint" }]);
    return findings[0]?.message ?? "";
  };

  it("may be the path of a file", async () => {
    const path = "/srv/applications/video-receiver/production/secrets/heygen.secret";
    expect(await nameOf(path)).toContain(`"${path}"`);
  });

  it("is not shown where a secret is part of it", async () => {
    for (const secret of [heygenMember.secret, heygenMember.otherSecret]) expect(await nameOf(`/srv/${secret}`)).toContain("number 1 of");
  });
});
