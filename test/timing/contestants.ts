import { randomBytes, randomInt } from "node:crypto";
import { equalBase64, equalHex, equalTexts, hmacBase64Digest, hmacHexDigest, hmacKey } from "../../src/signature/hmac.ts";
import { standardWebhooks } from "../../src/signature/standard-webhooks.ts";
import { tokenCheck } from "../../src/signature/token.ts";
import { verify } from "../../src/verify.ts";

/** Something that says yes or no, and what it is asked. */
export interface Contestant {
  readonly name: string;
  /** Compares carelessly on purpose, to show that the measurement would notice. */
  readonly isControl: boolean;
  /** How often it is asked in a row for one measurement, so that the clock is fine enough. */
  readonly calls: number;
  /** Makes a question of which one byte is wrong, and returns what asks it. */
  ask(wrong: "first" | "last"): () => boolean;
}

/** A text in one piece: one that was cut or joined would be put together while it is compared. */
const flat = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

const HEX = "0123456789abcdef";
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Those that can be the last of 43 characters for 32 bytes: its two lowest bits are none. */
const BASE64_END = [...BASE64].filter((_, index) => index % 4 === 0).join("");

/**
 * A text with another character at one end of a part, drawn from those that could as well be there: a certain one would tell the kinds apart
 * by itself. Both ends cost the same steps and the same memory, so that what is left of making a question does not either.
 */
function spoilt(text: string, start: number, end: number, wrong: "first" | "last", [first, last] = [HEX, HEX]): string {
  const bytes = Buffer.from(text, "latin1");
  const [at, characters] = wrong === "first" ? [start, first] : [end - 1, last];
  const right = characters.indexOf(String.fromCharCode(bytes[at] as number));
  bytes[at] = characters.charCodeAt((right + randomInt(1, characters.length)) % characters.length);
  return bytes.toString("latin1");
}

/** As it is written by those who do not think of time. */
function equalCarelessly(expected: string, given: string, start: number): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (expected.charCodeAt(index) !== given.charCodeAt(start + index)) return false;
  }
  return true;
}

const randomHex = (): string => randomBytes(32).toString("hex");
const randomBase64 = (): string => randomBytes(32).toString("base64");
const body = randomBytes(300);
const secret = "a secret of the timing tests";
const key = hmacKey(secret);

const comparisons: readonly Contestant[] = [
  {
    name: "equalHex, of 64 digits",
    isControl: false,
    calls: 16,
    ask(wrong) {
      const expected = flat(randomHex());
      const given = spoilt(expected, 0, 64, wrong);
      return () => equalHex(expected, given, 0);
    },
  },
  {
    name: "equalBase64, of 44 characters",
    isControl: false,
    calls: 16,
    ask(wrong) {
      const expected = flat(randomBase64());
      const given = spoilt(expected, 0, 43, wrong, [BASE64, BASE64_END]);
      return () => equalBase64(expected, given, 0);
    },
  },
  {
    name: "equalTexts, of 64 characters",
    isControl: false,
    calls: 8,
    ask(wrong) {
      const expected = flat(randomHex());
      const given = spoilt(expected, 0, 64, wrong);
      return () => equalTexts(expected, given);
    },
  },
  {
    name: "control: a loop that ends at the first difference",
    isControl: true,
    calls: 16,
    ask(wrong) {
      const expected = flat(randomHex());
      const given = spoilt(expected, 0, 64, wrong);
      return () => equalCarelessly(expected, given, 0);
    },
  },
];

const { check } = standardWebhooks();
const standardSecret = `whsec_${randomBase64()}`;
const checkStandard = check(standardSecret);
const standardKey = hmacKey(Buffer.from(standardSecret.slice("whsec_".length), "base64"));
const token = randomHex();
const refuse = tokenCheck(token);

const checks: readonly Contestant[] = [
  {
    name: "verify, body of 300 bytes",
    isControl: false,
    calls: 4,
    ask(wrong) {
      const own = randomBytes(300);
      const header = spoilt(`sha256=${hmacHexDigest(key, own)}`, 7, 71, wrong);
      return () => verify(own, header, secret);
    },
  },
  {
    name: "Standard Webhooks, body of 300 bytes",
    isControl: false,
    calls: 4,
    ask(wrong) {
      const own = randomBytes(300);
      const signature = spoilt(`v1,${hmacBase64Digest(standardKey, "msg_1.1700000000.", own)}`, 3, 46, wrong, [BASE64, BASE64_END]);
      const headers = { "webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": signature };
      return () => "matched" in checkStandard(headers, own);
    },
  },
  {
    name: "token in a URL",
    isControl: false,
    calls: 4,
    ask(wrong) {
      const url = flat(`/webhooks?token=${spoilt(token, 0, 64, wrong)}`);
      return () => refuse(url) === undefined;
    },
  },
  {
    name: "verify, the first byte wrong both times",
    isControl: false,
    calls: 4,
    ask() {
      const own = randomBytes(300);
      const header = spoilt(`sha256=${hmacHexDigest(key, own)}`, 7, 71, "first");
      return () => verify(own, header, secret);
    },
  },
  {
    name: "control: HMAC, then a loop that ends at the first difference",
    isControl: true,
    calls: 4,
    ask(wrong) {
      const given = spoilt(hmacHexDigest(key, body), 0, 64, wrong);
      return () => equalCarelessly(hmacHexDigest(key, body), given, 0);
    },
  },
];

/** Everything that compares a secret with what a sender gives, with a control for each kind. */
export const contestants: readonly Contestant[] = [...comparisons, ...checks];
