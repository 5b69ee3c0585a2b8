// The application behind the adapter suite: routers that fail in every way there is, and a journal of what they saw. It also runs inside
// of Next.js, so the suite asks for the journal over HTTP.

import { createHash } from "node:crypto";
import { type AnyRouter, createRouter, Discard, type IdempotencyStore, type InboxIntake, RetryLater } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { createMemoryStore } from "video-webhooks/idempotency";

/** The secret of every receiver. */
export const secret = "whsec_of-the-adapter-suite";

/** The token of the receiver that takes one. */
export const token = "0f8fad5b-d9cb-469f-a165";

/** What the routers saw, in order. */
export interface Journal {
  readonly runs: { readonly id: string; readonly sha256: string }[];
  readonly errors: { readonly code: string; readonly message: string }[];
  /** Calls of a secret function or a store. */
  touched: number;
}

/** Routers by the last part of their path. */
export interface Receivers {
  readonly routers: Readonly<Record<ReceiverName, AnyRouter>>;
  readonly journal: Journal;
}

/** The receivers that a member of the suite mounts at `/hooks/<name>`. */
export const receiverNames = ["standard", "small", "impatient", "storeless", "broken", "watched", "token", "inbox", "orderly"] as const;

/** One of {@link receiverNames}. */
export type ReceiverName = (typeof receiverNames)[number];

/** Makes the receivers, with a journal of their own. */
export function createReceivers(): Receivers {
  const journal: Journal = { runs: [], errors: [], touched: 0 };
  const down = (): Promise<never> => Promise.reject(new Error("The store is down."));
  const routers = {
    standard: createRouter(heygen({ secret })),
    small: createRouter(heygen({ secret }), { maxBodyBytes: 1000 }),
    impatient: createRouter(heygen({ secret }), { deadlineMs: 100 }),
    storeless: createRouter(heygen({ secret }), { idempotency: { ...createMemoryStore(), claim: down } }),
    broken: createRouter(heygen({ secret: () => Promise.reject(new Error("No secret today.")) })),
    watched: createRouter(
      heygen({
        secret: () => {
          journal.touched++;
          return secret;
        },
      }),
      { idempotency: counted(createMemoryStore(), journal) },
    ),
    token: createRouter(heygen({ token })),
    inbox: createRouter(heygen({ secret }), { inbox: createIntake() }),
    orderly: createRouter(heygen({ secret }), { staleEvents: "skip" }),
  };
  for (const router of Object.values(routers)) {
    router.on(["avatar_video.success", "avatar_video.fail"], (event, context) => {
      journal.runs.push({ id: context.id, sha256: createHash("sha256").update(context.rawBody).digest("hex") });
      return behave(event.event_data.callback_id ?? "");
    });
    router.onError(({ code, message }) => {
      journal.errors.push({ code, message });
    });
  }
  return { routers, journal };
}

/** Does what the event asks for in its `callback_id`. */
function behave(wish: string): unknown {
  const [verb, argument] = wish.split(":");
  if (verb === "throw") throw new Error("The handler failed.");
  if (verb === "throw-undefined") throw undefined;
  if (verb === "reject") return Promise.reject(new Error("The handler failed."));
  if (verb === "discard") throw new Discard("not wanted");
  if (verb === "retry") throw new RetryLater({ afterSeconds: Number(argument) });
  if (verb === "wait") return new Promise((resolve) => setTimeout(resolve, Number(argument)));
  if (verb === "hang") return new Promise(() => undefined);
  return undefined;
}

/** Takes in what a router stores, and is full for one event. */
function createIntake(): InboxIntake {
  const known = new Set<string>();
  return {
    async accept({ id, fingerprint }) {
      if (id.endsWith("/full")) throw new Error("The disk is full.");
      const key = `${id} ${fingerprint}`;
      const duplicate = known.has(key);
      known.add(key);
      return { duplicate };
    },
  };
}

function counted(store: IdempotencyStore, journal: Journal): IdempotencyStore {
  return {
    ...store,
    claim(key, options) {
      journal.touched++;
      return store.claim(key, options);
    },
  };
}
