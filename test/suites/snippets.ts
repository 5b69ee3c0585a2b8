import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

// A user's project: strict, no help from this repository's settings. The imports resolve to the built package.
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  // As Next.js sets it. The package's own declarations are checked in full, and with Node.js resolution too, in test/package.
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  skipLibCheck: true,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: ["node"],
};

/**
 * Compiles texts as files of a user's project, and returns what the compiler has to say, each line with the name of its text.
 *
 * @param neighbours what else is in their folder, by the name that they import, such as "./store.js"
 */
export function compileSnippets(
  snippets: ReadonlyMap<string, string>,
  neighbours: ReadonlyMap<string, string> = new Map(),
): readonly string[] {
  const names = new Map([...snippets.keys()].map((name, index) => [`${root}snippet-${index + 1}.ts`, name]));
  const others = new Map([...neighbours].map(([name, code]) => [root + name.slice(2).replace(/js$/, "ts"), code]));
  const codeOf = (file: string): string | undefined => {
    const other = others.get(file);
    if (other !== undefined) return other;
    const name = names.get(file);
    // Without an import or export it would be a script, and share its names with all others.
    return name === undefined ? undefined : `${snippets.get(name)}\nexport {};\n`;
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => codeOf(file) !== undefined || fileExists(file);
  host.readFile = (file) => codeOf(file) ?? readFile(file);
  host.getSourceFile = (file, target, ...rest) => {
    const code = codeOf(file);
    return code === undefined ? getSourceFile(file, target, ...rest) : ts.createSourceFile(file, code, target);
  };
  const program = ts.createProgram([...names.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${names.get(file?.fileName ?? "") ?? file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
}
