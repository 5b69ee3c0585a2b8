/**
 * The time until a deadline, in milliseconds. It runs from when it is first asked, so that work which never waits does not read the
 * clock, and by a clock that nobody sets back.
 */
export function countdown(milliseconds: number): () => number {
  let endsAt: number | undefined;
  return function left() {
    const now = performance.now();
    endsAt ??= now + milliseconds;
    return endsAt - now;
  };
}

/** Turns of the microtask queue to wait before a timer is worth its cost: work without I/O ends within them. */
const TURNS = 8;

/**
 * Waits for a promise, but not for longer than there is time.
 *
 * @param promise does not reject
 * @param left milliseconds until the deadline; only asked when the promise does not settle at once
 * @returns the value, or `undefined` when time is up first
 */
export async function beforeDeadline<Value extends object>(promise: PromiseLike<Value>, left: () => number): Promise<Value | undefined> {
  let settled: Value | undefined;
  promise.then((value) => {
    settled = value;
  });
  for (let turn = 0; turn < TURNS; turn++) {
    await undefined;
    if (settled !== undefined) return settled;
  }
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, left()), undefined);
    promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
