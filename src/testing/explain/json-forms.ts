// Writes a JSON text as other serialisers would have written it.

type JsonNode =
  | { readonly entries: readonly (readonly [name: string, value: JsonNode])[] }
  | { readonly items: readonly JsonNode[] }
  | { readonly text: string }
  /** Numbers keep their digits, which a round trip through a JavaScript number would change. */
  | { readonly raw: string };

interface Layout {
  readonly name: string;
  readonly comma: string;
  readonly colon: string;
  readonly indent?: string;
}

interface Escaping {
  readonly name: string;
  escape(literal: string): string;
}

const layouts: readonly Layout[] = [
  { name: "without spaces", comma: ",", colon: ":" },
  { name: 'with a space after ":" and ","', comma: ", ", colon: ": " },
  { name: "indented by 2 spaces", comma: ",", colon: ": ", indent: "  " },
  { name: "indented by 4 spaces", comma: ",", colon: ": ", indent: "    " },
  { name: "indented by tabs", comma: ",", colon: ": ", indent: "\t" },
  { name: 'with a space after ":"', comma: ",", colon: ": " },
  { name: 'with a space after ","', comma: ", ", colon: ":" },
];

const unicode = (characters: RegExp, upper = false) => {
  return (literal: string): string =>
    literal.replace(characters, (character) => {
      const digits = character.charCodeAt(0).toString(16).padStart(4, "0");
      return `\\u${upper ? digits.toUpperCase() : digits}`;
    });
};
const slashes = (literal: string): string => literal.replaceAll("/", "\\/");
const ascii = unicode(/[\u0080-\uffff]/g);

const escapings: readonly Escaping[] = [
  { name: "", escape: (literal) => literal },
  { name: "characters beyond ASCII as \\u escapes", escape: ascii },
  { name: "slashes escaped", escape: slashes },
  { name: "slashes escaped and characters beyond ASCII as \\u escapes", escape: (literal) => ascii(slashes(literal)) },
  { name: '"<", ">" and "&" as \\u escapes', escape: unicode(/[<>&\u2028\u2029]/g) },
  { name: "characters beyond ASCII as \\u escapes in upper case", escape: unicode(/[\u0080-\uffff]/g, true) },
  {
    name: "characters beyond ASCII and those of HTML as \\u escapes in upper case",
    escape: (literal) => unicode(/[<>&'+`\u0080-\uffff]/g, true)(`"${literal.slice(1, -1).replaceAll('\\"', "\\u0022")}"`),
  },
];

/** Deeper values are left alone: writing them is recursive. */
const MOST_DEPTH = 200;

/** A JSON text in another form, and what that form is. */
export interface JsonForm {
  readonly text: string;
  readonly form: string;
}

/** The forms that common serialisers give a JSON text: at most 196, each made when it is asked for. */
export function* jsonForms(text: string): Generator<JsonForm> {
  const root = readNode(text);
  if (root === undefined) return;
  for (const end of ["", "\n"]) {
    for (const sorted of [false, true]) {
      for (const escaping of escapings) {
        for (const layout of layouts) {
          const parts = [layout.name, escaping.name, sorted ? "keys sorted" : "", end && "a line break at its end"];
          yield { text: write(root, layout, escaping, sorted, "") + end, form: parts.filter((part) => part !== "").join(", ") };
        }
      }
    }
  }
}

function write(node: JsonNode, layout: Layout, escaping: Escaping, sorted: boolean, before: string): string {
  if ("raw" in node) return node.raw;
  if ("text" in node) return escaping.escape(JSON.stringify(node.text));
  const { indent } = layout;
  const inner = indent === undefined ? "" : before + indent;
  const parts: string[] = [];
  if ("items" in node) for (const item of node.items) parts.push(write(item, layout, escaping, sorted, inner));
  else {
    const entries = sorted ? [...node.entries].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)) : node.entries;
    for (const [name, value] of entries) {
      parts.push(escaping.escape(JSON.stringify(name)) + layout.colon + write(value, layout, escaping, sorted, inner));
    }
  }
  const [open, close] = "items" in node ? "[]" : "{}";
  if (parts.length === 0 || indent === undefined) return `${open}${parts.join(layout.comma)}${close}`;
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${before}${close}`;
}

/** Reads a JSON text without losing the spelling of numbers, the order of keys, or keys that occur twice. */
function readNode(text: string): JsonNode | undefined {
  try {
    // Whatever gets past this is JSON, so that the reader below need not complain.
    JSON.parse(text);
    const tokens = text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
    let at = 0;
    const read = (depth: number): JsonNode => {
      if (depth > MOST_DEPTH) throw new RangeError("Too deep.");
      const token = tokens[at++] ?? "";
      if (token.startsWith('"')) return { text: JSON.parse(token) as string };
      if (token === "[") {
        const items: JsonNode[] = [];
        while (tokens[at] !== "]") {
          items.push(read(depth + 1));
          if (tokens[at] === ",") at++;
        }
        at++;
        return { items };
      }
      if (token !== "{") return { raw: token };
      const entries: [string, JsonNode][] = [];
      while (tokens[at] !== "}") {
        const name = JSON.parse(tokens[at] ?? "") as string;
        at += 2;
        entries.push([name, read(depth + 1)]);
        if (tokens[at] === ",") at++;
      }
      at++;
      return { entries };
    };
    return read(0);
  } catch {
    // No JSON, or too deep: there are no other forms of it.
    return undefined;
  }
}
