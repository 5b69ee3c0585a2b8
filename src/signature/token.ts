import { ConfigurationError } from "../errors.ts";
import type { Refusal } from "../refusal.ts";
import { equalTexts } from "./hmac.ts";

/** Shorter values can be guessed. */
const LEAST_CHARACTERS = 16;

/** Checks the `token` query parameter of a request URL. */
export type TokenCheck = (url: string) => Refusal | undefined;

/**
 * Guards callbacks that a provider does not sign: the URL that was registered carries an unguessable value.
 *
 * @throws {@link ConfigurationError} for a token that is missing, shorter than 16 characters or has white space at its ends
 */
export function tokenCheck(token: unknown): TokenCheck {
  // RFC 3986, section 2.3: these characters mean the same in a URL whether they are encoded or not.
  if (typeof token !== "string" || token.length < LEAST_CHARACTERS || !/^[\w.~-]+$/.test(token)) {
    const found = typeof token === "string" ? `${token.length} characters` : String(token === null ? null : typeof token);
    throw new ConfigurationError(
      `The token must be at least ${LEAST_CHARACTERS} letters, digits, "-", ".", "_" or "~", but is ${found}. Make one with crypto.randomUUID().`,
    );
  }
  return function checkToken(url) {
    const [given, ...more] = new URLSearchParams(queryOf(url)).getAll("token");
    return given !== undefined && more.length === 0 && equalTexts(token, given) ? undefined : { refused: "token_mismatch" };
  };
}

// Adapters hand over absolute URLs as well as `/path?query`, which `new URL` would refuse.
function queryOf(url: string): string {
  // First the fragment: a "?" in it begins no query (RFC 3986, section 3.5).
  const [address = ""] = url.split("#", 1);
  const query = address.indexOf("?");
  return query < 0 ? "" : address.slice(query + 1);
}
