import { cpus } from "node:os";

/** Says what everything below was measured on. */
export function printMachine(): void {
  const [cpu] = cpus();
  console.log(`Node.js ${process.version}, ${cpu?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores\n`);
}

/** Begins a section of the report. */
export function printHeading(title: string): void {
  console.log(`### ${title}\n`);
}

/** Prints a paragraph. */
export function printNote(text: string): void {
  console.log(`${text}\n`);
}

/** Begins a table. The first column is aligned to the left; so are others that end in a colon, which is not printed. */
export function printColumns(names: readonly string[]): void {
  console.log(`| ${names.map((name) => name.replace(/:$/, "")).join(" | ")} |`);
  console.log(`| ${names.map((name, index) => (index === 0 || name.endsWith(":") ? "---" : "---:")).join(" | ")} |`);
}

/** Prints a line of the table that was begun, so that it can be read while the next one is measured. */
export function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Ends a table. */
export function endTable(): void {
  console.log("");
}
