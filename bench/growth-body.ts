import { nameOfSize } from "./events.ts";
import { ofOwnContests, printGrowth } from "./growth.ts";
import type { Run } from "./part.ts";
import { contestWithSample } from "./receive.ts";

// Up to the most that a router takes by default.
const BODY_SIZES = [300, 2048, 16_384, 65_536, 262_144, 1_048_576] as const;

/** What a delivery costs as its body grows. */
export async function growWithBody({ effort }: Run): Promise<void> {
  const results = await contestWithSample(BODY_SIZES, effort.growth);
  printGrowth({
    title: "Growth with the size of the body",
    note: "`router.receive`, and the sample of the guides. The two take turns, the sizes do not.",
    axis: "body",
    sizes: BODY_SIZES.map(nameOfSize),
    series: [ofOwnContests("receive", results, "receive"), ofOwnContests("sample", results, "sample")],
    compared: { what: "receive / sample", ratios: results.map((result) => result.ratio("receive", "sample")) },
  });
}
