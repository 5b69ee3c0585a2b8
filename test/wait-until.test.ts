import type { IncomingMessage, ServerResponse } from "node:http";
import { Hono } from "hono";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { honoHandler } from "../src/adapters/hono.ts";
import { nextApiRoute, nextRoute } from "../src/adapters/next.ts";
import type { Delivery, Receiver, WaitUntil } from "../src/delivery.ts";
import type { AnyWebhookError } from "../src/errors.ts";
import { keepAlive } from "../src/promise.ts";
import { heygen } from "../src/providers/heygen.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { secret, signed, success } from "./suites/deliveries.ts";
import { listen } from "./suites/raw-http.ts";
import { signHex } from "./suites/signer.ts";

const url = "https://app.example.test/webhooks/heygen";

/** A promise with its ends. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A router whose handler waits until it may go on, with a deadline that it misses. */
function slow(options: RouterOptions = {}) {
  const { opened, open } = gate();
  onTestFinished(open);
  const errors: AnyWebhookError[] = [];
  const finished: string[] = [];
  const router = createRouter(heygen({ secret }), { deadlineMs: 20, ...options })
    .onError((error) => {
      errors.push(error);
    })
    .onAny(async (_event, { id }) => {
      await opened;
      finished.push(id);
    });
  return { router, errors, finished, open };
}

/** A platform that keeps what it is asked to wait for. */
function platform() {
  const waited: Promise<unknown>[] = [];
  const waitUntil: WaitUntil = (promise) => waited.push(promise);
  return { waited, waitUntil };
}

/** A receiver that keeps the waitUntil of each delivery. */
function seeing() {
  const seen: (WaitUntil | undefined)[] = [];
  const receiver: Receiver = {
    async receive({ waitUntil }) {
      seen.push(waitUntil);
      return { result: "processed", status: 200 };
    },
  };
  return { receiver, seen };
}

const request = async (body: string): Promise<Request> =>
  new Request(url, { method: "POST", body, headers: { signature: await signHex(secret, body) } });

/** Whether a promise is still pending after everything that was due. */
async function isPending(promise: Promise<unknown> | undefined): Promise<boolean> {
  if (promise === undefined) throw new Error("There is no promise.");
  const late = Symbol("late");
  const turn = new Promise((resolve) => setImmediate(() => resolve(late)));
  return (await Promise.race([promise, turn])) === late;
}

