import { createMemoryStore } from "../idempotency/memory.ts";
import { toAnswer } from "../outcome.ts";
import type { JsonObject } from "../provider.ts";
import { expectEqual } from "./expectation.ts";
import { changed, fieldsOf, objectsOf, type Path, valueAt, withEverywhere } from "./json-fields.ts";
import { bytesOf, type Observed, type ProviderPlay, type ProviderScene, type ProviderUnderTestSample } from "./provider-scene.ts";

const STATUSES = ["queued", "processing", "succeeded", "failed", "cancelled"];
const PLANTED = "PLANTED";

const eachSample = async ({ test }: ProviderScene, check: (sample: ProviderUnderTestSample) => Promise<void>): Promise<void> => {
  for (const sample of test.samples) await check(sample);
};

/** Refuses an event that lacks a field of its body. A schema may turn a value into one of another type. */
function expectAllOf(found: unknown, body: unknown, what: string): void {
  for (const path of fieldsOf(body)) {
    const [value, kept] = [valueAt(body, path), valueAt(found, path)];
    expectEqual(kept === undefined, false, `${what}, whether ${path.join(".")} is lost`);
    if (typeof value !== "object" && typeof kept === typeof value) expectEqual(kept, value, `${what}, ${path.join(".")}`);
  }
}

/** What a payload that is not accepted ends as: without the field that names its type it has none. */
const refusals = ["payload_invalid", "event_type_missing"];

function expectNothingTold(at: Observed, outcome: unknown, planted: readonly string[], what: string): void {
  const told = [outcome, ...at.errors.flatMap((error) => [error.message, error.stack, error.cause])].map((each) =>
    typeof each === "string" ? each : JSON.stringify(each),
  );
  for (const text of planted) expectEqual(told.join("\n").includes(text), false, `${what}, whether an error or an answer tells it`);
}

const dotted = (path: string): Path => path.split(".");
const isWithin = (path: Path, required: readonly string[]): boolean => required.some((each) => `${each}.`.startsWith(`${path.join(".")}.`));

/** The name under which the case is found that needs samples with `required`. */
export const OPTIONAL = "P49: an event with any optional field absent or null is processed";
/** The name under which the case is found that needs samples with `required`. */
export const REQUIRED = "P46: an event without a field that is required is refused, and nothing of it is told";

