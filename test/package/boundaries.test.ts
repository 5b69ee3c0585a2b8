import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { adapters, type EntryPoint, entryPoint, entryPoints, providers } from "./entry-points.ts";
import { cyclesIn, declaredIn, type Edge, fetchCallsIn, filesIn, importsOf, isBuiltinModule, reachableFrom, root } from "./module-graph.ts";

const sources = filesIn("src");
const edges = sources.flatMap(importsOf);

const isIn = (...folders: readonly string[]) => {
  return (file: string): boolean => folders.some((folder) => file.startsWith(`src/${folder}/`));
};
const isProvider = isIn("providers");
const isAdapter = isIn("adapters");
const isSignature = isIn("signature");
/** What developers use beside the library: it may know all of it. */
const isTool = isIn("testing", "endpoints", "cli");
const isCore = (file: string): boolean => /^src\/[^/]+$/.test(file);
const adapterNames = Object.keys(adapters);
const isAdapterEntry = (file: string): boolean => adapterNames.some((name) => file === `src/adapters/${name}.ts`);
const isZod = (to: string): boolean => to === "zod" || to.startsWith("zod/");

/** The edges that break a rule, as text that names the line to change. */
function forbidden(rule: (edge: Edge) => boolean): readonly string[] {
  return edges.filter(rule).map(({ from, to, typeOnly }) => `${from} imports ${typeOnly ? "types of " : ""}${to}`);
}

/** What a source file brings with it, itself left out. */
function reachableAtRunTime(file: string): readonly string[] {
  const reached = new Set([file]);
  // A set iterates over what is added meanwhile.
  for (const each of reached) for (const { from, to, typeOnly } of edges) if (from === each && !typeOnly) reached.add(to);
  reached.delete(file);
  return [...reached];
}

describe("source files", () => {
  test("are found, and so are their imports", () => {
    expect(sources).toContain("src/index.ts");
    expect(edges).toContainEqual({ from: "src/router.ts", to: "src/adapters/fetch.ts", typeOnly: false });
    expect(edges).toContainEqual({ from: "src/router.ts", to: "src/delivery.ts", typeOnly: true });
    expect(edges).toContainEqual({ from: "src/signature/hmac.ts", to: "node:crypto", typeOnly: false });
  });

  test("import files that exist", () => {
    expect(forbidden(({ to }) => to.startsWith("src/") && !sources.includes(to))).toEqual([]);
  });

  test("do not import each other in a circle", () => {
    expect(cyclesIn(edges)).toEqual([]);
  });

  test("do not import the manifest src/index.ts", () => {
    expect(forbidden(({ to }) => to === "src/index.ts")).toEqual([]);
  });

  test("P52: use modules of Node.js only for HMAC, SQLite and the CLI, and by their node: names", () => {
    const mayUse = /^src\/(?:signature\/hmac[^/]*\.ts|inbox\/sqlite-driver\.ts|cli\/.+)$/;
    expect(forbidden(({ from, to }) => isBuiltinModule(to) && !(mayUse.test(from) && to.startsWith("node:")))).toEqual([]);
  });

  test("import zod only in providers and in clients, which check answers with it", () => {
    expect(forbidden(({ from, to }) => isZod(to) && !isProvider(from) && !isIn("endpoints")(from))).toEqual([]);
  });

  test("import no other package, not even types of one, but the engines of an inbox, and what is built into the tools", () => {
    const known: Readonly<Record<string, readonly string[]>> = {
      "src/inbox/bullmq-driver.ts": ["bullmq", "ioredis"],
      "src/inbox/pg-boss-client.ts": ["pg-boss"],
      "src/telemetry/otel.ts": ["@opentelemetry/api"],
      "src/endpoints/api.ts": ["ky"],
      "src/cli/": ["commander", "cli-progress", "pg-boss"],
    };
    const isKnown = ({ from, to }: Edge): boolean =>
      Object.entries(known).some(([place, packages]) => from.startsWith(place) && packages.includes(to));
    const others = (edge: Edge): boolean => !edge.to.startsWith("src/") && !isBuiltinModule(edge.to) && !isZod(edge.to);
    expect(forbidden((edge) => others(edge) && !isKnown(edge))).toEqual([]);
    for (const name of Object.values(known).flat()) expect(edges.map(({ to }) => to)).toContain(name);
  });

  test("import providers only from providers and tools", () => {
    expect(forbidden(({ from, to }) => isProvider(to) && !isProvider(from) && !isTool(from))).toEqual([]);
  });

  test("import tools only from tools, and the command line from nowhere else", () => {
    expect(forbidden(({ from, to }) => isTool(to) && !isTool(from))).toEqual([]);
    expect(forbidden(({ from, to }) => isIn("cli")(to) && !isIn("cli")(from))).toEqual([]);
  });

  test("P44: never fetch an address, which could come from a payload; tools fetch those that they are told to", () => {
    expect(sources.filter((file) => !isTool(file)).flatMap(fetchCallsIn)).toEqual([]);
  });
});

