/** Any part of a value, at any depth; arrays are replaced whole, and `undefined` leaves a field out. */
export type SampleOverrides<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { readonly [Key in keyof Value]?: SampleOverrides<Value[Key]> | undefined }
    : Value;

type PlainRecord = Readonly<Record<string, unknown>>;

/** Whether a value has fields that can be overridden one by one. */
export function isPlainRecord(value: unknown): value is PlainRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy of a sample with fields replaced. It shares nothing with the overrides, and `__proto__` is a field like any other. */
export function mergeSample(sample: object, overrides: PlainRecord): object {
  return merge(sample, overrides) as object;
}

function merge(base: unknown, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => merge(undefined, each));
  if (!isPlainRecord(value)) return value;
  const merged = new Map(isPlainRecord(base) ? Object.entries(base) : []);
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) merged.delete(key);
    else merged.set(key, merge(merged.get(key), inner));
  }
  return Object.fromEntries(merged);
}
