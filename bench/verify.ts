import { createHmac } from "node:crypto";
import { verify } from "video-webhooks";
import { type Line, printComparison } from "./comparison.ts";
import { forge, heygenDelivery, key, secret } from "./deliveries.ts";
import { heygenBody, nameOfSize, sizes } from "./events.ts";
import { type Contestant, contest } from "./measure.ts";
import { prove, type Run } from "./part.ts";

/** `verify`, against the least that has to be done. */
export async function verifyAgainstFloor({ effort, verdicts }: Run): Promise<void> {
  const lines: Line[] = [];
  for (const size of sizes) {
    const { body: buffer, headers } = heygenDelivery(heygenBody(size));
    const body = new Uint8Array(buffer);
    const header = `sha256=${headers.signature}`;
    prove(verify(body, header, secret), "verify accepts a genuine signature");
    prove(!verify(body, forge(header), secret), "verify refuses a forged one");
    const ours: Contestant = { name: "verify", run: () => verify(body, header, secret) };
    const floor: Contestant = { name: "floor", run: () => createHmac("sha256", key).update(body).digest() };
    const result = await contest([ours, floor], effort.contest);
    lines.push({ size: nameOfSize(size), result, name: ours.name, other: floor.name, bar: "floor" });
  }
  printComparison(verdicts, "Verify, against `createHmac(…).update(body).digest()`", lines);
}
