import { readFileSync } from "node:fs";

/** The version of the package this file is in, whether it is built or not. */
export function packageVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        readonly name?: unknown;
        readonly version?: unknown;
      };
      if (found.name === "video-webhooks" && typeof found.version === "string") return found.version;
    } catch {
      // It is one folder further up.
    }
  }
  return "unknown";
}
