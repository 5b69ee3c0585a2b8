import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { beforeDeadline } from "../src/deadline.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("sets no timer for what settles within the same turn of the event loop", async () => {
  const set = vi.spyOn(globalThis, "setTimeout");
  const work = async () => {
    await undefined;
    return { done: true };
  };
  expect(await beforeDeadline(work(), () => 10)).toEqual({ done: true });
  expect(set).not.toHaveBeenCalled();
});

it("gives the value of what settles in time, and leaves no timer behind", async () => {
  const work = new Promise<object>((resolve) => setTimeout(resolve, 5, { done: true }));
  const waiting = beforeDeadline(work, () => 10);
  await vi.advanceTimersByTimeAsync(5);
  expect(await waiting).toEqual({ done: true });
  expect(vi.getTimerCount()).toBe(0);
});

it("gives nothing when time is up, also when it was up before", async () => {
  const never = new Promise<object>(() => undefined);
  const waiting = beforeDeadline(never, () => 10);
  await vi.advanceTimersByTimeAsync(10);
  expect(await waiting).toBeUndefined();
  const late = beforeDeadline(never, () => -5);
  await vi.advanceTimersByTimeAsync(1);
  expect(await late).toBeUndefined();
});
