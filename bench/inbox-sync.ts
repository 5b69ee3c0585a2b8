import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { plain } from "./format.ts";
import { printNote } from "./markdown.ts";
import { quantile } from "./statistics.ts";

/** Says how long the disk takes to keep a page, which decides what anything that waits for it can do. */
export function printSync(folder: string): void {
  const file = openSync(join(folder, "sync"), "w");
  const page = Buffer.alloc(4096);
  const times = Array.from({ length: 200 }, () => {
    writeSync(file, page);
    const startedAt = performance.now();
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  printNote(`The disk keeps a page in ${plain(quantile(times, 0.5))} ms, at worst (p99) in ${plain(quantile(times, 0.99))} ms.`);
}
