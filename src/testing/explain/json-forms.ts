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

/** How a text is written. */
interface Style {
  readonly layout: Layout;
  readonly escaping: Escaping;
  readonly sorted: boolean;
  /** Whole numbers that are written with ".0", as most languages write a float. */
  readonly floats: ReadonlySet<JsonNode>;
}

/** The forms that common serialisers give a JSON text: 196, and at most 252 with ".0"; each made when it is asked for. */
export function* jsonForms(text: string): Generator<JsonForm> {
  const root = readNode(text);
  if (root === undefined) return;
  yield* layoutForms(root, false, "");
  yield* numberForms(root);
  yield* layoutForms(root, true, "");
  yield* layoutForms(root, false, "\n");
  yield* layoutForms(root, true, "\n");
}

const none: ReadonlySet<JsonNode> = new Set();

function* layoutForms(root: JsonNode, sorted: boolean, end: string): Generator<JsonForm> {
  for (const escaping of escapings) {
    for (const layout of layouts) {
      const parts = [layout.name, escaping.name, sorted ? "keys sorted" : "", end && "a line break at its end"];
      yield {
        text: write(root, { layout, escaping, sorted, floats: none }, "") + end,
        form: parts.filter((part) => part !== "").join(", "),
      };
    }
  }
}

/**
 * With ".0" behind whole numbers: Python and others write the float 5.0 so, and JavaScript reads and writes it as 5. Which numbers were
 * floats cannot be seen any more, so it is tried for all of them, and then for some.
 */
function* numberForms(root: JsonNode): Generator<JsonForm> {
  // Compact and spaced, with other characters and as ASCII: what languages that write ".0" do by default.
  const styles = layouts.slice(0, 2).flatMap((layout) => escapings.slice(0, 2).map((escaping) => ({ layout, escaping })));
  for (const { floats, name } of floatSets(root)) {
    const seen = new Set<string>();
    for (const { layout, escaping } of styles) {
      const text = write(root, { layout, escaping, sorted: false, floats }, "");
      if (seen.has(text)) continue;
      seen.add(text);
      yield { text, form: [layout.name, escaping.name, name].filter((part) => part !== "").join(", ") };
    }
  }
}

const MOST_FLOATS = 6;
const MOST_SETS = 2 ** MOST_FLOATS - 1;

/** Sets of whole numbers that may have been floats: all; then one, two and up to six of them, or, where there are more, of their fields. */
function* floatSets(root: JsonNode): Generator<{ readonly floats: ReadonlySet<JsonNode>; readonly name: string }> {
  const fields = new Map<string, JsonNode[]>();
  collectWholes(root, "", fields);
  const all = [...fields.values()].flat();
  if (all.length === 0) return;
  yield { floats: new Set(all), name: 'whole numbers with ".0"' };
  // A field of the same name has the same type in every item of a list.
  const units = all.length > MOST_FLOATS ? [...fields.values()] : all.map((each) => [each]);
  let count = 1;
  for (let size = 1; size <= Math.min(MOST_FLOATS, units.length - 1); size++) {
    for (const chosen of combinations(units, size)) {
      if (count++ >= MOST_SETS) return;
      yield { floats: new Set(chosen.flat()), name: 'some of the whole numbers with ".0"' };
    }
  }
}

function* combinations<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  if (size === 0) yield [];
  else for (const [at, item] of items.entries()) for (const rest of combinations(items.slice(at + 1), size - 1)) yield [item, ...rest];
}

function collectWholes(node: JsonNode, field: string, found: Map<string, JsonNode[]>): void {
  if ("raw" in node && /^-?\d+$/.test(node.raw)) {
    const same = found.get(field);
    if (same === undefined) found.set(field, [node]);
    else same.push(node);
  } else if ("items" in node) for (const item of node.items) collectWholes(item, field, found);
  else if ("entries" in node) for (const [name, value] of node.entries) collectWholes(value, name, found);
}

function write(node: JsonNode, style: Style, before: string): string {
  const { layout, escaping, sorted, floats } = style;
  if ("raw" in node) return floats.has(node) ? `${node.raw}.0` : node.raw;
  if ("text" in node) return escaping.escape(JSON.stringify(node.text));
  const { indent } = layout;
  const inner = indent === undefined ? "" : before + indent;
  const parts: string[] = [];
  if ("items" in node) for (const item of node.items) parts.push(write(item, style, inner));
  else {
    const entries = sorted ? [...node.entries].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)) : node.entries;
    for (const [name, value] of entries) {
      parts.push(escaping.escape(JSON.stringify(name)) + layout.colon + write(value, style, inner));
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
