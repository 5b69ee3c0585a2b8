import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Options } from "tsup";

/**
 * Packages that are built in, so that whoever installs the library gets nothing else: those of the endpoint clients and the command line,
 * and what they need themselves.
 */
const builtIn: readonly string[] = [
  "ky",
  "commander",
  "cli-progress",
  "string-width",
  "strip-ansi",
  "ansi-regex",
  "is-fullwidth-code-point",
  "emoji-regex",
];

/** Their licenses ask to be passed on. */
function writeLicenses(): void {
  const texts = builtIn.map((name) => {
    const folder = new URL(`./node_modules/${name}/`, import.meta.url);
    const { version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8")) as { readonly version: string };
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`The package ${name} has no license to pass on.`);
    return `${name} ${version}\n\n${readFileSync(new URL(file, folder), "utf8").trim()}\n`;
  });
  writeFileSync(new URL("./dist/licenses.txt", import.meta.url), texts.join(`\n${"-".repeat(80)}\n\n`));
}

const shared: Options = {
  target: "es2022",
  splitting: true,
  treeshake: true,
  // Deno and Workers know the built-in modules by their `node:` names only.
  removeNodeProtocol: false,
  noExternal: [...builtIn],
};

const library: Options = {
  ...shared,
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
    endpoints: "src/endpoints/index.ts",
    testing: "src/testing/index.ts",
  },
  format: ["esm", "cjs"],
  dts: true,
  clean: true,
  onSuccess: async () => writeLicenses(),
};

/** A program and no module: one format, no declarations. */
const commandLine: Options = {
  ...shared,
  entry: { cli: "src/cli/main.ts" },
  format: ["esm"],
  // What is built in is CommonJS and requires modules of Node.js.
  banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
};

const configs: Options[] = [library, commandLine];

export default configs;
