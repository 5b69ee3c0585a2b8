import type { Area, BarName } from "./bars.ts";
import type { Measure } from "./part.ts";

/** A part of the report. */
export interface Part {
  readonly area: Area;
  readonly title: string;
  /** What it has to find figures for, or reasons why there are none. */
  readonly bars: readonly BarName[];
  readonly measure: Measure;
}

/** All parts, in the order of the report. Each is loaded when it is its turn, so that one without its packages does not stop the others. */
export const parts: readonly Part[] = [
  {
    area: "verify",
    title: "Verify",
    bars: ["floor"],
    measure: async (run) => (await import("./verify.ts")).verifyAgainstFloor(run),
  },
  {
    area: "receive",
    title: "Receive",
    bars: ["sample"],
    measure: async (run) => (await import("./receive.ts")).receiveAgainstSample(run),
  },
  {
    area: "receive",
    title: "Receive with the in-memory store",
    bars: [],
    measure: async (run) => (await import("./receive.ts")).receiveOnce(run),
  },
  {
    area: "peers",
    title: "Other libraries",
    bars: ["octokit", "stripe", "standardwebhooks", "standardwebhooksKling"],
    measure: async (run) => (await import("./receive-peers.ts")).receiveAgainstPeers(run),
  },
  {
    area: "refusals",
    title: "Refusing",
    bars: ["refusal"],
    measure: async (run) => (await import("./receive.ts")).refusalAgainstAcceptance(run),
  },
  {
    area: "growth",
    title: "Growth with the size of the body",
    bars: [],
    measure: async (run) => (await import("./growth-body.ts")).growWithBody(run),
  },
  {
    area: "growth",
    title: "Growth with handlers of the type that is delivered",
    bars: [],
    measure: async (run) => (await import("./growth-handlers.ts")).growWithHandlers(run),
  },
  {
    area: "growth",
    title: "Growth with handlers of other types and families",
    bars: [],
    measure: async (run) => (await import("./growth-handlers.ts")).growWithOtherHandlers(run),
  },
  {
    area: "growth",
    title: "Growth with the number of routers",
    bars: [],
    measure: async (run) => (await import("./growth-routers.ts")).growWithRouters(run),
  },
  {
    area: "growth",
    title: "Growth with the events in the in-memory store",
    bars: [],
    measure: async (run) => (await import("./growth-memory.ts")).growWithEntries(run),
  },
  {
    area: "growth",
    title: "Growth with the events in the SQLite inbox",
    bars: [],
    measure: async (run) => (await import("./inbox-report.ts")).growWithRows(run),
  },
  {
    area: "package",
    title: "Size",
    bars: ["size"],
    measure: async (run) => (await import("./package-size.ts")).measureSize(run),
  },
  {
    area: "package",
    title: "Cold import",
    bars: ["coldImport"],
    measure: async (run) => (await import("./cold-import.ts")).measureColdImport(run),
  },
  {
    area: "http",
    title: "Adapters over HTTP",
    bars: ["node", "express4", "express", "fastify", "hono", "fetch"],
    measure: async (run) => (await import("./http-adapters.ts")).compareAdapters(run),
  },
  {
    area: "http",
    title: "Adapters of Next.js over HTTP",
    bars: ["nextApp", "nextPages"],
    measure: async (run) => (await import("./http-adapters.ts")).compareNextAdapters(run),
  },
  {
    area: "inbox",
    title: "SQLite inbox over HTTP",
    bars: ["accepted", "options"],
    measure: async (run) => (await import("./inbox-report.ts")).acceptWithSqlite(run),
  },
];
