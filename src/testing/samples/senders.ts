import { ConfigurationError } from "../../errors.ts";
import type { HeyGenEventMap } from "../../providers/heygen.ts";
import type { KlingEventMap } from "../../providers/kling.ts";
import type { KonProEventMap } from "../../providers/konpro.ts";
import type { VideoPilotEventMap } from "../../providers/videopilot.ts";
import { type HeyGenVariants, heygenSender } from "./heygen.ts";
import { type KlingVariants, klingSender } from "./kling.ts";
import { type KonProVariants, konproSender } from "./konpro.ts";
import type { Make, Sender } from "./sender.ts";
import { type VideoPilotVariants, videopilotSender } from "./videopilot.ts";

export type { HeyGenVariants, KlingVariants, KonProVariants, VideoPilotVariants };

/** The events of each provider that has samples. */
export interface SampleEvents {
  konpro: KonProEventMap;
  heygen: HeyGenEventMap;
  videopilot: VideoPilotEventMap;
  kling: KlingEventMap;
}

/** The shapes of each provider's events beside `"default"`. */
export interface SampleVariants {
  konpro: KonProVariants;
  heygen: HeyGenVariants;
  videopilot: VideoPilotVariants;
  kling: KlingVariants;
}

/** A provider that has samples. */
export type SampleProvider = keyof SampleEvents;

const senders: { readonly [Name in SampleProvider]: Sender } = {
  konpro: konproSender,
  heygen: heygenSender,
  videopilot: videopilotSender,
  kling: klingSender,
};

/** The providers that have samples. */
export const sampleProviders: readonly SampleProvider[] = ["konpro", "heygen", "videopilot", "kling"];

/**
 * A provider as a sender.
 *
 * @throws {@link ConfigurationError} for a name that is none of them
 */
export function senderOf(provider: string): Sender {
  if (Object.hasOwn(senders, provider)) return senders[provider as SampleProvider];
  throw new ConfigurationError(`There are no samples of "${provider}". The providers are ${sampleProviders.join(", ")}.`);
}

/**
 * What makes the body of an event.
 *
 * @throws {@link ConfigurationError} for a type or a variant that there is not
 */
export function sampleOf(provider: string, type: string, variant: string): Make<object> {
  const { payloads, toEvent } = senderOf(provider);
  const variants = Object.hasOwn(payloads, type) ? payloads[type] : undefined;
  if (variants === undefined) {
    throw new ConfigurationError(`${provider} has no event type "${type}". sampleTypes("${provider}") lists them.`, { provider });
  }
  const make = Object.hasOwn(variants, variant) ? variants[variant] : undefined;
  if (make !== undefined) return (facts) => toEvent(make(facts), { type, variant, facts });
  const names = Object.keys(variants).join('", "');
  throw new ConfigurationError(`The samples of ${type} are "${names}"; there is none called "${variant}".`, { provider });
}
