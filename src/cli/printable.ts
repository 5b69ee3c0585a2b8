// Control characters, and those that turn or hide text: what a sender chooses must not steer a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Makes text from outside fit for one line of a terminal. */
export function printable(text: string, most = 500): string {
  const safe = text.slice(0, most + 1).replace(unsafe, escapeOf);
  return safe.length > most ? `${safe.slice(0, most)}…` : safe;
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.replace(unsafe, (character) => (character === "\n" || character === "\t" ? character : escapeOf(character)));
}

/** JSON that a terminal takes for nothing but text. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(unsafe, (character) => (character === "\n" ? character : escapeOf(character)));
}
