import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Application, Converter, type TypeDocOptions } from "typedoc";
import tsup from "../tsup.config.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const packageName = "video-webhooks";

/** The name that each entry point is imported by, by its source file. The program of the command line has nothing to import. */
const names: ReadonlyMap<string, string> = new Map(
  tsup
    .filter(({ dts }) => dts === true)
    .flatMap(({ entry }) => Object.entries(entry as Readonly<Record<string, string>>))
    .map(([name, file]) => [path.join(root, file), name === "index" ? packageName : `${packageName}/${name}`]),
);

function load({ converter }: Application): void {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    // TypeDoc names modules after their files.
    for (const module of project.children ?? []) {
      const name = names.get(path.normalize(project.getSymbolIdFromReflection(module)?.fileName ?? ""));
      if (name === undefined) throw new Error(`The module ${module.name} is no entry point of tsup.config.ts.`);
      module.name = name;
    }
    // Texts link to what the root exports, above all its errors, also where a file does not import it.
    for (const { comment } of Object.values(project.reflections)) {
      for (const part of [comment?.summary, ...(comment?.blockTags ?? []).map(({ content }) => content)].flatMap((parts) => parts ?? [])) {
        if (part.kind !== "inline-tag" || part.target !== undefined) continue;
        const found = project.getChildByName([packageName, part.text]);
        if (found !== undefined) part.target = found;
      }
    }
  });
}

const options: TypeDocOptions = {
  entryPoints: [...names.keys()],
  sortEntryPoints: false,
  navigation: { includeFolders: false },
  tsconfig: path.join(root, "tsconfig.json"),
  displayBasePath: root,
  // Links into the source need a remote of Git, which not every copy has.
  disableSources: true,
  hideGenerator: true,
  out: path.join(root, "docs/api"),
  plugin: [load],
  treatWarningsAsErrors: true,
};

export default options;
