import { isWebhookError } from "../../src/errors.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { isRefusal } from "../../src/refusal.ts";
import type { Authenticate } from "../../src/signature/authenticate.ts";
import { verify } from "../../src/verify.ts";
import { signHex, signStandardWebhooks } from "../suites/signer.ts";
import { createRandom, type Random } from "./random.ts";

type Headers = Readonly<Record<string, string>>;

/** Whether a delivery is accepted. */
type Check = (body: Uint8Array, headers: Headers) => boolean;

/** A scheme as one of its users has it. */
interface Scheme {
  readonly name: string;
  secret(random: Random): string;
  /** By WebCrypto, which the library does not use. */
  sign(secret: string, body: Uint8Array, random: Random): Promise<Headers>;
  /**
   * Makes the check of a secret.
   *
   * @throws `ConfigurationError` for one that the scheme cannot have
   */
  open(secret: string): Check;
  /** Whether a header means the same after a change. */
  isSameHeader(given: string, changed: string): boolean;
  /** Whether a secret means the same after a change. */
  isSameSecret(given: string, changed: string): boolean;
}

const characters = [..."abcXYZ019-_/+=.,:;%&?# ", "\u00e9", "\u00df", "\u4e2d", "\u{1f600}", "\ufeff", "\u0000", "\u007f", "'", '"', "\\"];

/** A text that an endpoint may have as its secret. */
function anySecret(random: Random): string {
  // Around 64 bytes a key is hashed before it is used.
  const length = random.oneIn(4) ? 60 + random.below(10) : 1 + random.below(50);
  for (;;) {
    const secret = Array.from({ length }, () => random.pick(characters)).join("");
    if (secret.trim() === secret && !/^\0*$/.test(secret)) return secret;
  }
}

function standardSecret(random: Random): string {
  const key = random.bytes(1 + random.below(70));
  key[0] = 1;
  return `whsec_${Buffer.from(key).toString("base64")}`;
}

/** The digits may be in either letter case, and only they: the prefix is one text. */
function isSameHex(given: string, changed: string): boolean {
  const digits = given.length - 64;
  return given.slice(0, digits) === changed.slice(0, digits) && given.slice(digits).toLowerCase() === changed.slice(digits).toLowerCase();
}

const keyOf = (secret: string): string => Buffer.from(secret.slice("whsec_".length), "base64").toString("hex");

function checkOf({ authenticate }: { readonly authenticate: Authenticate }): Check {
  return (rawBody, headers) => {
    const result = authenticate({ url: "/", headers, rawBody });
    if (result instanceof Promise) throw new Error("The check of a secret that is at hand is synchronous.");
    return !isRefusal(result);
  };
}

function hexScheme(
  name: string,
  header: string,
  prefix: string,
  create: (secret: string) => { readonly authenticate: Authenticate },
): Scheme {
  return {
    name,
    secret: anySecret,
    async sign(secret, body, random) {
      const digits = await signHex(secret, body);
      return { [header]: prefix + (random.oneIn(2) ? digits : digits.toUpperCase()) };
    },
    open: (secret) => checkOf(create(secret)),
    isSameHeader: isSameHex,
    isSameSecret: (given, changed) => given === changed,
  };
}

