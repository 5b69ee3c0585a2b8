/** Where a value is within another one. */
export type Path = readonly (string | number)[];

type Container = Record<string | number, unknown>;

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** The path of every field, at any depth; elements of arrays are entered, but are no fields. */
export function fieldsOf(value: unknown, path: Path = []): readonly Path[] {
  if (!isContainer(value)) return [];
  const isField = !Array.isArray(value);
  return Object.keys(value).flatMap((key) => {
    const inner = [...path, isField ? key : Number(key)];
    return [...(isField ? [inner] : []), ...fieldsOf(value[key], inner)];
  });
}

/** What is at a path; `undefined` where the path leads nowhere. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((container, key) => (isContainer(container) ? container[key] : undefined), value);
}

/** A copy with the field at a path replaced, or left out when the value is `undefined`. */
export function changed<Body extends object>(body: Body, path: Path, value: unknown): Body {
  const copy = structuredClone(body);
  const parent = valueAt(copy, path.slice(0, -1));
  const key = path.at(-1);
  if (!isContainer(parent) || key === undefined) return copy;
  /* eslint-disable own/no-open-key-writes -- the object is a copy, and what is in a path was found as a field of its own */
  if (value === undefined) delete parent[key];
  else parent[key] = value;
  /* eslint-enable own/no-open-key-writes */
  return copy;
}

/** A copy with more fields in every object; `__proto__` is a field like any other. */
export function withEverywhere(value: unknown, fields: object): unknown {
  if (Array.isArray(value)) return value.map((each) => withEverywhere(each, fields));
  if (!isContainer(value)) return value;
  const inner = Object.entries(value).map(([key, each]): [string, unknown] => [key, withEverywhere(each, fields)]);
  return Object.fromEntries([...inner, ...Object.entries(fields)]);
}

/** Every object within a value, except what `__proto__` members hold. */
export function objectsOf(value: unknown): readonly object[] {
  if (!isContainer(value)) return [];
  return [value, ...Object.keys(value).flatMap((key) => (key === "__proto__" ? [] : objectsOf(value[key])))];
}
