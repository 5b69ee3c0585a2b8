import { createHmac, createSecretKey } from "node:crypto";
import { createRouter, type Delivery, type Router, verify } from "video-webhooks";
import { type HeyGenEventMap, heygen } from "video-webhooks/heygen";
import { kling } from "video-webhooks/kling";
import { heygenBody, klingBody, nameOfSize, sizes } from "./events.ts";
import { type Contestant, contest } from "./measure.ts";
import { octokitPeer, type Peer, signStandard, standardPeer, stripePeer } from "./peers.ts";
import { type Bar, createReport, type Line } from "./report.ts";
import { sampleReceiver } from "./sample.ts";

const secret = "whsec_a-secret-for-the-benchmark-only";
const key = createSecretKey(secret, "utf8");
const digestOf = (body: Uint8Array): string => createHmac("sha256", key).update(body).digest("hex");

interface HeyGenDelivery extends Delivery {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

const post = { method: "POST", url: "/webhooks" };
const platformHeaders = (body: Buffer): Record<string, string> => ({
  host: "example.test",
  "user-agent": "python-requests/2.32.3",
  "accept-encoding": "gzip, deflate",
  accept: "*/*",
  connection: "keep-alive",
  "content-type": "application/json",
  "content-length": String(body.length),
});

function heygenDelivery(body: Buffer, signature: string = digestOf(body)): HeyGenDelivery {
  return { ...post, headers: { ...platformHeaders(body), signature }, body };
}

/** Another digit at the end: the form is right, so everything up to the comparison has to be done. */
const forge = (signature: string): string => signature.slice(0, -1) + (signature.endsWith("0") ? "1" : "0");

function prove(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`Nothing was measured: not true that ${claim}.`);
}

/** Counts what reaches a handler, so that a contestant cannot win by dropping events. */
interface Counter {
  handled: number;
}

function heygenRouter(counter: Counter, options?: { readonly idempotency: false }): Router<"heygen", HeyGenEventMap> {
  const router = createRouter(heygen({ secret }), options);
  return router.on("avatar_video.success", async (event) => {
    if (event.event_data.video_id !== "") counter.handled++;
  });
}