describe("adapters", () => {
  test("are files of the same names", () => {
    expect(sources.filter(isAdapterEntry)).toHaveLength(adapterNames.length);
  });

  test("know neither providers nor signatures, types included", () => {
    expect(forbidden(({ from, to }) => isAdapter(from) && (isProvider(to) || isSignature(to)))).toEqual([]);
  });

  test("do not import each other; what several need is in files that are no entries", () => {
    expect(forbidden(({ from, to }) => isAdapter(from) && isAdapterEntry(to))).toEqual([]);
    const parts = sources.filter((file) => isAdapter(file) && !isAdapterEntry(file));
    expect(parts).toEqual(["src/adapters/fetch.ts", "src/adapters/node-http.ts", "src/adapters/read-timeout.ts", "src/adapters/thrown.ts"]);
  });

  test.each(adapterNames)("reach nothing at run time but bodies, headers, answers and errors: %s", (name) => {
    const parts = ["src/adapters/fetch.ts", "src/adapters/node-http.ts", "src/adapters/read-timeout.ts", "src/adapters/thrown.ts"];
    const known = ["src/body.ts", "src/delivery.ts", "src/errors.ts", "src/kept-body.ts", "src/linked-list.ts", "src/outcome.ts"];
    const reached = reachableAtRunTime(`src/adapters/${name}.ts`);
    expect(reached).toContain("src/outcome.ts");
    expect(reached.filter((file) => ![...parts, ...known].includes(file))).toEqual([]);
  });
});

describe("the core", () => {
  // The router has a `fetch`, whose type is public, and remembers duplicates without being told to.
  const byDecision = [
    "src/index.ts imports types of src/adapters/fetch.ts",
    "src/router.ts imports src/adapters/fetch.ts",
    "src/router.ts imports src/idempotency/memory.ts",
  ];

  const contracts = ["src/idempotency/store.ts", "src/inbox/intake.ts"];

  test("imports itself, signatures, types of the contracts of stores, and the defaults of the router", () => {
    const mayImport = ({ to, typeOnly }: Edge): boolean => isCore(to) || isSignature(to) || (typeOnly && contracts.includes(to));
    expect(forbidden((edge) => isCore(edge.from) && !mayImport(edge))).toEqual(byDecision);
  });

  test("keeps providers out of errors and signatures", () => {
    const isBelow = (file: string): boolean => isSignature(file) || file === "src/errors.ts";
    expect(forbidden(({ from, to }) => isBelow(from) && (isProvider(to) || to === "src/provider.ts"))).toEqual([]);
  });
});