function verifyScheme(name: string, prefix: "sha256=" | "", scheme: "sha256=" | "hex" | undefined): Scheme {
  return {
    ...hexScheme(name, "signature", prefix, (secret) => heygen({ secret })),
    open(secret) {
      const options = scheme && { scheme };
      // Every call checks the secret, this one nothing else.
      verify("", undefined, secret, options);
      return (body, headers) => verify(body, headers.signature, secret, options);
    },
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const standardScheme: Scheme = {
  name: "Standard Webhooks (Kling)",
  secret: standardSecret,
  sign(secret, body, random) {
    const id = Array.from({ length: 1 + random.below(40) }, () => random.pick([...alphabet])).join("");
    return signStandardWebhooks(secret, { id, timestamp: random.below(2 ** 40), body });
  },
  open: (secret) => checkOf(kling({ secret, scheme: "standard-webhooks" })),
  isSameHeader: (given, changed) => given === changed,
  // The last character of base64 may have bits that mean nothing. Anything else that decodes alike is no strict base64.
  isSameSecret: (given, changed) => /^whsec_[A-Za-z0-9+/]+=*$/.test(changed) && keyOf(given) === keyOf(changed),
};

/** Every scheme, by everything that uses it. */
export const schemes: readonly Scheme[] = [
  verifyScheme("verify, bare digits", "", undefined),
  verifyScheme("verify, sha256= only", "sha256=", "sha256="),
  verifyScheme("verify, bare digits only", "", "hex"),
  hexScheme("HeyGen", "signature", "", (secret) => heygen({ secret })),
  hexScheme("KonPro", "konpro-signature", "sha256=", (secret) => konpro({ secret })),
  hexScheme("VideoPilot", "x-videopilot-signature", "sha256=", (secret) => videopilot({ secret })),
  hexScheme("Kling, hex", "x-kling-signature", "", (secret) => kling({ secret, scheme: "hex" })),
  standardScheme,
];

/** What came of many signatures. */
export interface SignatureReport {
  readonly signatures: number;
  /** Single bits that were changed. */
  readonly flips: number;
  /** Of those, how many changed nothing that counts, such as the letter case of a hex digit. */
  readonly same: number;
  readonly problems: readonly string[];
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function flipBytes(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

/** A text of header characters, each of which is one byte. */
function flipHeader(value: string, bit: number): string {
  const at = bit >> 3;
  return value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ (1 << (bit & 7))) + value.slice(at + 1);
}

/** `undefined` where the bit makes bytes that no text has. */
function flipSecret(secret: string, bit: number): string | undefined {
  try {
    return decoder.decode(flipBytes(Buffer.from(secret), bit));
  } catch {
    return undefined;
  }
}

/** The numbers of some bits, or of all. */
function bitsOf(random: Random, bytes: number, some: number | undefined): readonly number[] {
  return Array.from({ length: Math.min(some ?? Number.POSITIVE_INFINITY, bytes * 8) }, (_, index) =>
    some === undefined ? index : random.below(bytes * 8),
  );
}

/** Every bit of one case in so many is changed, and a few bits of the others. */
const ALL_BITS_ONE_IN = 100;
const SOME_BITS = 12;

/** What is added up while it is checked. */
interface Tally {
  signatures: number;
  flips: number;
  same: number;
  readonly problems: string[];
}

/** Signs bodies by another implementation, and checks that they verify, and that none does with some single bits changed anywhere. */
export async function checkSignatures({ seed, cases }: { readonly seed: number; readonly cases: number }): Promise<SignatureReport> {
  const tally: Tally = { signatures: 0, flips: 0, same: 0, problems: [] };
  for (let index = 0; index < cases; index++) {
    const random = createRandom(seed, index);
    for (const scheme of schemes) {
      const secret = scheme.secret(random);
      const body = random.bytes(random.oneIn(10) ? random.below(20_000) : random.below(120));
      const some = index % ALL_BITS_ONE_IN === 0 && body.length < 120 ? undefined : SOME_BITS;
      await checkBits(tally, `case ${seed}:${index}`, { scheme, secret, body, some, random });
    }
  }
  return tally;
}

/** The same for one body and secret, with every single bit of both, and of all headers. */
export async function checkEveryBit(scheme: Scheme, body: Uint8Array): Promise<SignatureReport> {
  const tally: Tally = { signatures: 0, flips: 0, same: 0, problems: [] };
  const random = createRandom(1, body.length);
  await checkBits(tally, "every bit", { scheme, secret: scheme.secret(random), body, some: undefined, random });
  return tally;
}

interface Signed {
  readonly scheme: Scheme;
  readonly secret: string;
  readonly body: Uint8Array;
  /** How many bits of each part are changed; all, where it is `undefined`. */
  readonly some: number | undefined;
  readonly random: Random;
}

async function checkBits(tally: Tally, name: string, { scheme, secret, body, some, random }: Signed): Promise<void> {
  const headers = await scheme.sign(secret, body, random);
  const check = scheme.open(secret);
  const expect = (accepted: boolean, given: boolean, what: string): void => {
    if (given !== accepted) tally.problems.push(`${name}, ${scheme.name}: ${given ? "accepted" : "refused"} ${what}`);
  };
  tally.signatures++;
  expect(true, check(body, headers), "as it was signed");

  for (const bit of bitsOf(random, body.length, some)) {
    tally.flips++;
    expect(false, check(flipBytes(body, bit), headers), `with bit ${bit} of the body changed`);
  }
  for (const [header, value] of Object.entries(headers)) {
    for (const bit of bitsOf(random, value.length, some)) {
      const changed = flipHeader(value, bit);
      const isSame = scheme.isSameHeader(value, changed);
      tally.flips++;
      tally.same += Number(isSame);
      expect(isSame, check(body, { ...headers, [header]: changed }), `with bit ${bit} of ${header} changed`);
    }
  }
  for (const bit of bitsOf(random, Buffer.byteLength(secret), some)) {
    const changed = flipSecret(secret, bit);
    if (changed === undefined) continue;
    const isSame = scheme.isSameSecret(secret, changed);
    tally.flips++;
    tally.same += Number(isSame);
    expect(isSame, open(scheme, changed)(body, headers), `with bit ${bit} of the secret changed`);
  }
}

/** A secret that no endpoint can have accepts nothing. */
function open(scheme: Scheme, secret: string): Check {
  try {
    return scheme.open(secret);
  } catch (error) {
    if (isWebhookError(error) && error.name === "ConfigurationError") return () => false;
    throw error;
  }
}
