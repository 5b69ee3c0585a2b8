import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inject } from "vitest";
import { root } from "./module-graph.ts";

/** What a child process left behind. */
export interface Ran {
  readonly exitCode: number;
  readonly output: string;
}

/** A project outside the repository that has the packed package installed. */
export interface Consumer {
  /** The file that `npm pack` wrote. */
  readonly tarball: string;
  /** The project with the package, zod, the types of Node.js and the files of `consumers/`. */
  readonly project: string;
  /** The same package in a project without zod. */
  readonly withoutZod: string;
  dispose(): Promise<void>;
}

declare module "vitest" {
  interface ProvidedContext {
    /** What {@link packPackage} made for all test files of a run. */
    readonly packed: Packed;
  }
}

/** The package as it was built, packed, and installed as a user would. */
export interface Packed {
  readonly tarball: string;
  /** A project with nothing but the package and zod, which nobody changes. */
  readonly installed: string;
}

/** Packs the package and installs it into a folder, once for a whole run. */
export async function packPackage(folder: string): Promise<Packed> {
  const installed = path.join(folder, "installed");
  await mkdir(installed);
  // Packing would build once more, under the feet of tests that read dist.
  await npm(["pack", "--ignore-scripts", "--pack-destination", folder], root);
  const name = (await readdir(folder)).find((each) => each.endsWith(".tgz"));
  if (name === undefined) throw new Error("npm pack wrote no tarball.");
  const tarball = path.join(folder, name);
  await writeFile(path.join(installed, "package.json"), '{ "private": true }\n');
  // The version of the lockfile, which an earlier install has left in the cache.
  const zod = JSON.parse(await readFile(path.join(root, "node_modules/zod/package.json"), "utf8")) as { version: string };
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await npm(["install", ...flags, tarball, `zod@${zod.version}`], installed);
  return { tarball, installed };
}

/** Makes a project of its own, in which the package is installed. */
export async function createConsumer(): Promise<Consumer> {
  const { tarball, installed } = inject("packed");
  const folder = await mkdtemp(path.join(tmpdir(), "video-webhooks-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const project = path.join(folder, "project");
    const withoutZod = path.join(folder, "without-zod");
    const ours = path.join("node_modules", "video-webhooks");
    // Links of commands are relative, and stay so.
    await cp(installed, project, { recursive: true, verbatimSymlinks: true });
    await cp(path.join(root, "test/package/consumers"), project, { recursive: true });
    for (const extension of [".mts", ".cts"]) await cp(path.join(project, "typed.ts"), path.join(project, `typed${extension}`));
    await mkdir(path.join(project, "node_modules/@types"), { recursive: true });
    await symlink(path.join(root, "node_modules/@types/node"), path.join(project, "node_modules/@types/node"), "junction");

    await cp(path.join(project, ours), path.join(withoutZod, ours), { recursive: true });
    await cp(path.join(project, "without-zod.mjs"), path.join(withoutZod, "without-zod.mjs"));
    return { tarball, project, withoutZod, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Runs the command line of the installed package as `npx` does. */
export function npx(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return run([npmCli(), "exec", "--no", "--", "video-webhooks", ...args], cwd, { ...env, npm_config_loglevel: "error" });
}

/** Runs a script on this Node.js; whatever happens, the result says so. */
export function run(script: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, script, { cwd, timeout: 240_000, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}`.trim() });
    });
  });
}

function npmCli(): string {
  const cli = process.env.npm_execpath;
  if (cli === undefined) throw new Error("npm did not start this process. Use npm run test:package.");
  return cli;
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const { exitCode, output } = await run([npmCli(), ...args], cwd);
  if (exitCode !== 0) throw new Error(`npm ${args[0]} failed with exit code ${exitCode}.\n${output}`);
}
