import type { Options } from "tsup";

const config: Options = {
  entry: {
    index: "src/index.ts",
    konpro: "src/providers/konpro.ts",
    heygen: "src/providers/heygen.ts",
    videopilot: "src/providers/videopilot.ts",
    kling: "src/providers/kling.ts",
    express: "src/adapters/express.ts",
    fastify: "src/adapters/fastify.ts",
    next: "src/adapters/next.ts",
    hono: "src/adapters/hono.ts",
    node: "src/adapters/node.ts",
    idempotency: "src/idempotency/index.ts",
    "idempotency/redis": "src/idempotency/redis.ts",
    "idempotency/postgres": "src/idempotency/postgres.ts",
    inbox: "src/inbox/index.ts",
    "inbox/sqlite": "src/inbox/sqlite.ts",
    "inbox/pg-boss": "src/inbox/pg-boss.ts",
    "inbox/bullmq": "src/inbox/bullmq.ts",
    testing: "src/testing/index.ts",
  },
  format: ["esm", "cjs"],
  target: "es2022",
  dts: true,
  splitting: true,
  treeshake: true,
  clean: true,
  // Deno and Workers know the built-in modules by their `node:` names only.
  removeNodeProtocol: false,
};

export default config;
