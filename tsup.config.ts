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

/**
 * Small files that are built into one module each group, though not all of its entries need all of them: to find and read a module takes a
 * process longer than to run what is in these. Without entries it is a group of all.
 */
const together: readonly { readonly entries?: readonly string[]; readonly files: readonly string[] }[] = [
  { files: ["body", "delivery", "errors", "job", "linked-list", "log", "option-names", "outcome", "promise", "signals"] },
  {
    entries: ["index", "konpro", "heygen", "videopilot", "kling", "testing"],
    files: ["signature/hmac-hex", "signature/standard-webhooks"],
  },
  { entries: ["index", "express", "fastify", "next", "hono", "node", "testing"], files: ["adapters/fetch", "adapters/node-http"] },
];

const ONLY_REACHED = "only-reached:";

/** What the same entries reach becomes one module, so each of them is made to reach its groups; what it does not use is still left out. */
const inOneModule: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "in-one-module",
  setup(build) {
    const names = new Map(Object.entries(library.entry as object).map(([name, file]) => [path.join(import.meta.dirname, file), name]));
    build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const name = names.get(file);
      if (name === undefined) return undefined;
      const files = together.flatMap((group) => (group.entries?.includes(name) === false ? [] : group.files));
      // Behind all others, so that modules still run in the order that they ask for.
      const imports = files.map((each) => `\nimport "${ONLY_REACHED}${each}";`);
      return { loader: "ts", contents: readFileSync(file, "utf8") + imports.join("") };
    });
    build.onResolve({ filter: new RegExp(`^${ONLY_REACHED}`) }, ({ path: name }) => ({
      path: path.join(import.meta.dirname, `src/${name.slice(ONLY_REACHED.length)}.ts`),
      // They have none, but imports without are left out.
      sideEffects: true,
    }));
  },
};

const shared: Options = {
  esbuildPlugins: [inOneModule],
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
