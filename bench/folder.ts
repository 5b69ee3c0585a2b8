import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** Does some work with a new folder, and removes that whatever becomes of the work. */
export async function withFolder<Answer>(parent: string, work: (folder: string) => Promise<Answer>): Promise<Answer> {
  const folder = await mkdtemp(join(parent, "video-webhooks-bench-"));
  const interrupted = (): void => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, interrupted);
  try {
    return await work(folder);
  } finally {
    for (const signal of signals) process.off(signal, interrupted);
    await rm(folder, { recursive: true, force: true });
  }
}
