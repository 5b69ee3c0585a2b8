import type { Message } from "./processes.ts";

/** The settings that a process was started with. */
export function settingsOf<Settings>(): Settings {
  return JSON.parse(process.argv[2] ?? "{}") as Settings;
}

/** Tells the parent something. */
export function say<Said extends Message>(message: Said): void {
  process.send?.(message);
}

/** Does what the parent says. Ends with the parent, so that a test that was broken off leaves nothing behind. */
export function obey(actions: Readonly<Record<string, () => unknown>>): void {
  process.on("message", ({ says }: Message) => actions[says]?.());
  process.on("disconnect", () => process.exit());
}

/** Milliseconds since 1970 by a clock that nobody sets back, and that all processes of a machine share but for the time of their start. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