describe("built entry points", () => {
  const filesOf = ({ esm, cjs, esmTypes, cjsTypes }: EntryPoint): readonly string[] => [esm, cjs, esmTypes, cjsTypes];
  const declarationsOf = (entry: string): readonly string[] =>
    [...reachableFrom(entry)].filter((each) => each.startsWith("dist/")).flatMap(declaredIn);

  const withoutSchemas = [
    "",
    "/idempotency",
    "/idempotency/redis",
    "/idempotency/postgres",
    "/inbox",
    "/inbox/sqlite",
    "/inbox/pg-boss",
    "/inbox/bullmq",
    "/otel",
    ...adapterNames.map((name) => `/${name}`),
  ];
  const mainExports = Object.values(adapters).flat();

  test.each(withoutSchemas)("without schemas do not reach zod: video-webhooks%s", (subpath) => {
    for (const file of filesOf(entryPoint(subpath))) expect([...reachableFrom(file)].filter(isZod), file).toEqual([]);
  });

  test.each(providers)("of providers reach zod: %s", (provider) => {
    for (const file of filesOf(entryPoint(`/${provider}`))) expect([...reachableFrom(file)], file).toContain("zod");
  });

  test("that load zod are those that the README names", () => {
    const loading = entryPoints.filter(({ esm, cjs }) => [esm, cjs].some((file) => [...reachableFrom(file)].some(isZod)));
    const others = ["video-webhooks/endpoints", "video-webhooks/testing"];
    expect(loading.map(({ name }) => name).sort()).toEqual([...providers.map((name) => `video-webhooks/${name}`), ...others].sort());
    const [, named = ""] = /only the providers, (.*) load it\./.exec(readFileSync(path.join(root, "README.md"), "utf8")) ?? [];
    expect(named.match(/(?<=`).+?(?=`)/g)?.filter((name) => name !== " and ")).toEqual(others);
  });

  test.each(providers)("come in few modules, since each takes a process half a millisecond to load: the core and %s", (provider) => {
    const files = ["", `/${provider}`].flatMap((subpath) => [...reachableFrom(entryPoint(subpath).esm)]);
    const modules = new Set(files.filter((file) => file.startsWith("dist/")));
    expect(modules).toContain("dist/index.js");
    expect(modules.size).toBeLessThanOrEqual(11);
  });

  test.each(providers)("of providers reach no adapter, router or pipeline: %s", (provider) => {
    const { esm, cjs } = entryPoint(`/${provider}`);
    for (const file of [esm, cjs]) {
      expect(declarationsOf(file), file).toContain("defineProvider");
      for (const name of [...mainExports, "fetchHandler", "createRouter", "receive"]) {
        expect(declarationsOf(file), file).not.toContain(name);
      }
    }
  });

  test.each(adapterNames)(
    "of adapters reach no package, no module of Node.js, and nothing of the router, a provider or another adapter: %s",
    (name) => {
      const entry = entryPoint(`/${name}`);
      for (const file of filesOf(entry))
        expect(
          [...reachableFrom(file)].filter((each) => !each.startsWith("dist/")),
          file,
        ).toEqual([]);
      for (const file of [entry.esm, entry.cjs]) {
        const declared = declarationsOf(file);
        expect(declared, file).toEqual(expect.arrayContaining([...(adapters[name] ?? []), "toAnswer"]));
        const others = [
          ...mainExports.filter((each) => !adapters[name]?.includes(each)),
          "createRouter",
          "receive",
          "defineProvider",
          "hmacHex",
          "heygen",
        ];
        expect(
          declared.filter((each) => others.includes(each)),
          file,
        ).toEqual([]);
      }
    },
  );

  test.each(["esm", "cjs"] as const)("declare what the tests before look for: %s", (format) => {
    for (const [name, main] of Object.entries(adapters)) {
      expect(declarationsOf(entryPoint(`/${name}`)[format])).toEqual(expect.arrayContaining([...main]));
    }
    const inRoot = declarationsOf(entryPoint("")[format]);
    expect(inRoot).toEqual(expect.arrayContaining(["fetchHandler", "createRouter", "receive", "hmacHex", "defineProvider"]));
    expect(inRoot.filter((each) => mainExports.includes(each))).toEqual([]);
    expect(declarationsOf(entryPoint("/heygen")[format])).toContain("heygen");
  });

  // Loaded when an inbox is opened, and only by its entry.
  const optional: Readonly<Record<string, readonly string[]>> = {
    "video-webhooks/inbox/sqlite": ["node:sqlite"],
    "video-webhooks/inbox/pg-boss": ["pg-boss"],
    "video-webhooks/inbox/bullmq": ["bullmq", "ioredis"],
    "video-webhooks/otel": ["@opentelemetry/api"],
  };

  test.each(entryPoints)("need nothing but zod, node:crypto and the engine of an inbox: $name", ({ name, esm, cjs }) => {
    const packages = [esm, cjs].flatMap((file) => [...reachableFrom(file)].filter((each) => !each.startsWith("dist/")));
    const known = ["zod", "node:crypto", ...(optional[name] ?? [])];
    expect(packages.filter((each) => !known.includes(each))).toEqual([]);
  });

  test.each(entryPoints)("name no package but zod in their declarations: $name", ({ esmTypes, cjsTypes }) => {
    for (const file of [esmTypes, cjsTypes]) {
      const reached = [...reachableFrom(file)];
      expect(
        reached.filter((each) => !each.startsWith("dist/") && each !== "zod"),
        file,
      ).toEqual([]);
      // An import is not the only way to ask for types.
      for (const each of reached.filter((name) => name.startsWith("dist/"))) {
        expect(readFileSync(path.join(root, each), "utf8"), each).not.toMatch(/^\/\/\/\s*<reference/m);
      }
    }
  });
});
