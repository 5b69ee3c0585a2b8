import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { bundle, bundleCoreWith } from "./bundle.ts";
import { entryPoints, providers } from "./entry-points.ts";
import { root } from "./module-graph.ts";

// Above the 8 kB that are aimed at; error messages alone are about 2 kB of it. The budget keeps it from growing unseen.
const MOST_BYTES = 21_504;

/** What each entry brings on its own, a little above what it is, so that growing is a decision. */
const budgets: Readonly<Record<string, number>> = {
  "video-webhooks": 19_968,
  "video-webhooks/konpro": 7040,
  "video-webhooks/heygen": 7424,
  "video-webhooks/videopilot": 6272,
  "video-webhooks/kling": 7936,
  "video-webhooks/express": 3456,
  "video-webhooks/fastify": 3968,
  "video-webhooks/next": 4000,
  "video-webhooks/hono": 3584,
  "video-webhooks/node": 3456,
  "video-webhooks/idempotency": 1920,
  "video-webhooks/idempotency/redis": 2368,
  "video-webhooks/idempotency/postgres": 3840,
  "video-webhooks/inbox": 4992,
  "video-webhooks/inbox/sqlite": 12_288,
  "video-webhooks/inbox/pg-boss": 16_896,
  "video-webhooks/inbox/bullmq": 13_824,
  "video-webhooks/otel": 2560,
  "video-webhooks/endpoints": 13_824,
  "video-webhooks/testing": 68_096,
};

describe("core and one provider, minified and compressed, without zod", () => {
  test.each(providers)(`stay below ${MOST_BYTES} bytes: %s`, async (provider) => {
    const { bytes } = await bundleCoreWith(provider);
    console.log(`core + ${provider}: ${bytes} bytes gzip`);
    expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  });
});

describe("README.md", () => {
  const most = (names: readonly string[]): string =>
    `${(Math.ceil(Math.max(...names.map((name) => budgets[name === "" ? "video-webhooks" : `video-webhooks/${name}`] ?? Number.NaN)) / 100) / 10).toFixed(1)} kB`;

  test("names the budgets, of every entry", () => {
    const sizes = [
      `the core with one provider takes at most ${(Math.ceil(MOST_BYTES / 100) / 10).toFixed(1)} kB`,
      `the core alone ${most([""])}`,
      `a provider alone ${most(providers)}`,
      `an adapter ${most(["express", "fastify", "next", "hono", "node"])}`,
      `a store ${most(["idempotency", "idempotency/redis", "idempotency/postgres"])}`,
      `an inbox ${most(["inbox", "inbox/sqlite", "inbox/pg-boss", "inbox/bullmq"])}`,
      ...["otel", "endpoints", "testing"].map((name) => `\`${name}\` ${most([name])}`),
    ];
    expect(readFileSync(path.join(root, "README.md"), "utf8")).toContain(`${sizes.join(", ")} (budgets that the tests hold)`);
  });
});

describe("each entry alone, minified and compressed, without zod", () => {
  test("has a budget", () => {
    expect(Object.keys(budgets).sort()).toEqual(entryPoints.map(({ name }) => name).sort());
  });

  test.each(entryPoints)("stays within it: $name", async ({ name, esm }) => {
    const { bytes, inputs } = await bundle(`export * from "${name}";`);
    expect(inputs).toContain(esm);
    console.log(`${name}: ${bytes} bytes gzip`);
    expect(bytes).toBeLessThanOrEqual(budgets[name] ?? 0);
    // A budget far above what is needed would let it grow unseen.
    expect(bytes).toBeGreaterThan((budgets[name] ?? 0) * 0.8);
  });
});
