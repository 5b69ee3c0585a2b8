import type { RegistryName } from "./commands/endpoints.ts";
import { usageFailure } from "./failure.ts";
import { printable } from "./printable.ts";
import { didYouMean } from "./suggest.ts";

/** What `--events` says, as the clients take it: all of them, or names that were checked here or shall not be checked. */
export interface ChosenEvents {
  readonly events?: null;
  readonly otherEvents?: readonly string[];
}

/** The event types that can be asked for. Their module is loaded when it is needed. */
async function knownEvents(provider: RegistryName): Promise<readonly string[]> {
  switch (provider) {
    case "heygen":
      return Object.keys((await import("../providers/heygen.ts")).heygenEvents);
    case "konpro": {
      const { konproSampleEvents } = await import("../endpoints/konpro-client.ts");
      return [...Object.keys((await import("../providers/konpro.ts")).konproEvents), ...konproSampleEvents];
    }
    case "kling":
      // The others are made from callbacks: nothing can be registered for them.
      return Object.keys((await import("../providers/kling.ts")).klingEvents).filter((type) => type.startsWith("video."));
  }
}

/** Refuses a name that is probably misspelt: an API may take it without a word, and then deliver nothing. */
export async function checkEvent(provider: RegistryName, type: string, anyEvent: boolean | undefined): Promise<string> {
  if (anyEvent) return type;
  const known = await knownEvents(provider);
  if (known.includes(type)) return type;
  throw usageFailure(
    `This version knows no event "${printable(type, 60)}" of ${provider}.${didYouMean(type, known)} Say --any-event if it is right nevertheless.`,
  );
}

/** Reads `--events`. */
export async function toEvents(
  provider: RegistryName,
  given: readonly string[] | undefined,
  anyEvent: boolean | undefined,
): Promise<ChosenEvents> {
  if (given === undefined) return {};
  if (given.includes("all")) {
    if (provider === "kling") throw usageFailure("The call of Kling knows no word for all events. Name them with --events.");
    if (given.length > 1) throw usageFailure('--events takes "all" alone, or the names of events.');
    return { events: null };
  }
  for (const type of given) await checkEvent(provider, type, anyEvent);
  return { otherEvents: given };
}
