import { describe, expect, it } from "vitest";
import type { Outcome, OutcomeResult } from "../../src/outcome.ts";
import { ID, samplesOf } from "./bodies.ts";
import { wrongWith } from "./deliveries.ts";
import { bodyForms, type JsonText, jsonTexts } from "./json-texts.ts";
import { rememberPrototypes } from "./objects.ts";
import { type Receiver, receivers } from "./receivers.ts";
import { watch } from "./watch.ts";

const encoder = new TextEncoder();

/** An endpoint that gets one body after the other, and what was wrong with their ends. */
function endpoint(receiver: Receiver) {
  const { router, problems } = watch(receiver);
  const wrong: string[] = [];
  const { url, prove } = receiver;
  return {
    wrong,
    async send(name: string, body: Uint8Array, ...allowed: OutcomeResult[]): Promise<Outcome> {
      const outcome = await router.receive({ method: "POST", url, headers: prove(body), body });
      const told = wrongWith(outcome, new Set(allowed));
      for (const each of [...(told === undefined ? [] : [told]), ...problems.splice(0)]) wrong.push(`${name}: ${each}`);
      return outcome;
    },
  };
}

/** How a body ends that is only this text. */
function alone({ verdict, bytes }: JsonText): OutcomeResult[] {
  if (verdict === "not_utf8") return ["body_not_utf8"];
  if (verdict === "invalid") return ["body_not_json"];
  const first = [...bytes].find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  const end = first === "{".charCodeAt(0) ? "event_type_missing" : "body_not_object";
  return verdict === "valid" ? [end] : [end, "body_not_json"];
}

/** How an event ends that has this text as a member that no schema knows. */
function within({ verdict }: JsonText): OutcomeResult[] {
  if (verdict === "not_utf8") return ["body_not_utf8"];
  if (verdict === "invalid") return ["body_not_json"];
  return verdict === "valid" ? ["processed"] : ["processed", "body_not_json"];
}

describe.each(receivers)("$name", (receiver) => {
  const [sample] = samplesOf(receiver.provider, ID);
  if (sample === undefined) throw new Error("Every provider has samples.");
  let events = 0;
  // Each event has an id of its own, as duplicates would end before they reach a handler.
  const next = (): string => sample.text.replaceAll(ID, `id-${events++}`);

  it(`takes what RFC 8259 calls JSON, and nothing else, of ${jsonTexts.length} texts`, async () => {
    const prototypes = rememberPrototypes();
    const { send, wrong } = endpoint(receiver);
    for (const text of jsonTexts) await send(text.name, text.bytes, ...alone(text));
    for (const text of jsonTexts) {
      const event = next();
      const body = Buffer.concat([encoder.encode(`${event.slice(0, -1)},"extra":`), text.bytes, encoder.encode("}")]);
      await send(`${text.name} in an event`, body, ...within(text));
    }
    expect(wrong).toEqual([]);
    expect(prototypes.changes()).toEqual([]);
  });

  it("takes an event in every form of one UTF-8 text, and in no other", async () => {
    const { send, wrong } = endpoint(receiver);
    for (const { name } of bodyForms("")) {
      // Without a character of several bytes, which UTF-16 would write as something that may be no UTF-8.
      const event = next().replace(/[^\x20-\x7e]/g, "?");
      const { bytes, verdict } = bodyForms(event).find((form) => form.name === name) as JsonText;
      await send(name, bytes, verdict === "valid" ? "processed" : verdict === "invalid" ? "body_not_json" : "body_not_utf8");
    }
    expect(wrong).toEqual([]);
  });

  it("refuses an event that was cut off, wherever", async () => {
    const { send, wrong } = endpoint(receiver);
    const event = encoder.encode(next().replace("{", '{"note":"\u00e9\u{1f600}\\u00e9\\n",'));
    for (let length = 0; length < event.length; length++) {
      await send(`the first ${length} bytes`, event.subarray(0, length), "body_not_json", "body_not_utf8");
    }
    await send("all bytes", event, "processed");
    expect(wrong).toEqual([]);
  });

  it("P23: of a member that comes twice takes the last, for the type, the key and the handler alike", async () => {
    const { send, wrong } = endpoint(receiver);
    const event = next();
    const { id } = await send("once", encoder.encode(event), "processed");
    for (const first of ['"another"', "null", "{}", '"__proto__"', "[]", "0"]) {
      for (const [, key] of event.matchAll(/"(\w+)":/g)) {
        // In front of the first member of its object, as if it were part of it.
        const at = event.lastIndexOf("{", event.indexOf(`"${key}":`)) + 1;
        const twice = `${event.slice(0, at)}"${key}":${first},${event.slice(at)}`;
        const again = await send(`${key} after ${first}`, encoder.encode(twice), "duplicate", "processed");
        // A scheme that signs an id of the message goes by that.
        if (!("webhook-id" in receiver.prove(encoder.encode(twice)))) expect(again.id, `${key} after ${first}`).toBe(id);
      }
    }
    expect(wrong).toEqual([]);
  });
});
