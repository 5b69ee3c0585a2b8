import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { entryPoints } from "./entry-points.ts";
import { filesIn, reachableFrom, root } from "./module-graph.ts";

/** What can be imported at run time. A change here is a change of the public interface: it belongs into the CHANGELOG. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "video-webhooks": [
    "ConfigurationError",
    "DeliveryError",
    "Discard",
    "HandlerError",
    "RetryLater",
    "StoreError",
    "VerificationError",
    "WebhookError",
    "createRouter",
    "defineProvider",
    "hmacHex",
    "isWebhookError",
    "lazyEvents",
    "standardWebhooks",
    "toAnswer",
    "toVideoJob",
    "verify",
  ],
  "video-webhooks/konpro": ["konpro", "konproEvents"],
  "video-webhooks/heygen": ["heygen", "heygenEvents"],
  "video-webhooks/videopilot": ["videopilot", "videopilotEvents"],
  "video-webhooks/kling": ["kling", "klingEvents"],
  "video-webhooks/express": ["expressHandler"],
  "video-webhooks/fastify": ["fastifyPlugin"],
  "video-webhooks/next": ["nextApiConfig", "nextApiRoute", "nextRoute"],
  "video-webhooks/hono": ["honoHandler"],
  "video-webhooks/node": ["nodeHandler"],
  "video-webhooks/idempotency": ["createMemoryStore"],
  "video-webhooks/idempotency/redis": ["createRedisStore"],
  "video-webhooks/idempotency/postgres": ["createPostgresStore", "migrationSql"],
  "video-webhooks/inbox": ["createInbox"],
  "video-webhooks/inbox/sqlite": ["openSqliteInbox"],
  "video-webhooks/inbox/pg-boss": ["openPgBossInbox"],
  "video-webhooks/inbox/bullmq": ["openBullMqInbox"],
  "video-webhooks/otel": ["observeInbox", "openTelemetry"],
  "video-webhooks/endpoints": [
    "EndpointError",
    "backfill",
    "createHeyGenClient",
    "createHeyGenV1Client",
    "createKlingClient",
    "createKonProClient",
    "isEndpointError",
  ],
  "video-webhooks/testing": [
    "adapterCases",
    "createFakeProvider",
    "explain",
    "idempotencyStoreCases",
    "inboxStoreCases",
    "providerCases",
    "sampleDelivery",
    "samplePayload",
    "sampleProviders",
    "sampleTypes",
    "signHmacHex",
    "signStandardWebhooks",
    "tamper",
    "tamperings",
  ],
};

/** Loads every entry point by its public name in a Node.js without any transformation, and prints the names that it exports. */
const listExports = `
  import { createRequire } from "node:module";
  const require = createRequire(process.cwd() + "/");
  const names = {};
  for (const name of process.argv.slice(1)) {
    names[name] = { esm: Object.keys(await import(name)).sort(), cjs: Object.keys(require(name)).sort() };
  }
  console.log(JSON.stringify(names));
`;

const found = JSON.parse(
  execFileSync(process.execPath, ["--input-type=module", "--eval", listExports, ...entryPoints.map(({ name }) => name)], {
    cwd: root,
    encoding: "utf8",
  }),
) as Readonly<Record<string, { readonly esm: readonly string[]; readonly cjs: readonly string[] }>>;

describe("exports", () => {
  test("are listed here for every entry point of package.json", () => {
    expect(Object.keys(expected).sort()).toEqual(Object.keys(found).sort());
  });

  test.each(entryPoints)("of $name are the ones listed here", ({ name }) => {
    expect(found[name]?.esm).toEqual(expected[name]);
  });

  test.each(entryPoints)("of $name are the same in ESM and CommonJS", ({ name }) => {
    expect(found[name]?.cjs).toEqual(found[name]?.esm);
  });
});

describe("built files", () => {
  test("are all reached from an entry point, and nothing that an entry point reaches is missing", () => {
    const entries = entryPoints.flatMap(({ esm, cjs, esmTypes, cjsTypes }) => [esm, cjs, esmTypes, cjsTypes]);
    const reached = new Set(
      [...entries, "dist/cli.js"].flatMap((entry) => [...reachableFrom(entry)].filter((each) => each.startsWith("dist/"))),
    );
    expect([...reached, "dist/licenses.txt", "dist/llms.txt"].sort()).toEqual(filesIn("dist"));
  });

  test.each(entryPoints)("of one format reach none of the other: $name", ({ esm, cjs, esmTypes, cjsTypes }) => {
    const extensions = (entry: string): ReadonlySet<string> =>
      new Set([...reachableFrom(entry)].filter((each) => each.startsWith("dist/")).map((each) => each.replace(/^[^.]+/, "")));
    expect([esm, cjs, esmTypes, cjsTypes].map((entry) => [...extensions(entry)])).toEqual([[".js"], [".cjs"], [".d.ts"], [".d.cts"]]);
  });
});
