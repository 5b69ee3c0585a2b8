import { createHash } from "node:crypto";
import { createRequire } from "node:module";

/** One message of a client to its server. */
export interface Frame {
  readonly bytes: Uint8Array;
  /** The statement, or the command with its arguments; of a known script its name instead of its text. Empty for what goes with one. */
  readonly text: string;
  /** Whether the server acts on it at once, and not when another message comes. */
  readonly complete: boolean;
}

/** Cuts what a client sends into frames. Keeps what is not complete for the next call. */
export type Framer = (chunk: Uint8Array) => readonly Frame[];

/** Makes a {@link Framer} of what finds the end of the frame that begins at an offset, and reads it. */
function framerOf(next: (bytes: Buffer, from: number) => (Omit<Frame, "bytes"> & { readonly end: number }) | undefined): Framer {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    for (let from = 0; ; ) {
      const found = from < rest.length ? next(rest, from) : undefined;
      if (found === undefined) {
        rest = rest.subarray(from);
        return frames;
      }
      frames.push({ bytes: rest.subarray(from, found.end), text: found.text, complete: found.complete });
      from = found.end;
    }
  };
}

const [PARSE, QUERY, SYNC] = ["P", "Q", "S"].map((letter) => letter.charCodeAt(0));

/** @see https://www.postgresql.org/docs/15/protocol-message-formats.html */
export function postgresFramer(): Framer {
  // The first message has no type.
  let started = false;
  return framerOf((bytes, from) => {
    const head = started ? 1 : 0;
    if (bytes.length < from + head + 4) return undefined;
    const end = from + head + bytes.readInt32BE(from + head);
    if (bytes.length < end) return undefined;
    const type = started ? bytes[from] : undefined;
    started = true;
    const body = bytes.toString("utf8", from + head + 4, end);
    // The name of a prepared statement comes before its text.
    const text = type === PARSE ? body.split("\0")[1] : type === QUERY ? body.slice(0, -1) : "";
    return { end, text: text ?? "", complete: type === QUERY || type === SYNC };
  });
}

/** BullMQ does not export them, so an update may move them; then no moment of Redis comes, and the tests say so. */
const scripts = createRequire(import.meta.url)("bullmq/dist/cjs/scripts/index.js") as Readonly<
  Record<string, { readonly name: string; readonly content: string }>
>;
const names = new Map(Object.values(scripts).map(({ name, content }) => [createHash("sha1").update(content).digest("hex"), name]));

/** A script is sent as its text, and as its digest later on. */
function nameOf(script: string): string {
  return names.get(script) ?? names.get(createHash("sha1").update(script).digest("hex")) ?? `eval ${script}`;
}

/** @see https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export function redisFramer(): Framer {
  return framerOf((bytes, from) => {
    let at = from;
    /** The number of a line, of which the first character says what it counts. */
    const line = (): number | undefined => {
      const end = bytes.indexOf("\r\n", at);
      if (end === -1) return undefined;
      const count = Number(bytes.toString("latin1", at + 1, end));
      at = end + 2;
      return count;
    };
    const words: string[] = [];
    const count = line();
    if (count === undefined) return undefined;
    for (let index = 0; index < count; index++) {
      const length = line();
      if (length === undefined || bytes.length < at + length + 2) return undefined;
      words.push(bytes.toString("utf8", at, at + length));
      at += length + 2;
    }
    const [command = "", script = "", ...rest] = words;
    const text = /^eval(sha)?$/i.test(command) ? [nameOf(script), ...rest] : words;
    return { end: at, text: text.join(" "), complete: true };
  });
}
