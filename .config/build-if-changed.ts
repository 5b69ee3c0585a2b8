// Builds the package, unless dist is what the last build made of the same files: node .config/build-if-changed.ts

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
/** What npm run build starts, without the second that npm takes. */
const tsup = path.join(root, "node_modules/tsup/dist/cli-default.js");
const stamp = path.join(root, "node_modules/.cache/build.txt");

/** Everything that a build reads. The lockfile of `node_modules` names the versions of its tools, and of the packages that are built in. */
const inputs: readonly string[] = [
  "src",
  "package.json",
  "README.md",
  "tsconfig.json",
  "tsup.config.ts",
  ".config/llms.ts",
  "node_modules/.package-lock.json",
];

/** The files that are, or are below, these, with what is in them. What is not there counts as well. */
function digestOf(places: readonly string[]): string {
  const hash = createHash("sha256");
  for (const place of places) {
    for (const file of filesAt(place)) {
      const content = readFileSync(path.join(root, file));
      hash.update(`${file} ${content.length}\n`).update(content);
    }
  }
  return hash.digest("hex");
}

function filesAt(place: string): readonly string[] {
  const at = path.join(root, place);
  const found = statSync(at, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found === undefined ? [] : [place];
  return readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

function isBuiltOf(source: string): boolean {
  try {
    return readFileSync(stamp, "utf8") === `${source}\n${digestOf(["dist"])}\n`;
  } catch {
    // There was no build yet, or something takes files away at this moment.
    return false;
  }
}

const source = digestOf(inputs);
if (!isBuiltOf(source)) {
  // A build that fails or is interrupted leaves none.
  rmSync(stamp, { force: true });
  const { status } = spawnSync(process.execPath, [tsup, "--silent"], { cwd: root, stdio: "inherit" });
  process.exitCode = status ?? 1;
  // What was written meanwhile may be in it or not.
  if (status === 0 && digestOf(inputs) === source) {
    mkdirSync(path.dirname(stamp), { recursive: true });
    writeFileSync(stamp, `${source}\n${digestOf(["dist"])}\n`);
  }
}
