/** The time until a deadline from now, in milliseconds, by a clock that nobody sets back. */
export function countdown(milliseconds: number): () => number {
  const endsAt = performance.now() + milliseconds;
  return () => endsAt - performance.now();
}

/** Turns of the microtask queue to wait before a timer is worth its cost: work without I/O ends within them. */
const TURNS = 8;

/**
 * Waits for a promise, but not for longer than there is time.
 *
 * @param left milliseconds until the deadline; only asked when the promise does not settle at once
 * @returns the value, or `undefined` when time is up first; rejects as the promise does
 */
export async function beforeDeadline<Value extends object | boolean>(
  promise: PromiseLike<Value>,
  left: () => number,
): Promise<Value | undefined> {
  let settled: { readonly value: Value } | { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  promise.then(
    (value) => {
      settled = { value };
      wake?.();
    },
    (error: unknown) => {
      settled = { error };
      wake?.();
    },
  );
  // eslint-disable-next-line @typescript-eslint/await-thenable -- a turn is all that is waited for
  for (let turn = 0; turn < TURNS && settled === undefined; turn++) await undefined;
  if (settled === undefined) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, left()));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return outcomeOf(settled);
}

/**
 * The value of a promise, if it comes in time.
 *
 * @param left milliseconds until it is too late
 * @throws what `timeout` makes, or what the promise rejects with
 */
export async function within<Value>(promise: PromiseLike<Value>, left: () => number, timeout: () => Error): Promise<Value> {
  const boxed = promise.then((value) => ({ value }));
  const settled = await beforeDeadline(boxed, left);
  if (settled === undefined) throw timeout();
  return settled.value;
}

function outcomeOf<Value>(settled: { readonly value: Value } | { readonly error: unknown } | undefined): Value | undefined {
  if (settled === undefined) return undefined;
  if ("error" in settled) throw settled.error;
  return settled.value;
}