/** What becomes of authentic deliveries. */
export const eventPlays: Readonly<Record<string, ProviderPlay>> = {
  async "has a sample for every event type, and no sample of another one"({ test }) {
    const declared = Object.keys(test.create({ secret: test.secret }).events).sort();
    expectEqual([...new Set(test.samples.map(({ type }) => type))].sort(), declared, "the types of the samples");
  },
  async "P39: answers OPTIONS without a signature, and other methods with 405"({ observe }) {
    const probed = await observe().receive("", {}, { method: "OPTIONS" });
    expectEqual([probed.result, toAnswer(probed).status], ["validation", 204], "OPTIONS");
    expectEqual((await observe().receive("", {}, { method: "GET" })).result, "method_not_allowed", "GET");
  },
  async "processes every sample, and the handler of its type gets every field"(scene) {
    await eachSample(scene, async ({ type, body }) => {
      const at = scene.observe();
      const { result } = await scene.send(body, at);
      expectEqual([result, at.errors.map(({ code }) => code)], ["processed", []], type);
      expectEqual(
        at.events.map((seen) => seen.type),
        [type],
        `${type}, the handlers that ran`,
      );
      expectAllOf(at.events[0]?.event, body, type);
    });
  },
  async "makes a job that is complete in itself, or none"(scene) {
    await eachSample(scene, async ({ type, body }) => {
      const at = scene.observe();
      await scene.send(body, at);
      const [job] = at.jobs;
      if (job === undefined) return;
      expectEqual([typeof job.id, job.id === "", STATUSES.includes(job.status)], ["string", false, true], `${type}, its job`);
      if (job.status === "failed") expectEqual(typeof job.error?.message, "string", `${type}, the error of its job`);
      for (const { url } of job.outputs) expectEqual([typeof url, url === ""], ["string", false], `${type}, the URL of an output`);
    });
  },
  async "keeps fields that it does not know, at any depth"(scene) {
    await eachSample(scene, async ({ type, body }) => {
      const at = scene.observe();
      const extended = withEverywhere(body, { x_text: "kept", x_nothing: null, x_list: [1, "two"] }) as JsonObject;
      expectEqual((await scene.send(extended, at)).result, "processed", type);
      expectAllOf(at.events[0]?.event, extended, type);
    });
  },
  async [OPTIONAL](scene) {
    await eachSample(scene, async ({ type, body, required }) => {
      if (required === undefined) return;
      for (const path of fieldsOf(body).filter((each) => !isWithin(each, required))) {
        for (const [said, value] of [["absent", undefined] as const, ["null", null] as const]) {
          const { result } = await scene.send(changed(body, path, value));
          expectEqual(result, "processed", `${type} with ${path.join(".")} ${said}`);
        }
      }
    });
  },
  async [REQUIRED](scene) {
    await eachSample(scene, async ({ type, body, required = [] }) => {
      for (const path of required.map(dotted)) {
        for (const value of [undefined, null]) {
          const at = scene.observe();
          const outcome = await scene.send(withEverywhere(changed(body, path, value), { x_planted: PLANTED }) as JsonObject, at);
          expectEqual(refusals.includes(outcome.result), true, `${type} without ${path.join(".")}, whether it is refused`);
          expectEqual(at.events.length, 0, `${type} without ${path.join(".")}, handlers that ran`);
          expectNothingTold(at, outcome, [PLANTED], type);
        }
      }
    });
  },
  async "handles an event once when it is delivered twice"(scene) {
    await eachSample(scene, async ({ type, body }) => {
      const at = scene.observe();
      await scene.send(body, at);
      expectEqual((await scene.send(body, at)).result, "duplicate", type);
      expectEqual(at.events.length, 1, `${type}, handlers that ran`);
    });
  },
  async "P31: takes no sample for a duplicate of another one, and its keys are short printable ASCII"(scene) {
    const at = scene.observe();
    await eachSample(scene, async ({ type, body }) => expectEqual((await scene.send(body, at)).result, "processed", type));
    const ids = at.events.map(({ context }) => context.id);
    expectEqual(new Set(ids).size, scene.test.samples.length, "different keys");
    for (const id of ids) expectEqual(/^[\x21-\x7e]{1,600}$/.test(id), true, "whether the key is short printable ASCII");
  },
  async "P37: takes no event of another endpoint for a duplicate"(scene) {
    const { create, secret } = scene.test;
    const idempotency = createMemoryStore();
    const [left, right] = [
      scene.observe(create({ secret, endpoint: "left" }), { idempotency }),
      scene.observe(create({ secret, endpoint: "right" }), { idempotency }),
    ];
    await scene.send(scene.first.body, left);
    expectEqual((await scene.send(scene.first.body, right)).result, "processed", "the same event at the other endpoint");
  },
  async "P24: refuses signed JSON that is no object, and survives deep nesting"(scene) {
    for (const body of ['"text"', "1", "null", "true", "[]"]) expectEqual((await scene.send(body)).result, "body_not_object", body);
    expectEqual((await scene.send("{")).result, "body_not_json", "half an object");
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expectEqual(["body_not_object", "body_not_json"].includes((await scene.send(deep)).result), true, "whether deep nesting is refused");
  },
  async "P12: a body that is not UTF-8 verifies, and is then refused"(scene) {
    expectEqual((await scene.send(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0xff, 0x22, 0x7d))).result, "body_not_utf8", "the outcome");
  },
  async "P12: verifies the bytes as they come: spacing, a byte order mark, characters of several bytes"(scene) {
    const text = JSON.stringify(scene.first.body, null, 2);
    for (const body of [text, `\ufeff${text}`, `${text}\r\n`, text.replace("{", '{"x_text":"é\u{1F600}\u2028",')]) {
      const at = scene.observe();
      expectEqual((await scene.send(body, at)).result, "processed", "the outcome");
      expectEqual(at.events[0]?.context.rawBody.length, bytesOf(body).length, "the length of the raw body");
    }
  },
  async "P22: __proto__ members in a payload change no prototype"(scene) {
    const at = scene.observe();
    const body = withEverywhere(scene.first.body, JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject) as JsonObject;
    expectEqual((await scene.send(body, at)).result, "processed", "the outcome");
    for (const each of objectsOf(at.events[0]?.event)) {
      const expected = Array.isArray(each) ? Array.prototype : Object.prototype;
      expectEqual(Object.getPrototypeOf(each) === expected, true, "whether the prototype is the usual one");
    }
    expectEqual("polluted" in {}, false, "whether all objects were polluted");
  },
};

/** What becomes of types that the provider does not declare. */
export const namedPlays: Readonly<Record<string, ProviderPlay>> = {
  async "P22, P49: acknowledges an event of a type that it does not know, also one that objects have as a member"({ test, observe, send }) {
    for (const type of ["something.new", "constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const at = observe();
      const { result, status } = await send(test.named?.(type) ?? {}, at);
      expectEqual([result, status, at.unknown.map((event) => event.type)], ["unknown", 200, [type]], type);
      expectEqual([at.events.length, at.errors.length], [0, 0], `${type}, handlers and errors`);
    }
  },
  async "refuses an event that names no type"({ test, send }) {
    for (const type of [undefined, null, "", 7, {}, ["x"]]) {
      expectEqual((await send(test.named?.(type) ?? {})).result, "event_type_missing", `the type ${JSON.stringify(type)}`);
    }
  },
};
