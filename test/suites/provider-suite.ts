import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { HandlerContext } from "../../src/context.ts";
import type { HeaderSource } from "../../src/delivery.ts";
import { type AnyWebhookError, ConfigurationError } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import type { VideoJob } from "../../src/job.ts";
import { type Outcome, toAnswer } from "../../src/outcome.ts";
import type { JsonObject, Provider, ProviderOptions } from "../../src/provider.ts";
import { createRouter, type Router, type RouterOptions, type UnknownEvent } from "../../src/router.ts";

/** The time in every test: nothing sleeps, and nothing reads the real clock. */
export const NOW: number = Date.parse("2026-11-21T12:00:00.000Z");

/** A payload of a provider's documentation, or one made up after its field tables. */
export interface ProviderSample {
  /** Which shape, and which document it goes back to. */
  readonly title: string;
  /** The declared event type whose handler has to get it. */
  readonly type: string;
  readonly body: JsonObject;
  /** Dotted paths of the envelope: whatever else is in `body`, except {@link resource}, may be absent, null or empty. */
  readonly envelope: readonly string[];
  /** Dotted path of the resource id, where the event type requires one. */
  readonly resource?: string;
  /** The whole job view without `provider`; `undefined` for an event about no job. */
  readonly job: Omit<VideoJob, "provider"> | undefined;
}

/** What a provider declares to join the suite. */
export interface ProviderMember {
  /** Name of the provider, and of the scheme where it has several. */
  readonly title: string;
  readonly name: string;
  readonly create: (options: ProviderOptions) => Provider<string, object>;
  readonly secret: string;
  readonly otherSecret: string;
  /** Headers of a delivery as the provider sends it, made without this library. */
  readonly sign: (body: string, secret: string) => Promise<Record<string, string>>;
  /** The one of those headers that carries the signature. */
  readonly signatureHeader: string;
  /** The headers that are looked at, in this order. */
  readonly headers: readonly string[];
  readonly ackDeadlineMs: number;
  /** How long the OPTIONS probe waits, where the provider sends one. */
  readonly validation: { readonly withinMs: number } | undefined;
  readonly samples: readonly ProviderSample[];
  /** A body that names an event type in the place where this provider does. */
  readonly named: (type: unknown) => JsonObject;
  /** Two events of one resource, in different states. */
  readonly states: readonly [JsonObject, JsonObject];
}

/** What a handler was given. */
export interface Seen {
  readonly type: string;
  readonly event: unknown;
  readonly context: HandlerContext;
  readonly job: VideoJob | undefined;
}

/** A router with a handler for everything, and what these were given. */
export interface Observed {
  readonly router: Router<string, object>;
  readonly events: readonly Seen[];
  readonly jobs: readonly VideoJob[];
  readonly unknown: readonly { readonly event: UnknownEvent; readonly context: HandlerContext }[];
  readonly errors: readonly AnyWebhookError[];
  receive(body: string | JsonObject, headers?: HeaderSource, url?: string): Promise<Outcome>;
}

/** Sets up a router whose handlers take notes. */
export function observe(provider: Provider<string, object>, options: RouterOptions = {}): Observed {
  const events: Seen[] = [];
  const jobs: VideoJob[] = [];
  const unknown: { event: UnknownEvent; context: HandlerContext }[] = [];
  const errors: AnyWebhookError[] = [];
  const router = createRouter(provider, { clock: () => NOW, ...options });
  for (const type of Object.keys(provider.events)) {
    router.on(type as never, (event: unknown, context) => void events.push({ type, event, context, job: context.job }));
  }
  router
    .onJob("*", (job) => void jobs.push(job))
    .onUnknown((event, context) => void unknown.push({ event, context }))
    .onError((error) => void errors.push(error));
  const receive: Observed["receive"] = (body, headers = {}, url = "/webhooks") =>
    router.receive({ method: "POST", url, headers, body: textOf(body) });
  return { router, events, jobs, unknown, errors, receive };
}

/** A body as it is sent. */
export function textOf(body: string | JsonObject): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

type Path = readonly (string | number)[];
type Container = Record<string | number, unknown>;

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** The path of every field, at any depth; elements of arrays are entered, but are no fields. */
function fieldsOf(value: unknown, path: Path = []): Path[] {
  if (!isContainer(value)) return [];
  const isField = !Array.isArray(value);
  return Object.keys(value).flatMap((key) => {
    const inner = [...path, isField ? key : Number(key)];
    return [...(isField ? [inner] : []), ...fieldsOf(value[key], inner)];
  });
}

