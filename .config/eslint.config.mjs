// What Biome does not look for: the mistakes of promises, regular expressions and secrets. Each rule is here for a reason, and none by
// a preset, so that a new version of a plugin brings no other rules.

import regexp from "eslint-plugin-regexp";
import security from "eslint-plugin-security";
import { parser, plugin as typescript } from "typescript-eslint";
import { noOpenKeyWrites } from "./no-open-key-writes.ts";

const secret = "/(?:secret|token|signature|digest|hmac|mac|hash|password|apiKey)$/i";

/** A comparison of a secret, except with what is written in the code. */
const comparison = (side, other, name) =>
  `BinaryExpression[operator=/^[!=]==?$/][${side}.${name}=${secret}]` +
  `:not([${other}.type=/^(?:Literal|UnaryExpression)$/], [${other}.name=/^undefined$/])`;

/** The same by a method, except with a constant, such as a prefix. */
const method =
  `CallExpression[callee.property.name=/^(?:equals|startsWith|endsWith|localeCompare|compare)$/]` +
  `:matches([callee.object.name=${secret}], [callee.object.property.name=${secret}], [arguments.0.name=${secret}], [arguments.0.property.name=${secret}])` +
  `:not([arguments.0.type='Literal'], [arguments.0.name=/^[A-Z][A-Z_]*$/])`;

/** What a check usually calls its two sides, if not after the secret. */
const sides = ["expected", "given"];
const unnamed = `BinaryExpression[operator=/^[!=]==?$/]:matches(${[sides, sides.toReversed()]
  .map(([left, right]) => `[left.name='${left}'][right.name='${right}']`)
  .join(", ")})`;

const TELLS = "A comparison that ends at the first difference tells how much was right. Compare in constant time.";

const restricted = [
  ...[method, unnamed].map((selector) => ({ selector, message: TELLS })),
  ...["name", "property.name"].flatMap((name) =>
    [comparison("left", "right", name), comparison("right", "left", name)].map((selector) => ({ selector, message: TELLS })),
  ),
  { selector: "ImportExpression[source.type!='Literal']", message: "Only what is named in the code is imported." },
  {
    selector: "BinaryExpression[operator='in']:not([left.type=/^(?:Literal|PrivateIdentifier)$/], [left.object.name=/^Symbol$/])",
    message: "The operator also finds what every object inherits, such as constructor. Ask Object.hasOwn.",
  },
];

export default [
  {
    files: ["src/**/*.ts"],
    languageOptions: { parser, parserOptions: { project: ".config/tsconfig.src.json" } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { "@typescript-eslint": typescript, regexp, security, own: { rules: { "no-open-key-writes": noOpenKeyWrites } } },
    rules: {
      // Expressions that take quadratic time or more. security/detect-unsafe-regex guesses by the number of quantifiers, so it is left out.
      "regexp/no-super-linear-backtracking": ["error", { report: "potential" }],
      "regexp/no-super-linear-move": "error",
      "security/detect-non-literal-regexp": "error",

      // Rejections that nobody hears of, and promises that are always true.
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",

      // Text that becomes code, a command or a module.
      "no-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "@typescript-eslint/no-implied-eval": "error",
      "security/detect-eval-with-expression": "error",
      "security/detect-child-process": "error",
      "security/detect-non-literal-require": "error",
      "no-restricted-imports": [
        "error",
        {
          paths: ["child_process", "node:child_process", "vm", "node:vm"].map((name) => ({
            name,
            message: "The library runs no commands and no text.",
          })),
        },
      ],

      // Names from outside that change or find a prototype. security/detect-object-injection takes every index for one.
      "own/no-open-key-writes": "error",
      "guard-for-in": "error",
      "no-extend-native": "error",
      "no-proto": "error",
      "no-prototype-builtins": "error",

      // Comparisons of secrets, imports of names, and the operator in. security/detect-possible-timing-attacks sees only conditions, and
      // takes a comparison with undefined for one.
      "no-restricted-syntax": ["error", ...restricted],

      // Values that no check of types has seen.
      "@typescript-eslint/no-unsafe-argument": "error",
      "@typescript-eslint/no-unsafe-assignment": "error",
      "@typescript-eslint/no-unsafe-call": "error",
      "@typescript-eslint/no-unsafe-member-access": "error",
      "@typescript-eslint/no-unsafe-return": "error",

      "security/detect-bidi-characters": "error",
      "security/detect-new-buffer": "error",
      "security/detect-non-literal-fs-filename": "error",
      "security/detect-pseudoRandomBytes": "error",
    },
  },
  {
    files: ["src/cli/**/*.ts"],
    // Files of the command line are those that its user names.
    rules: { "security/detect-non-literal-fs-filename": "off" },
  },
];