describe("waitUntil of a delivery", () => {
  it.each([
    ["with a store", {}],
    ["without a store", { idempotency: false }],
  ] as const)("gets the handlers that outlive the deadline: %s", async (_name, options) => {
    const { router, finished, errors, open } = slow(options);
    const { waited, waitUntil } = platform();
    const outcome = await router.receive(await signed(success("v"), { waitUntil }));
    expect(outcome.result).toBe("deadline_exceeded");
    expect(waited).toHaveLength(1);
    expect(await isPending(waited[0])).toBe(true);
    open();
    await waited[0];
    expect(finished).toEqual(["heygen/default/avatar_video.success/v"]);
    expect(errors.map(({ code }) => code)).toEqual(["deadline_exceeded"]);
  });

  it("gets what the store still has to record after the handlers", async () => {
    const recorded = gate();
    const complete = vi.fn(async () => {
      await recorded.opened;
      return true;
    });
    const store = { claim: async () => ({ state: "claimed", token: "t" }) as const, extend: async () => true, release: async () => true };
    const { router, finished, open } = slow({ idempotency: { ...store, complete } });
    const { waited, waitUntil } = platform();
    await router.receive(await signed(success("v"), { waitUntil }));
    open();
    await vi.waitFor(() => expect(complete).toHaveBeenCalled(), { timeout: 10_000 });
    expect(finished).toHaveLength(1);
    expect(await isPending(waited[0])).toBe(true);
    recorded.open();
    await waited[0];
  });

  it("gets handlers of unknown events as well", async () => {
    const { opened, open } = gate();
    const router = createRouter(heygen({ secret }), { deadlineMs: 20, idempotency: false, logger: silent }).onUnknown(() => opened);
    const { waited, waitUntil } = platform();
    expect((await router.receive(await signed('{"event_type":"new.event"}', { waitUntil }))).result).toBe("deadline_exceeded");
    expect(await isPending(waited[0])).toBe(true);
    open();
    await waited[0];
  });

  it("is not called when handlers end at once and there is no store", async () => {
    const router = createRouter(heygen({ secret }), { idempotency: false })
      .onAny(() => undefined)
      .onAny(async () => undefined);
    const { waited, waitUntil } = platform();
    expect((await router.receive(await signed(success("v"), { waitUntil }))).result).toBe("processed");
    expect(waited).toEqual([]);
  });

  it("is not called for a delivery that reaches no handler", async () => {
    const router = createRouter(heygen({ secret }));
    const { waited, waitUntil } = platform();
    const post = async (changes: Partial<Delivery>) => (await router.receive(await signed(success("v"), { waitUntil, ...changes }))).result;
    expect([await post({}), await post({ method: "OPTIONS" }), await post({ method: "GET" }), await post({ headers: {} })]).toEqual([
      "ignored",
      "validation",
      "method_not_allowed",
      "unauthenticated",
    ]);
    expect(waited).toEqual([]);
  });

  it("gets listeners of onError that are not done, for refusals too", async () => {
    const { opened, open } = gate();
    const told: string[] = [];
    const router = createRouter(heygen({ secret }))
      .onError(() => undefined)
      .onError(async ({ code }) => {
        await opened;
        told.push(code);
      });
    const { waited, waitUntil } = platform();
    await router.receive(await signed(success("v"), { headers: {}, waitUntil }));
    expect(waited).toHaveLength(1);
    expect(await isPending(waited[0])).toBe(true);
    open();
    await waited[0];
    expect(told).toEqual(["signature_missing"]);
  });

  it("gets the listeners of a failure after the answer", async () => {
    const { opened, open } = gate();
    const { waited, waitUntil } = platform();
    const late = gate();
    const told: boolean[] = [];
    const router = createRouter(heygen({ secret }), { deadlineMs: 20 })
      .onAny(async () => {
        await opened;
        throw new Error("too late");
      })
      .onError(async (_error, { afterAnswer }) => {
        if (afterAnswer) await late.opened;
        told.push(afterAnswer);
      });
    await router.receive(await signed(success("v"), { waitUntil }));
    open();
    // The handlers, the listener of the deadline, and the listener of the failure.
    await vi.waitFor(() => expect(waited).toHaveLength(3), { timeout: 10_000 });
    expect(told).toEqual([false]);
    late.open();
    await Promise.all(waited);
    expect(told).toEqual([false, true]);
  });

  it("gets promises that do not reject, since a platform may end a process for that", async () => {
    const router = createRouter(heygen({ secret }), { deadlineMs: 20, logger: silent })
      .onAny(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error("The handler failed.");
      })
      .onError(() => Promise.reject(new Error("The listener failed.")));
    const { waited, waitUntil } = platform();
    expect((await router.receive(await signed(success("v"), { waitUntil }))).result).toBe("handler_failed");
    expect((await router.receive(await signed(success("w"), { waitUntil, headers: {} }))).result).toBe("unauthenticated");
    expect(waited.length).toBeGreaterThanOrEqual(3);
    expect((await Promise.allSettled(waited)).map(({ status }) => status)).toEqual(waited.map(() => "fulfilled"));
  });

  it("does not get a promise that could reject, whatever was handed on for it", async () => {
    const { waited, waitUntil } = platform();
    keepAlive(waitUntil, Promise.reject(new Error("A defect.")), () => undefined);
    expect((await Promise.allSettled(waited)).map(({ status }) => status)).toEqual(["fulfilled"]);
  });

  const broken: readonly [string, WaitUntil][] = [
    [
      "throws",
      () => {
        throw new Error("Outside of a request.");
      },
    ],
    [
      "throws undefined",
      () => {
        throw undefined;
      },
    ],
    ["rejects", () => Promise.reject(new Error("Outside of a request."))],
  ];
  it.each(broken)("harms nothing when it %s, and is reported", async (_name, waitUntil) => {
    const { router, errors, finished, open } = slow();
    expect((await router.receive(await signed(success("v"), { waitUntil }))).result).toBe("deadline_exceeded");
    open();
    await vi.waitFor(() => expect(finished).toHaveLength(1), { timeout: 10_000 });
    expect(errors.map(({ code }) => code).sort()).toEqual(["configuration", "deadline_exceeded"]);
    expect(errors.find(({ code }) => code === "configuration")?.message).toMatch(/waitUntil failed/);
  });

  it("leaves everything as it is where there is none", async () => {
    const { router, finished, open } = slow();
    expect((await router.receive(await signed(success("v"), { waitUntil: undefined }))).result).toBe("deadline_exceeded");
    open();
    await vi.waitFor(() => expect(finished).toHaveLength(1), { timeout: 10_000 });
  });
});

