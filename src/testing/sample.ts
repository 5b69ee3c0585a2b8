import type { Delivery } from "../delivery.ts";
import { ConfigurationError } from "../errors.ts";
import type { JsonObject } from "../provider.ts";
import { sha256Hex } from "../signature/hmac.ts";
import type { Sender } from "./samples/sender.ts";
import type { Signing } from "./signing.ts";

/** A delivery that was made rather than received, in the forms in which receivers take one. */
export interface SampleDelivery<Name extends string = string, Type extends string = string, Event = unknown> {
  /** Whose delivery it looks like. */
  readonly provider: Name;
  /** The event type. */
  readonly type: Type;
  /** The payload as it is sent. */
  readonly event: Event;
  /** The bytes that are sent. */
  readonly rawBody: Uint8Array;
  /** The headers that are sent; their names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where it is sent, with the token if there is one. */
  readonly url: string;
  /** For `router.receive`. */
  readonly delivery: Delivery;
  /** For `router.fetch` and everything Fetch-shaped: a new `Request` each time it is read, since a body can be read only once. */
  readonly request: Request;
}

/** What a sample is made of, which its public form does not show. */
export interface SampleRecipe<Name extends string = string, Type extends string = string, Event = unknown> {
  readonly provider: Name;
  readonly type: Type;
  readonly event: JsonObject & Event;
  readonly rawBody: Uint8Array;
  readonly url: string;
  readonly sender: Pick<Sender, "moved" | "withUnknownType" | "withInvalidPayload">;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Absent where the delivery is not signed. */
  readonly signer?: { readonly signing: Signing; readonly secret: string; readonly messageId?: string | undefined };
}

// Beside the samples rather than in them, so that nobody prints a secret together with a sample.
const recipes = new WeakMap<object, SampleRecipe>();

/** Makes a sample, with these headers or those that its recipe signs. */
export function createSample<Name extends string, Type extends string, Event>(
  recipe: SampleRecipe<Name, Type, Event>,
  headers: Readonly<Record<string, string>> = signedHeaders(recipe),
): SampleDelivery<Name, Type, Event> {
  const { provider, type, event, rawBody, url } = recipe;
  const sample: SampleDelivery<Name, Type, Event> = {
    provider,
    type,
    event,
    rawBody,
    headers,
    url,
    delivery: { method: "POST", url, headers, body: rawBody },
    get request() {
      return new Request(url, { method: "POST", headers, body: new Uint8Array(rawBody) });
    },
  };
  recipes.set(sample, recipe);
  return sample;
}

/**
 * What a sample was made of.
 *
 * @throws {@link ConfigurationError} for what is no sample
 */
export function recipeOf(sample: SampleDelivery): SampleRecipe {
  const recipe = recipes.get(sample);
  if (recipe !== undefined) return recipe;
  throw new ConfigurationError("This is not what sampleDelivery() or tamper() returned; a copy of it does not do.");
}

function signedHeaders({ rawBody, signer, now }: SampleRecipe): Readonly<Record<string, string>> {
  const headers = { "content-type": "application/json" };
  if (signer === undefined) return headers;
  const messageId = signer.messageId ?? `msg_${sha256Hex(rawBody).slice(0, 24)}`;
  return { ...headers, ...signer.signing.sign(rawBody, signer.secret, { messageId, now }) };
}
