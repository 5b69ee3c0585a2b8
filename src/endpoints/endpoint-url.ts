import { ConfigurationError } from "../errors.ts";

/** Where an API is, and whether that is this machine. */
export interface BaseUrl {
  /** Without a slash at its end. */
  readonly href: string;
  readonly isLoopback: boolean;
}

/** Whether a host is this machine; `URL` has brought addresses into their usual form. */
function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function parse(value: unknown, what: string, provider: string): URL {
  // The parser would pass over white space at the ends.
  if (typeof value === "string" && !/\s/.test(value) && URL.canParse(value)) return new URL(value);
  throw new ConfigurationError(`${what} must be an absolute URL that begins with https://.`, { provider });
}

/**
 * Checks the address of an API, to which the credential will be sent.
 *
 * @throws {@link ConfigurationError} for anything but `https:`, except for `http:` on this machine
 */
export function checkBaseUrl(value: unknown, provider: string): BaseUrl {
  const url = parse(value, "The option baseUrl", provider);
  const local = isLoopback(url);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
    throw new ConfigurationError("The option baseUrl must begin with https://, since the credential is sent there.", { provider });
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new ConfigurationError("The option baseUrl must have no user name, password, query or fragment.", { provider });
  }
  return { href: url.href.replace(/(?<!\/)\/+$/, ""), isLoopback: local };
}

/**
 * Checks the address of a webhook before it is registered. Providers take `https:` only. `http:` is let through when both the address and
 * the API are on this machine: no provider could reach it, but a test's own API can.
 *
 * @throws {@link ConfigurationError} for any other
 */
export function checkWebhookUrl(value: unknown, api: BaseUrl, provider: string): string {
  const url = parse(value, "The url of a webhook", provider);
  if (url.protocol === "https:" || (url.protocol === "http:" && api.isLoopback && isLoopback(url))) return value as string;
  throw new ConfigurationError(
    `The url of a webhook must begin with https://, but begins with ${url.protocol}. For a receiver on this machine use a tunnel.`,
    { provider },
  );
}

/** What of a webhook's address may be as good as a password, and must not be repeated: its path, its query and what is before the host. */
export function privatePartsOf(value: string): readonly string[] {
  const { pathname, searchParams, username, password } = new URL(value);
  return [pathname, ...searchParams.values(), username, password].filter((part) => part !== "" && part !== "/");
}
