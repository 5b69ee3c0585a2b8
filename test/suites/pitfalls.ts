// The numbered list of what goes wrong in receivers of webhooks, and the tests whose names carry the numbers.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Pitfall by number: what happens to a receiver that does not know it, and what this one does. */
export const pitfalls: Readonly<Record<number, string>> = {
  1: "`timingSafeEqual` throws on different lengths, so one header crashes a route. Form and length are checked first.",
  2: "Characters of several bytes pass a check of the length in characters. Only ASCII digits and letters get as far as a comparison.",
  3: "Lenient decoders of hex and base64 skip what they do not know. The alphabet and the length are exact.",
  4: "A comparison over the shorter length accepts a prefix, or nothing. Both lengths are fixed.",
  5: "A comparison that ends at the first difference tells how much was right. Digests are compared in constant time.",
  6: "A result that is inverted or not looked at accepts everything. Vectors and signers of others hold each scheme, in both directions.",
  7: "An empty key is legal for HMAC. Empty, blank and zero secrets, and a bare `whsec_`, are refused at construction.",
  8: "An unset secret skips the check. Here it throws; doing without is an option of its own.",
  9: "A missing signature skips the check. Here it is a failed one.",
  10: "A prefix or a line break of a secret is kept or dropped silently. Secrets are used whole, and white space at an end is refused.",
  11: "A body that was parsed and written again is not what was signed. Objects are refused, bytes arrive unchanged.",
  12: "Decoding to text drops and replaces bytes, so that different bodies share a signature. Bytes are signed, and decoded strictly afterwards.",
  13: "Chunks that are joined as text split characters. They are joined as bytes.",
  14: "A view of a shared buffer is read without its offset. Views are read as views.",
  15: "Templates and replacements give characters of a body a meaning. Signed parts are joined as bytes.",
  16: "Several forms are tried until one matches. Each scheme has one.",
  17: "Another content type, charset or encoding leaves no raw body. Every type is taken raw; what was decompressed is refused with the reason.",
  18: "A parser was faster, and the route hangs or sees nothing. That is found out, and the line to change is named.",
  19: "Bodies are read without a limit before they are authentic. Reading stops at the cap, whatever was announced, and after a while.",
  20: "A header that comes twice is an array, or joined by commas. For signatures that is a failed check.",
  21: "Many signatures or secrets multiply the work. At most ten are looked at.",
  22: "Names such as `constructor` and `__proto__` reach objects. Handlers are in Maps, and no prototype changes.",
  23: "Of two members of one name, the first counts here and the last there. A body is parsed once.",
  24: "A body that is no object, or nested very deep, crashes. It has an outcome of its own.",
  25: "`parseInt` takes trailing characters, and comparisons with `NaN` let everything pass. Times are digits only, limits are numbers.",
  26: "Only old deliveries are refused, so that one dated ahead lives long. Both directions count, and duplicates are remembered for longer.",
  27: "A time check is avoided by leaving the time out. Without it the delivery is refused.",
  28: "A time that is not signed is trusted. It is not looked at.",
  29: "A signature over the body alone is good for ever. Events are remembered for a week.",
  30: "Without an id, or by an unsigned one, duplicates pass. The signed content decides.",
  31: "The id of the resource alone swallows its final event. Type, state and time belong to the key.",
  32: "An event is marked before it succeeded, so that its redelivery is refused. A failure releases it.",
  33: "Between a look and a mark another delivery runs. A claim is one atomic step.",
  34: "A lock that never ends keeps its event for ever. Claims are leases with a token.",
  35: "The store fails after the handler succeeded, and the event runs again. It is recorded without another run.",
  36: "A short window refuses honest retries with their old time. There is no limit unless the scheme or the endpoint sets one.",
  37: "Two providers or tenants have the same ids. Keys begin with provider and endpoint.",
  38: "Unsigned headers choose the handler. Only the signed body does.",
  39: "A probe runs code before anything is checked. Its answer is constant.",
  40: "Nothing is verified unless asked for. Nothing is built without a choice.",
  41: "Another version or algorithm lets a weaker scheme in. The endpoint fixes the scheme.",
  42: "A dot in an id moves the boundaries of what is signed. Ids have an alphabet.",
  43: "A forwarded host decides where something is sent. It is not read.",
  44: "A URL of a payload is fetched. The library fetches none.",
  45: "Headers choose the provider, and with it the weakest scheme. The endpoint fixes it.",
  46: "Secrets, signatures or payloads are in answers, errors or logs. Markers planted in all of them never come out.",
  47: "The length of an answer is counted in characters. Answers are ASCII.",
  48: "A listener that throws, or `throw undefined`, ends the process. Any thrown value is contained.",
  49: "Unknown events and new fields are refused, and the endpoint is switched off. They are acknowledged and kept.",
  50: "An answer before the work is safe loses events. 2xx means handled or stored.",
  51: "Express 4 does not catch rejections. They go to its error middleware.",
  52: "Bundlers choose another implementation than was tested. There is one.",
  53: "Mocked verification hides mistakes of adapters. Their tests use real signatures over real connections.",
  54: "An upgrade of a framework changes how bodies are read. The oldest and the newest version of each are tested, of Next.js the newest of both majors.",
  55: "`instanceof` fails between copies of a package and between realms. Errors and bytes are recognised otherwise.",
};

