#!/usr/bin/env node
import { systemReason } from "./failure.ts";
import { run } from "./run.ts";

// Node.js 22 tells of every use of SQLite that it is an experiment, in the midst of what was asked for.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

let broken: number | undefined;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A command that has to know of it says so itself.
  if (process.stdout.listenerCount("error") > 1) return;
  // Whoever reads has had enough, such as `head`.
  if (error.code === "EPIPE") process.exit();
  if (broken === undefined) process.stderr.write(`error: Cannot write to the standard output: ${systemReason(error)}.\n`);
  broken = 3;
  process.exitCode = broken;
});
// There is nowhere left to say so.
process.stderr.on("error", () => undefined);

const { stdin, stdout, stderr, env } = process;
const code = await run(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  env,
  onInterrupt(listener) {
    process.on("SIGINT", listener).on("SIGTERM", listener);
    return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
  },
});
process.exitCode = broken ?? code;
