import { expect } from "vitest";
import * as z from "zod";
import type { HeaderSource } from "../../src/delivery.ts";
import type { Provider } from "../../src/provider.ts";
import { defineProvider } from "../../src/provider.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { createRouter } from "../../src/router.ts";
import { hmacHex } from "../../src/signature/hmac-hex.ts";
import { standardWebhooks } from "../../src/signature/standard-webhooks.ts";
import { type ExplainInput, type Explanation, explain } from "../../src/testing/explain.ts";
import { signHex, signStandardWebhooks, toBytes } from "../suites/signer.ts";

/** The time in every test. */
export const NOW: number = Date.parse("2026-11-21T12:00:00.000Z");
export const nowSeconds: number = NOW / 1000;

/** What every body carries and no message may. */
export const MARKER = "payload-marker-7Qx";

const parts = {
  events: { "clip.done": z.looseObject({ kind: z.literal("clip.done") }) },
  eventType: ({ kind }: Readonly<Record<string, unknown>>) => (typeof kind === "string" ? kind : undefined),
  dedupeKey: () => undefined,
  toJob: () => undefined,
  ackDeadlineMs: 5000,
};

/** Providers of one's own, one for each scheme. */
export const clipforge: ReturnType<typeof defineProvider> = defineProvider({
  ...parts,
  name: "clipforge",
  signature: hmacHex({ headers: ["x-clipforge-signature"], format: "hex" }),
});
export const reelcast: ReturnType<typeof defineProvider> = defineProvider({ ...parts, name: "reelcast", signature: standardWebhooks() });

/** A provider and scheme under test. */
export interface Member {
  readonly title: string;
  readonly provider: ExplainInput["provider"];
  readonly bind: (secret: string | readonly string[]) => Provider<string, object>;
  readonly family: "hex" | "standard";
  readonly secret: string;
  readonly otherSecret: string;
  /** Where the signature is. */
  readonly header: string;
  /** Signs as the provider does, with the bytes of a key. */
  readonly sign: (body: string | Uint8Array, key: Uint8Array) => Promise<Record<string, string>>;
  /** An event of the provider, marker included. */
  readonly body: Readonly<Record<string, unknown>>;
}

const heygenBody = {
  event_type: "avatar_video.success",
  event_data: {
    video_id: "v_100",
    url: `https://files.example.test/${MARKER}.mp4?a=1&b=2`,
    title: "Tide – ébb & flow <1>",
    duration: 12.5,
    tags: [],
  },
};
const videopilotBody = {
  event: "video.script_ready",
  timestamp: "2026-11-21T11:59:30.000Z",
  data: { video_id: "v_8", title: `Ébb & flow ${MARKER} <1>`, script: "https://files.example.test/a", status: "script_ready", scenes: [] },
};
const klingBody = {
  status: "succeeded",
  id: "900100200",
  message: `Ébb & flow ${MARKER} <1>`,
  create_time: NOW - 60_000,
  update_time: NOW,
  outputs: [{ type: "video", url: "https://files.example.test/k.mp4", duration: "5.1" }],
};
const clipBody = { kind: "clip.done", clip: `https://files.example.test/${MARKER}`, a: ["Ébb & flow <1>", 1.5, null, true], empty: {} };

const hexIn = (header: string, prefix: string) => {
  return async (body: string | Uint8Array, key: Uint8Array) => ({ [header]: prefix + (await signHex(key, body)) });
};
const base64Of = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const standard = (body: string | Uint8Array, key: Uint8Array) =>
  signStandardWebhooks(`whsec_${base64Of(key)}`, { id: "msg_1", timestamp: nowSeconds, body });

/** The key that a scheme makes of a secret. */
export function keyOf(member: Pick<Member, "family">, secret: string): Uint8Array {
  if (member.family === "hex") return toBytes(secret);
  return Uint8Array.from(atob(secret.slice("whsec_".length)), (character) => character.charCodeAt(0));
}

// "?" and "~" so that the base64 has "/" and "+", which the URL-safe form writes otherwise.
const standardSecret = `whsec_${btoa("~~??~~>>of a test key, thirty~?~")}`;
const otherStandardSecret = `whsec_${btoa("another key of thirty-two bytes.")}`;

