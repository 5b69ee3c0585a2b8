import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./module-graph.ts";

/** One importable path of the package and the files that stand behind it, named as in `dist/index.js`. */
export interface EntryPoint {
  /** Such as `"video-webhooks/heygen"`. */
  readonly name: string;
  readonly esm: string;
  readonly cjs: string;
  readonly esmTypes: string;
  readonly cjsTypes: string;
}

interface Conditions {
  readonly types: string;
  readonly default: string;
}

type Exports = Readonly<Record<string, string | { readonly import: Conditions; readonly require: Conditions }>>;

/** The entry points that package.json declares; files that it exports as they are, such as itself, are none. */
export const entryPoints: readonly EntryPoint[] = readEntryPoints();

/** The four providers, by their names. */
export const providers: readonly string[] = ["heygen", "konpro", "videopilot", "kling"];

/** The entry points that fit a framework or platform, with what each is there for. */
export const adapters: Readonly<Record<string, readonly string[]>> = {
  express: ["expressHandler"],
  fastify: ["fastifyPlugin"],
  next: ["nextRoute", "nextApiRoute"],
  hono: ["honoHandler"],
  node: ["nodeHandler"],
};

/** An entry point by the name that follows `video-webhooks`, such as `"/heygen"`. */
export function entryPoint(subpath: string): EntryPoint {
  const found = entryPoints.find(({ name }) => name === `video-webhooks${subpath}`);
  if (found === undefined) throw new Error(`package.json exports no entry point "video-webhooks${subpath}".`);
  return found;
}

function readEntryPoints(): readonly EntryPoint[] {
  const { name, exports } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { name: string; exports: Exports };
  return Object.entries(exports).flatMap(([subpath, conditions]) => {
    if (typeof conditions === "string") return [];
    const { import: esm, require: cjs } = conditions;
    return {
      name: path.posix.join(name, subpath),
      esm: path.posix.normalize(esm.default),
      cjs: path.posix.normalize(cjs.default),
      esmTypes: path.posix.normalize(esm.types),
      cjsTypes: path.posix.normalize(cjs.types),
    };
  });
}
