// Before the tests of the package and of other runtimes.

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { packPackage } from "./consumer.ts";

/** Gives every test file the same packed package. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  // Deno compares paths with those that it may read.
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "video-webhooks-packed-")));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    provide("packed", await packPackage(folder));
  } catch (error) {
    await dispose();
    throw error;
  }
  return dispose;
}
