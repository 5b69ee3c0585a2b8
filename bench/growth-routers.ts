import { createRouter, type Router } from "video-webhooks";
import { type HeyGenEventMap, heygen } from "video-webhooks/heygen";
import { type Counter, counting, digestOf, type HeyGenDelivery, heygenDelivery, secret } from "./deliveries.ts";
import { heygenBody } from "./events.ts";
import { grouped } from "./format.ts";
import { ofOneContest, printGrowth } from "./growth.ts";
import { type Contestant, contest, namesOf } from "./measure.ts";
import { prove, type Run } from "./part.ts";

const AMOUNTS = [1, 10, 100, 1000] as const;

type Routes = ReadonlyMap<string, Router<"heygen", HeyGenEventMap>>;

const pathOf = (index: number): string => `/webhooks/${index}`;
const secretOf = (index: number): string => `${secret}-${index}`;

/** An application with so many endpoints, each with a router that has a secret and a handler of its own. */
function openRoutes(amount: number, counter: Counter): Routes {
  const routes = new Map<string, Router<"heygen", HeyGenEventMap>>();
  for (let index = 0; index < amount; index++) {
    const provider = heygen({ secret: secretOf(index), endpoint: String(index) });
    routes.set(pathOf(index), createRouter(provider, { idempotency: false }).on("avatar_video.success", counting(counter)));
  }
  return routes;
}

/** What a delivery and the start cost, as an application has more endpoints. */
export async function growWithRouters({ effort }: Run): Promise<void> {
  const counter: Counter = { handled: 0 };
  const body = heygenBody(2048);
  const receiving: Contestant[] = [];
  for (const amount of AMOUNTS) {
    const routes = openRoutes(amount, counter);
    // To each in turn, whatever the batches are.
    const deliveries = Array.from({ length: amount }, (_, index) => signedFor(body, index));
    let next = 0;
    const run = (): unknown => {
      const delivery = deliveries[next++ % amount] as HeyGenDelivery;
      return routes.get(delivery.url)?.receive(delivery);
    };
    for (const delivery of deliveries) {
      prove(
        (await routes.get(delivery.url)?.receive(delivery))?.status === 200,
        `the endpoint ${delivery.url} accepts what is signed for it`,
      );
    }
    receiving.push({ name: `receive with ${amount}`, run });
  }
  const opening = AMOUNTS.map((amount): Contestant => ({ name: `open ${amount}`, run: () => openRoutes(amount, counter) }));
  counter.handled = 0;
  const received = await contest(receiving, effort.growth);
  const calls = [...received.calls.values()].reduce((sum, each) => sum + each, 0);
  prove(counter.handled === calls, "the endpoints ran the handler for every delivery");
  printGrowth({
    title: "Growth with the number of routers",
    note: "One application that finds its routers in a `Map` by path; deliveries of 2 KB go to each in turn. Opening is creating all of them, with a handler each.",
    axis: "routers",
    sizes: AMOUNTS.map(grouped),
    series: [
      ofOneContest("one delivery", received, namesOf(receiving)),
      ofOneContest("opening", await contest(opening, effort.growth), namesOf(opening)),
    ],
  });
}

function signedFor(body: Buffer, index: number): HeyGenDelivery {
  return { ...heygenDelivery(body, digestOf(body, secretOf(index))), url: pathOf(index) };
}
