/** Whether a value is a promise of any kind: `instanceof` fails where an application replaces the global `Promise`. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    // A proxy may throw whatever is asked of it (pitfall P48); then it is no promise.
    return false;
  }
}

/**
 * Calls back once when a promise has settled, with what it rejected with first. Nothing that a strange promise does (throw, settle
 * twice, fulfil with another promise) gets any further.
 */
export function follow(promise: PromiseLike<unknown>, fail: (error: unknown) => void, done: () => void): void {
  let over = false;
  const fulfilled = (value: unknown): void => {
    if (over) return;
    over = true;
    if (isPromiseLike(value)) follow(value, fail, done);
    else done();
  };
  const rejected = (error: unknown): void => {
    if (over) return;
    over = true;
    fail(error);
    done();
  };
  try {
    promise.then(fulfilled, rejected);
  } catch (error) {
    rejected(error);
  }
}

const ignore = (): void => undefined;

/**
 * Asks a platform to wait for a promise; see `Delivery.waitUntil`. A platform that refuses, for example outside of a request, leaves the
 * handlers as they are without it.
 */
export function keepAlive(
  waitUntil: ((promise: Promise<unknown>) => unknown) | undefined,
  promise: Promise<unknown>,
  fail: (error: unknown) => void,
): void {
  if (waitUntil === undefined) return;
  try {
    // How it ends is reported elsewhere, and a platform may log a rejection.
    const returned = waitUntil(promise.catch(ignore));
    if (isPromiseLike(returned)) follow(returned, fail, ignore);
  } catch (error) {
    fail(error);
  }
}
