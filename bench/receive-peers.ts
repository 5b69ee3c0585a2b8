import { createRouter } from "video-webhooks";
import { kling } from "video-webhooks/kling";
import type { BarName } from "./bars.ts";
import { type Line, printComparison } from "./comparison.ts";
import { type Counter, deliveryOf, heygenDelivery, heygenRouter } from "./deliveries.ts";
import { heygenBody, klingBody, nameOfSize, sizes } from "./events.ts";
import { type Contestant, contest } from "./measure.ts";
import { prove, type Run } from "./part.ts";
import { octokitPeer, type Peer, signStandard, standardPeer, stripePeer } from "./peers.ts";

/** `router.receive`, against the calls of other libraries that do the most of it. */
export async function receiveAgainstPeers({ effort, verdicts }: Run): Promise<void> {
  const lines: Line[] = [];
  for (const size of sizes) {
    const counter: Counter = { handled: 0 };
    const onHeyGen = heygenRouter(counter, { idempotency: false });
    const heygenOne = heygenDelivery(heygenBody(size));
    const hex: Contestant = { name: "receive", run: () => onHeyGen.receive(heygenOne) };

    const task = klingBody(size);
    const signed = signStandard(task);
    const onKling = createRouter(kling({ secret: signed.secret }), { idempotency: false });
    onKling.on("task.succeeded", async (event) => {
      if ("outputs" in event) counter.handled++;
    });
    const klingOne = deliveryOf(task, signed.headers);
    const standard: Contestant = { name: "receive (kling)", run: () => onKling.receive(klingOne) };
    const changed = Buffer.from(task.toString().replace("succe", "Succe"));
    prove((await onKling.receive({ ...klingOne, body: changed })).status === 401, "receive (kling) refuses a changed body");
    prove((await onKling.receive(klingOne)).status === 200 && counter.handled === 1, "receive (kling) runs the handler");

    const octokit: Counter = { handled: 0 };
    const peers = {
      octokit: await octokitPeer(heygenOne.body, () => octokit.handled++),
      stripe: stripePeer(heygenOne.body),
      standardwebhooks: standardPeer(task),
    };
    for (const peer of Object.values(peers)) await provePeer(peer);
    prove(octokit.handled === 1, "@octokit/webhooks ran the handler");

    counter.handled = octokit.handled = 0;
    const result = await contest([hex, standard, ...Object.values(peers)], effort.contest);
    const expected = (result.calls.get(hex.name) ?? 0) + (result.calls.get(standard.name) ?? 0);
    prove(counter.handled === expected, "receive ran the handler for every delivery");
    prove(octokit.handled === result.calls.get(peers.octokit.name), "@octokit/webhooks ran the handler for every delivery");
    const line = (ours: Contestant, { name: other }: Peer, bar: BarName): Line => {
      return { size: nameOfSize(size), result, name: ours.name, other, bar };
    };
    lines.push(line(hex, peers.octokit, "octokit"), line(hex, peers.stripe, "stripe"));
    lines.push(line(hex, peers.standardwebhooks, "standardwebhooks"), line(standard, peers.standardwebhooks, "standardwebhooksKling"));
  }
  printComparison(verdicts, "Against other libraries, each verifying a body of this size in its own scheme (no schema)", lines);
}

async function provePeer(peer: Peer): Promise<void> {
  await peer.run(0);
  const refused = await Promise.resolve()
    .then(() => peer.forged())
    .then(
      () => false,
      () => true,
    );
  prove(refused, `${peer.name} refuses a changed body`);
}
