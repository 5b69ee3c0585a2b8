import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Options } from "tsup";
import { llmsText } from "./.config/llms.ts";

/**
 * Packages that are built in, so that whoever installs the library gets nothing else: those of the endpoint clients and the command line,
 * and what they need themselves, each with the package that needs it.
 */
const builtIn: Readonly<Record<string, string | undefined>> = {
  ky: undefined,
  commander: undefined,
  "cli-progress": undefined,
  "string-width": "cli-progress",
  "strip-ansi": "string-width",
  "ansi-regex": "strip-ansi",
  "is-fullwidth-code-point": "string-width",
  "emoji-regex": "string-width",
};

/** Where a package is found by the one that needs it: beside others of its version, or on its own. */
function folderOf(name: string): string {
  const neededBy = builtIn[name];
  for (let from = neededBy === undefined ? import.meta.dirname : folderOf(neededBy); ; from = path.dirname(from)) {
    const folder = path.join(from, "node_modules", name);
    if (existsSync(folder)) return folder;
    if (from === path.dirname(from)) throw new Error(`The package ${name} is not installed.`);
  }
}

/** Their licenses ask to be passed on. */
function writeLicenses(): void {
  const texts = Object.keys(builtIn).map((name) => {
    const folder = folderOf(name);
    const { version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { readonly version: string };
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`The package ${name} has no license to pass on.`);
    return `${name} ${version}\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
  });
  writeFileSync(path.join(import.meta.dirname, "dist/licenses.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

async function writeLlmsText(): Promise<void> {
  const text = await llmsText(import.meta.dirname, Object.keys(library.entry as object));
  writeFileSync(path.join(import.meta.dirname, "dist/llms.txt"), text);
}

const shared: Options = {
  target: "es2022",
  splitting: true,
  treeshake: true,
  // Deno and Workers know the built-in modules by their `node:` names only.
  removeNodeProtocol: false,
  noExternal: Object.keys(builtIn),
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
    otel: "src/telemetry/otel.ts",
    endpoints: "src/endpoints/index.ts",
    testing: "src/testing/index.ts",
  },
  format: ["esm", "cjs"],
  dts: true,
  clean: true,
  onSuccess: async () => {
    writeLicenses();
    await writeLlmsText();
  },
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
