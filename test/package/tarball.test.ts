import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Consumer, createConsumer, run } from "./consumer.ts";
import { entryPoints } from "./entry-points.ts";
import { filesIn, root } from "./module-graph.ts";

let consumer: Consumer;

beforeAll(async () => {
  consumer = await createConsumer();
});

afterAll(() => consumer?.dispose());

describe("the tarball", () => {
  test("has nothing that publint would change", async () => {
    const { buffer, byteOffset, byteLength } = await readFile(consumer.tarball);
    const tarball = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test("has types that resolve for ESM, CommonJS, bundlers and moduleResolution node10", async () => {
    const attw = path.join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const { exitCode, output } = await run([attw, consumer.tarball, "--format", "ascii", "--no-color"], root);
    expect(exitCode, output).toBe(0);
  });

  test("holds every built file and every exported one, and nothing else but the documents", async () => {
    const installed = path.join(consumer.project, "node_modules/video-webhooks");
    const entries = await readdir(installed, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(installed, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"));
    expect(files).toEqual(
      expect.arrayContaining(entryPoints.flatMap(({ esm, cjs, esmTypes, cjsTypes }) => [esm, cjs, esmTypes, cjsTypes])),
    );
    const documents = ["README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"];
    expect(files.filter((file) => !documents.includes(file)).sort()).toEqual([...filesIn("dist"), "package.json"].sort());
  });
});

describe("an installed package", () => {
  const ways = ["fetch", "nextRoute", "honoHandler", "nodeHandler", "expressHandler", "nextApiRoute"];
  const events = ["heygen avatar_video.success", "konpro avatar_video.fail", "videopilot render.completed", "kling task.succeeded"];
  const handled = events.flatMap((event) => ways.map((way) => `${event} ${way}`));

  test("brings no framework with it", async () => {
    const packages = (await readdir(path.join(consumer.project, "node_modules"))).filter((name) => !name.startsWith("."));
    expect(packages.sort()).toEqual(["@types", "video-webhooks", "zod"]);
    expect(await readdir(path.join(consumer.project, "node_modules/@types"))).toEqual(["node"]);
    expect(await readdir(path.join(consumer.withoutZod, "node_modules"))).toEqual(["video-webhooks"]);
  });

  test.each(["esm.mjs", "commonjs.cjs"])("receives from every provider through every adapter: %s", async (script) => {
    expect(await run([script], consumer.project)).toEqual({ exitCode: 0, output: JSON.stringify(handled) });
  });

  test("recognises errors of its other copy in the same process", async () => {
    expect(await run(["copies.mjs"], consumer.project)).toEqual({ exitCode: 0, output: "" });
  });

  test("loads the root, the adapters and the stores without zod and without a framework", async () => {
    expect(await run(["without-zod.mjs"], consumer.withoutZod)).toEqual({ exitCode: 0, output: "" });
  });

  test.each(["node16", "bundler"])("compiles in strict TypeScript with library checks: %s", async (resolution) => {
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    expect(await run([tsc, "--project", `tsconfig.${resolution}.json`], consumer.project)).toEqual({ exitCode: 0, output: "" });
  });

  test("compiles in strict TypeScript with library checks against the types of Cloudflare Workers", async () => {
    const tsc = path.join(root, "node_modules/typescript/bin/tsc");
    const types = path.join(root, "node_modules/@cloudflare/workers-types");
    const compiled = await run([tsc, "--project", "tsconfig.workers.json", "--types", types], consumer.project);
    expect(compiled).toEqual({ exitCode: 0, output: "" });
  });
});
