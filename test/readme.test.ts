import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterEach, describe, expect, it, vi } from "vitest";
import { secret, success } from "./suites/deliveries.ts";
import { request } from "./suites/raw-http.ts";
import { readmeBlocks as blocks, readme, readmeBlock } from "./suites/readme.ts";
import { signHex } from "./suites/signer.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

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

describe("README.md", () => {
  it("has code blocks that compile as they stand", () => {
    expect(blocks.length).toBeGreaterThan(5);
    const files = new Map(blocks.map((code, index) => [`${root}readme-block-${index + 1}.ts`, code]));
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.readFile = (name) => files.get(name) ?? readFile(name);
    host.getSourceFile = (name, target, ...rest) => {
      const code = files.get(name);
      return code === undefined ? getSourceFile(name, target, ...rest) : ts.createSourceFile(name, code, target);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
    expect(problems).toEqual([]);
  }, 60_000);

  it("stays under 500 lines, and lists the top level of the repository", () => {
    expect(readme.split("\n").length).toBeLessThan(500);
    for (const name of [
      "src/",
      "test/",
      "examples/",
      "bench/",
      "tsconfig.json",
      "tsup.config.ts",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "SECURITY.md",
    ]) {
      expect(readme).toContain(name);
    }
  });
});

// The snippet for Next.js needs a build; test/adapters/next.test.ts runs it.
describe("the snippets of the section Frameworks", () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
  });

  it("have at most ten lines", () => {
    for (const name of ["expressHandler(", "fastifyPlugin,", "honoHandler(", "nextRoute("]) {
      expect(readmeBlock(name).trimEnd().split("\n").length, name).toBeLessThanOrEqual(10);
    }
  });

  it.each([
    ["Express", "expressHandler("],
    ["Fastify", "fastifyPlugin,"],
    ["Hono", "honoHandler("],
  ])("run as they stand: %s", async (name, text) => {
    const folder = `${root}test/.build`;
    const file = `${folder}/readme-${name.toLowerCase()}.ts`;
    await mkdir(folder, { recursive: true });
    await writeFile(file, readmeBlock(text));
    const port = await freePort();
    const env = { ...process.env, PORT: String(port), HEYGEN_WEBHOOK_SECRET: secret };
    const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));

    const url = `http://127.0.0.1:${port}/webhooks/heygen`;
    await vi.waitFor(async () => expect((await request(url, { method: "OPTIONS" })).status, output).toBe(204), { timeout: 15_000 });
    const body = success("v");
    const answer = await request(url, { method: "POST", headers: { signature: await signHex(secret, body) }, body });
    expect(await answer.json()).toEqual({ result: "processed", id: "heygen/default/avatar_video.success/v" });
    await vi.waitFor(() => expect(output).toContain("https://files.example.test/v.mp4"));
    expect((await request(url, { method: "POST", headers: { signature: "0".repeat(64) }, body })).status).toBe(401);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
