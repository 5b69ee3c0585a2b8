import { Webhooks } from "@octokit/webhooks";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import type { Contestant } from "./measure.ts";

/**
 * A library that takes part, with a delivery that it signed itself. All start from the bytes that arrived and get them as text, which is
 * the only input that `@octokit/webhooks` takes and the faster one of the other two.
 */
export interface Peer extends Contestant {
  /** The same call with a body that was changed after it was signed; it has to reject or throw. */
  forged(): unknown;
}

const change = (body: Buffer): Buffer => Buffer.from(body.toString().replace("succe", "Succe"));

/** `@octokit/webhooks`: signature, JSON, handler. */
export async function octokitPeer(body: Buffer, onEvent: () => void): Promise<Peer> {
  const webhooks = new Webhooks({ secret: "a-secret-for-the-benchmark-only" });
  webhooks.on("ping", async () => onEvent());
  const signature = await webhooks.sign(body.toString());
  const deliver = (bytes: Buffer): Promise<void> =>
    webhooks.verifyAndReceive({ id: "1", name: "ping", payload: bytes.toString(), signature });
  return { name: "@octokit/webhooks verifyAndReceive", run: () => deliver(body), forged: () => deliver(change(body)) };
}

/** `stripe`: signature, time, JSON; no handler. */
export function stripePeer(body: Buffer): Peer {
  const { webhooks } = Stripe;
  const secret = "whsec_a-secret-for-the-benchmark-only";
  const header = webhooks.generateTestHeaderString({ payload: body.toString(), secret });
  const construct = (bytes: Buffer): unknown => webhooks.constructEvent(bytes.toString(), header, secret);
  return { name: "stripe constructEvent", run: () => construct(body), forged: () => construct(change(body)) };
}

/** Headers and secret of a delivery signed by `standardwebhooks`, which ours verifies too. */
export interface StandardDelivery {
  readonly secret: string;
  readonly headers: Record<string, string>;
}

/** Signs as `standardwebhooks` does. */
export function signStandard(body: Buffer): StandardDelivery {
  const secret = `whsec_${Buffer.from("a key of thirty-two bytes, no more").subarray(0, 32).toString("base64")}`;
  const now = new Date();
  return {
    secret,
    headers: {
      "webhook-id": "msg_2Lml3Qe8tNzC1a",
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign("msg_2Lml3Qe8tNzC1a", now, body.toString()),
    },
  };
}

/** `standardwebhooks`: signature, time, JSON; no handler. */
export function standardPeer(body: Buffer): Peer {
  const { secret, headers } = signStandard(body);
  const webhook = new Webhook(secret);
  const verify = (bytes: Buffer): unknown => webhook.verify(bytes.toString(), headers);
  return { name: "standardwebhooks verify", run: () => verify(body), forged: () => verify(change(body)) };
}
