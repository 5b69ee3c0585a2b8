import { systemCode } from "../endpoints/system-code.ts";

/** Every exit code. They are part of the public interface: `--help` lists them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Why a command ends early: what failed, what was found, what to do. */
export class CliFailure extends Error {
  override readonly name = "CliFailure";
  readonly exitCode: ExitCode;
  /** A stable fact in lower snake case, for `--json`. */
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** The command was called wrongly. */
export const usageFailure = (message: string, cause?: unknown): CliFailure => new CliFailure(exitCodes.usage, "usage", message, { cause });

/** Something could not be reached, opened or written. */
export const unreachable = (code: string, message: string, cause?: unknown): CliFailure =>
  new CliFailure(exitCodes.unreachable, code, message, { cause });

/** What was asked about is not there, or did not hold. */
export const failed = (code: string, message: string, cause?: unknown): CliFailure =>
  new CliFailure(exitCodes.failed, code, message, { cause });

const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EEXIST: "it exists already",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "it would be larger than files may be",
  EROFS: "the disk is read-only",
  EPIPE: "nobody reads it any more",
  EMFILE: "too many files are open",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was closed before an answer came",
  UND_ERR_SOCKET: "the connection was closed before an answer came",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host could not be looked up",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "it did not answer in time",
  UND_ERR_CONNECT_TIMEOUT: "it did not answer in time",
  EADDRINUSE: "the port is taken",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed; NODE_EXTRA_CA_CERTS names one to trust",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed; NODE_EXTRA_CA_CERTS names one to trust",
};

/** Why a system call failed, in words, with the code in parentheses. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined) return Object.hasOwn(systemReasons, code) ? `${systemReasons[code]} (${code})` : code;
  return error instanceof Error ? error.message : "for an unknown reason";
}
