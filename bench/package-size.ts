import { bundleCoreWith } from "../test/package/bundle.ts";
import { providers } from "../test/package/entry-points.ts";
import { bars, figureOf, limitOf } from "./bars.ts";
import { endTable, printColumns, printHeading, printRow } from "./markdown.ts";
import type { Run } from "./part.ts";

/** How much an application loads for the core and one provider. */
export async function measureSize({ verdicts }: Run): Promise<void> {
  printHeading("Core and one provider, bundled, minified, gzip, without zod");
  printColumns(["provider", "size", "bar"]);
  for (const provider of providers) {
    const kB = (await bundleCoreWith(provider)).bytes / 1000;
    printRow([provider, `**${figureOf(bars.size, kB)}**`, limitOf(bars.size)]);
    verdicts.found("size", kB, provider);
  }
  endTable();
}
