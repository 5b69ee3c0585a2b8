import { ConfigurationError } from "./errors.ts";
import type { Provider } from "./provider.ts";

/** `"avatar_video.*"` for `"avatar_video.success"`, and so on for every dot in a type. */
export type FamilyOf<Type> = Type extends `${infer Head}.${infer Rest}`
  ? `${Head}.*` | (FamilyOf<Rest> extends infer Family extends string ? `${Head}.${Family}` : never)
  : never;

/** What `on` and `off` accept for a provider: its event types and their families. */
export type EventPattern<Events extends object> = (keyof Events & string) | FamilyOf<keyof Events & string>;

/** The event types that a pattern covers. */
export type TypesOf<Events extends object, Pattern> = Pattern extends `${infer Family}.*`
  ? Extract<keyof Events, `${Family}.${string}`>
  : Extract<keyof Events, Pattern>;

/** The events that a pattern covers. */
export type EventFor<Events extends object, Pattern> = Events[TypesOf<Events, Pattern>];

/** The sentence that the compiler prints for a misspelt event type. */
export type KnownPattern<Name extends string, Events extends object, Pattern> = [Pattern] extends [EventPattern<Events>]
  ? unknown
  : {
      readonly error: `${Name} has no event type "${Exclude<Pattern, EventPattern<Events>> & string}". Check the spelling, or use onUnknown() for types that this version does not know.`;
    };

/** The declared types that patterns stand for, each once. */
export function expandPatterns(provider: Provider<string, object>, patterns: unknown): ReadonlySet<string> {
  const declared = Object.keys(provider.events);
  const types = new Set<string>();
  if (Array.isArray(patterns) && patterns.length === 0)
    throw new ConfigurationError("The list of event types is empty, so the handler would never run.");
  for (const pattern of Array.isArray(patterns) ? patterns : [patterns]) {
    const covered = declared.filter((type) => type === pattern || (isFamily(pattern) && type.startsWith(pattern.slice(0, -1))));
    if (covered.length === 0) throw unknownType(provider.name, String(pattern), declared);
    for (const type of covered) types.add(type);
  }
  return types;
}

function isFamily(pattern: unknown): pattern is string {
  return typeof pattern === "string" && pattern.endsWith(".*");
}

/** `"avatar_video.*"` for `"avatar_video.success"`, and so on for every dot. */
function familiesOf(type: string): readonly string[] {
  const parts = type.split(".");
  return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join(".")}.*`);
}

/** Says that a type is not declared, and which one may be meant. */
export function unknownType(provider: string, pattern: string, declared: readonly string[]): ConfigurationError {
  const shared = (type: string): number => {
    let length = 0;
    while (length < pattern.length && pattern[length] === type[length]) length++;
    return length;
  };
  const known = isFamily(pattern) ? declared.flatMap(familiesOf) : declared;
  const nearest = known.reduce((best, type) => (shared(type) > shared(best) ? type : best), "");
  const guess = shared(nearest) > 2 ? ` Did you mean "${nearest}"?` : "";
  return new ConfigurationError(
    `${provider} has no event type "${pattern}".${guess} Use onUnknown() for types that this version does not know.`,
    { provider },
  );
}
