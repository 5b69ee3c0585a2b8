import { ConfigurationError } from "./errors.ts";

/**
 * Refuses options that do not exist: under a misspelt name a limit would silently not hold. TypeScript refuses them where they are written
 * down, but not those of JavaScript, nor those that come from elsewhere.
 *
 * @param where what takes the options, as people write it
 * @throws {@link ConfigurationError}
 */
export function checkOptionNames(where: string, options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    throw new ConfigurationError(`${where} has no option "${name}". Its options are ${known.join(", ")}.`);
  }
}
