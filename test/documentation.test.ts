import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import configs from "../tsup.config.ts";
import { compileSnippets } from "./suites/snippets.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The source files of the entry points that have exports; the program of the command line has none. */
const entries: readonly string[] = configs
  .filter(({ dts }) => dts === true)
  .flatMap(({ entry }) => Object.values(entry as Readonly<Record<string, string>>))
  .map((file) => root + file);

/** What a user imports, with where it is declared. */
interface Export {
  readonly name: string;
  readonly symbol: ts.Symbol;
  readonly declarations: readonly ts.Declaration[];
}

function openSource(): { readonly checker: ts.TypeChecker; readonly exports: readonly Export[] } {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile) as {
    readonly config: { readonly compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  const exports = entries.flatMap((entry) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry) as ts.SourceFile);
    return checker.getExportsOfModule(module as ts.Symbol).map((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      return { name: `${entry.slice(root.length)}: ${exported.name}`, symbol, declarations: symbol.declarations ?? [] };
    });
  });
  return { checker, exports };
}

const holdsMembers = (node: ts.Node): boolean =>
  ts.isInterfaceDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isTypeLiteralNode(node) ||
  ts.isIntersectionTypeNode(node) ||
  ts.isUnionTypeNode(node) ||
  ts.isParenthesizedTypeNode(node);

/** The members that a declaration writes out, those of the type literals in it included. */
function membersOf(declaration: ts.Node): readonly (ts.TypeElement | ts.ClassElement)[] {
  const members: (ts.TypeElement | ts.ClassElement)[] = [];
  ts.forEachChild(declaration, function visit(node): void {
    if (ts.isTypeElement(node) || ts.isClassElement(node)) members.push(node);
    if (holdsMembers(node)) ts.forEachChild(node, visit);
  });
  return members;
}

const isOptions = (name: string): boolean => /(?:Options|Settings)$/.test(name);

/** Types that describe the few members that are used of something foreign, whose own documentation says what they do. */
const isForeign = (file: string): boolean =>
  /\/src\/adapters\/|\/inbox\/(?:sqlite-driver|pg-boss-client|bullmq-queues)|\/idempotency\/(?:redis|postgres)/.test(file);

/** Types with a member for each event or each field of a payload, whose names are the provider's. */
const isByEvent = (file: string): boolean => /\/src\/(?:providers|testing\/samples)\//.test(file);

/** `unsigned?: never` and `path?: undefined` only keep options apart. */
const isForbidden = (member: ts.Node): boolean =>
  ts.isPropertySignature(member) && [ts.SyntaxKind.NeverKeyword, ts.SyntaxKind.UndefinedKeyword].includes(member.type?.kind ?? 0);

/** What the examples import of a user's own. */
const neighbours: ReadonlyMap<string, string> = new Map([
  [
    "./clipforge.js",
    `import { defineProvider, hmacHex } from "video-webhooks";
     import * as z from "zod";
     export const clipforge = defineProvider({
       name: "clipforge",
       signature: hmacHex({ headers: ["x-clipforge-signature"] }),
       events: { "clip.done": z.looseObject({ kind: z.literal("clip.done"), clip: z.string() }) },
       eventType: (body) => (typeof body.kind === "string" ? body.kind : undefined),
       dedupeKey: (event, type) => [type, event.clip],
       toJob: () => undefined,
       ackDeadlineMs: 10_000,
     });`,
  ],
  [
    "./my-store.js",
    `import type { InboxStoreUnderTest } from "video-webhooks/testing";
     export declare const openMyStore: InboxStoreUnderTest["open"];`,
  ],
]);

describe("TSDoc", () => {
  const { checker, exports } = openSource();
  const hasText = (symbol: ts.Symbol | undefined): boolean => symbol !== undefined && symbol.getDocumentationComment(checker).length > 0;

  it("is there for every export of every entry point", () => {
    expect(exports.length).toBeGreaterThan(300);
    expect(exports.filter(({ symbol }) => !hasText(symbol)).map(({ name }) => name)).toEqual([]);
  });

  it("is there for every option, and every method of what users call or implement", () => {
    const missing = new Set<string>();
    let options = 0;
    for (const { symbol, declarations } of exports) {
      for (const declaration of declarations) {
        const { fileName } = declaration.getSourceFile();
        for (const member of membersOf(declaration)) {
          const isMethod = ts.isMethodSignature(member) || ts.isMethodDeclaration(member);
          const isOption = isOptions(symbol.name) && !isForbidden(member);
          if (!isOption && !(isMethod && !isForeign(fileName))) continue;
          options += Number(isOption);
          const found = member.name && checker.getSymbolAtLocation(member.name);
          if (found && !hasText(found)) missing.add(`${fileName.slice(root.length)}: ${symbol.name}.${found.name}`);
        }
      }
    }
    expect(options).toBeGreaterThan(100);
    expect([...missing]).toEqual([]);
  });

  it("is there for every member of what users read", () => {
    const missing = new Set<string>();
    let members = 0;
    for (const { symbol, declarations } of exports) {
      for (const declaration of declarations) {
        const { fileName } = declaration.getSourceFile();
        if (isForeign(fileName) || isByEvent(fileName) || !(ts.isInterfaceDeclaration(declaration) || ts.isClassDeclaration(declaration)))
          continue;
        for (const { name } of declaration.members) {
          const found = name && checker.getSymbolAtLocation(name);
          if (found === undefined) continue;
          members++;
          if (!hasText(found)) missing.add(`${fileName.slice(root.length)}: ${symbol.name}.${found.name}`);
        }
      }
    }
    expect(members).toBeGreaterThan(300);
    expect([...missing]).toEqual([]);
  });

  it("says for every option that can be left out what then holds", () => {
    const missing = new Set<string>();
    let optional = 0;
    for (const { symbol, declarations } of exports) {
      for (const member of symbol.name.endsWith("Options") ? declarations.flatMap(membersOf) : []) {
        if (!(ts.isPropertySignature(member) || ts.isMethodSignature(member)) || isForbidden(member) || !member.questionToken) continue;
        const found = checker.getSymbolAtLocation(member.name);
        optional++;
        if (!found?.getJsDocTags(checker).some(({ name, text = [] }) => name === "default" && text.length > 0)) {
          missing.add(`${symbol.name}.${member.name.getText()}`);
        }
      }
    }
    expect(optional).toBeGreaterThan(60);
    expect([...missing]).toEqual([]);
  });

  it("has an example for every function that others are made with", () => {
    const functions = exports.filter(({ declarations }) => declarations.some((each) => ts.isFunctionDeclaration(each)));
    const without = functions.filter(({ symbol }) => !symbol.getJsDocTags(checker).some(({ name }) => name === "example"));
    expect(functions.length).toBeGreaterThan(30);
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it("has examples that compile as they stand", () => {
    const examples = new Map<string, string>();
    let tags = 0;
    for (const file of readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))) {
      const text = readFileSync(`${root}src/${file}`, "utf8");
      for (const { index } of text.matchAll(/^ *\* @example/gm)) {
        tags++;
        const [, block] = /^ *\* @example\n *\* ```ts\n((?: *\*(?: .*)?\n)*?) *\* ```$/m.exec(text.slice(index)) ?? [];
        const line = text.slice(0, index).split("\n").length;
        examples.set(`src/${file}:${line}`, (block ?? "no block of TypeScript").replaceAll(/^ *\* ?/gm, ""));
      }
    }
    expect(tags).toBeGreaterThan(30);
    expect(examples.size).toBe(tags);
    expect(compileSnippets(examples, neighbours)).toEqual([]);
  });
});
