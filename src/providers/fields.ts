import * as z from "zod";

/** A text that a provider may leave out, set to `null` or send as `""`. */
export type Text = string | null | undefined;

/** A number that a provider may leave out or set to `null`. */
export type Amount = number | null | undefined;

/** Failure text: a string in the documentation, an object in real deliveries. */
export type ErrorField = string | { code?: string | number | null | undefined; message?: Text } | null | undefined;

/** Schemas do not change, so one serves every field of its kind: it is built once, and validates faster than many alike. */
function once<Schema>(build: () => Schema): () => Schema {
  let built: Schema | undefined;
  return () => {
    built ??= build();
    return built;
  };
}

/** An id: the only thing that every payload must have. */
export const id: () => z.ZodString = once(() => z.string().min(1));

/** {@link Text} */
export const text: () => z.ZodOptional<z.ZodNullable<z.ZodString>> = once(() => z.string().nullish());

/** A {@link Text} that some senders write as a number, such as a code or a reference; it becomes a text, if no digit was lost. */
export const label: () => z.ZodType<Text> = once(() =>
  z.union([z.string(), z.number().transform((code) => (Number.isSafeInteger(code) ? String(code) : null))]).nullish(),
);

/** {@link Amount}; a number that arrives as text becomes one, and `""` becomes `null`. */
export const amount: () => z.ZodType<Amount> = once(() =>
  z
    .union([
      z.number(),
      z
        .string()
        .regex(/^(\d+(\.\d+)?)?$/)
        .transform((digits) => (digits === "" ? null : Number(digits))),
    ])
    .nullish(),
);

/** {@link ErrorField} */
export const errorField: () => z.ZodType<ErrorField> = once(() =>
  z.union([z.string(), z.looseObject({ code: z.union([z.string(), z.number()]).nullish(), message: text() })]).nullish(),
);

/** Whether a value is an object that fields can be read from. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
