import type { BarName } from "./bars.ts";
import { type Contest, signedDelivery } from "./http-contest.ts";
import type { SignedDelivery } from "./http-load.ts";
import type { NextApp } from "./http-next.ts";
import { startApps } from "./http-process.ts";
import { versionOf } from "./installed.ts";

/** A line of the table. */
export interface Member extends Contest {
  /** What it is judged by; without one it is printed only. */
  readonly bar?: BarName;
  /** Whether the report does without it, to be done sooner. */
  readonly longOnly?: boolean;
}

const onHono = `@hono/node-server ${versionOf("@hono/node-server")}`;
const same = [signedDelivery()];

/** Makes the `deliveries` that go on where those of the round before ended. */
function differentDeliveries(): (amount: number) => readonly SignedDelivery[] {
  // So many that a store of 1,000 events has forgotten each of them before it comes again.
  const all: SignedDelivery[] = [];
  let next = 0;
  return (amount) => {
    while (all.length < 16_384) all.push(signedDelivery(all.length));
    const taken = Array.from({ length: amount }, (_, index) => all[(next + index) % all.length] as SignedDelivery);
    next += amount;
    return taken;
  };
}

const member = (app: string, name: string): Member => ({ name, start: () => startApps(app), deliveries: () => same });

/** All but those that are built first. */
export const members: readonly Member[] = [
  member("control", "control: node:http by hand, twice"),
  { ...member("node", "node:http"), bar: "node" },
  { ...member("express-4", `Express ${versionOf("express-4")}`), bar: "express4" },
  { ...member("express", `Express ${versionOf("express")}`), bar: "express" },
  { ...member("fastify", `Fastify ${versionOf("fastify")}`), bar: "fastify" },
  { ...member("hono", `Hono ${versionOf("hono")} on ${onHono}`), bar: "hono" },
  { ...member("fetch", `router.fetch on ${onHono}`), bar: "fetch" },
  { ...member("store", "node:http, every event new to the in-memory store"), deliveries: differentDeliveries(), longOnly: true },
];

/** Both routers of an application that was built. */
export function nextMembers(app: NextApp): readonly Member[] {
  const one = (router: "App" | "Pages", bar: BarName): Member => ({
    name: `Next.js ${versionOf("next")}, ${router} Router`,
    start: () => app.start(router),
    deliveries: () => same,
    bar,
  });
  return [one("App", "nextApp"), one("Pages", "nextPages")];
}
