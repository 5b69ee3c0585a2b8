import type { Provider, ProviderOptions } from "../provider.ts";
import type { KlingOptions } from "../providers/kling.ts";

/** The providers that the commands know. */
export const providerNames = ["konpro", "heygen", "videopilot", "kling"] as const;

/** One of {@link providerNames}. */
export type ProviderName = (typeof providerNames)[number];

/** A provider of which the event types are not known to the compiler. */
export type AnyProvider = Provider<string, object>;

/** Makes a provider. Its module is loaded when it is needed, since schemas take most of the time in which a command starts. */
export async function bindProvider(
  name: ProviderName,
  options: ProviderOptions & { readonly scheme?: KlingOptions["scheme"] },
): Promise<AnyProvider> {
  switch (name) {
    case "konpro":
      return erase((await import("../providers/konpro.ts")).konpro(options));
    case "heygen":
      return erase((await import("../providers/heygen.ts")).heygen(options));
    case "videopilot":
      return erase((await import("../providers/videopilot.ts")).videopilot(options));
    case "kling":
      return erase((await import("../providers/kling.ts")).kling(options));
  }
}

const erase = <Name extends string, Events extends object>(provider: Provider<Name, Events>): AnyProvider =>
  provider as unknown as AnyProvider;
