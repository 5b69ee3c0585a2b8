import { describe, expect, it } from "vitest";
import { changed, type Path, valueAt } from "../../src/testing/json-fields.ts";
import { samplesOf } from "./bodies.ts";
import { authentic, isHexSignature, wrongWith } from "./deliveries.ts";
import { naughtyStrings } from "./naughty-strings.ts";
import { rememberPrototypes } from "./objects.ts";
import { type Receiver, receivers } from "./receivers.ts";
import { watch } from "./watch.ts";

const encoder = new TextEncoder();

const isText = (body: object, path: Path): boolean => typeof valueAt(body, path) === "string";

/** One receiver of each provider, since the others have the same events. */
const oneOfEach = ["HeyGen", "KonPro", "VideoPilot", "Kling by hex"].map(
  (name) => receivers.find((each) => each.name === name) as Receiver,
);

describe.each(oneOfEach)("$name", (receiver: Receiver) => {
  it(`ends ${naughtyStrings.length} strings in every text field of every sample as the table of outcomes says`, async () => {
    const prototypes = rememberPrototypes();
    const { router, problems } = watch(receiver);
    const wrong: string[] = [];
    const seen = new Set<string>();
    for (const sample of samplesOf(receiver.provider, "id-of-naughty")) {
      for (const path of sample.fields) {
        if (!isText(sample.body, path)) continue;
        for (const string of naughtyStrings) {
          const body = encoder.encode(JSON.stringify(changed(sample.body, path, string)));
          const outcome = await router.receive({ method: "POST", url: receiver.url, headers: receiver.prove(body), body });
          seen.add(outcome.result);
          const told = wrongWith(outcome, authentic);
          for (const each of [...(told === undefined ? [] : [told]), ...problems.splice(0)]) {
            wrong.push(`${sample.name}, ${path.join(".")} ${JSON.stringify(string.slice(0, 50))}: ${each}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect([...seen]).toEqual(expect.arrayContaining(["processed", "unknown", "event_type_missing"]));
    expect(prototypes.changes()).toEqual([]);
  });
});

const unread = [
  "content-type",
  "content-encoding",
  "content-length",
  "x-forwarded-host",
  "host",
  "heygen-timestamp",
  "heygen-event-id",
  "idempotency-key",
];
const names = [...unread, "__proto__", "constructor", "toString", "get", "", "\u0000"];

/** Spaces separate the signatures of Standard Webhooks, so one more changes nothing; and bare digits may have the prefix as well. */
const isSame = (value: string, right: string): boolean => [right, `sha256=${right}`].includes(value.replaceAll(" ", ""));

/** A header as an own member, whatever its name. */
function withHeader(headers: object, name: string, value: unknown): Readonly<Record<string, string>> {
  return Object.defineProperty({ ...headers }, name, { value, enumerable: true }) as Readonly<Record<string, string>>;
}

/** One delivery, and what proves it. */
function delivered(receiver: Receiver) {
  const [sample] = samplesOf(receiver.provider, "id-of-headers");
  const body = encoder.encode(sample?.text);
  return { ...watch(receiver), body, url: receiver.url, proof: receiver.prove(body) };
}

describe("any string in a header", () => {
  it.each(receivers)("that is not read changes nothing: $name", async (receiver) => {
    const { router, problems, body, proof, url } = delivered(receiver);
    for (const name of names) {
      for (const string of naughtyStrings) {
        for (const value of [string, [string, string]]) {
          const { result } = await router.receive({ method: "POST", url, headers: withHeader(proof, name, value), body });
          if (!["processed", "duplicate"].includes(result)) problems.push(`${name} ${JSON.stringify(value)}: ${result}`);
        }
      }
    }
    expect(problems).toEqual([]);
  });

  const signing = receivers.filter(({ signs }) => signs);
  it.each(signing)("that proves a delivery is refused, in place of the right value and beside it: $name", async (receiver) => {
    const { router, problems, body, proof, url } = delivered(receiver);
    for (const [name, right] of Object.entries(proof)) {
      for (const string of naughtyStrings) {
        for (const value of [string, `${right}${string}`, `${string}${right}`, [right, string], [string], [string, right]]) {
          if (typeof value === "string" && isSame(value, right)) continue;
          const outcome = await router.receive({ method: "POST", url, headers: withHeader(proof, name, value), body });
          const told = wrongWith(outcome, new Set(["unauthenticated"]));
          if (told !== undefined) problems.push(`${name} ${JSON.stringify(value)}: ${told}`);
        }
      }
    }
    expect(problems).toEqual([]);
  });
});

const searching = receivers.filter(({ searched }) => searched.length > 1 && searched.some((name) => name.endsWith("signature")));
it.each(searching)(
  "any string in a header that is searched as well is passed over, unless it has the form of a signature: $name",
  async (receiver) => {
    const { router, problems, body, proof, url } = delivered(receiver);
    const others = receiver.searched.filter((name) => !(name in proof));
    const provedAt = receiver.searched.findIndex((name) => name in proof);
    for (const name of others) {
      const isFirst = receiver.searched.indexOf(name) < provedAt;
      for (const string of naughtyStrings) {
        for (const value of [string, [string, string], `${Object.values(proof)[0]}${string}x`]) {
          const decides = isFirst && typeof value === "string" && isHexSignature(value);
          const { result } = await router.receive({ method: "POST", url, headers: withHeader(proof, name, value), body });
          const expected = decides ? ["unauthenticated"] : ["processed", "duplicate"];
          if (!expected.includes(result)) problems.push(`${name} ${JSON.stringify(value)}: ${result}`);
        }
      }
    }
    expect(problems).toEqual([]);
  },
);

const byToken = receivers.filter(({ signs }) => !signs);
it.each(byToken)("any string in place of a token and beside it is refused, as it is and encoded: $name", async (receiver) => {
  const { router, problems, body, url } = delivered(receiver);
  const right = url.slice(url.indexOf("token=") + "token=".length);
  for (const string of naughtyStrings) {
    for (const written of [string, encodeURIComponent(string.toWellFormed())]) {
      const addresses = [`/x?token=${written}`, `${url}&token=${written}`, `/x?token=${right.slice(1)}${written}`];
      // What begins another parameter or a fragment is not beside the token any more.
      if (!/^[&#]/.test(written)) addresses.push(`/x?token=${right}${written}x`);
      for (const address of addresses) {
        const outcome = await router.receive({ method: "POST", url: address, headers: {}, body });
        const told = wrongWith(outcome, new Set(["unauthenticated"]));
        if (told !== undefined) problems.push(`${JSON.stringify(address)}: ${told}`);
      }
    }
  }
  expect(problems).toEqual([]);
});
