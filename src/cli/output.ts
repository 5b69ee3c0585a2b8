import { styleText } from "node:util";
import type { CliFailure } from "./failure.ts";
import type { CliIo, CliOutputStream } from "./io.ts";
import { printable, toJson } from "./printable.ts";
import type { Redactor } from "./redact.ts";

/** A colour, or a way to write. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Writes what a command has to say: data to stdout, everything else to stderr. */
export interface Output {
  readonly json: boolean;
  /** Writes a result: as JSON on one line with `--json`, else as the lines that `human` makes. */
  result(document: unknown, human: () => string | readonly string[]): void;
  /** Writes a result likewise, and rejects where it could not be written: for what is shown only once. */
  written(document: unknown, human: () => string | readonly string[]): Promise<void>;
  /** Says something that is no data; nothing with `--json`. */
  note(text: string): void;
  /** Colours text for stdout, if that is a terminal that shows colours. */
  paint(style: Style, text: string): string;
  /** Says why a command failed. */
  failure(failure: CliFailure): void;
}

/** Makes the output of a command. */
export function createOutput(io: CliIo, json: boolean, redactor: Redactor): Output {
  const paintFor = (stream: CliOutputStream, style: Style, text: string): string => styleText(style, text, { stream });
  const write = (stream: CliOutputStream, line: string): void => void stream.write(`${line}\n`);
  const toText = (document: unknown, human: () => string | readonly string[]): string => {
    const lines = json ? toJson(document) : human();
    return typeof lines === "string" ? lines : lines.join("\n");
  };
  return {
    json,
    result: (document, human) => write(io.stdout, toText(document, human)),
    written: (document, human) =>
      new Promise((resolve, reject) => {
        // While somebody else listens, the process leaves it to them to say what has failed.
        io.stdout.once("error", reject);
        io.stdout.write(`${toText(document, human)}\n`, (error) => {
          if (error) return reject(error);
          io.stdout.off("error", reject);
          resolve();
        });
      }),
    note(text) {
      if (!json) write(io.stderr, redactor.redact(text));
    },
    paint: (style, text) => paintFor(io.stdout, style, text),
    failure(failure) {
      const message = redactor.redact(failure.message);
      if (json) write(io.stderr, toJson({ error: { code: failure.code, message } }));
      else write(io.stderr, `${paintFor(io.stderr, "red", "error:")} ${message}`);
    },
  };
}

/** A cell of a table: its text, and how it is written. */
export type Cell = string | number | undefined | { readonly text: string; readonly style: Style };

/** Lines of aligned columns. Numbers are aligned to the right; cells from outside are made printable. */
export function table(output: Pick<Output, "paint">, head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const texts = rows.map((row) => row.map(textOf));
  const widths = head.map((title, column) => Math.max(title.length, ...texts.map((row) => row[column]?.length ?? 0)));
  const pad = (text: string, column: number, right: boolean): string => {
    if (right) return text.padStart(widths[column] ?? 0);
    return column === head.length - 1 ? text : text.padEnd(widths[column] ?? 0);
  };
  const isNumeric = head.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  const titles = head.map((title, column) => pad(title, column, isNumeric[column] === true)).join("  ");
  const lines = rows.map((row, index) =>
    row
      .map((cell, column) => {
        const padded = pad(texts[index]?.[column] ?? "", column, typeof cell === "number");
        return typeof cell === "object" ? output.paint(cell.style, padded) : padded;
      })
      .join("  ")
      .trimEnd(),
  );
  return [output.paint("dim", titles.trimEnd()), ...lines];
}

/** Lines of names and values, aligned. Those without a value are left out. */
export function fields(output: Pick<Output, "paint">, entries: readonly (readonly [string, Cell])[]): string[] {
  const shown = entries.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => {
    const text = textOf(value);
    return `${output.paint("dim", name.padEnd(width))}  ${typeof value === "object" ? output.paint(value.style, text) : text}`;
  });
}

function textOf(cell: Cell): string {
  if (cell === undefined) return "-";
  if (typeof cell === "number") return cell.toLocaleString("en-US");
  return printable(typeof cell === "object" ? cell.text : cell);
}
