// What can be imported, with `import()` as the runtime resolves it or as a bundler did.

import assert from "node:assert/strict";

/**
 * @param load imports an entry point, by its name
 * @param expected the exported names by entry point
 */
export function entryPointCases(load, expected) {
  return [
    {
      name: "import() of each entry point gives what it exports, without most of its peers",
      async run() {
        for (const [name, names] of Object.entries(expected)) {
          assert.deepEqual(Object.keys(await load[name]()).sort(), names, name);
        }
      },
    },
  ];
}
