import { momentOf } from "./moment-of.ts";
import { isPlainRecord, mergeSample, type SampleOverrides } from "./sample-overrides.ts";
import type { SampleFacts } from "./samples/sender.ts";
import { type SampleEvents, type SampleProvider, type SampleVariants, sampleOf, senderOf } from "./samples/senders.ts";

/** The event types of a provider. */
export type SampleType<Name extends SampleProvider> = keyof SampleEvents[Name] & string;

/** The event of a type. */
export type SampleEvent<Name extends SampleProvider, Type extends SampleType<Name>> = SampleEvents[Name][Type];

/** The names of the shapes of an event type. */
export type SampleVariant<Name extends SampleProvider, Type> =
  | "default"
  | (Type extends keyof SampleVariants[Name] ? SampleVariants[Name][Type] & string : never);

/** Options of {@link samplePayload}. */
export interface SamplePayloadOptions<Name extends SampleProvider, Type extends SampleType<Name>> {
  /**
   * Replaces fields, at any depth. Arrays are replaced whole, and a field that is `undefined` is left out.
   * @default none
   */
  readonly overrides?: SampleOverrides<SampleEvent<Name, Type>> | undefined;
  /**
   * Which of the shapes; {@link sampleTypes} lists them.
   * @default "default"
   */
  readonly variant?: SampleVariant<Name, Type> | undefined;
  /**
   * The id of the resource, wherever this event has it. Events of different ids are no duplicates of each other.
   * @default that of the sample
   */
  readonly id?: string | undefined;
  /**
   * The moment of which the sample tells, in milliseconds since 1970 or as a `Date`.
   * @default Date.now()
   */
  readonly now?: number | Date | undefined;
}

/**
 * Makes the payload of an event: values of its own, in the shape in which the provider sends it. Each call makes a new one, which may be
 * changed.
 *
 * @throws {@link ConfigurationError} for a type, a variant or a time that there is not
 *
 * @example
 * ```ts
 * import { samplePayload } from "video-webhooks/testing";
 *
 * const event = samplePayload("kling", "task.failed", { overrides: { message: "Too dark." } });
 * console.log(event);
 * ```
 */
export function samplePayload<const Name extends SampleProvider, const Type extends SampleType<Name>>(
  provider: Name,
  type: Type,
  options: SamplePayloadOptions<Name, Type> = {},
): SampleEvent<Name, Type> {
  const { variant = "default", overrides, id } = options;
  const made = sampleOf(provider, type, variant)(factsOf(momentOf(options.now), id));
  // The samples of a type have the payload of that type, and overrides change no field's type.
  return mergeSample(made, isPlainRecord(overrides) ? overrides : {}) as SampleEvent<Name, Type>;
}

/** A type that there are samples of. */
export interface SampleTypeInfo<Name extends SampleProvider = SampleProvider> {
  /** The event type. */
  readonly type: SampleType<Name>;
  /** The names of its shapes; the first is `"default"`. */
  readonly variants: readonly string[];
}

/**
 * Lists every event type of a provider, with the names of the shapes that there are samples of.
 *
 * @throws {@link ConfigurationError} for a provider that has none
 *
 * @example
 * ```ts
 * import { sampleTypes } from "video-webhooks/testing";
 *
 * for (const { type, variants } of sampleTypes("kling")) console.log(type, variants.join(", "));
 * ```
 */
export function sampleTypes<const Name extends SampleProvider>(provider: Name): readonly SampleTypeInfo<Name>[] {
  return Object.entries(senderOf(provider).payloads).map(([type, variants]) => ({
    type: type as SampleType<Name>,
    variants: Object.keys(variants),
  }));
}

function factsOf(now: number, id: string | undefined): SampleFacts {
  const isoMs = (secondsAgo = 0): string => new Date(now - secondsAgo * 1000).toISOString();
  return {
    id: (usual) => id ?? usual,
    isoMs,
    iso: (secondsAgo) => isoMs(secondsAgo).replace(/\.\d+Z$/, "Z"),
    ms: (secondsAgo = 0) => now - secondsAgo * 1000,
  };
}
