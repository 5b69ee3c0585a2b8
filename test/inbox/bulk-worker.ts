// Replays all handled events of a file from another thread, which has a connection of its own: workerData is the file.

import { parentPort, workerData } from "node:worker_threads";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";

const inbox = await openSqliteInbox({ path: workerData as string });
parentPort?.postMessage("begins");
parentPort?.postMessage(await inbox.replay({ state: "done" }, { by: "a test", reason: "to be busy" }));
await inbox.close();
