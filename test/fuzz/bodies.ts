import { changed, fieldsOf, type Path } from "../../src/testing/json-fields.ts";
import { samplePayload, sampleTypes } from "../../src/testing/sample-payload.ts";
import type { SampleProvider } from "../../src/testing/samples/senders.ts";
import { jsonTexts } from "./json-texts.ts";
import { naughtyStrings } from "./naughty-strings.ts";
import type { Random } from "./random.ts";
import { NOW } from "./receivers.ts";

/** An event as a provider sends it. */
export interface Sample {
  readonly name: string;
  readonly body: object;
  /** The same, written. */
  readonly text: string;
  readonly fields: readonly Path[];
}

/** Every sample that there is of a provider. */
export function samplesOf(provider: SampleProvider, id: string): readonly Sample[] {
  return sampleTypes(provider).flatMap(({ type, variants }) =>
    variants.map((variant) => {
      const body = samplePayload(provider, type, { variant: variant as never, id, now: NOW });
      return { name: `${type} ${variant}`, body, text: JSON.stringify(body), fields: fieldsOf(body) };
    }),
  );
}

/** Stands for the id in a sample, and is as long as those that are put in its place. */
export const ID = "id-of-fuzz";

const samples: Readonly<Record<SampleProvider, readonly Sample[]>> = {
  konpro: samplesOf("konpro", ID),
  heygen: samplesOf("heygen", ID),
  videopilot: samplesOf("videopilot", ID),
  kling: samplesOf("kling", ID),
};

const encoder = new TextEncoder();
const smallTexts = jsonTexts.filter(({ bytes }) => bytes.length < 200);
const small = smallTexts.filter(({ verdict }) => verdict === "valid").map(({ bytes }) => new TextDecoder().decode(bytes));

const hostileKeys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "then",
  "",
  "event_type",
  "event",
  "data",
  "event_data",
  "id",
  "status",
];

/** A value of any kind. */
function anyValue(random: Random): unknown {
  switch (random.below(8)) {
    case 0:
      return random.pick(naughtyStrings);
    case 1:
      return random.pick([null, true, false, 0, -0, -1, 5.1, 1e308, 2 ** 53, Number.MAX_VALUE, "5.1", ""]);
    case 2:
      return [random.pick(naughtyStrings), {}];
    case 3:
      return { [random.pick(hostileKeys)]: random.pick(naughtyStrings) };
    case 4:
      return [];
    case 5:
      return JSON.parse(random.pick(small)) as unknown;
    default:
      return random.below(1_000_000);
  }
}

/** A sample with an id of its own. */
function sampleText(random: Random, sample: Sample): string {
  return sample.text.replaceAll(ID, () => String(random.below(1e10)).padStart(ID.length, "0"));
}

/** A member that a text gets beside its own, possibly of a name that it has. */
function withMember(random: Random, text: string): string {
  const braces = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  const at = random.pick(braces);
  const empty = text[at] === "}";
  const key = random.oneIn(3) ? random.pick(naughtyStrings) : random.pick(hostileKeys);
  const member = `${JSON.stringify(key)}:${random.oneIn(2) ? random.pick(small) : JSON.stringify(anyValue(random))}`;
  // In front, so that the sample's own member is the last of two of the same name; or behind all others.
  if (empty || random.oneIn(2)) return `${text.slice(0, at)}${member}${empty ? "" : ","}${text.slice(at)}`;
  return `${text.slice(0, -1)},${member}}`;
}

/** Bytes with a few changed, lost, doubled or moved. */
function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(result.length + 1);
    const until = at + random.below(result.length - at + 1);
    const whole = result;
    const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
    switch (random.below(5)) {
      case 0:
        result = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ (1 << random.below(8)) : byte));
        break;
      case 1:
        result = whole.subarray(0, at);
        break;
      case 2:
        result = join(whole.subarray(0, at), whole.subarray(until));
        break;
      case 3:
        result = join(whole.subarray(0, until), whole.subarray(at));
        break;
      default:
        result = join(whole.subarray(0, at), random.oneIn(2) ? random.bytes(4) : encoder.encode(random.pick(small)), whole.subarray(at));
    }
  }
  return result;
}

/** A body: an event as it is sent, one that is almost right, or anything else. */
export function anyBody(random: Random, provider: SampleProvider): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.below(200));
  if (kind === 1) return random.pick(random.oneIn(500) ? jsonTexts : smallTexts).bytes;
  if (kind === 2) return encoder.encode(JSON.stringify(anyValue(random)));
  const sample = random.pick(samples[provider]);
  const text = sampleText(random, sample);
  if (kind < 5) return encoder.encode(text);
  if (kind < 8) return damaged(random, encoder.encode(text));
  if (kind < 12) {
    let body = JSON.parse(text) as object;
    for (let left = 1 + random.below(2); left > 0; left--) {
      body = changed(body, random.pick(sample.fields), random.oneIn(8) ? undefined : anyValue(random));
    }
    return encoder.encode(JSON.stringify(body));
  }
  let more = withMember(random, text);
  if (random.oneIn(3)) more = withMember(random, more);
  return encoder.encode(more);
}
