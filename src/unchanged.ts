/**
 * Whether a schema lets a value that was parsed from JSON through as it is. `false` says nothing: then the schema itself has to be asked.
 */
export type PassesUnchanged = (value: unknown) => boolean;

/** The part of a zod schema that says what it is made of, as zod documents it for libraries: https://zod.dev/library-authors */
interface Described {
  readonly _zod: {
    readonly def: Definition;
    /** What becomes of an absent value; `undefined` where the schema does nothing of its own with it. */
    readonly optin?: unknown;
  };
}

interface Definition {
  readonly type: string;
  readonly checks?: readonly { readonly _zod: { readonly def: { readonly check: string; readonly minimum?: unknown } } }[];
  readonly format?: unknown;
  readonly coerce?: unknown;
  readonly mode?: unknown;
  readonly innerType?: Described;
  readonly element?: Described;
  readonly options?: readonly Described[];
  readonly shape?: Readonly<Record<string, Described>>;
  readonly catchall?: Described;
  readonly keyType?: Described;
  readonly valueType?: Described;
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, unknown>>;
}

/** For whatever a schema may change, refuse for reasons of its own, or be unknown here. */
const never: PassesUnchanged = () => false;

/**
 * Makes the test of a schema. Most events pass it, and are spared the copy that a schema makes of every object: with zod that takes longer
 * than checking the signature. Whatever this does not know for certain is left to the schema.
 */
export function passesUnchanged(schema: unknown): PassesUnchanged {
  try {
    return testOf(schema as Described, new Set());
  } catch {
    // Not described as zod does it.
    return never;
  }
}

function testOf(schema: Described, around: ReadonlySet<Described>): PassesUnchanged {
  // A schema that contains itself would never end.
  if (around.has(schema)) return never;
  const inside = new Set(around).add(schema);
  const { def } = schema._zod;
  const inner = (part: Described | undefined): PassesUnchanged => (part === undefined ? never : testOf(part, inside));
  if (def.type === "string") return textTest(def);
  if (def.checks !== undefined && def.checks.length > 0) return never;
  switch (def.type) {
    case "number":
      return def.coerce || def.format ? never : Number.isFinite;
    case "boolean":
      return def.coerce ? never : (value) => typeof value === "boolean";
    case "null":
      return (value) => value === null;
    case "unknown":
    case "any":
      return (value) => value !== undefined;
    case "literal":
      return isOneOf(def.values);
    case "enum":
      return isOneOf(Object.values(def.entries ?? {}).filter((value) => typeof value === "string"));
    case "optional": {
      const test = inner(def.innerType);
      // A default stands in for what is absent.
      return def.innerType?._zod.optin === undefined ? (value) => value === undefined || test(value) : never;
    }
    case "nullable": {
      const test = inner(def.innerType);
      return (value) => value === null || test(value);
    }
    case "union":
      return unionTest(def.options ?? [], inner);
    case "array": {
      const test = inner(def.element);
      return (value) => Array.isArray(value) && value.every(test);
    }
    case "record":
      return recordTest(def, inner(def.valueType));
    case "object":
      return objectTest(def, inner);
    default:
      return never;
  }
}

function textTest({ checks = [], format, coerce }: Definition): PassesUnchanged {
  if (format !== undefined || coerce) return never;
  let least = 0;
  for (const check of checks) {
    const { check: name, minimum } = check._zod.def;
    if (name !== "min_length" || typeof minimum !== "number") return never;
    least = Math.max(least, minimum);
  }
  return (value) => typeof value === "string" && value.length >= least;
}

function isOneOf(values: readonly unknown[] = []): PassesUnchanged {
  const [only] = values;
  return values.length === 1 ? (value) => value === only : (value) => values.includes(value);
}

/** Of these it is known for certain what they refuse. */
const leaves: ReadonlySet<string> = new Set(["string", "number", "boolean", "null", "literal", "enum"]);

/** The first option that takes a value decides what becomes of it, so an option counts only behind those that are known to refuse it. */
function unionTest(options: readonly Described[], inner: (part: Described) => PassesUnchanged): PassesUnchanged {
  const tests: PassesUnchanged[] = [];
  for (const option of options) {
    const test = inner(option);
    if (test === never) break;
    tests.push(test);
    if (!leaves.has(option._zod.def.type)) break;
  }
  return (value) => tests.some((test) => test(value));
}

function recordTest({ mode, keyType }: Definition, test: PassesUnchanged): PassesUnchanged {
  const key = keyType?._zod.def;
  if (mode !== undefined || key?.type !== "string" || textTest(key) === never || (key.checks?.length ?? 0) > 0) return never;
  return (value) => isObject(value) && everyField(value, () => test);
}

function objectTest({ shape = {}, catchall }: Definition, inner: (part: Described) => PassesUnchanged): PassesUnchanged {
  // Without it fields that are not declared would be left out.
  if (catchall?._zod.def.type !== "unknown" || (catchall._zod.def.checks?.length ?? 0) > 0) return never;
  const tests = new Map(Object.keys(shape).map((name) => [name, inner(shape[name] as Described)]));
  const required = [...tests].filter(([, test]) => !test(undefined)).map(([name]) => name);
  const testOfField = (name: string): PassesUnchanged | undefined => tests.get(name);
  return (value) => isObject(value) && everyField(value, testOfField) && required.every((name) => Object.hasOwn(value, name));
}

function everyField(value: Readonly<Record<string, unknown>>, testOfField: (name: string) => PassesUnchanged | undefined): boolean {
  // eslint-disable-next-line guard-for-in -- what is inherited is held to the schema as well, and a list of names would take longer
  for (const name in value) {
    // A schema drops it, since it could become a prototype (pitfall P22).
    if (name === "__proto__") return false;
    const test = testOfField(name);
    if (test !== undefined && !test(value[name])) return false;
  }
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
