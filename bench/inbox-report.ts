import { tmpdir } from "node:os";
import { isWebhookError } from "video-webhooks";
import { withFolder } from "./folder.ts";
import { printSync } from "./inbox-sync.ts";
import { printAccepted, printDepths } from "./inbox-tables.ts";
import { LeftOut, type Run } from "./part.ts";

/** What a server with the SQLite inbox accepts, of what it does without a store. */
export function acceptWithSqlite({ effort, verdicts }: Run): Promise<void> {
  return withFolder(tmpdir(), async (folder) => {
    printSync(folder);
    await printAccepted(folder, ["SQLite"], effort.accept, verdicts);
  });
}

/** What storing and working off cost as the SQLite inbox holds more events. */
export function growWithRows({ effort }: Run): Promise<void> {
  return withFolder(tmpdir(), async (folder) => {
    try {
      await printDepths(folder, "done", effort.depth, { title: "Growth with the events in the SQLite inbox", concurrencies: [8] });
    } catch (error) {
      // What the SQLite of this Node.js cannot do.
      if (isWebhookError(error) && error.code === "configuration") throw new LeftOut(error.message);
      throw error;
    }
  });
}
