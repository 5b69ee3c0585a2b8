import { eventPlays, namedPlays, OPTIONAL, REQUIRED } from "./provider-event-cases.ts";
import { BODY_TIME, forgeryPlays, SCHEME_TIME, timePlays, VECTORS } from "./provider-forgery-cases.ts";
import { createScene, type ProviderUnderTest } from "./provider-scene.ts";

export type { ProviderUnderTest, ProviderUnderTestSample, ProviderVector } from "./provider-scene.ts";

/** One thing that every provider has to do. */
export interface ProviderCase {
  /** A sentence, with the number of a pitfall where it proves that it is avoided. */
  readonly name: string;
  /** Why it cannot be run; absent when it can. */
  readonly skipped?: string;
  /** Rejects with what was expected and what was found. */
  run(): Promise<void>;
}

/**
 * What every provider has to do, as cases for any test runner. A provider made with `defineProvider` that passes them all verifies,
 * validates and tells events apart as the built-in ones do.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { providerCases, signHmacHex } from "video-webhooks/testing";
 * import { clipforge } from "./clipforge.js";
 *
 * const cases = providerCases({
 *   create: clipforge,
 *   secret: "a-long-secret",
 *   otherSecret: "another-long-secret",
 *   sign: (rawBody, secret) => signHmacHex(rawBody, secret, { header: "x-clipforge-signature" }),
 *   samples: [{ type: "clip.done", body: { kind: "clip.done", clip: "c_1" }, required: ["kind", "clip"] }],
 *   named: (type) => ({ kind: type, clip: "c_1" }),
 * });
 * for (const { name, skipped, run } of cases) test(name, { skip: skipped ?? false }, run);
 * ```
 */
export function providerCases(test: ProviderUnderTest): readonly ProviderCase[] {
  const reasons = skippedBecause(test);
  return Object.entries({ ...eventPlays, ...namedPlays, ...forgeryPlays, ...timePlays }).map(([name, play]) => {
    const skipped = reasons[name];
    return { name, run: async () => play(createScene(test)), ...(skipped !== undefined && { skipped }) };
  });
}

function skippedBecause(test: ProviderUnderTest): Readonly<Record<string, string>> {
  const reasons: Record<string, string> = {};
  if (test.vectors === undefined) reasons[VECTORS] = "no vectors are given";
  // eslint-disable-next-line own/no-open-key-writes -- the names are those of the cases
  if (test.named === undefined) for (const name of Object.keys(namedPlays)) reasons[name] = "named is not given";
  if (test.samples.every(({ required }) => required === undefined)) {
    for (const name of [OPTIONAL, REQUIRED] as const) reasons[name] = "no sample says what is required";
  }
  const { signedAt, signature } = test.create({ secret: test.secret });
  const signsTime = test.signsTime ?? signature.maxAgeSeconds !== undefined;
  if (!signsTime) reasons[SCHEME_TIME] = "the scheme signs no time of its own";
  if (signedAt === undefined) reasons[BODY_TIME] = "the provider reads no time from the body";
  // The time of such a scheme goes first.
  else if (signsTime) reasons[BODY_TIME] = "the scheme signs a time of its own";
  return reasons;
}
