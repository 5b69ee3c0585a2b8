/**
 * What a receiver of somebody else threw, as an error. Frameworks take other values for something else: Express goes on to the next route
 * after `undefined`, Fastify sends a text with 200, and the error handlers of Hono are for errors only.
 */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("The receiver threw what is no Error.", { cause: thrown });
}
