// Every figure that has to hold, once. The last table of the report has a row for each of them, whether it was measured or not.

/** The parts of `npm run bench` that can be asked for on their own. */
export const areas = ["verify", "receive", "peers", "refusals", "growth", "package", "http", "inbox"] as const;

/** One of them. */
export type Area = (typeof areas)[number];

/** A figure that has to hold wherever it is measured: for every body size, for every provider. */
export interface Bar {
  readonly what: string;
  readonly sense: "≤" | "<" | "≥";
  readonly limit: number;
  /** What follows the figure; a ratio has none. */
  readonly unit?: "kB" | "ms" | "MB" | "events";
  /** The part of `npm run bench` that measures it, or the command that does where that takes longer. */
  readonly by: Area | `npm run ${string}`;
}

const adapter = (name: string): Bar => ({
  what: `requests per second of ${name} / of a handler by hand`,
  sense: "≥",
  limit: 0.95,
  by: "http",
});

const peer = (name: string, provider = ""): Bar => ({ what: `receive${provider} / ${name}`, sense: "<", limit: 1, by: "peers" });

/** The key of a bar. */
export type BarName =
  | "floor"
  | "sample"
  | "octokit"
  | "stripe"
  | "standardwebhooks"
  | "standardwebhooksKling"
  | "refusal"
  | "node"
  | "express4"
  | "express"
  | "fastify"
  | "hono"
  | "fetch"
  | "nextApp"
  | "nextPages"
  | "size"
  | "coldImport"
  | "accepted"
  | "options"
  | "crashes"
  | "drained"
  | "memory";

/** All bars, in the order of the report. */
export const bars: Readonly<Record<BarName, Bar>> = {
  floor: { what: "verify / createHmac(keyObject).update(body).digest()", sense: "≤", limit: 1.1, by: "verify" },
  sample: { what: "receive (verify, parse, schema, route) / the sample of the guides", sense: "≤", limit: 1.15, by: "receive" },
  octokit: peer("@octokit/webhooks verifyAndReceive"),
  stripe: peer("stripe constructEvent"),
  standardwebhooks: peer("standardwebhooks verify"),
  standardwebhooksKling: peer("standardwebhooks verify", " (kling)"),
  refusal: { what: "a refusal / an acceptance", sense: "≤", limit: 1, by: "refusals" },
  node: adapter("nodeHandler"),
  express4: adapter("expressHandler, Express 4"),
  express: adapter("expressHandler, Express 5"),
  fastify: adapter("fastifyPlugin"),
  hono: adapter("honoHandler"),
  fetch: adapter("router.fetch"),
  nextApp: adapter("nextRoute"),
  nextPages: adapter("nextApiRoute"),
  size: { what: "core + one provider, bundled, minified, gzip, without zod", sense: "≤", limit: 8, unit: "kB", by: "package" },
  coldImport: { what: "cold import of core + one provider, without zod, over bare node", sense: "≤", limit: 15, unit: "ms", by: "package" },
  accepted: { what: "accepted per second, SQLite inbox / without a store", sense: "≥", limit: 0.5, by: "inbox" },
  options: { what: "OPTIONS p99 while the SQLite inbox is saturated", sense: "<", limit: 100, unit: "ms", by: "inbox" },
  crashes: { what: "lost or completed twice by kill -9", sense: "≤", limit: 0, unit: "events", by: "npm run test:crash" },
  drained: { what: "worked off per second at the most stored rows / at 1,000", sense: "≥", limit: 0.8, by: "npm run bench:inbox" },
  memory: {
    what: "memory of a server with an inbox and the most stored rows",
    sense: "<",
    limit: 150,
    unit: "MB",
    by: "npm run bench:inbox",
  },
};

/** The keys of all bars. */
export const barNames: readonly BarName[] = Object.keys(bars) as BarName[];

const digits = { ratio: 2, kB: 1, ms: 1, MB: 0, events: 0 } as const;

/** A figure of a bar as people write it, with so many digits more than usual. */
export function figureOf({ unit }: Bar, value: number, more = 0): string {
  const text = value.toFixed(digits[unit ?? "ratio"] + more);
  return unit === undefined ? text : `${text} ${unit}`;
}

/** The bar itself as people write it. */
export function limitOf(bar: Bar): string {
  return `${bar.sense} ${figureOf(bar, bar.limit)}`;
}

/** Whether a figure is on the right side of the bar. Nothing is rounded before. */
export function holds({ sense, limit }: Bar, value: number): boolean {
  if (sense === "<") return value < limit;
  return sense === "≤" ? value <= limit : value >= limit;
}
