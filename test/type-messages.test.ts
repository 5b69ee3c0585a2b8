import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const file = fileURLToPath(new URL("./type-messages.snippet.ts", import.meta.url));

/** What the compiler says of a line of a user's code. */
function compile(line: string): string {
  const source = `
    import { createRouter } from "../src/router.ts";
    import { heygen } from "../src/providers/heygen.ts";
    const router = createRouter(heygen({ secret: "a" }));
    ${line}
  `;
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.es2024.string.d.ts", "lib.dom.d.ts"],
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))
    .join("\n");
}

describe("what the compiler says", () => {
  it("of a correct line is nothing", () => {
    expect(compile('router.on("avatar_video.success", (event) => event.event_data.video_id);')).toBe("");
  });

  it("of a misspelt event type is a sentence", () => {
    expect(compile('router.on("avatar_video.succes", () => undefined);')).toContain(
      'heygen has no event type \\"avatar_video.succes\\". Check the spelling, or use onUnknown() for types that this version does not know.',
    );
  });

  it("of a misspelt type among several names that one", () => {
    const message = compile('router.on(["avatar_video.success", "avatar_video.fial"], () => undefined);');
    expect(message).toContain('heygen has no event type \\"avatar_video.fial\\".');
  });

  it("of a misspelt field is the right spelling", () => {
    expect(compile('router.on("avatar_video.success", (event) => event.event_data.vidio_id);')).toMatch(
      /'vidio_id' does not exist.*Did you mean 'video_id'\?/,
    );
  });
}, 180_000);
