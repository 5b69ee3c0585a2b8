import { systemCode } from "../endpoints/system-code.ts";
import { systemReason, usageFailure } from "./failure.ts";

/** A request as it came in. */
export interface ForwardedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawBody: Uint8Array;
}

/** Those of one connection (RFC 9110, section 7.6.1), and those that the client sets anew. */
const ownHeaders = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
  "accept-encoding",
]);

/** Refuses addresses of other machines: deliveries hold the data of customers. */
export function checkLocal(url: URL): URL {
  const { hostname } = url;
  if (/^(?:(?:.+\.)?localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/.test(hostname)) return url;
  throw usageFailure(`--forward passes deliveries on within this machine, to localhost, 127.0.0.1 or [::1], but not to ${hostname}.`);
}

/** Passes a request on, byte by byte. Resolves to the status; throws where there is no answer. */
export async function forward(to: URL, { url, headers, rawBody }: ForwardedRequest, signal: AbortSignal): Promise<number> {
  const target = new URL(to);
  // A token in the address is what the next receiver looks for.
  for (const [name, value] of new URL(url, "http://localhost").searchParams) {
    if (!target.searchParams.has(name)) target.searchParams.append(name, value);
  }
  const passed = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (ownHeaders.has(name.toLowerCase()) || value === undefined) continue;
    for (const each of typeof value === "string" ? [value] : value) passed.append(name, each);
  }
  try {
    const response = await fetch(target, {
      method: "POST",
      headers: passed,
      body: new Uint8Array(rawBody),
      redirect: "manual",
      signal,
    });
    await response.body?.cancel();
    return response.status;
  } catch (cause) {
    throw new Error(systemCode(cause) === undefined ? "it did not answer in time" : systemReason(cause), { cause });
  }
}
