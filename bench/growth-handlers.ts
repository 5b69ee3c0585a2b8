import { createRouter, type Router } from "video-webhooks";
import { type HeyGenEventMap, type HeyGenEventType, heygen, heygenEvents } from "video-webhooks/heygen";
import { type Counter, counting, heygenDelivery, heygenRouter, secret } from "./deliveries.ts";
import { heygenBody } from "./events.ts";
import { grouped } from "./format.ts";
import { ofOneContest, printGrowth } from "./growth.ts";
import { type Contestant, contest, namesOf } from "./measure.ts";
import { prove, type Run } from "./part.ts";

const AMOUNTS = [1, 10, 100, 1000] as const;

type HeyGenRouter = Router<"heygen", HeyGenEventMap>;
/** Registers so many handlers on a new router. */
type Register = (amount: number, counter: Counter) => HeyGenRouter;

const bareRouter = (): HeyGenRouter => createRouter(heygen({ secret }), { idempotency: false });

function forOneType(amount: number, counter: Counter): HeyGenRouter {
  const router = bareRouter();
  for (let index = 0; index < amount; index++) router.on("avatar_video.success", counting(counter));
  return router;
}

// Every event but the one that is delivered, and a family of several of them.
const delivered: HeyGenEventType = "avatar_video.success";
const otherTypes = Object.keys(heygenEvents).filter((type) => type !== delivered) as HeyGenEventType[];
const others = [...otherTypes, "video_translate.*"] as const;

function forOtherTypes(amount: number, counter: Counter): HeyGenRouter {
  const router = heygenRouter(counter, { idempotency: false });
  for (let index = 0; index < amount; index++) {
    router.on(others[index % others.length] as HeyGenEventType, () => {
      throw new Error("A handler ran for an event of another type.");
    });
  }
  return router;
}

/** What a delivery and the registration cost, as more handlers are registered for the event that is delivered. */
export function growWithHandlers(run: Run): Promise<void> {
  return grow(run, {
    title: "Growth with handlers of the type that is delivered",
    note: "Deliveries of 2 KB. All of the handlers run; registering is creating the router and adding all of them.",
    axis: "handlers",
    register: forOneType,
    handledPerCall: (amount) => amount,
  });
}

/** What a delivery and the registration cost, as more handlers are registered for other events. */
export function growWithOtherHandlers(run: Run): Promise<void> {
  return grow(run, {
    title: "Growth with handlers of other types and families",
    note: `Deliveries of 2 KB to one handler. The others are shared among the ${otherTypes.length} other types of HeyGen and a family.`,
    axis: "other handlers",
    register: forOtherTypes,
    handledPerCall: () => 1,
  });
}

interface Axis {
  readonly title: string;
  readonly note: string;
  readonly axis: string;
  readonly register: Register;
  /** How often handlers run for one delivery. */
  handledPerCall(amount: number): number;
}

async function grow({ effort }: Run, { title, note, axis, register, handledPerCall }: Axis): Promise<void> {
  const delivery = heygenDelivery(heygenBody(2048));
  const sizes = AMOUNTS.map(grouped);
  const counters = AMOUNTS.map((): Counter => ({ handled: 0 }));
  const receiving = AMOUNTS.map((amount, index): Contestant => {
    const router = register(amount, counters[index] as Counter);
    return { name: `receive with ${amount}`, run: () => router.receive(delivery) };
  });
  const registering = AMOUNTS.map((amount): Contestant => {
    return { name: `register ${amount}`, run: () => register(amount, { handled: 0 }) };
  });
  const received = await contest(receiving, effort.growth);
  for (const [index, amount] of AMOUNTS.entries()) {
    const { name } = receiving[index] as Contestant;
    const expected = handledPerCall(amount) * (received.calls.get(name) ?? 0);
    prove(counters[index]?.handled === expected, `every delivery of "${name}" ran ${handledPerCall(amount)} handlers`);
  }
  printGrowth({
    title,
    note,
    axis,
    sizes,
    series: [
      ofOneContest("one delivery", received, namesOf(receiving)),
      ofOneContest("registering", await contest(registering, effort.growth), namesOf(registering)),
    ],
  });
}