async function proveReceiving(name: string, counter: Counter, receive: (delivery: HeyGenDelivery) => Promise<number>): Promise<void> {
  const body = heygenBody(2048, 0xbeef);
  const before = counter.handled;
  prove((await receive(heygenDelivery(body, forge(digestOf(body))))) === 401, `${name} refuses a forged signature`);
  prove(counter.handled === before, `${name} keeps a forged event from the handler`);
  prove((await receive(heygenDelivery(body))) === 200, `${name} accepts a genuine delivery`);
  prove(counter.handled === before + 1, `${name} runs the handler`);
  counter.handled = 0;
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

const report = createReport();

async function verifyAgainstFloor(): Promise<void> {
  const bar: Bar = { label: "verify against the floor", limit: 1.1, inclusive: true };
  const lines: Line[] = [];
  for (const size of sizes) {
    const body = new Uint8Array(heygenBody(size));
    const header = `sha256=${digestOf(body)}`;
    prove(verify(body, header, secret), "verify accepts a genuine signature");
    prove(!verify(body, forge(header), secret), "verify refuses a forged one");
    const ours: Contestant = { name: "verify", run: () => verify(body, header, secret) };
    const floor: Contestant = { name: "floor", run: () => createHmac("sha256", key).update(body).digest() };
    lines.push({ size: nameOfSize(size), result: await contest([ours, floor]), name: ours.name, other: floor.name, bar });
  }
  report.table("Verify, against `createHmac(…).update(body).digest()`", lines);
}

async function receiveAgainstSample(): Promise<void> {
  const bar: Bar = { label: "receive against the sample", limit: 1.15, inclusive: true };
  const lines: Line[] = [];
  const mine: Counter = { handled: 0 };
  const theirs: Counter = { handled: 0 };
  const router = heygenRouter(mine, { idempotency: false });
  const sample = sampleReceiver(secret, async (event) => {
    if (event.event_data.video_id !== "") theirs.handled++;
  });
  await proveReceiving("receive", mine, async (delivery) => (await router.receive(delivery)).status);
  await proveReceiving("the sample", theirs, sample);
  for (const size of sizes) {
    const delivery = heygenDelivery(heygenBody(size));
    const ours: Contestant = { name: "receive", run: () => router.receive(delivery) };
    const other: Contestant = { name: "sample", run: () => sample(delivery) };
    mine.handled = theirs.handled = 0;
    const result = await contest([ours, other]);
    prove(mine.handled === result.calls.get(ours.name), "receive ran the handler for every delivery");
    prove(theirs.handled === result.calls.get(other.name), "the sample ran the handler for every delivery");
    lines.push({ size: nameOfSize(size), result, name: ours.name, other: other.name, bar });
  }
  report.table("Verify, parse, validate and route, against the sample of the guides (no schema)", lines);
}

/** Every event is new to the store, which is renewed after each batch; the sample gets the same events. */
async function receiveOnce(): Promise<void> {
  const lines: Line[] = [];
  for (const size of sizes) {
    const batch = size > 4096 ? 128 : 1024;
    const deliveries = Array.from({ length: batch }, (_, serial) => heygenDelivery(heygenBody(size, serial)));
    const mine: Counter = { handled: 0 };
    const theirs: Counter = { handled: 0 };
    let router = heygenRouter(mine);
    const sample = sampleReceiver(secret, async (event) => {
      if (event.event_data.video_id !== "") theirs.handled++;
    });
    await proveReceiving("receive with a store", mine, async (delivery) => (await router.receive(delivery)).status);
    const ours: Contestant = {
      name: "receive, in-memory store",
      batch,
      beforeBatch: () => {
        router = heygenRouter(mine);
      },
      run: (index) => router.receive(deliveries[index] as HeyGenDelivery),
    };
    const other: Contestant = { name: "sample", batch, run: (index) => sample(deliveries[index] as HeyGenDelivery) };
    const result = await contest([ours, other]);
    prove(mine.handled === result.calls.get(ours.name), "receive with a store ran the handler for every event");
    prove(theirs.handled === result.calls.get(other.name), "the sample ran the handler for every event");
    lines.push({ size: nameOfSize(size), result, name: ours.name, other: other.name });
  }
  report.table("The same with duplicates recognised, which the sample does not do", lines);
}

async function receiveAgainstPeers(): Promise<void> {
  const lines: Line[] = [];
  const bars = new Map<string, Bar>();
  const barFor = (label: string): Bar => {
    const bar = bars.get(label) ?? { label, limit: 1, inclusive: false };
    bars.set(label, bar);
    return bar;
  };
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
    const klingOne: Delivery = { ...post, headers: { ...platformHeaders(task), ...signed.headers }, body: task };
    const standard: Contestant = { name: "receive (kling)", run: () => onKling.receive(klingOne) };
    const changed = Buffer.from(task.toString().replace("succe", "Succe"));
    prove((await onKling.receive({ ...klingOne, body: changed })).status === 401, "receive (kling) refuses a changed body");
    prove((await onKling.receive(klingOne)).status === 200 && counter.handled === 1, "receive (kling) runs the handler");

    const octokit: Counter = { handled: 0 };
    const peers = [await octokitPeer(heygenOne.body, () => octokit.handled++), stripePeer(heygenOne.body), standardPeer(task)];
    for (const peer of peers) await provePeer(peer);
    prove(octokit.handled === 1, "@octokit/webhooks ran the handler");

    counter.handled = octokit.handled = 0;
    const result = await contest([hex, standard, ...peers]);
    const expected = (result.calls.get(hex.name) ?? 0) + (result.calls.get(standard.name) ?? 0);
    prove(counter.handled === expected, "receive ran the handler for every delivery");
    prove(octokit.handled === result.calls.get(peers[0]?.name ?? ""), "@octokit/webhooks ran the handler for every delivery");
    for (const { name: other } of peers) {
      lines.push({ size: nameOfSize(size), result, name: hex.name, other, bar: barFor(`receive against ${other}`) });
    }
    const other = "standardwebhooks verify";
    lines.push({ size: nameOfSize(size), result, name: standard.name, other, bar: barFor(`receive (kling) against ${other}`) });
  }
  report.table("Against other libraries, each verifying a body of this size in its own scheme (no schema)", lines);
}

async function refusalAgainstAcceptance(): Promise<void> {
  const bar: Bar = { label: "a refusal against an acceptance", limit: 1, inclusive: true };
  const lines: Line[] = [];
  const router = heygenRouter({ handled: 0 }, { idempotency: false });
  for (const size of sizes) {
    const genuine = heygenDelivery(heygenBody(size));
    const forged = heygenDelivery(genuine.body, forge(digestOf(genuine.body)));
    prove((await router.receive(forged)).reason === "signature_mismatch", "a forged signature is refused as a mismatch");
    const refused: Contestant = { name: "wrong signature", run: () => router.receive(forged) };
    const accepted: Contestant = { name: "right signature", run: () => router.receive(genuine) };
    const result = await contest([refused, accepted]);
    lines.push({ size: nameOfSize(size), result, name: refused.name, other: accepted.name, bar });
  }
  report.table("Refusing, against accepting", lines);
}

report.head();
await verifyAgainstFloor();
await receiveAgainstSample();
await receiveOnce();
await receiveAgainstPeers();
await refusalAgainstAcceptance();
const held = report.verdict();
if (!held && process.argv.includes("--strict")) process.exitCode = 1;
