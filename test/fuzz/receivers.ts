import { createHmac } from "node:crypto";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { type AnyRouter, createRouter, type RouterOptions } from "../../src/router.ts";
import type { SampleProvider } from "../../src/testing/samples/senders.ts";

/** The secret of every receiver. */
export const secret: string = `whsec_${btoa("a secret of the fuzz tests")}`;

/** The token of those that take one. */
export const token = "0f8fad5b-d9cb-469f-a165";

/** The time by which every receiver decides. */
export const NOW: number = Date.UTC(2026, 10, 21, 12);

/** The cap of every receiver, in bytes. */
export const MOST_BYTES = 1_048_576;

/** Headers that prove a delivery. */
export type Proof = Readonly<Record<string, string>>;

/** An endpoint, and how its provider proves that a delivery is authentic. */
export interface Receiver {
  readonly name: string;
  readonly provider: SampleProvider;
  /** Of a fresh endpoint, so that a test need not care what another one has delivered. Recognises duplicates in memory, unless told otherwise. */
  createRouter(options?: RouterOptions): AnyRouter;
  readonly url: string;
  /** Whether what proves a delivery depends on the body. */
  readonly signs: boolean;
  prove(body: Uint8Array): Proof;
  /** All headers in which a signature is looked for: the first that has the form of one decides. */
  readonly searched: readonly string[];
  /** Where the event type is. */
  readonly typeField: string;
}

const hex = (body: Uint8Array): string => createHmac("sha256", secret).update(body).digest("hex");

function standard(body: Uint8Array): Proof {
  const [id, timestamp] = ["msg_1", String(NOW / 1000)];
  // The event's id is the message's where there is one, and no two bodies of a fuzz run are meant as one event.
  const messageId = `${id}_${hex(body).slice(0, 16)}`;
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const digest = createHmac("sha256", key).update(`${messageId}.${timestamp}.`).update(body).digest("base64");
  return { "webhook-id": messageId, "webhook-timestamp": timestamp, "webhook-signature": `v1,${digest}` };
}

// Small enough to be full early, so that memory shows whether anything else grows.
const options = () => ({ clock: () => NOW, idempotency: createMemoryStore({ maxEntries: 1000, clock: () => NOW }) });
const url = "/webhooks";

/** Every provider with every way in which its deliveries are authenticated. */
export const receivers: readonly Receiver[] = [
  {
    name: "HeyGen",
    provider: "heygen",
    createRouter: (given = options()) => createRouter(heygen({ secret }), given),
    url,
    signs: true,
    prove: (body) => ({ "heygen-signature": hex(body) }),
    searched: ["signature", "heygen-signature", "x-heygen-signature"],
    typeField: "event_type",
  },
  {
    name: "HeyGen by token",
    provider: "heygen",
    createRouter: (given = options()) => createRouter(heygen({ token }), given),
    url: `${url}?token=${token}`,
    signs: false,
    prove: () => ({}),
    searched: [],
    typeField: "event_type",
  },
  {
    name: "KonPro",
    provider: "konpro",
    createRouter: (given = options()) => createRouter(konpro({ secret: ["another secret", secret] }), given),
    url,
    signs: true,
    prove: (body) => ({ signature: `sha256=${hex(body).toUpperCase()}` }),
    searched: ["x-konpro-signature", "konpro-signature", "signature"],
    typeField: "event_type",
  },
  {
    name: "VideoPilot",
    provider: "videopilot",
    createRouter: (given = options()) => createRouter(videopilot({ secret: () => Promise.resolve(secret) }), given),
    url,
    signs: true,
    prove: (body) => ({ "x-videopilot-signature": `sha256=${hex(body)}` }),
    searched: ["x-videopilot-signature"],
    typeField: "event",
  },
  {
    name: "Kling by Standard Webhooks",
    provider: "kling",
    createRouter: (given = options()) => createRouter(kling({ secret }), given),
    url,
    signs: true,
    prove: standard,
    searched: ["webhook-id", "webhook-timestamp", "webhook-signature"],
    typeField: "event",
  },
  {
    name: "Kling by hex",
    provider: "kling",
    createRouter: (given = options()) => createRouter(kling({ secret, scheme: "hex" }), given),
    url,
    signs: true,
    prove: (body) => ({ "x-kling-signature": hex(body) }),
    searched: ["x-kling-signature"],
    typeField: "event",
  },
];