export const members: readonly Member[] = [
  {
    title: "heygen",
    provider: "heygen",
    bind: (secret) => heygen({ secret }),
    family: "hex",
    secret: "whsec_kT3zPq9LmVw2RsXy",
    otherSecret: "whsec_Bq8NcHj5DfGa7Uei",
    header: "signature",
    sign: hexIn("signature", ""),
    body: heygenBody,
  },
  {
    title: "konpro",
    provider: "konpro",
    bind: (secret) => konpro({ secret }),
    family: "hex",
    secret: "kp-s3cretOfTheEndpoint",
    otherSecret: "kp-anotherEndpointKey",
    header: "x-konpro-signature",
    sign: hexIn("x-konpro-signature", ""),
    body: heygenBody,
  },
  {
    title: "videopilot",
    provider: "videopilot",
    bind: (secret) => videopilot({ secret }),
    family: "hex",
    secret: "vp-s3cretOfTheEndpoint",
    otherSecret: "vp-anotherEndpointKey",
    header: "x-videopilot-signature",
    sign: hexIn("X-VideoPilot-Signature", "sha256="),
    body: videopilotBody,
  },
  {
    title: "kling with Standard Webhooks",
    provider: "kling",
    bind: (secret) => kling({ secret }),
    family: "standard",
    secret: standardSecret,
    otherSecret: otherStandardSecret,
    header: "webhook-signature",
    sign: standard,
    body: klingBody,
  },
  {
    title: "kling with hex",
    provider: "kling",
    bind: (secret) => kling({ secret }),
    family: "hex",
    secret: "kling-s3cretOfTheEndpoint",
    otherSecret: "kling-anotherEndpointKey",
    header: "x-kling-signature",
    sign: hexIn("x-kling-signature", "sha256="),
    body: klingBody,
  },
  {
    title: "a provider of one's own with hmacHex()",
    provider: clipforge,
    bind: (secret) => clipforge({ secret }),
    family: "hex",
    secret: "cf-s3cretOfTheEndpoint",
    otherSecret: "cf-anotherEndpointKey",
    header: "x-clipforge-signature",
    sign: hexIn("x-clipforge-signature", ""),
    body: clipBody,
  },
  {
    title: "a provider of one's own with standardWebhooks()",
    provider: reelcast,
    bind: (secret) => reelcast({ secret }),
    family: "standard",
    secret: standardSecret,
    otherSecret: otherStandardSecret,
    header: "webhook-signature",
    sign: standard,
    body: clipBody,
  },
];

/** The member of a title. */
export function memberOf(title: string): Member {
  const found = members.find((member) => member.title === title);
  if (found === undefined) throw new Error(`There is no member ${title}.`);
  return found;
}

/** A delivery that is correct, over the given body. */
export async function correct(member: Member, body: string | Uint8Array = JSON.stringify(member.body)): Promise<ExplainInput> {
  const headers = await member.sign(body, keyOf(member, member.secret));
  return { rawBody: body, headers, secret: member.secret, provider: member.provider, now: NOW };
}

/** Explains, and checks what has to hold of every explanation: it says what the router says, and quotes nothing. */
export async function explained(member: Member, input: ExplainInput): Promise<Explanation> {
  const explanation = explain(input);
  expect(explanation.authentic).toBe(await isAccepted(member, input));
  if (explanation.authentic) expect(explanation.findings).toEqual([]);
  expectDiscreet(explanation, input);
  return explanation;
}

async function isAccepted({ bind }: Member, { rawBody, headers, secret }: ExplainInput): Promise<boolean> {
  let provider: Provider<string, object>;
  try {
    provider = bind(secret as string);
  } catch {
    return false;
  }
  const router = createRouter(provider, { clock: () => NOW, idempotency: false });
  const { result } = await router.receive({ method: "POST", url: "/", headers, body: rawBody as string });
  return result !== "unauthenticated" && result !== "body_already_parsed" && result !== "configuration";
}

/** Nothing of secrets, tokens, signatures and payload is in an explanation, and no fact is missing. */
export function expectDiscreet(explanation: Explanation, input: ExplainInput): void {
  const texts = [explanation.summary, ...explanation.findings.flatMap(({ message, fix }) => [message, fix])];
  const text = texts.join("\n");
  expect(text).not.toContain(MARKER.slice(0, 8));
  expect(text).not.toMatch(/undefined|\$[a-z]/);
  const list = Array.isArray(input.secret) ? input.secret : [input.secret ?? ""];
  const hidden = [...list, ...Object.values(input.otherSecrets ?? {}), input.token ?? "", ...valuesOf(input.headers)];
  const pieces = (hidden as readonly string[]).flatMap((value) =>
    Array.from({ length: Math.max(0, value.length - 8) }, (_, at) => value.slice(at, at + 9)),
  );
  // The words of a header or of a prefix are no secrets.
  const isWord = (piece: string): boolean => /^[a-z0-9=]*(?:sha256|whsec_|gzip|identity)/.test(piece);
  expect(pieces.filter((piece) => text.includes(piece) && !isWord(piece))).toEqual([]);
}

function valuesOf(headers: HeaderSource): readonly string[] {
  if (headers instanceof Headers) return [...headers.values()];
  return Object.values(headers as Readonly<Record<string, string>>).flat();
}