/** A test, by the file that has it and its name without the numbers. */
export interface PitfallTest {
  readonly file: string;
  readonly name: string;
}

const numbers = "P\\d+(?:(?:, | and )P\\d+)*";
const inFront = new RegExp(`^(${numbers}): (.+)$`, "s");
const behind = new RegExp(`^(.+) \\((${numbers})\\)$`, "s");

/** The numbers in the name of a test, and the rest of it. */
function readName(title: Title): readonly [numbers: string, name: string] | undefined {
  const { text } = title;
  const [, before, rest] = inFront.exec(text) ?? [];
  if (before !== undefined && rest !== undefined) return [before, rest];
  const [, name, after] = behind.exec(text) ?? [];
  if (name !== undefined && after !== undefined) return [after, name];
  // A number alone is a name only where a group of tests has it.
  return title.isGroup && /^P\d+$/.test(text) ? [text, "all of its group"] : undefined;
}

/** The name of a test, of a group of them, or of a row of its table. */
interface Title {
  readonly text: string;
  readonly isGroup: boolean;
}

/** The functions that take the name of a test first; `check` is what suites of tests call theirs. */
const testing = /^(?:it|test|check|describe)$/;

/** The names by which a call is reached: `it.skipIf(…)("…")` has `it` and `skipIf`. */
function chainOf(call: ts.Expression): readonly string[] {
  if (ts.isIdentifier(call)) return [call.text];
  if (ts.isPropertyAccessExpression(call)) return [...chainOf(call.expression), call.name.text];
  return ts.isCallExpression(call) || ts.isTaggedTemplateExpression(call)
    ? chainOf(ts.isCallExpression(call) ? call.expression : call.tag)
    : [];
}

/** Whether a call declares a test that runs. */
function declaresTest(node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node)) return false;
  const [first = "", ...modifiers] = chainOf(node.expression);
  return testing.test(first) && !modifiers.some((each) => each === "skip" || each === "todo");
}

/** Whether any group around a node is skipped. */
function isSkipped(node: ts.Node): boolean {
  for (let each = node.parent; each !== undefined && !ts.isSourceFile(each); each = each.parent) {
    if (!ts.isCallExpression(each)) continue;
    const [first = "", ...modifiers] = chainOf(each.expression);
    if (testing.test(first) && modifiers.some((name) => name === "skip" || name === "todo")) return true;
  }
  return false;
}

/** The table whose row a text begins, which `each`, `for` or a loop takes the tests from. */
function tableOf(node: ts.Node): ts.Node | undefined {
  let row = node.parent;
  if (!ts.isArrayLiteralExpression(row) || row.elements[0] !== node) return undefined;
  row = row.parent;
  while (ts.isAsExpression(row) || ts.isParenthesizedExpression(row)) row = row.parent;
  if (!ts.isArrayLiteralExpression(row)) return undefined;
  let table = row.parent;
  while (ts.isAsExpression(table) || ts.isParenthesizedExpression(table)) table = table.parent;
  return table;
}

/** Where a table with a name is handed on, or looped over. */
function usesOf({ name }: ts.VariableDeclaration): readonly ts.Node[] {
  const uses: ts.Node[] = [];
  name.getSourceFile().forEachChild(function visit(node): void {
    if (ts.isIdentifier(node) && node.text === name.getText() && node !== name) uses.push(node.parent);
    ts.forEachChild(node, visit);
  });
  return uses;
}

/** Whether the rows of a table become tests that run. */
function makesTests(table: ts.Node): boolean {
  if (ts.isCallExpression(table)) return ["each", "for"].includes(chainOf(table.expression).at(-1) ?? "") && declaresTest(table.parent);
  if (ts.isVariableDeclaration(table)) return usesOf(table).some((use) => !ts.isVariableDeclaration(use) && makesTests(use));
  const of = ts.isForOfStatement(table) ? table.statement : undefined;
  let found = false;
  of?.forEachChild(function visit(node): void {
    found ||= declaresTest(node);
    ts.forEachChild(node, visit);
  });
  return found;
}

