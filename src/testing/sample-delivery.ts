import { ConfigurationError } from "../errors.ts";
import type { JsonObject } from "../provider.ts";
import { momentOf } from "./moment-of.ts";
import { createSample, type SampleDelivery } from "./sample.ts";
import { type SampleEvent, type SamplePayloadOptions, type SampleType, samplePayload } from "./sample-payload.ts";
import { type SampleProvider, senderOf } from "./samples/senders.ts";

/** Options of {@link sampleDelivery}. */
export interface SampleDeliveryOptions<Name extends SampleProvider, Type extends SampleType<Name>>
  extends SamplePayloadOptions<Name, Type> {
  /**
   * What the delivery is signed with, as the provider signs. Without it the delivery is not signed.
   * @default not signed
   */
  readonly secret?: string | undefined;
  /**
   * Becomes the query parameter `token` of the URL, for endpoints that take one.
   * @default none
   */
  readonly token?: string | undefined;
  /**
   * Where the delivery goes.
   * @default "https://app.example.test/webhooks/" and the name of the provider
   */
  readonly url?: string | URL | undefined;
  /**
   * The header that carries the signature, for endpoints with the option `header`.
   * @default that of the provider
   */
  readonly header?: string | undefined;
  /**
   * How Kling signs, for endpoints with the option `scheme`.
   * @default by the form of the secret, as `kling()` decides
   */
  readonly scheme?: (Name extends "kling" ? "standard-webhooks" | "hex" : never) | undefined;
  /**
   * The id of the message, which Standard Webhooks signs.
   * @default made from the body, so that the same event has the same one
   */
  readonly messageId?: string | undefined;
}

/**
 * Makes a delivery as the provider sends it, signed as the provider signs it, for tests of handlers and receivers. The signature is real,
 * and the router under test checks it. Nothing of it is random: the same options give the same delivery, so give `now` where a test
 * compares bytes, and `id` where several events must not be duplicates.
 *
 * @throws {@link ConfigurationError} for a type, a variant, a time or a URL that cannot be, or a secret that no endpoint could have
 *
 * @example
 * ```ts
 * import { createRouter } from "video-webhooks";
 * import { heygen } from "video-webhooks/heygen";
 * import { sampleDelivery } from "video-webhooks/testing";
 *
 * const secret = "whsec_of-this-test";
 * const router = createRouter(heygen({ secret })).on("avatar_video.success", (event) => console.log(event.event_data.url));
 * const outcome = await router.receive(sampleDelivery("heygen", "avatar_video.success", { secret }).delivery);
 * console.log(outcome.result);
 * ```
 */
export function sampleDelivery<const Name extends SampleProvider, const Type extends SampleType<Name>>(
  provider: Name,
  type: Type,
  options: SampleDeliveryOptions<Name, Type> = {},
): SampleDelivery<Name, Type, SampleEvent<Name, Type>> {
  const sender = senderOf(provider);
  const { secret, header, scheme, messageId } = options;
  const now = momentOf(options.now);
  const event = samplePayload(provider, type, { ...options, now });
  if (scheme !== undefined && provider !== "kling") throw new ConfigurationError(`${provider} has one scheme only; leave out scheme.`);
  return createSample({
    provider,
    type,
    event: event as JsonObject & SampleEvent<Name, Type>,
    rawBody: new TextEncoder().encode(JSON.stringify(event)),
    url: urlOf(provider, options),
    sender,
    now,
    ...(secret !== undefined && { signer: { secret, messageId, signing: sender.signing(secret, { header, scheme }) } }),
  });
}

function urlOf(
  provider: string,
  { url = "", token }: { readonly url?: string | URL | undefined; readonly token?: string | undefined },
): string {
  let absolute: URL;
  try {
    absolute = new URL(url === "" ? `/webhooks/${provider}` : url, "https://app.example.test");
  } catch {
    // The message of the error quotes the URL, which may contain a token.
    throw new ConfigurationError("The option url is no URL.", { provider });
  }
  if (token !== undefined) absolute.searchParams.set("token", token);
  return absolute.href;
}