describe("router.fetch", () => {
  /** As Workers have it: a method that fails without its object. */
  class ExecutionContext {
    readonly #waited: Promise<unknown>[];
    constructor(waited: Promise<unknown>[]) {
      this.#waited = waited;
    }
    waitUntil(promise: Promise<unknown>): void {
      this.#waited.push(promise);
    }
    passThroughOnException(): void {}
  }

  const places: readonly [string, (context: ExecutionContext) => readonly unknown[]][] = [
    ["after the bindings, as Workers pass it", (context) => [{ SECRET: "x" }, context]],
    ["after no bindings", (context) => [undefined, context]],
    ["after bindings that are null", (context) => [null, context]],
    ["right after the request, as Netlify passes it", (context) => [context]],
  ];
  it.each(places)("takes the waitUntil %s", async (_name, place) => {
    const { router, finished, open } = slow();
    const { waited } = platform();
    const { fetch } = router;
    const response = await fetch(await request(success("v")), ...place(new ExecutionContext(waited)));
    expect(response.status).toBe(503);
    expect(waited).toHaveLength(1);
    open();
    await waited[0];
    expect(finished).toHaveLength(1);
  });

  it.each([
    ["an index, as of Array.map", [0, []]],
    ["the server of Bun", [{ port: 3000, requestIP: () => null }]],
    ["the info of Deno", [{ remoteAddr: { hostname: "127.0.0.1" }, completed: Promise.resolve() }]],
    ["a waitUntil that is no function", [{ waitUntil: "never" }]],
    ["nothing", []],
  ] as readonly [string, readonly unknown[]][])("answers as before with %s after the request", async (_name, after) => {
    const router = createRouter(heygen({ secret })).onAny(() => undefined);
    expect((await router.fetch(await request(success("v")), ...after)).status).toBe(200);
  });
});

describe("adapters with a waitUntil of their own", () => {
  it("nextRoute gives its option to every method, and works without", async () => {
    const { router, finished, open } = slow();
    const { waited, waitUntil } = platform();
    const { POST, OPTIONS } = nextRoute(router, { waitUntil });
    expect((await OPTIONS(new Request(url, { method: "OPTIONS" }))).status).toBe(204);
    expect(waited).toEqual([]);
    expect((await POST(await request(success("v")))).status).toBe(503);
    expect(waited).toHaveLength(1);
    expect((await nextRoute(router).POST(await request(success("w")))).status).toBe(503);
    expect(waited).toHaveLength(1);
    open();
    await waited[0];
    await vi.waitFor(() => expect(finished).toHaveLength(2), { timeout: 10_000 });
  });

  it("nextRoute takes no waitUntil from what Next.js passes after the request", async () => {
    const { receiver, seen } = seeing();
    const post = nextRoute(receiver).POST as (request: Request, ...more: unknown[]) => Promise<Response>;
    await post(await request(success("v")), { params: Promise.resolve({}), waitUntil: () => undefined });
    expect(seen).toEqual([undefined]);
  });

  it("nextApiRoute gives its option", async () => {
    const { router, finished, open } = slow();
    const { waited, waitUntil } = platform();
    const handler = nextApiRoute(router, { waitUntil });
    const { url: address, close } = await listen((incoming, response) => handler(incoming as IncomingMessage, response as ServerResponse));
    onTestFinished(close);
    const body = success("v");
    const answer = await fetch(address, { method: "POST", body, headers: { signature: await signHex(secret, body) } });
    expect(answer.status).toBe(503);
    expect(waited).toHaveLength(1);
    open();
    await waited[0];
    expect(finished).toHaveLength(1);
  });

  it("honoHandler takes the execution context that Hono was given", async () => {
    const { router, finished, open } = slow();
    const waited: Promise<unknown>[] = [];
    const context = {
      waitUntil(this: unknown, promise: Promise<unknown>): void {
        expect(this).toBe(context);
        waited.push(promise);
      },
      passThroughOnException: () => undefined,
      props: {},
    };
    const app = new Hono().all("/webhooks/heygen", honoHandler(router));
    expect((await app.fetch(await request(success("v")), {}, context)).status).toBe(503);
    expect(waited).toHaveLength(1);
    open();
    await waited[0];
    expect(finished).toHaveLength(1);
  });

  it("honoHandler does without where Hono was given none", async () => {
    const { receiver, seen } = seeing();
    const app = new Hono().all("/webhooks/heygen", honoHandler(receiver));
    expect((await app.fetch(await request(success("v")))).status).toBe(200);
    expect(seen).toEqual([undefined]);
  });
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
