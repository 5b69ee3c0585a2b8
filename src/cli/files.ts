import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../endpoints/system-code.ts";
import { systemReason, unreachable } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { printable } from "./printable.ts";

const MIB = 1_048_576;

/** Reads a file, or stdin for `-`, up to a limit. */
export async function readInput(path: string, io: Pick<CliIo, "stdin">, most: number = 16 * MIB): Promise<Buffer> {
  const name = path === "-" ? "the standard input" : `the file ${printable(path)}`;
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of path === "-" ? io.stdin : createReadStream(path)) {
      const bytes = Buffer.from(chunk as Uint8Array | string);
      length += bytes.length;
      if (length > most) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw unreachable("unreadable", `Cannot read ${name}: ${systemReason(error)}.`, error);
  }
  if (length > most) throw unreachable("too_large", `Cannot read ${name}: it is larger than ${most / MIB} MiB.`);
  return Buffer.concat(chunks);
}

/** A file that is about to be written. */
export interface PendingFile {
  /** Writes all of it. What cannot be written whole leaves nothing behind. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Gives up, and leaves nothing behind. */
  discard(): Promise<void>;
}

/** How a file is written. */
export interface WriteOptions {
  /** Permissions, such as 0o600. */
  readonly mode?: number;
}

/**
 * Opens a file for writing, so that it is known early whether that is possible. A regular file gets its content by a rename, whole or not
 * at all; a device or a pipe is written to.
 */
export async function openOutput(path: string, { mode = 0o666 }: WriteOptions = {}): Promise<PendingFile> {
  const target = await targetOf(path);
  const temporary = target.isRegular
    ? join(dirname(target.path), `.${basename(target.path).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`)
    : undefined;
  let file: FileHandle;
  try {
    file = await open(temporary ?? target.path, temporary === undefined ? "w" : "wx", mode);
  } catch (error) {
    throw cannotWrite(path, error);
  }
  const discard = async (): Promise<void> => {
    // Closing reports once more what writing has reported.
    await file.close().catch(() => undefined);
    if (temporary !== undefined) await rm(temporary, { force: true });
  };
  return {
    discard,
    async write(bytes) {
      try {
        await file.writeFile(bytes);
        if (temporary !== undefined) await file.sync();
        await file.close();
        if (temporary !== undefined) await rename(temporary, target.path);
      } catch (error) {
        await discard();
        throw cannotWrite(path, error);
      }
    },
  };
}

/** Writes a file as {@link openOutput} does. */
export async function writeOutput(path: string, bytes: string | Uint8Array, options?: WriteOptions): Promise<void> {
  await (await openOutput(path, options)).write(bytes);
}

/** Whether there is a regular file at a path, rather than nothing or a device. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function targetOf(path: string): Promise<{ readonly path: string; readonly isRegular: boolean }> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw cannotWrite(path, { code: "EISDIR" });
    // A rename would replace a symbolic link instead of what it leads to.
    return { path: found.isFile() ? await realpath(path) : path, isRegular: found.isFile() };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { path, isRegular: true };
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === "CliFailure") return error;
  return unreachable("unwritable", `Cannot write ${printable(path)}: ${systemReason(error)}.`, error);
}
