import { existsSync } from "node:fs";
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

describe("llms.txt of an installed package", () => {
  const links = async (): Promise<readonly { readonly name: string; readonly file: string; readonly anchor: string | undefined }[]> => {
    const folder = path.join(consumer.project, "node_modules/video-webhooks/dist");
    const text = await readFile(path.join(folder, "llms.txt"), "utf8");
    return [...text.matchAll(/^- \[(.+?)\]\((.+?)(?:#(.+))?\)(?:: .+)?$/gm)].map(([, name = "", file = "", anchor]) => ({
      name,
      file: path.join(folder, file),
      anchor,
    }));
  };

  test("has the form of llmstxt.org: a name, a summary, and lists of links under headings", async () => {
    const text = await readFile(path.join(consumer.project, "node_modules/video-webhooks/dist/llms.txt"), "utf8");
    const { name, description } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8")) as Record<string, string>;
    expect(text.startsWith(`# ${name}\n\n> ${description}\n\n`)).toBe(true);
    expect(text.match(/^## .+$/gm)).toEqual(["## README", "## Entry points", "## Optional"]);
    const [, ...sections] = text.split(/^## .+$/gm);
    const items = sections.flatMap((section) => section.trim().split(/\n+/));
    expect(items).toHaveLength((await links()).length);
  });

  test("lists every entry point with its declarations", async () => {
    const listed = (await links()).filter(({ file }) => file.endsWith(".d.ts"));
    const installed = path.join(consumer.project, "node_modules/video-webhooks");
    expect(listed).toEqual(entryPoints.map(({ name, esmTypes }) => ({ name, file: path.join(installed, esmTypes), anchor: undefined })));
  });

  test("links to files that were installed, and to every section of the README", async () => {
    const all = await links();
    expect(all.filter(({ file }) => !existsSync(file))).toEqual([]);
    const readme = await readFile(path.join(consumer.project, "node_modules/video-webhooks/README.md"), "utf8");
    const headings = [...readme.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string);
    // Letters, digits and hyphens are all that an anchor keeps of our headings.
    const anchors = headings.map((heading) =>
      heading
        .toLowerCase()
        .match(/[a-z0-9-]+/g)
        ?.join("-"),
    );
    expect(headings.length).toBeGreaterThan(10);
    expect(all.flatMap(({ anchor }) => anchor ?? [])).toEqual(anchors);
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

  test.each(["--globals", "--config=vitest.inline.mjs"])(
    "is tested in an application with Vitest, without a warning: %s",
    async (option) => {
      const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
      const { exitCode, output } = await run([vitest, "run", option, "receive.test.mjs"], consumer.project, { NO_COLOR: "1" });
      expect([exitCode, /^ *Tests +(.*)$/m.exec(output)?.[1]], output).toEqual([0, "4 passed (4)"]);
      expect(output).not.toMatch(/warn|deprecat/i);
    },
  );

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
