import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The folder of the package. All files below are named relative to it, with slashes. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** That one file imports another, or a package. */
export interface Edge {
  readonly from: string;
  /** A file, or the specifier of a package or built-in module. */
  readonly to: string;
  /** Whether the statement leaves nothing behind at run time. */
  readonly typeOnly: boolean;
}

/** Every file below a folder, sorted. */
export function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return files.map((file) => path.relative(root, file).replaceAll(path.sep, "/")).sort();
}

/** What was read, since most files are reached from many. */
const imports = new Map<string, readonly Edge[]>();

/** Everything that a source, built or declaration file imports: statements, `import()`, `require()` and `import("…").Type`. */
export function importsOf(file: string): readonly Edge[] {
  const known = imports.get(file);
  if (known !== undefined) return known;
  const edges: Edge[] = [];
  imports.set(file, edges);
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    // What is computed could be anything, so no rule could be checked.
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) throw new Error(`${file} imports something that is not a literal.`);
    edges.push({ from: file, to: target(file, specifier.text), typeOnly });
  };
  visit(file, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node.moduleReference.expression, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || isNamed(node.expression, "require"))) {
      add(node.arguments[0], false);
    }
  });
  return edges;
}

/** Every file and package that a built file reaches, itself included. */
export function reachableFrom(entry: string): ReadonlySet<string> {
  const reached = new Set([entry]);
  // A set iterates over what is added meanwhile.
  for (const each of reached) if (isFile(each)) for (const { to } of importsOf(each)) reached.add(to);
  return reached;
}

/** The chains of run-time imports that lead back to where they began. */
export function cyclesIn(edges: readonly Edge[]): readonly string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const follow = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(" → "));
    if (start >= 0 || finished.has(file)) return;
    for (const edge of edges) if (edge.from === file && !edge.typeOnly) follow(edge.to, [...trail, file]);
    finished.add(file);
  };
  for (const { from } of edges) follow(from, []);
  return cycles;
}

/** The names that a file declares at its top level, functions, classes and variables alike. */
export function declaredIn(file: string): readonly string[] {
  return parse(file).statements.flatMap((statement) => {
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
    return (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name ? [statement.name.text] : [];
  });
}

/** Where a file calls the global `fetch`, as `file:line`. Calling a property of another object is not meant, such as `router.fetch`. */
export function fetchCallsIn(file: string): readonly string[] {
  const calls: string[] = [];
  visit(file, (node, source) => {
    if (!ts.isCallExpression(node)) return;
    const { expression } = node;
    const ofGlobal =
      ts.isPropertyAccessExpression(expression) &&
      expression.name.text === "fetch" &&
      ["globalThis", "self", "window"].some((name) => isNamed(expression.expression, name));
    if (ofGlobal || isNamed(expression, "fetch")) calls.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
  });
  return calls;
}

/** Whether the target of an edge is a module of Node.js, with or without `node:`. */
export function isBuiltinModule(to: string): boolean {
  return !isFile(to) && isBuiltin(to);
}

function isFile(to: string): boolean {
  return to.startsWith("src/") || to.startsWith("dist/");
}

function target(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const to = path.posix.join(path.posix.dirname(file), specifier);
  // Declarations name the module that they describe.
  return /\.d\.c?ts$/.test(file) ? to.replace(/\.(c?)js$/, ".d.$1ts") : to;
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(path.join(root, file), "utf8"), ts.ScriptTarget.Latest, true);
}

function visit(file: string, look: (node: ts.Node, source: ts.SourceFile) => void): void {
  const source = parse(file);
  const each = (node: ts.Node): void => {
    look(node, source);
    ts.forEachChild(node, each);
  };
  each(source);
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}
