import type { Outcome } from "./outcome.ts";

/** Where the router writes one line per delivery. `console` and a pino logger fit. */
export interface Logger {
  /** Gets probes. */
  debug(line: string): void;
  /** Gets deliveries that were answered 2xx. */
  info(line: string): void;
  /** Gets refusals, and events of which another body came before. */
  warn(line: string): void;
  /** Gets failures of the receiver itself. */
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

/**
 * Writes a delivery as `key=value` pairs on one line: probes at debug, answers at info, refusals
 * and a second body under one id at warn, failures at error.
 */
export function logDelivery(logger: Logger, entry: LogEntry): unknown {
  const { result, status, type, id, reason, otherBody } = entry.outcome;
  let line = `webhook provider=${entry.provider}`;
  if (type !== undefined) line += ` type=${plain(type)}`;
  if (id !== undefined) line += ` id=${plain(id)}`;
  line += ` outcome=${result}`;
  if (otherBody) line += " otherBody=true";
  // The reason of a Discard is the application's own text, which may quote the payload.
  if (reason !== undefined && result === "unauthenticated") line += ` reason=${reason}`;
  if (entry.error !== undefined) line += ` error=${plain(entry.error)}`;
  line += ` status=${status} ms=${Math.round(entry.milliseconds)}`;
  if (entry.late) line += " late=true";
  if (result === "validation") return logger.debug(line);
  if (status < 300) return otherBody ? logger.warn(line) : logger.info(line);
  return status < 500 ? logger.warn(line) : logger.error(line);
}

/**
 * Makes a text from outside fit for one line: what could end it, imitate another field or steer a terminal is quoted and escaped, and
 * all is cut.
 */
export function plain(value: string): string {
  const short = value.length > 200 ? `${value.slice(0, 200)}...` : value;
  if (/^[\w./:%*~-]+$/.test(short)) return short;
  return JSON.stringify(short).replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The class of a thrown value, which unlike its message cannot hold a payload. */
export function nameOfThrown(thrown: unknown): string {
  try {
    return thrown instanceof Error ? plain(String(thrown.name)) : thrown === null ? "null" : typeof thrown;
  } catch {
    // A proxy may throw whatever is asked of it (pitfall P48).
    return "unknown";
  }
}
