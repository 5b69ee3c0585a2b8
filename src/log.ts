import type { Outcome } from "./outcome.ts";

/** Where the router writes one line per delivery. `console` and a pino logger fit. */
export interface Logger {
  debug(line: string): void;
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

/** What one log line says. */
export interface LogEntry {
  readonly provider: string;
  readonly outcome: Outcome;
  readonly milliseconds: number;
  /** Set when the sender was answered before the handlers ended. */
  readonly late?: boolean;
  /** The name of the class of what was thrown, never its message. */
  readonly error?: string | undefined;
}

/** Writes a delivery as `key=value` pairs on one line: probes at debug, answers at info, refusals at warn, failures at error. */
export function logDelivery(logger: Logger, entry: LogEntry): void {
  const { result, status, type, id, reason } = entry.outcome;
  let line = `webhook provider=${entry.provider}`;
  if (type !== undefined) line += ` type=${plain(type)}`;
  if (id !== undefined) line += ` id=${plain(id)}`;
  line += ` outcome=${result}`;
  if (reason !== undefined) line += ` reason=${reason}`;
  if (entry.error !== undefined) line += ` error=${plain(entry.error)}`;
  line += ` status=${status} ms=${Math.round(entry.milliseconds)}`;
  if (entry.late) line += " late=true";
  if (result === "validation") logger.debug(line);
  else if (status < 300) logger.info(line);
  else if (status < 500) logger.warn(line);
  else logger.error(line);
}

/** Event types and ids come from outside: one that could end the line or imitate another field is quoted, and all are cut. */
function plain(value: string): string {
  const short = value.length > 200 ? `${value.slice(0, 200)}…` : value;
  return /^[\w./:%*~-]+$/.test(short) ? short : JSON.stringify(short);
}

/** The class of a thrown value, which unlike its message cannot hold a payload. */
export function nameOfThrown(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : thrown === null ? "null" : typeof thrown;
}