const ABSENT = Symbol("absent");

/** A copy with one field set, or removed. */
function change(body: JsonObject, path: Path, value: unknown): JsonObject {
  const copy = structuredClone(body) as Container;
  const parent = path.slice(0, -1).reduce<Container>((container, key) => container[key] as Container, copy);
  const key = path.at(-1) as string | number;
  if (value === ABSENT) delete parent[key];
  else parent[key] = value;
  return copy as JsonObject;
}

const valueAt = (body: JsonObject, path: Path): unknown => path.reduce<unknown>((value, key) => (value as Container)[key], body);
const pathOf = (dotted: string): Path => dotted.split(".");

/** The fields that may be left out: neither in the envelope, nor the resource id, nor around one of these. */
function optionalFieldsOf({ body, envelope, resource }: ProviderSample): Path[] {
  const required = resource === undefined ? envelope : [...envelope, resource];
  return fieldsOf(body).filter((path) => !required.some((each) => `${each}.`.startsWith(`${path.join(".")}.`)));
}

/** A copy with fields that no documentation mentions, in every object. */
function withExtras(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExtras);
  if (!isContainer(value)) return value;
  const extended = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withExtras(inner)]));
  return { ...extended, x_text: "kept", x_nothing: null, x_list: [1, "two"], x_object: { deep: true } };
}

/** A copy with a `__proto__` member of its own in every object, as `JSON.parse` would make it. */
function withProto(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withProto);
  if (!isContainer(value)) return value;
  const extended = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withProto(inner)]));
  return Object.defineProperty(extended, "__proto__", { value: { polluted: true }, enumerable: true });
}

/** Every object within a value, except what `__proto__` members hold. */
function objectsOf(value: unknown): object[] {
  if (!isContainer(value)) return [];
  return [value, ...Object.keys(value).flatMap((key) => (key === "__proto__" ? [] : objectsOf(value[key])))];
}

const MARKER = "PLANTED";

/** A copy in which every text that is not required, and so may be anything, carries the marker. */
function withMarkers(sample: ProviderSample): JsonObject {
  return optionalFieldsOf(sample).reduce(
    (body, path) => (typeof valueAt(body, path) === "string" ? change(body, path, `${MARKER} ${path.join(" ")}`) : body),
    sample.body,
  );
}

/** Everything that an error could give away: message, stack, causes, own fields. */
const everythingIn = (errors: readonly unknown[]): string => inspect(errors, { depth: 20, showHidden: true, maxStringLength: null });

