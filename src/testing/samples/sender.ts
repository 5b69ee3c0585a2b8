import type { JsonObject } from "../../provider.ts";
import type { Signing } from "../signing.ts";

/** What a sample is made from, so that each one has times of its own and, where asked for, its own id. */
export interface SampleFacts {
  /** The id that was asked for, or the usual one. */
  id(usual: string): string;
  /** ISO 8601 without fractions, so many seconds ago. */
  iso(secondsAgo?: number): string;
  /** ISO 8601 with milliseconds, so many seconds ago. */
  isoMs(secondsAgo?: number): string;
  /** Milliseconds since 1970, so many seconds ago. */
  ms(secondsAgo?: number): number;
}

/** Makes data of its own at each call. */
export type Make<Value> = (facts: SampleFacts) => Value;

/** The names of the variants of a type: `"default"`, and those that the provider's samples name. */
export type VariantOf<Variants, Type> = "default" | (Type extends keyof Variants ? Variants[Type] : never);

/** One sample per event type and variant: an event without one is a compile error. */
export type SamplesOf<Payloads, Variants> = {
  readonly [Type in keyof Payloads]: { readonly [Variant in VariantOf<Variants, Type> & string]: Make<Payloads[Type]> };
};

/** A provider as a sender of samples: data and a few small functions, as it is as a receiver. */
export interface Sender {
  /** What makes the payload of an event, by type and variant; the first variant is `"default"`. */
  readonly payloads: Readonly<Record<string, Readonly<Record<string, Make<object>>>>>;
  /** Puts a payload into its envelope. */
  toEvent(payload: object, about: { readonly type: string; readonly variant: string; readonly facts: SampleFacts }): object;
  /** How it signs with this secret, in this header or by this scheme where the endpoint has chosen one. */
  signing(secret: string, options: { readonly header?: string | undefined; readonly scheme?: string | undefined }): Signing;
  /** The event under a type that the library does not know. */
  withUnknownType(event: JsonObject): JsonObject;
  /** The event without what its schema requires. */
  withInvalidPayload(event: JsonObject): JsonObject;
  /** The event with its time moved; absent where the body has none that an age could be read from. */
  moved?(event: JsonObject, byMs: number): JsonObject;
  /** How long it waits for an answer. */
  readonly ackDeadlineMs: number;
  /** How long it waits for the answer to an OPTIONS probe; absent where it sends none. */
  readonly validationMs?: number;
  /** The waits between its attempts, in minutes. */
  readonly retryAfterMinutes: readonly number[];
}

/** A type that no version of any provider is likely to have. */
export const UNKNOWN_TYPE = "sample.not_known";
