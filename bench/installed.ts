import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { isAbsolute } from "node:path";
import { LeftOut } from "./part.ts";

/** The installed version of a package. */
export function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) throw new LeftOut(`${name} is not installed.`);
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/** The package that is not installed here, or the module that this Node.js does not have, if that is what an error says. */
export function missingPackage(error: unknown): string | undefined {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code === "ERR_UNKNOWN_BUILTIN_MODULE") return /node:\S+/.exec(String(message))?.[0];
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return undefined;
  const missing = /Cannot find (?:package|module) '([^']+)'/.exec(String(message))?.[1];
  // A file that is missing is a fault, or the package was not built.
  return missing === undefined || missing.startsWith(".") || missing.startsWith("file:") || isAbsolute(missing) ? undefined : missing;
}
