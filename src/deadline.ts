/** Turns of the microtask queue to wait before a timer is worth its cost: work without I/O ends within them. */
const TURNS = 8;

/**
 * Waits for a promise, but not for longer than there is time.
 *
 * @param promise does not reject
 * @param left milliseconds until the deadline; only asked when the promise does not settle at once
 * @returns the value, or `undefined` when time is up first
 */
export async function beforeDeadline<Value extends object>(promise: Promise<Value>, left: () => number): Promise<Value | undefined> {
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
