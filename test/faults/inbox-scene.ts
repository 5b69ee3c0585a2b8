import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished } from "vitest";
import type { RetryPolicy } from "../../src/inbox/retry-policy.ts";
import { type HandlerRun, type Life, live } from "./inbox-life.ts";

/** What handlers do in a life. */
export type Handler = (run: HandlerRun) => unknown;

/** Lives that follow one another, with a clock that only the test moves. */
export interface Scene {
  time: number;
  /** The folder of its files. */
  readonly folder: string;
  /** A life on what the last one left, or on a given file. */
  begin(handler?: Handler, file?: string): Promise<Life>;
  /** A life on the file of another one that goes on. */
  beside(life: Life, handler?: Handler): Promise<Life>;
}

/** Sets a scene, which ends with the test. */
export function newScene(policy: RetryPolicy = {}): Scene {
  const folder = mkdtempSync(path.join(tmpdir(), "inbox-matrix-"));
  const lives = new Map<Life, string>();
  const opened: Life[] = [];
  onTestFinished(async () => {
    for (const life of opened) await life.end();
    rmSync(folder, { recursive: true });
  });
  async function open(file: string, handler?: Handler): Promise<Life> {
    const grave = path.join(folder, `${opened.length + 1}.db`);
    const life = await live({ path: file, grave, clock: () => scene.time, ...policy, ...(handler && { handler }) });
    opened.push(life);
    lives.set(life, file);
    return life;
  }
  const scene: Scene = {
    time: 1_800_000_000_000,
    folder,
    begin: (handler, file = path.join(folder, `${opened.length}.db`)) => open(file, handler),
    beside: (life, handler) => open(lives.get(life) as string, handler),
  };
  return scene;
}

/** Ends a life from outside, as SIGKILL does. */
export function kill(life: Life): void {
  try {
    life.die();
  } catch {
    // It says so to whoever it takes along, and here is nobody.
  }
}

/** Dies instead of a statement. */
export function dieBefore(life: Life, statement: RegExp): void {
  life.fault = (sql) => (statement.test(sql) ? life.die() : undefined);
}

/** Dies when a statement has run. */
export function dieAfter(life: Life, statement: RegExp): void {
  life.fault = (sql) => (statement.test(sql) ? () => life.die() : undefined);
}

/** Dies when the transaction with a statement is committed. */
export function dieAtCommit(life: Life, when: "before" | "after", statement: RegExp): void {
  let reached = false;
  life.fault = (sql) => {
    reached ||= statement.test(sql);
    if (sql !== "COMMIT" || !reached) return undefined;
    return when === "before" ? life.die() : () => life.die();
  };
}

/** The state and the attempts of every event. */
export async function entriesOf({ inbox }: Pick<Life, "inbox">): Promise<readonly string[]> {
  return (await inbox.list()).entries.map(({ state, attempts }) => `${state} ${attempts}`);
}

/** How the attempts of the first event ended, and what was done to it by hand. */
export async function historyOf({ inbox }: Pick<Life, "inbox">): Promise<readonly string[]> {
  const [first] = (await inbox.list()).entries;
  return (await inbox.get(first?.entry ?? ""))?.history.map(({ result }) => result) ?? [];
}

/** How long something may take on a machine that does something else as well. */
export const patience = { timeout: 10_000, interval: 5 };

/** Waits until the events stand like this. */
export async function reaches(life: Pick<Life, "inbox">, ...entries: readonly string[]): Promise<void> {
  await expect.poll(() => entriesOf(life), patience).toEqual(entries);
}

/** What a handler waits for until the test lets it go on. */
export function newGate(): { readonly over: Promise<void>; readonly end: () => void } {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { over, end };
}
