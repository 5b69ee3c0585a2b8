import { expect, onTestFinished } from "vitest";
import type { InboxEngine, Remains } from "./inbox-engine.ts";
import { drained } from "./inbox-kill.ts";
import { startServer } from "./inbox-process.ts";
import { deliveriesOf, startSender } from "./inbox-sender.ts";
import type { ServerSettings } from "./inbox-server.ts";
import type { Variant } from "./inbox-variants.ts";

/** Two processes with leases that are shorter than their handlers may block them, so that each takes over what the other still runs. */
export async function loseLeases(engine: InboxEngine, variant: Variant): Promise<Remains> {
  const events = 300;
  const settings: ServerSettings = { ...engine.place, port: 0, variant, leaseMs: 20, blockMs: 60 };
  const inspection = await engine.inspect();
  onTestFinished(() => inspection.close());
  const [first, second] = [startServer(settings), startServer(settings)];
  onTestFinished(async () => void (await Promise.all([first.kill(), second.kill()])));
  await Promise.all([first.hear("ready"), second.hear("ready")]);
  first.tell("open");
  const { port } = await first.hear("listening");
  second.tell("open");
  await second.hear("listening");
  const sender = startSender(port, deliveriesOf(events), 0);
  onTestFinished(() => sender.stop());
  sender.allow(events * 2);
  await sender.ended;
  await drained(inspection, engine.drainMs);
  for (const each of [first, second]) each.tell("close");
  await Promise.all([first.hear("closed"), second.hear("closed")]);
  const remains = await inspection.remains();
  console.log(`${variant}, lease of 20 ms: ${JSON.stringify(remains)}`);
  // Otherwise no lease was lost.
  expect(remains.claims).toBeGreaterThan(events);
  expect(remains).toMatchObject({ stored: events, integrity: "ok" });
  return remains;
}
