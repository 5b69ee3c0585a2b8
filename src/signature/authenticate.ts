import type { HeaderSource } from "../delivery.ts";
import { ConfigurationError, isWebhookError } from "../errors.ts";
import { follow, isPromiseLike } from "../promise.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import type { SignatureCheck, SignatureMatch, SignatureScheme } from "./scheme.ts";
import { toSecrets } from "./secret.ts";
import { type TokenCheck, tokenCheck } from "./token.ts";

/** What a secret function is told about a delivery that is not authentic yet: trust nothing in it. */
export interface SecretRequest {
  /** The request URL, absolute or only path and query. */
  readonly url: string;
  /** As they came. */
  readonly headers: HeaderSource;
  /** The bytes that the signature covers. */
  readonly rawBody: Uint8Array;
}

/** One secret or, while rotating, several; `undefined` and an empty list refuse the delivery. */
export type SecretAnswer = string | readonly string[] | undefined;

/**
 * A secret as the provider shows it, several while rotating, or a function that finds it per delivery (many tenants).
 */
export type SecretSource = string | readonly string[] | ((request: SecretRequest) => SecretAnswer | Promise<SecretAnswer>);

/** How a delivery proved where it comes from. */
export type Authenticity =
  | { readonly method: "signature" /** Which of the secrets matched. */; readonly secretIndex: number }
  | { readonly method: "token" }
  /** It was no delivery: the application fetched the event from the provider's API, and gave it to `router.recover`. */
  | { readonly method: "api" }
  | { readonly method: "none" };

/** An authentic delivery: how it was proved, and what its signature covers beside the body. */
export interface Authenticated {
  /** How it was proved. */
  readonly authenticity: Authenticity;
  /** Absent where nothing was signed. */
  readonly match?: SignatureMatch;
}

/** Checks a delivery. It neither throws nor rejects, except that errors of a secret function become refusals. */
export type Authenticate = (request: SecretRequest) => Authenticated | Refusal | Promise<Authenticated | Refusal>;

/** The options that decide how deliveries are authenticated. Exactly one of secret, token and unsigned is given, or secret and token. */
export interface AuthenticationSettings {
  readonly secret?: unknown;
  readonly token?: unknown;
  readonly unsigned?: unknown;
}

/**
 * Builds the check of an endpoint.
 *
 * @throws {@link ConfigurationError} when nothing, or too much, is configured
 */
export function createAuthenticate(settings: AuthenticationSettings, scheme: SignatureScheme): Authenticate {
  if (settings.unsigned !== undefined && settings.unsigned !== false) return createUnsigned(settings);
  if (!("token" in settings)) return createSigned(settings.secret, scheme);
  const refuse = tokenCheck(settings.token);
  if (!("secret" in settings)) return (request) => refuse(request.url) ?? byToken;
  return withToken(refuse, createSigned(settings.secret, scheme));
}

const byToken: Authenticated = { authenticity: { method: "token" } };
const byNothing: Authenticated = { authenticity: { method: "none" } };

function createUnsigned(settings: AuthenticationSettings): Authenticate {
  if (settings.unsigned !== true || settings.secret !== undefined || settings.token !== undefined) {
    throw new ConfigurationError(
      "unsigned: true accepts every delivery, so it cannot be combined with secret or token, nor have another value. Keep one of them.",
    );
  }
  return () => byNothing;
}

function withToken(refuse: TokenCheck, next: Authenticate): Authenticate {
  return (request) => refuse(request.url) ?? next(request);
}

function createSigned(secret: unknown, scheme: SignatureScheme): Authenticate {
  if (typeof secret === "function") return createPerDelivery(secret as (request: SecretRequest) => unknown, scheme);
  const checks = toSecrets(secret).map((each) => scheme.check(each));
  return (request) => firstMatch(checks, request);
}

function firstMatch(checks: readonly SignatureCheck[], request: SecretRequest): Authenticated | Refusal {
  let refusal: Refusal | undefined;
  let secretIndex = 0;
  for (const check of checks) {
    const found = check(request.headers, request.rawBody);
    if ("matched" in found && found.matched === true) return { match: found, authenticity: { method: "signature", secretIndex } };
    if (!isRefusal(found)) {
      if (isPromiseLike(found)) follow(found, ignore, ignore);
      return { refused: "configuration", hint: NOT_A_RESULT };
    }
    // With mixed schemes a mismatch tells more than the header that the other scheme misses.
    if (refusal === undefined || found.refused === "signature_mismatch") refusal = found;
    secretIndex++;
  }
  return refusal ?? { refused: "secret_missing" };
}

const ignore = (): void => undefined;

const NOT_A_RESULT =
  "The check of a signature scheme returned neither a match nor a refusal, so the delivery was refused. It must be synchronous.";

/** Prepared secrets that are remembered per endpoint; one is prepared in microseconds, so forgetting all is no harm. */
const MOST_REMEMBERED = 1000;

function createPerDelivery(find: (request: SecretRequest) => unknown, scheme: SignatureScheme): Authenticate {
  const remembered = new Map<string, SignatureCheck>();
  const prepare = (secret: string): SignatureCheck => {
    let check = remembered.get(secret);
    if (check === undefined) {
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      check = scheme.check(secret);
      remembered.set(secret, check);
    }
    return check;
  };
  return async function authenticatePerDelivery(request) {
    try {
      const secret = await find(request);
      if (secret === undefined || secret === null || (Array.isArray(secret) && secret.length === 0)) {
        return { refused: "secret_missing" };
      }
      return firstMatch(toSecrets(secret).map(prepare), request);
    } catch (cause) {
      const hint = isWebhookError(cause) ? cause.message : "The secret function failed; its error is the cause.";
      return { refused: "configuration", hint, cause };
    }
  };
}