/** What a node names, if it is the title of a test that runs. */
export function titleOf(node: ts.Node): Title | undefined {
  const text = textOf(node);
  if (text === undefined || isSkipped(node)) return undefined;
  const { parent } = node;
  if (declaresTest(parent) && parent.arguments[0] === node) return { text, isGroup: chainOf(parent.expression)[0] === "describe" };
  const table = tableOf(node);
  return table !== undefined && makesTests(table) ? { text, isGroup: false } : undefined;
}

/** The same for the cases that users get: they are methods of a record, whose names some have in a constant of their own. */
function caseOf(node: ts.Node): Title | undefined {
  if (!ts.isStringLiteralLike(node)) return undefined;
  const { parent } = node;
  const isConstant = ts.isVariableDeclaration(parent) && /^[A-Z_]+$/.test(parent.name.getText());
  return (ts.isMethodDeclaration(parent) && parent.name === node) || isConstant ? { text: node.text, isGroup: false } : undefined;
}

/** Where the tests are that users get, too. */
const isCases = (file: string): boolean => /^src\/testing\/.*-cases\.ts$/.test(file);

/** The tests that carry each number in their names. */
export function pitfallTests(): ReadonlyMap<number, readonly PitfallTest[]> {
  const found = new Map<number, PitfallTest[]>();
  const all = ["test", "src"].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name.replaceAll("\\", "/")}`),
  );
  const files = all.filter((file) => (/^test\/.*(?:\.test|-suite)\.ts$/.test(file) && !file.includes("/node_modules/")) || isCases(file));
  for (const file of files.sort(byNearness)) {
    const source = ts.createSourceFile(file, readFileSync(root + file, "utf8"), ts.ScriptTarget.ES2022, true);
    ts.forEachChild(source, function visit(node): void {
      const title = /P\d/.test(textOf(node) ?? "") ? (isCases(file) ? caseOf(node) : titleOf(node)) : undefined;
      const read = title && readName(title);
      for (const [digits] of read?.[0].matchAll(/\d+/g) ?? []) {
        const tests = found.get(Number(digits)) ?? [];
        if (!tests.some((each) => each.file === file && each.name === read?.[1])) tests.push({ file, name: read?.[1] ?? "" });
        found.set(Number(digits), tests);
      }
      ts.forEachChild(node, visit);
    });
  }
  return found;
}

function textOf(node: ts.Node): string | undefined {
  return ts.isStringLiteralLike(node) ? node.text : ts.isTemplateExpression(node) ? shortened(node) : undefined;
}

/** A template with an ellipsis for each of its values. */
function shortened(node: ts.TemplateExpression): string {
  return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
}

/** The tests of the core first, then schemes and providers, then what is further away from it. */
function byNearness(left: string, right: string): number {
  const order = [/^test\/[^/]+$/, /^test\/signature\//, /^test\/providers\//, /^test\/suites\//, /^test\/adapters\//, /^test\//];
  const rank = (file: string): number => (order.findIndex((each) => each.test(file)) + order.length + 1) % (order.length + 1);
  return rank(left) - rank(right) || (left < right ? -1 : 1);
}

const MOST_SHOWN = 3;

/** One test of each file, as many as fit, and how many others there are. */
function shown(tests: readonly PitfallTest[]): string {
  const firsts = tests.filter(({ file }, index) => tests.findIndex((other) => other.file === file) === index);
  const named = firsts.slice(0, MOST_SHOWN).map(({ file, name }) => `\`${file}\`: ${inTable(name)}`);
  const others = tests.length - named.length;
  return [...named, ...(others > 0 ? [`and ${others} more`] : [])].join("<br>");
}

function inTable(name: string): string {
  return name
    .replace(/%[sji]|\$\w+/g, "…")
    .replaceAll("|", "\\|")
    .replaceAll(/__\w+__/g, "`$&`")
    .replaceAll("<", "&lt;");
}

/** The table of SECURITY.md. */
export function pitfallTable(): string {
  const tests = pitfallTests();
  const rows = Object.entries(pitfalls).map(([number, text]) => `| P${number} | ${text} | ${shown(tests.get(Number(number)) ?? [])} |`);
  return ["| | pitfall, and what is done | proved by |", "| --- | --- | --- |", ...rows].join("\n");
}

const [start, end] = ["<!-- pitfalls: written by test/suites/write-pitfalls.ts -->", "<!-- end of pitfalls -->"];

/** A document with the table between its two markers. */
export function withPitfalls(document: string): string {
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The document needs the lines ${start} and ${end}.`);
  return `${document.slice(0, from + start.length)}\n\n${pitfallTable()}\n\n${document.slice(to)}`;
}
