import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { root } from "../package/module-graph.ts";
import type { Scene } from "./scene.ts";

/** An application outside the repository that has installed the packed package. */
export interface Project {
  readonly folder: string;
  /** A folder of its own for one runtime, below the project, with the programs and this as their `scene.mjs`. */
  copyPrograms(name: string, scene: Scene): Promise<string>;
  dispose(): Promise<void>;
}

/** What entry points cannot be imported without, and what the servers of the programs are made with, in the versions of the lockfile. */
const peers: readonly string[] = ["zod", "@opentelemetry/api", "hono", "@hono/node-server", "express", "fastify"];

/** Installs the packed package as an application does. */
export async function createProject(): Promise<Project> {
  // Deno compares paths with those that it may read.
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "video-webhooks-runtimes-")));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await writeFile(path.join(folder, "package.json"), '{ "private": true }\n');
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
    await npm(["install", ...flags, inject("packed").tarball, ...(await Promise.all(peers.map(pinned)))], folder);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    folder,
    async copyPrograms(name, scene) {
      const programs = path.join(folder, name);
      await cp(path.join(import.meta.dirname, "programs"), programs, { recursive: true });
      const given = { ...scene, inboxFile: path.join(programs, "webhooks.db") };
      // Bundlers follow an import only where its name is written out.
      const imports = Object.keys(scene.entryPoints).map((entryPoint) => `"${entryPoint}": () => import("${entryPoint}"),\n`);
      const text = `export const scene = ${JSON.stringify(given)};\nexport const load = {\n${imports.join("")}};\n`;
      await writeFile(path.join(programs, "scene.mjs"), text);
      return programs;
    },
    dispose,
  };
}

async function pinned(name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(root, "node_modules", name, "package.json"), "utf8")) as { version: string };
  return `${name}@${version}`;
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const cli = process.env.npm_execpath;
  if (cli === undefined) throw new Error("npm did not start this process. Use npm run test:runtimes.");
  await promisify(execFile)(process.execPath, [cli, ...args], { cwd, timeout: 120_000 });
}
