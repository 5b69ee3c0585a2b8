import { type Served, serveProgram, serveWorker } from "./serve.ts";

/** A runtime, and what differs on it. */
export interface RuntimeMember {
  readonly name: string;
  /** Its npm package, and where the program is in it, or in those that it has for each platform. */
  readonly installed: readonly [name: string, file: string];
  /** Starts the programs in a folder. */
  start(program: string, folder: string): Served;
  /** The words of the error of `openSqliteInbox`, where there can be no inbox. */
  readonly noInbox?: string;
  /** Cases that cannot hold, by their first words, with the reason. */
  readonly exceptions: Readonly<Record<string, string>>;
}

/** What deliveries are taken by on each of them; the README names them. */
export const adapters: readonly string[] = ["nodeHandler", "router.fetch", "honoHandler", "expressHandler", "fastifyPlugin"];

const exe: string = process.platform === "win32" ? ".exe" : "";

const FLOOR = "The SQLite inbox needs Node.js 22.22.3 or newer in 22, or 24.15 or newer";
const NO_SQLITE: string = `${FLOOR}. Or pass a database of better-sqlite3 13: openSqliteInbox({ database }).`;
const OLD_SQLITE: string = `SQLite 3.47.2 has a bug that can corrupt the file. ${FLOOR}, or better-sqlite3 13 or newer.`;
const withInbox: RuntimeMember["exceptions"] = { "where there is no SQLite inbox": "there is one" };
const withoutInbox: RuntimeMember["exceptions"] = { "the SQLite inbox": "there is no SQLite, or it is too old" };

function onNode(program: string, folder: string): Served {
  return serveProgram(program, ["main.mjs"], folder);
}

function onBun(program: string, folder: string): Served {
  return serveProgram(program, ["--no-install", "main.mjs"], folder);
}

/** Deno asks for each permission. Express reads all variables. */
function onDeno(program: string, folder: string): Served {
  const allowed = [`--allow-read=${folder}/..`, `--allow-write=${folder}`, "--allow-net=127.0.0.1", "--allow-env"];
  return serveProgram(program, ["run", "--no-prompt", "--cached-only", "--node-modules-dir=manual", ...allowed, "main.mjs"], folder);
}

const noProcess =
  "bodies of node:http are read under a timer of the whole process, which a Worker cannot have; router.fetch is its adapter";

/** The runtimes of the matrix. Of Node.js 20 and 22 they are the oldest of which the README says that they do. */
export const members: readonly RuntimeMember[] = [
  { name: "Node.js 20", installed: ["node-20", `bin/node${exe}`], start: onNode, noInbox: NO_SQLITE, exceptions: withoutInbox },
  {
    name: "Node.js 22 too old for an inbox",
    installed: ["node-22.13", `bin/node${exe}`],
    start: onNode,
    noInbox: OLD_SQLITE,
    exceptions: withoutInbox,
  },
  { name: "Node.js 22", installed: ["node-22", `bin/node${exe}`], start: onNode, exceptions: withInbox },
  { name: "Node.js 24", installed: ["node", `bin/node${exe}`], start: onNode, exceptions: withInbox },
  { name: "Node.js 26", installed: ["node-26", `bin/node${exe}`], start: onNode, exceptions: withInbox },
  { name: "Bun", installed: ["bun", `bin/bun${exe}`], start: onBun, exceptions: withInbox },
  { name: "Deno", installed: ["deno", `deno${exe}`], start: onDeno, exceptions: withInbox },
  {
    name: "workerd",
    installed: ["workerd", `bin/workerd${exe}`],
    start: serveWorker,
    noInbox: NO_SQLITE,
    exceptions: {
      ...withoutInbox,
      "require()": "a Worker is bundled from ES modules",
      nodeHandler: noProcess,
      expressHandler: noProcess,
      fastifyPlugin: noProcess,
    },
  },
];
