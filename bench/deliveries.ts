import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { createRouter, type Delivery, type Router } from "video-webhooks";
import { type HeyGenEventMap, heygen } from "video-webhooks/heygen";
import { heygenBody } from "./events.ts";
import { prove } from "./part.ts";

/** The secret that all deliveries are signed with. */
export const secret = "whsec_a-secret-for-the-benchmark-only";

/** The same, as `node:crypto` takes it at the least cost. */
export const key: KeyObject = createSecretKey(secret, "utf8");

/** What HeyGen signs a body with. */
export const digestOf = (body: Uint8Array, under: string | KeyObject = key): string =>
  createHmac("sha256", under).update(body).digest("hex");

/** A delivery of HeyGen as it arrives. */
export interface HeyGenDelivery extends Delivery {
  readonly url: string;
  readonly body: Buffer;
  readonly headers: Record<string, string> & { readonly signature: string };
}

/** Another digit at the end: the form is right, so everything up to the comparison has to be done. */
export const forge = (signature: string): string => signature.slice(0, -1) + (signature.endsWith("0") ? "1" : "0");

/** A delivery of these bytes with the headers that platforms add. */
export function deliveryOf(body: Buffer, signed: Readonly<Record<string, string>>): Delivery & { headers: Record<string, string> } {
  const headers = {
    host: "example.test",
    "user-agent": "python-requests/2.32.3",
    "accept-encoding": "gzip, deflate",
    accept: "*/*",
    connection: "keep-alive",
    "content-type": "application/json",
    "content-length": String(body.length),
    ...signed,
  };
  return { method: "POST", url: "/webhooks", headers, body };
}

/** A delivery of HeyGen; without a signature it is signed as it should be. */
export function heygenDelivery(body: Buffer, signature: string = digestOf(body)): HeyGenDelivery {
  return deliveryOf(body, { signature }) as HeyGenDelivery;
}

/** Counts what reaches a handler, so that a contestant cannot win by dropping events. */
export interface Counter {
  handled: number;
}

/** The part of an event that the handlers here look at. */
interface SuccessEvent {
  readonly event_data: { readonly video_id: string };
}

/** A handler that counts. */
export function counting(counter: Counter): (event: SuccessEvent) => Promise<void> {
  return async function count(event) {
    if (event.event_data.video_id !== "") counter.handled++;
  };
}

/** A router with one handler that counts. */
export function heygenRouter(counter: Counter, options?: { readonly idempotency: false }): Router<"heygen", HeyGenEventMap> {
  return createRouter(heygen({ secret }), options).on("avatar_video.success", counting(counter));
}

/** A receiver is only measured when it refuses what is forged and runs its handler for what is not. */
export async function proveReceiving(
  name: string,
  counter: Counter,
  receive: (delivery: HeyGenDelivery) => Promise<number>,
): Promise<void> {
  const genuine = heygenDelivery(heygenBody(2048, 0xbeef));
  const before = counter.handled;
  prove((await receive(heygenDelivery(genuine.body, forge(genuine.headers.signature)))) === 401, `${name} refuses a forged signature`);
  prove(counter.handled === before, `${name} keeps a forged event from the handler`);
  prove((await receive(genuine)) === 200, `${name} accepts a genuine delivery`);
  prove(counter.handled === before + 1, `${name} runs the handler`);
  counter.handled = 0;
}
