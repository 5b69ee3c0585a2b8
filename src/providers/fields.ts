import * as z from "zod";

/** A text that a provider may leave out, set to `null` or send as `""`. */
export type Text = string | null | undefined;

/** A number that a provider may leave out or set to `null`. */
export type Amount = number | null | undefined;

/** Failure text: a string in the documentation, an object in real deliveries. */
export type ErrorField = string | { code?: string | number | null | undefined; message?: Text } | null | undefined;

/** An id: the only thing that every payload must have. */
export const id = (): z.ZodString => z.string().min(1);

/** {@link Text} */
export const text = (): z.ZodOptional<z.ZodNullable<z.ZodString>> => z.string().nullish();

/** {@link Amount}; a number that arrives as text becomes one. */
export const amount = (): z.ZodType<Amount> =>
  z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d+(\.\d+)?$/)
        .transform(Number),
    ])
    .nullish();

/** {@link ErrorField} */
export const errorField = (): z.ZodType<ErrorField> =>
  z.union([z.string(), z.looseObject({ code: z.union([z.string(), z.number()]).nullish(), message: text() })]).nullish();

/** Whether a value is an object that fields can be read from. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
