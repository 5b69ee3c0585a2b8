/** Every object within a value, the value included, at any depth: by a list, since a payload may be nested deeper than the stack. */
export function objectsOf(value: unknown): readonly object[] {
  const found: object[] = [];
  const add = (each: unknown): void => void (typeof each === "object" && each !== null && found.push(each));
  add(value);
  for (const each of found) for (const key of Object.keys(each)) add(Object.getOwnPropertyDescriptor(each, key)?.value);
  return found;
}

/** A global class and its prototype, with their names. */
function builtIn(name: string): readonly (readonly [string, object])[] {
  // A getter must not be run, since it may load what nobody uses.
  const value: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
  if (typeof value !== "function") return [];
  const { prototype } = value as { readonly prototype?: unknown };
  return [[name, value], ...(typeof prototype === "object" && prototype !== null ? [[`${name}.prototype`, prototype] as const] : [])];
}

const intrinsics: readonly (readonly [string, object])[] = [
  ["globalThis", globalThis],
  ...Object.getOwnPropertyNames(globalThis).flatMap(builtIn),
];

function membersOf(each: object): readonly unknown[] {
  const members: unknown[] = [Object.getPrototypeOf(each)];
  for (const key of Reflect.ownKeys(each)) {
    const descriptor = Object.getOwnPropertyDescriptor(each, key);
    members.push(key, descriptor?.value, descriptor?.get, descriptor?.set);
  }
  return members;
}

/** Remembers every global class with its prototype. */
export function rememberPrototypes(): { /** The names of those that are not as they were. */ changes(): readonly string[] } {
  const before = intrinsics.map(([, each]) => membersOf(each));
  return {
    changes() {
      const changed = (each: object, then: readonly unknown[]): boolean => {
        const now = membersOf(each);
        return then.length !== now.length || then.some((member, at) => !Object.is(member, now[at]));
      };
      return intrinsics.filter(([, each], index) => changed(each, before[index] ?? [])).map(([name]) => name);
    },
  };
}
