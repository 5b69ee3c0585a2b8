import { describe, expect, test } from "vitest";
import { type EntryPoint, entryPoint, providers } from "./entry-points.ts";
import { cyclesIn, declaredIn, type Edge, fetchCallsIn, filesIn, importsOf, isBuiltinModule, reachableFrom } from "./module-graph.ts";

const sources = filesIn("src");
const edges = sources.flatMap(importsOf);

const isIn = (...folders: readonly string[]) => {
  return (file: string): boolean => folders.some((folder) => file.startsWith(`src/${folder}/`));
};
const isProvider = isIn("providers");
const isAdapter = isIn("adapters");
const isSignature = isIn("signature");
const isCore = (file: string): boolean => /^src\/[^/]+$/.test(file);
const isZod = (to: string): boolean => to === "zod" || to.startsWith("zod/");

/** The edges that break a rule, as text that names the line to change. */
function forbidden(rule: (edge: Edge) => boolean): readonly string[] {
  return edges.filter(rule).map(({ from, to, typeOnly }) => `${from} imports ${typeOnly ? "types of " : ""}${to}`);
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

  test("P52: use modules of Node.js only for HMAC, the Node adapter, SQLite and the CLI, and by their node: names", () => {
    const mayUse = /^src\/(?:signature\/hmac[^/]*\.ts|adapters\/node\.ts|inbox\/sqlite\.ts|cli\/.+)$/;
    expect(forbidden(({ from, to }) => isBuiltinModule(to) && !(mayUse.test(from) && to.startsWith("node:")))).toEqual([]);
  });

  test("import zod only in providers", () => {
    expect(forbidden(({ from, to }) => isZod(to) && !isProvider(from))).toEqual([]);
  });

  test("import providers only from providers", () => {
    expect(forbidden(({ from, to }) => isProvider(to) && !isProvider(from))).toEqual([]);
  });

  test("P44: never fetch an address, which could come from a payload", () => {
    expect(sources.flatMap(fetchCallsIn)).toEqual([]);
  });
});

describe("adapters", () => {
  test("know neither providers nor signatures nor each other", () => {
    expect(forbidden(({ from, to }) => isAdapter(from) && (isProvider(to) || isSignature(to) || isAdapter(to)))).toEqual([]);
  });
});

describe("the core", () => {
  // The router has a `fetch` and remembers duplicates without being told to.
  const byDecision = ["src/router.ts imports src/adapters/fetch.ts", "src/router.ts imports src/idempotency/memory.ts"];

  test("imports itself, signatures, types of the store contract, and the two defaults of the router", () => {
    const mayImport = ({ to, typeOnly }: Edge): boolean => isCore(to) || isSignature(to) || (typeOnly && to === "src/idempotency/store.ts");
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

  test.each(["", "/node", "/idempotency"])("without schemas do not reach zod: video-webhooks%s", (subpath) => {
    for (const file of filesOf(entryPoint(subpath))) expect([...reachableFrom(file)].filter(isZod), file).toEqual([]);
  });

  test.each(providers)("of providers reach zod: %s", (provider) => {
    for (const file of filesOf(entryPoint(`/${provider}`))) expect([...reachableFrom(file)], file).toContain("zod");
  });

  test.each(providers)("of providers reach no adapter, router or pipeline: %s", (provider) => {
    const { esm, cjs } = entryPoint(`/${provider}`);
    for (const file of [esm, cjs]) {
      expect(declarationsOf(file), file).toContain("defineProvider");
      for (const name of ["nodeHandler", "fetchHandler", "createRouter", "receive"]) {
        expect(declarationsOf(file), file).not.toContain(name);
      }
    }
  });

  test.each(["esm", "cjs"] as const)("declare what the test before looks for: %s", (format) => {
    expect(declarationsOf(entryPoint("/node")[format])).toEqual(expect.arrayContaining(["nodeHandler"]));
    expect(declarationsOf(entryPoint("")[format])).toEqual(expect.arrayContaining(["fetchHandler", "createRouter", "receive"]));
  });

  test.each(["", "/node", "/idempotency", ...providers.map((name) => `/${name}`)])(
    "need nothing but zod and node:crypto: video-webhooks%s",
    (subpath) => {
      const { esm, cjs } = entryPoint(subpath);
      const packages = [esm, cjs].flatMap((file) => [...reachableFrom(file)].filter((each) => !each.startsWith("dist/")));
      expect(packages.filter((each) => each !== "zod" && each !== "node:crypto")).toEqual([]);
    },
  );
});
