import { samplePayload, sampleTypes } from "../testing/sample-payload.ts";
import { applyChanges, type Change, numbered } from "./changes.ts";
import { usageFailure } from "./failure.ts";
import { printable } from "./printable.ts";
import type { ProviderName } from "./providers.ts";
import { looksSecret } from "./secrets.ts";
import { didYouMean } from "./suggest.ts";

/** Which sample. */
export interface SampleChoice {
  readonly provider: ProviderName;
  readonly type: string;
  readonly variant: string;
  readonly id?: string | undefined;
  readonly changes: readonly Change[];
  /** Of what moment it tells, in milliseconds since 1970. */
  readonly now: number;
}

/** Sees that there is a sample of a type, and in which variant. */
export function checkSample(provider: ProviderName, type: string | undefined, variant = "default"): { type: string; variant: string } {
  const types = sampleTypes(provider);
  if (type === undefined) throw usageFailure(`Which event? "video-webhooks samples ${provider}" lists them.`);
  const found = types.find((each) => each.type === type);
  if (found === undefined) {
    const near = didYouMean(
      type,
      types.map((each) => each.type),
    );
    throw usageFailure(
      `${provider} has no event ${looksSecret(type) ? "of that name" : `"${printable(type, 60)}"`}.${near} "video-webhooks samples ${provider}" lists them.`,
    );
  }
  if (found.variants.includes(variant)) return { type, variant };
  throw usageFailure(`${type} has no variant "${printable(variant, 60)}". There is: ${found.variants.join(", ")}.`);
}

/** Makes the payload of a sample, with what the user has changed; `number` is that of the delivery. */
export function makePayload({ provider, type, variant, id, changes, now }: SampleChoice, number: number): object {
  // Types and variants are checked before; the compiler knows them by provider only.
  const payload = samplePayload(provider as "heygen", type as "avatar_video.success", {
    variant: variant as "default",
    id: id === undefined ? undefined : numbered(id, number),
    now,
  });
  applyChanges(payload, changes, number);
  return payload;
}
