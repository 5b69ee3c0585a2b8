import { describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import type { EventSchema } from "../src/provider.ts";
import { heygenEvents } from "../src/providers/heygen.ts";
import { klingEvents } from "../src/providers/kling.ts";
import { konproEvents } from "../src/providers/konpro.ts";
import { videopilotEvents } from "../src/providers/videopilot.ts";
import { type SampleProvider, samplePayload, sampleTypes } from "../src/testing/index.ts";
import { passesUnchanged } from "../src/unchanged.ts";

const events: Readonly<Record<SampleProvider, Readonly<Record<string, EventSchema>>>> = {
  heygen: heygenEvents,
  konpro: konproEvents,
  videopilot: videopilotEvents,
  kling: klingEvents,
};

const samples = (Object.keys(events) as SampleProvider[]).flatMap((provider) =>
  sampleTypes(provider).flatMap(({ type, variants }) =>
    variants.map((variant) => ({
      name: `${provider} ${type} ${variant}`,
      schema: events[provider][type] as EventSchema,
      body: samplePayload(provider as "heygen", type as "avatar_video.success", { variant: variant as "default" }) as unknown,
    })),
  ),
);

const values: readonly unknown[] = [null, "", "text", 0, 1.5, -1, true, [], [null], {}, { id: "x" }, JSON.parse('{"__proto__":{"a":1}}')];

/** The body with each of its values replaced by another one, and with each of its fields left out. */
function* changed(body: unknown): Generator<unknown> {
  if (typeof body !== "object" || body === null) return;
  for (const key of Object.keys(body)) {
    const part: unknown = Reflect.get(body, key);
    const withPart = (value: unknown): unknown => {
      if (Array.isArray(body)) return body.map((each, index) => (String(index) === key ? value : each));
      return { ...body, [key]: value };
    };
    for (const value of values) yield withPart(value);
    if (!Array.isArray(body)) yield Object.fromEntries(Object.entries(body).filter(([name]) => name !== key));
    for (const inner of changed(part)) yield withPart(inner);
  }
}

/** What passes unchanged must come out of the schema as it went in. */
function expectUnchanged(schema: EventSchema, value: unknown): void {
  const parsed = schema.safeParse(value);
  if (!parsed.success || JSON.stringify(sorted(parsed.data)) !== JSON.stringify(sorted(value))) {
    expect.unreachable(`the schema changes or refuses ${JSON.stringify(value)}`);
  }
}

/** The same with keys in one order, since schemas write declared fields first. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, each]) => [name, sorted(each)]);
}

describe("what passes a schema of a provider unchanged", () => {
  it.each(samples)("comes out of it as it went in: $name, and whatever differs from it in one place", ({ schema, body }) => {
    const passes = passesUnchanged(schema);
    for (const each of [body, { ...(body as object), further: [{ deep: null }] }, ...changed(body)]) {
      if (passes(each)) expectUnchanged(schema, each);
    }
  });

  it("is every event but those that a schema may write anew", () => {
    const others = samples.filter(({ schema, body }) => !passesUnchanged(schema)(body)).map(({ name }) => name);
    // Names of fields differ between deliveries of theirs, and the schema settles them.
    expect(others).toMatchInlineSnapshot(`
      [
        "heygen video_translate.success default",
        "heygen video_translate.success callback",
        "heygen video_translate.fail default",
        "heygen video_translate.fail error_object",
        "konpro video_translate.success default",
        "konpro video_translate.fail default",
        "kling task.submitted default",
        "kling task.submitted legacy",
        "kling task.submitted console",
        "kling task.processing default",
        "kling task.processing legacy",
        "kling task.succeeded default",
        "kling task.succeeded legacy",
        "kling task.succeeded images",
        "kling task.succeeded legacy_images",
        "kling task.succeeded audio",
        "kling task.succeeded voice",
        "kling task.succeeded element",
        "kling task.succeeded legacy_balance",
        "kling task.succeeded legacy_extended",
        "kling task.succeeded legacy_audios",
        "kling task.failed default",
        "kling task.failed legacy",
      ]
    `);
  });
});

describe("a schema of somebody else", () => {
  const tree: z.ZodType = z.looseObject({
    get inner() {
      return tree.optional();
    },
  });

  it.each<[string, unknown, unknown]>([
    ["loose objects, with what they do not declare", z.looseObject({ a: z.string() }), { a: "", b: 1 }],
    ["texts of a least length", z.looseObject({ a: z.string().min(2) }), { a: "ab" }],
    [
      "optional and nullable fields",
      z.looseObject({ a: z.string().nullish(), b: z.number().nullable(), c: z.boolean().optional() }),
      { b: null },
    ],
    ["lists", z.looseObject({ a: z.array(z.number()) }), { a: [1, 2] }],
    ["records", z.looseObject({ a: z.record(z.string(), z.unknown()) }), { a: { b: null } }],
    ["literals and enums", z.looseObject({ a: z.literal("x"), b: z.literal([1, 2]), c: z.enum(["y", "z"]) }), { a: "x", b: 2, c: "z" }],
    ["unions", z.looseObject({ a: z.union([z.string(), z.number()]) }), { a: 1 }],
    ["schemas of zod/mini", mini.looseObject({ a: mini.optional(mini.string()) }), { a: "b" }],
  ])("lets through %s", (_what, schema, value) => {
    expect(passesUnchanged(schema)(value)).toBe(true);
    expectUnchanged(schema as EventSchema, value);
  });

  it.each<[string, unknown, unknown]>([
    ["objects that leave out what they do not declare", z.object({ a: z.string() }), { a: "b", c: 1 }],
    ["objects that refuse it", z.strictObject({ a: z.string() }), { a: "b", c: 1 }],
    ["objects with another rule for it", z.object({}).catchall(z.number()), { c: "d" }],
    ["a field of the name __proto__", z.looseObject({}), JSON.parse('{"__proto__":{}}')],
    ["a list for an object", z.looseObject({}), []],
    ["a text that is too short", z.looseObject({ a: z.string().min(1) }), { a: "" }],
    ["a text with another check", z.looseObject({ a: z.string().max(1) }), { a: "ab" }],
    ["a text that is trimmed", z.looseObject({ a: z.string().trim() }), { a: " a" }],
    ["a text of a format", z.looseObject({ a: z.email() }), { a: "no" }],
    ["a whole number", z.looseObject({ a: z.int() }), { a: 1.5 }],
    ["a number with a check", z.looseObject({ a: z.number().positive() }), { a: -1 }],
    ["a value that is coerced", z.looseObject({ a: z.coerce.string() }), { a: 1 }],
    ["a refinement of a field", z.looseObject({ a: z.string().refine(() => false) }), { a: "b" }],
    ["a refinement of the object", z.looseObject({}).refine(() => false), {}],
    ["a transformation", z.looseObject({ a: z.string().transform(() => 1) }), { a: "b" }],
    ["a preprocessor", z.preprocess(() => ({}), z.looseObject({})), { a: "b" }],
    ["a default", z.looseObject({ a: z.string().default("b") }), {}],
    ["a default of an optional field", z.looseObject({ a: z.string().default("b").optional() }), {}],
    ["a default of a nullish field", z.looseObject({ a: z.string().default("b").nullish() }), {}],
    ["a default among options", z.looseObject({ a: z.union([z.string(), z.number().default(1)]).optional() }), {}],
    ["a check of what is not declared", z.looseObject({}).catchall(z.unknown().refine(() => false)), { c: "d" }],
    ["a fallback", z.looseObject({ a: z.string().catch("b") }), { a: 1 }],
    ["a frozen result", z.looseObject({}).readonly(), {}],
    ["a missing field", z.looseObject({ a: z.unknown() }), {}],
    ["a list with a check", z.looseObject({ a: z.array(z.string()).max(1) }), { a: ["b", "c"] }],
    ["a record with checked keys", z.looseObject({ a: z.record(z.string().max(1), z.unknown()) }), { a: { bc: 1 } }],
    ["a union whose first option changes", z.union([z.looseObject({ a: z.number().transform(String) }), z.looseObject({})]), { a: 1 }],
    ["a schema that contains itself", tree, { inner: { inner: 7 } }],
    ["what is no schema of zod", { safeParse: () => ({ success: true, data: 1 }) }, {}],
    ["nothing", undefined, {}],
  ])("is left to decide on %s", (_what, schema, value) => {
    expect(passesUnchanged(schema)(value)).toBe(false);
  });
});
