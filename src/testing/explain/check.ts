import type { HeaderSource } from "../../delivery.ts";
import { isWebhookError } from "../../errors.ts";
import { nameOfThrown } from "../../log.ts";
import { isPromiseLike } from "../../promise.ts";
import { parseObject } from "../../receive.ts";
import { isRefusal, type Refusal } from "../../refusal.ts";
import { type Authenticated, type AuthenticationSettings, createAuthenticate } from "../../signature/authenticate.ts";
import type { ProviderParts } from "./signing-forms.ts";

/** A delivery with everything that is needed to check it. */
export interface Subject {
  readonly provider: ProviderParts;
  readonly secrets: readonly string[];
  readonly headers: HeaderSource;
  readonly url: string | undefined;
  /** `undefined` for what is neither text nor bytes. */
  readonly body: Uint8Array | undefined;
  readonly now: number;
}

/** Runs the check that a router runs. A body that is no bytes has failed before. */
export function checkOf({ provider, url, headers, body }: Subject, settings: AuthenticationSettings): Authenticated | Refusal {
  try {
    const request = { url: url ?? "", headers, rawBody: body ?? new Uint8Array() };
    const checked = createAuthenticate(settings, provider.signature)(request);
    if (isPromiseLike(checked)) return { refused: "configuration", hint: "The signature scheme is asynchronous, which no router accepts." };
    return body === undefined && !isRefusal(checked) ? { refused: "body_already_parsed" } : checked;
  } catch (error) {
    if (!isWebhookError(error)) return { refused: "configuration", hint: `The signature scheme has thrown ${nameOfThrown(error)}.` };
    return { refused: error.code === "secret_missing" ? error.code : "configuration", hint: error.message };
  }
}

/** The time that a router holds against a limit, both where there is one. */
export interface LimitedTime {
  /** Milliseconds since 1970; `undefined` when the body has none that can be read. */
  readonly signedAt: number | undefined;
  /** Seconds. */
  readonly limit: number;
}

/** The signed time of a delivery whose signature holds; `undefined` where no limit applies. */
export function limitedTime({ provider, body }: Subject, { match }: Authenticated): LimitedTime | undefined {
  const seconds = match?.timestampSeconds;
  if (seconds !== undefined) {
    const limit = provider.maxAgeSeconds ?? provider.signature.maxAgeSeconds;
    return limit === undefined ? undefined : { signedAt: seconds * 1000, limit };
  }
  if (provider.maxAgeSeconds === undefined || body === undefined) return undefined;
  const parsed = parseObject(body);
  // No JSON is not a question of authenticity, which is all that is asked here.
  return typeof parsed === "string" ? undefined : { signedAt: provider.signedAt?.(parsed.body), limit: provider.maxAgeSeconds };
}
