import { usageFailure } from "./failure.ts";
import { printable } from "./printable.ts";

/** A field of a payload, and its new value as it was given. */
export interface Change {
  readonly path: readonly string[];
  readonly text: string;
}

/** Reads the options `--set path=value`. */
export function parseChanges(options: readonly string[] = []): readonly Change[] {
  return options.map((option) => {
    const at = option.indexOf("=");
    const path = option.slice(0, Math.max(0, at)).split(".");
    if (at < 1 || path.includes(""))
      throw usageFailure(`--set takes a path and a value, such as event_data.video_id=v_1, but not "${printable(option, 60)}".`);
    if (path.includes("__proto__")) throw usageFailure("--set cannot change __proto__.");
    return { path, text: option.slice(at + 1) };
  });
}

/** Puts the number of a delivery where a text says `{n}`. */
export const numbered = (text: string, number: number): string => text.replaceAll("{n}", String(number));

/** Applies changes to a payload, which is changed. */
export function applyChanges(payload: object, changes: readonly Change[], number: number): void {
  for (const { path, text } of changes) set(payload, path, toValue(numbered(text, number)));
}

function toValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Most texts are not JSON, and are meant as they are.
    return text;
  }
}

function set(target: object, path: readonly string[], value: unknown): void {
  const last = path.length - 1;
  let place = target as Record<string, unknown>;
  for (const [depth, name] of path.entries()) {
    if (Array.isArray(place) && !/^[0-9]{1,4}$/.test(name)) {
      throw usageFailure(`--set ${path.join(".")}: ${path.slice(0, depth).join(".")} is a list, so a number has to follow.`);
    }
    /* eslint-disable own/no-open-key-writes -- parseChanges refuses __proto__, and only own fields are entered */
    if (depth === last) place[name] = value;
    else if (!Object.hasOwn(place, name) || place[name] === null) place[name] = {};
    else if (typeof place[name] !== "object") {
      throw usageFailure(`--set ${path.join(".")}: ${path.slice(0, depth + 1).join(".")} has no fields.`);
    }
    /* eslint-enable own/no-open-key-writes */
    if (depth < last) place = place[name] as Record<string, unknown>;
  }
}