/** The suite that every provider passes: joining it, with a sample for each event type, is the definition of done. */
export function describeProvider(member: ProviderMember): void {
  const { create, secret, otherSecret, sign, samples, signatureHeader } = member;
  const first = samples[0] as ProviderSample;
  const token = "0f8fad5b-d9cb-469f-a165-70867728950e";

  /** A signed delivery to a new router, or to a given one. */
  async function send(body: string | JsonObject, to: Observed = observe(create({ secret }))): Promise<{ outcome: Outcome; at: Observed }> {
    return { outcome: await to.receive(body, await sign(textOf(body), secret)), at: to };
  }

  describe(`${member.title}: what it declares`, () => {
    const provider = create({ secret });

    it("has its name, its signature headers, its deadline and its kind of endpoint validation", () => {
      expect(provider.name).toBe(member.name);
      expect(provider.signature.headers).toEqual(member.headers);
      expect(provider.ackDeadlineMs).toBe(member.ackDeadlineMs);
      expect(provider.validation).toEqual(member.validation);
    });

    it("has a sample for every event type, and no sample of another one", () => {
      expect([...new Set(samples.map(({ type }) => type))].sort()).toEqual(Object.keys(provider.events).sort());
    });

    it("builds a schema when it is first read, once, for all endpoints", () => {
      const again = create({ secret: otherSecret, endpoint: "another" });
      for (const type of Object.keys(provider.events) as never[]) {
        expect(Object.getOwnPropertyDescriptor(provider.events, type)?.get).toBeTypeOf("function");
        expect(provider.events[type]).toBe(provider.events[type]);
        expect(again.events[type]).toBe(provider.events[type]);
      }
    });

    it("does not let its map of events be changed", () => {
      expect(Object.isFrozen(provider.events)).toBe(true);
    });

    it("does not show its secret", () => {
      expect(everythingIn([provider])).not.toContain(secret);
      expect(JSON.stringify(provider)).not.toContain(secret);
    });

    it("answers an OPTIONS probe at once, without a signature", async () => {
      const { router } = observe(provider);
      const outcome = await router.receive({ method: "OPTIONS", url: "/webhooks", headers: {}, body: "" });
      expect(toAnswer(outcome)).toEqual({ status: 204, headers: { allow: "POST, OPTIONS" } });
    });
  });

  describe.each(samples.map((sample) => [`${sample.type}, ${sample.title}`, sample] as const))(`${member.title}: %s`, (_title, sample) => {
    const { type, body, envelope, resource } = sample;

    it("is processed: its handler gets every field, and the job view is complete", async () => {
      const { outcome, at } = await send(body);
      expect(at.errors).toEqual([]);
      expect(outcome).toMatchObject({ result: "processed", status: 200, type });
      expect(at.events.map((seen) => seen.type)).toEqual([type]);
      expect(at.events[0]?.event).toMatchObject(body);
      const job = sample.job && { provider: member.name, ...sample.job };
      expect(at.events[0]?.job).toStrictEqual(job);
      expect(at.jobs).toStrictEqual(job === undefined ? [] : [job]);
      expect(at.events[0]?.context).toMatchObject({ provider: member.name, endpoint: "default", type, id: outcome.id });
    });

    it("keeps unknown fields, at the top and deep within", async () => {
      const extended = withExtras(body) as JsonObject;
      const { outcome, at } = await send(extended);
      expect(at.errors).toEqual([]);
      expect(outcome.result).toBe("processed");
      expect(at.events[0]?.event).toMatchObject(extended);
      expect(at.jobs.map(({ id, status }) => ({ id, status }))).toEqual(
        sample.job ? [{ id: sample.job.id, status: sample.job.status }] : [],
      );
    });

    it("P49: is processed with any optional field, or all of them, absent, null or empty", async () => {
      const to = observe(create({ secret }), { idempotency: false });
      const optional = optionalFieldsOf(sample);
      const isText = (path: Path): boolean => typeof valueAt(body, path) === "string";
      const changed = (value: unknown, path: Path) => ({ change: `${path.join(".")} = ${String(value)}`, body: change(body, path, value) });
      const variants = [
        ...optional.map((path) => changed(ABSENT, path)),
        ...optional.map((path) => changed(null, path)),
        ...optional.filter(isText).map((path) => changed("", path)),
      ];
      // Innermost first, since the fields of a removed object cannot be changed.
      const inwards = [...optional].reverse();
      variants.push(
        { change: "all absent", body: inwards.reduce((all, path) => change(all, path, ABSENT), body) },
        { change: "all null", body: inwards.reduce((all, path) => change(all, path, null), body) },
        { change: "all texts empty", body: inwards.filter(isText).reduce((all, path) => change(all, path, ""), body) },
      );
      const results: { change: string; result: string; id: string | undefined }[] = [];
      for (const variant of variants) {
        const { outcome } = await send(variant.body, to);
        results.push({ change: variant.change, result: outcome.result, id: to.jobs.at(-1)?.id });
      }
      expect(results.filter(({ result }) => result !== "processed")).toEqual([]);
      // Where an id is required, no optional field can take its place.
      if (resource !== undefined) expect(results.filter(({ id }) => id !== sample.job?.id)).toEqual([]);
    });

    it("is handled once when it is delivered twice", async () => {
      const { at } = await send(body);
      const { outcome } = await send(body, at);
      expect(outcome).toMatchObject({ result: "duplicate", status: 200, type });
      expect(at.events).toHaveLength(1);
    });

    if (resource !== undefined) {
      it("P46: is refused without its resource id, and nothing of the payload is told", async () => {
        for (const value of [ABSENT, null, "", 987654321, { [MARKER]: MARKER }, [MARKER]]) {
          const { outcome, at } = await send(change(withMarkers(sample), pathOf(resource), value));
          expect(outcome).toMatchObject({ result: "payload_invalid", status: 422, type });
          expect(at.events).toEqual([]);
          expect(at.errors).toMatchObject([{ name: "DeliveryError", code: "payload_invalid", status: 422, provider: member.name }]);
          const told = everythingIn([at.errors, toAnswer(outcome), outcome]);
          expect(told).not.toContain(MARKER);
          expect(told).not.toContain("987654321");
        }
      });
    }

    it("P46: is refused with any field of a wrong type, or processed, and nothing of the payload is told", async () => {
      for (const path of optionalFieldsOf(sample)) {
        for (const value of [{ [MARKER]: MARKER }, [[MARKER]], true, `${MARKER}`]) {
          const { outcome, at } = await send(change(withMarkers(sample), path, value));
          // An event that is processed has its key in the answer, and the key may be made of its fields.
          if (outcome.result === "processed") continue;
          expect(outcome).toMatchObject({ result: "payload_invalid", status: 422, type });
          expect(at.events).toEqual([]);
          expect(everythingIn([at.errors, toAnswer(outcome), outcome])).not.toContain(MARKER);
        }
      }
    });

    it("is refused without its payload object", async () => {
      for (const path of envelope.filter((each) => isContainer(valueAt(body, pathOf(each))))) {
        for (const value of [ABSENT, null, "text", [], 1]) {
          const { outcome } = await send(change(body, pathOf(path), value));
          expect(outcome).toMatchObject({ result: "payload_invalid", status: 422 });
        }
      }
    });
  });

  describe(`${member.title}: types that it does not know`, () => {
    it.each(["something.new", "constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])(
      "P22: an event named %s reaches onUnknown and is acknowledged",
      async (type) => {
        const body = member.named(type);
        const { outcome, at } = await send(body);
        expect(outcome).toMatchObject({ result: "unknown", status: 200, type });
        expect(at.unknown.map(({ event }) => event)).toEqual([{ type, body }]);
        expect(at.unknown[0]?.context).toMatchObject({ type, id: outcome.id, job: undefined });
        expect([at.events, at.jobs, at.errors]).toEqual([[], [], []]);
      },
    );

    it("P49: an unknown event is acknowledged even if nobody listens", async () => {
      const router = createRouter(create({ secret }), { clock: () => NOW });
      const body = textOf(member.named("something.new"));
      const outcome = await router.receive({ method: "POST", url: "/", headers: await sign(body, secret), body });
      expect(outcome).toMatchObject({ result: "unknown", status: 200 });
    });

    it("an unknown event is handled once when it is delivered twice", async () => {
      const { at } = await send(member.named("something.new"));
      expect((await send(member.named("something.new"), at)).outcome.result).toBe("duplicate");
      expect((await send(member.named("something.newer"), at)).outcome.result).toBe("unknown");
      expect(at.unknown).toHaveLength(2);
    });

    it.each([[undefined], [null], [""], [7], [true], [{}], [["x"]]])(
      "an event whose type is %j is refused as event_type_missing",
      async (type) => {
        const { outcome, at } = await send(member.named(type));
        expect(outcome).toMatchObject({ result: "event_type_missing", status: 400 });
        expect([at.events, at.unknown]).toEqual([[], []]);
      },
    );

    it("P22: __proto__ members in a payload change no prototype", async () => {
      for (const { body } of samples) {
        const { outcome, at } = await send(textOf(withProto(body) as JsonObject));
        expect(outcome.result).toBe("processed");
        for (const each of objectsOf(at.events[0]?.event)) {
          expect(Object.getPrototypeOf(each)).toBe(Array.isArray(each) ? Array.prototype : Object.prototype);
        }
        expect("polluted" in {}).toBe(false);
      }
    });
  });

  describe(`${member.title}: what tells events apart`, () => {
    it("no two different events share a key, and each key is short printable ASCII", async () => {
      const to = observe(create({ secret }));
      for (const { body } of samples) expect((await send(body, to)).outcome.result).toBe("processed");
      const ids = to.events.map(({ context }) => context.id);
      expect(new Set(ids).size).toBe(samples.length);
      for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{1,600}$/);
    });

    it("P31: two events of one resource in different states both run, under different keys", async () => {
      const [earlier, later] = member.states;
      const { outcome: start, at } = await send(earlier);
      const { outcome: end } = await send(later, at);
      expect([start.result, end.result]).toEqual(["processed", "processed"]);
      expect(at.events).toHaveLength(2);
      expect(at.jobs[0]?.id).toBe(at.jobs[1]?.id);
      expect(at.jobs[0]?.status).not.toBe(at.jobs[1]?.status);
      expect(start.id).not.toBe(end.id);
    });

    it("ids of any characters and length give different keys of bounded length", async () => {
      const sample = samples.find(({ resource }) => resource !== undefined) as ProviderSample;
      const bare = [...optionalFieldsOf(sample)].reverse().reduce((body, path) => change(body, path, ABSENT), sample.body);
      const to = observe(create({ secret }));
      const ids = ["a/b", "a%2Fb", "a", "a ", "ä".repeat(2000), "a".repeat(5000), "a\u0000", "constructor", "__proto__"];
      for (const id of ids) {
        expect((await send(change(bare, pathOf(sample.resource as string), id), to)).outcome.result).toBe("processed");
      }
      expect(to.jobs.map((job) => job.id)).toEqual(ids);
      for (const { context } of to.events) expect(context.id).toMatch(/^[\x21-\x7e]{1,600}$/);
      expect(new Set(to.events.map(({ context }) => context.id)).size).toBe(ids.length);
    });

    it("P37: two endpoints with one store never take each other's events for duplicates", async () => {
      const idempotency = createMemoryStore();
      const left = observe(create({ secret, endpoint: "left" }), { idempotency });
      const right = observe(create({ secret, endpoint: "right" }), { idempotency });
      for (const { body } of samples) {
        const outcomes = [(await send(body, left)).outcome, (await send(body, right)).outcome];
        expect(outcomes.map(({ result }) => result)).toEqual(["processed", "processed"]);
        expect(outcomes[0]?.id).not.toBe(outcomes[1]?.id);
        expect((await send(body, left)).outcome.result).toBe("duplicate");
      }
      expect(left.events[0]?.context.endpoint).toBe("left");
    });
  });

  describe(`${member.title}: who may deliver`, () => {
    const body = textOf(first.body);
    const refused = (reason: string) => ({ result: "unauthenticated", status: 401, reason });

    it("says which of the secrets matched, also while rotating", async () => {
      for (const [list, secretIndex] of [
        [secret, 0],
        [[otherSecret, secret], 1],
        [[secret, otherSecret], 0],
      ] as const) {
        const at = observe(create({ secret: list }));
        expect((await at.receive(body, await sign(body, secret))).result).toBe("processed");
        expect(at.events[0]?.context.authenticity).toEqual({ method: "signature", secretIndex });
      }
    });

    it("finds the secret of a tenant by a function, and refuses when there is none", async () => {
      const byUrl = ({ url }: { readonly url: string }) => (url.endsWith("/known") ? Promise.resolve([otherSecret, secret]) : undefined);
      const at = observe(create({ secret: byUrl }));
      expect((await at.receive(body, await sign(body, secret), "/known")).result).toBe("processed");
      expect(await at.receive(body, await sign(body, secret), "/other")).toMatchObject(refused("secret_missing"));
    });

    const forgeries: readonly (readonly [title: string, reason: string, forge: () => Promise<[string, HeaderSource]>])[] = [
      ["a wrong secret", "signature_mismatch", async () => [body, await sign(body, otherSecret)]],
      ["P9: no signature", "signature_missing", async () => [body, {}]],
      [
        "P9: every header but the signature",
        "signature_missing",
        async () => {
          const { [signatureHeader]: _, ...rest } = await sign(body, secret);
          return [body, rest];
        },
      ],
      ["a tampered body", "signature_mismatch", async () => [body.replace("{", "{ "), await sign(body, secret)]],
      ["an added character", "signature_mismatch", async () => [`${body}\n`, await sign(body, secret)]],
      [
        "P1: a signature of another form",
        "signature_malformed",
        async () => [body, { ...(await sign(body, secret)), [signatureHeader]: "no" }],
      ],
      ["P4: an empty signature", "signature_malformed", async () => [body, { ...(await sign(body, secret)), [signatureHeader]: "" }]],
      [
        "P4: a shortened signature",
        "signature_malformed",
        async () => {
          const headers = await sign(body, secret);
          return [body, { ...headers, [signatureHeader]: headers[signatureHeader]?.slice(0, -1) }];
        },
      ],
      [
        "P2: a signature that is not ASCII",
        "signature_malformed",
        async () => {
          const headers = await sign(body, secret);
          return [body, { ...headers, [signatureHeader]: `${headers[signatureHeader]?.slice(0, -1)}é` }];
        },
      ],
      [
        "P20: a repeated signature",
        "signature_malformed",
        async () => {
          const headers = await sign(body, secret);
          const value = headers[signatureHeader] as string;
          return [body, { ...headers, [signatureHeader]: [value, value] }];
        },
      ],
    ];

    it.each(forgeries)("%s is refused as %s, with nothing told", async (_title, reason, forge) => {
      const [sent, headers] = await forge();
      const at = observe(create({ secret }));
      const outcome = await at.receive(sent, headers);
      expect(outcome).toEqual(refused(reason));
      expect([at.events, at.unknown]).toEqual([[], []]);
      expect(at.errors).toMatchObject([{ name: "VerificationError", code: reason, status: 401, provider: member.name }]);
      expect(toAnswer(outcome)).toEqual(toAnswer(refused("any other") as Outcome));
      const told = everythingIn([at.errors, outcome, toAnswer(outcome)]);
      const genuine = (await sign(body, secret))[signatureHeader] as string;
      for (const kept of [secret, genuine, first.job?.id ?? "no job"]) expect(told).not.toContain(kept);
    });

    it("accepts callbacks without signature by the token in the URL, and by nothing else", async () => {
      const provider = create({ token });
      for (const url of [`/hooks?token=${token}`, `https://app.example.test/hooks?a=1&token=${token}#x`]) {
        const at = observe(provider);
        expect((await at.receive(body, {}, url)).result).toBe("processed");
        expect(at.events[0]?.context.authenticity).toEqual({ method: "token" });
      }
      for (const url of [
        "/hooks",
        "/hooks?token=",
        `/hooks?token=${token}x`,
        `/hooks?token=${token}&token=${token}`,
        `/hooks?Token=${token}`,
      ]) {
        const at = observe(provider);
        expect(await at.receive(body, await sign(body, secret), url)).toEqual(refused("token_mismatch"));
        expect(everythingIn(at.errors)).not.toContain(token);
      }
    });

    it("lets secret and token both hold, when both are given", async () => {
      const at = observe(create({ secret, token }));
      const signed = await sign(body, secret);
      expect(await at.receive(body, signed)).toEqual(refused("token_mismatch"));
      expect(await at.receive(body, {}, `/?token=${token}`)).toEqual(refused("signature_missing"));
      expect(await at.receive(body, await sign(body, otherSecret), `/?token=${token}`)).toEqual(refused("signature_mismatch"));
      expect((await at.receive(body, signed, `/?token=${token}`)).result).toBe("processed");
      expect(at.events.map(({ context }) => context.authenticity.method)).toEqual(["signature"]);
    });

    it("accepts everything with unsigned: true, and says so to the handler", async () => {
      const at = observe(create({ unsigned: true }));
      expect((await at.receive(body)).result).toBe("processed");
      expect(at.events[0]?.context.authenticity).toEqual({ method: "none" });
    });

    it.each([
      ["P40: nothing configured", {}],
      ["P8: an unset secret", { secret: undefined }],
      ["P8: an unset secret beside a token", { secret: undefined, token }],
      ["P7: an empty secret", { secret: "" }],
      ["P7: a blank secret", { secret: " \t\n" }],
      ["P7: an empty list of secrets", { secret: [] }],
      ["P7: an empty secret in a list", { secret: [secret, ""] }],
      ["P7: a bare prefix", { secret: "whsec_" }],
      ["P10: a secret with a line break at its end", { secret: `${secret}\n` }],
      ["an unset token", { token: undefined }],
      ["a short token", { token: "guess" }],
      ["unsigned: false and nothing else", { unsigned: false }],
      ["P40: unsigned with another value than true", { unsigned: "yes" }],
      ["unsigned beside a secret", { unsigned: true, secret }],
      ["unsigned beside a token", { unsigned: true, token }],
      ["an empty endpoint", { secret, endpoint: "" }],
      ["no options at all", undefined],
    ])("%s throws ConfigurationError at construction", (_title, options) => {
      expect(() => create(options as never)).toThrow(ConfigurationError);
    });

    it.each([{}, { secret: undefined }, { secret: "" }, { secret: "  " }])("the error for %j names the ways out", (options) => {
      expect(() => create(options as never)).toThrow(
        expect.objectContaining({ code: "secret_missing", message: expect.stringMatching(/unsigned: true/) }),
      );
    });
  });
}
