// The tarball, installed by each installer that users have. Nothing is fetched: zod comes from a tarball as well, and the registry is none.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, type TestContext, test } from "vitest";
import { findInstalled } from "../runtimes/installed.ts";
import { type Ran, run } from "./consumer.ts";
import { root } from "./module-graph.ts";

const tools = path.join(root, "test/package/tools/node_modules");

interface Installer {
  readonly name: string;
  /** Its program below `tools`, which runs on Node.js; without one it is Bun. */
  readonly script?: string;
  /** What runs a script of the application, where Node.js alone does not find the packages. */
  readonly start?: readonly string[];
  /** Lines that look like warnings and are about something else. */
  readonly others?: RegExp;
}

const installers: readonly Installer[] = [
  { name: "npm 10", script: "npm-10/bin/npm-cli.js" },
  { name: "npm 11", script: "npm-11/bin/npm-cli.js" },
  { name: "pnpm", script: "pnpm/bin/pnpm.mjs" },
  { name: "Yarn 1", script: "yarn-1/bin/yarn.js" },
  {
    name: "Yarn 4 with Plug'n'Play",
    script: "yarn-4/bin/yarn.js",
    start: ["node"],
    // Of every application with ES modules, and the line that counts it.
    others: /YN0092: .* ESM support for PnP|YN0000: · Done with warnings/,
  },
  { name: "Bun" },
];

let folder: string;
let tarballs: { readonly package: string; readonly zod: string };

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "video-webhooks-installers-"));
  tarballs = { package: inject("packed").tarball, zod: await pack(path.join(root, "node_modules/zod"), "zod") };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

for (const installer of installers) {
  test(`${installer.name} installs the tarball without a warning, and the application runs`, async (context) => {
    const application = await createApplication(installer, { "video-webhooks": `file:${tarballs.package}`, zod: `file:${tarballs.zod}` });
    const { exitCode, output } = await install(context, installer, application);
    expect([exitCode, warningsIn(output, installer)], output).toEqual([0, []]);
    const started = installer.start === undefined ? ["esm.mjs"] : [scriptOf(context, installer), ...installer.start, "esm.mjs"];
    const ran = await execute(process.execPath, started, application);
    expect(ran, ran.output).toMatchObject({ exitCode: 0, output: expect.stringContaining('"kling task.succeeded nextApiRoute"') });
  });
}

// The control: these warn of a peer that is missing, so that a warning would be seen.
for (const installer of installers.filter(({ name }) => name.startsWith("Yarn"))) {
  test(`${installer.name} warns of nothing but zod where that is missing`, async (context) => {
    const application = await createApplication(installer, { "video-webhooks": `file:${tarballs.package}` });
    const { output } = await install(context, installer, application);
    const warnings = warningsIn(output, installer);
    expect(warnings).toContainEqual(expect.stringContaining("zod"));
    // The other line only says how to read more.
    expect(warnings.filter((line) => !line.includes("zod") && !line.includes("YN0086"))).toEqual([]);
  });
}

async function pack(from: string, name: string): Promise<string> {
  const to = path.join(folder, `packed-${name}`);
  await mkdir(to);
  const cli = process.env.npm_execpath;
  if (cli === undefined) throw new Error("npm did not start this process. Use npm run test:package.");
  // Packing would build once more, under the feet of tests that read dist.
  const { exitCode, output } = await run([cli, "pack", from, "--ignore-scripts", "--pack-destination", to], root);
  const [tarball] = await readdir(to);
  if (exitCode !== 0 || tarball === undefined) throw new Error(`npm pack failed with exit code ${exitCode}.\n${output}`);
  return path.join(to, tarball);
}

async function createApplication({ name }: Installer, dependencies: Readonly<Record<string, string>>): Promise<string> {
  const application = await mkdtemp(path.join(folder, `${name.replaceAll(/\W+/g, "-")}-`));
  // Everything that an installer misses in a package.json.
  const content = { name: "application", version: "1.0.0", private: true, license: "MIT", dependencies };
  await writeFile(path.join(application, "package.json"), JSON.stringify(content));
  for (const file of ["esm.mjs", "receive.cjs"]) {
    await cp(path.join(root, "test/package/consumers", file), path.join(application, file));
  }
  return application;
}

async function install(context: TestContext, installer: Installer, application: string): Promise<Ran> {
  if (installer.script !== undefined) return execute(process.execPath, [scriptOf(context, installer), "install"], application);
  const bun = await findInstalled("bun", process.platform === "win32" ? "bin/bun.exe" : "bin/bun");
  return "missing" in bun ? miss(context, bun.missing) : execute(bun.program, ["install"], application);
}

function scriptOf(context: TestContext, { name, script = "" }: Installer): string {
  const file = path.join(tools, script);
  return existsSync(file) ? file : miss(context, `${name} is not installed`);
}

function miss(context: TestContext, reason: string): never {
  if (process.env.CI === "true") throw new Error(`In CI every installer is needed: ${reason}.`);
  return context.skip(reason);
}

function warningsIn(output: string, { others }: Installer): readonly string[] {
  const lines = output.split(/\r?\n/).filter((line) => /warn|deprecat|unmet|missing peer|YN00(?:02|60|86)/i.test(line));
  return lines.filter((line) => !others?.test(line));
}

/** Runs a program with settings of its own: none of the npm that runs the tests, a new cache, and no registry. */
function execute(program: string, args: readonly string[], application: string): Promise<Ran> {
  const home = `${application}-home`;
  const registry = "http://127.0.0.1:1";
  const env = {
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
    HOME: home,
    USERPROFILE: home,
    npm_config_registry: registry,
    npm_config_fetch_retries: "0",
    npm_config_audit: "false",
    npm_config_update_notifier: "false",
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1",
    YARN_ENABLE_TELEMETRY: "0",
    // In CI it would refuse to write the first lockfile.
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
  };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: application, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}`.trim() });
    });
  });
}
