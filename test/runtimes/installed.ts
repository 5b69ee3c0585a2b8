import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

/** A program of an npm package, or the reason why it cannot be run here. */
export type Installed = { readonly program: string; readonly version: string } | { readonly missing: string };

/**
 * Finds the program of a runtime's npm package. The packages of Bun, Deno and workerd have it in another package per platform, which an
 * install script would copy; those of Node.js download it in theirs.
 *
 * @param name as a `package.json` names it
 * @param file where the program is in its package
 */
export async function findInstalled(name: string, file: string): Promise<Installed> {
  const folder = folderOf(name);
  if (folder === undefined) return { missing: `the package ${name} is not installed` };
  const { optionalDependencies = {} } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  };
  const platforms = Object.keys(optionalDependencies);
  const folders = platforms.length === 0 ? [folder] : platforms.map(folderOf).filter((each) => each !== undefined);
  const programs = folders.map((each) => path.join(each, file)).filter((each) => existsSync(each));
  let missing = `the package ${name} has no program for ${process.platform} ${process.arch}, or its install script did not run`;
  // Several fit one platform, such as those with and without recent instructions of the processor.
  for (const program of programs) {
    try {
      const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: 30_000 });
      const version = /\d+\.\d+\.\d+|\d{4}-\d\d-\d\d/.exec(stdout)?.[0];
      if (version !== undefined) return { program, version };
    } catch (error) {
      missing = `${name} does not run on this machine: ${(error as Error).message.split("\n")[0]}`;
    }
  }
  return { missing };
}

/** Looks where `import` would, also for packages that export no file. */
function folderOf(name: string): string | undefined {
  for (let folder = path.join(import.meta.dirname, "packages"); ; folder = path.dirname(folder)) {
    const found = path.join(folder, "node_modules", name);
    if (existsSync(path.join(found, "package.json"))) return found;
    if (folder === path.dirname(folder)) return undefined;
  }
}
