import { usageFailure } from "./failure.ts";
import { writeOutput } from "./files.ts";
import { type ProviderName, providerNames } from "./providers.ts";

/** A delivery as `send --save` and `listen --save` write it, and `explain` reads it. */
export interface SavedDelivery {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly rawBody: Uint8Array;
  readonly provider?: ProviderName | undefined;
  /** When it was received or made; a signed time is judged by it. */
  readonly receivedAt?: Date | undefined;
}

/** A delivery that was read. Its body may be one that a parser has been at. */
export interface ReadDelivery extends Omit<SavedDelivery, "rawBody"> {
  readonly rawBody: Uint8Array | object;
}

/** The document of a delivery. The body is text where that keeps every byte. */
export function toDocument(delivery: SavedDelivery): object {
  const { method, url, headers, rawBody, provider, receivedAt } = delivery;
  return { provider, receivedAt: receivedAt?.toISOString(), method, url, headers, ...bodyFields(rawBody) };
}

/** The fields of a document that hold a body. */
export function bodyFields(rawBody: Uint8Array): { readonly body: string } | { readonly bodyBase64: string } {
  try {
    return { body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(rawBody) };
  } catch {
    return { bodyBase64: Buffer.from(rawBody).toString("base64") };
  }
}

/** Writes a delivery to a file that only its owner can read, since payloads and signatures are nobody else's business. */
export async function saveDelivery(path: string, delivery: SavedDelivery): Promise<void> {
  await writeOutput(path, `${JSON.stringify(toDocument(delivery), undefined, 2)}\n`, { mode: 0o600 });
}

const FORM = '{ "method": "POST", "url": "/", "headers": { … }, "body": "…" }, or "bodyBase64" for bytes that are no text';

/** Reads the document of a delivery. */
export function parseDelivery(text: string): ReadDelivery {
  const document = toRecord(parseJson(text));
  if (document === undefined) throw usageFailure(`A saved delivery is a JSON object: ${FORM}.`);
  const { method = "POST", url = "/", provider, receivedAt } = document;
  if (typeof method !== "string" || typeof url !== "string")
    throw usageFailure(`"method" and "url" of a saved delivery are texts: ${FORM}.`);
  const time = typeof receivedAt === "string" ? new Date(receivedAt) : undefined;
  return {
    method,
    url,
    headers: headersOf(document.headers),
    rawBody: bodyOf(document),
    provider: providerNames.find((name) => name === provider),
    receivedAt: time === undefined || Number.isNaN(time.getTime()) ? undefined : time,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    // The message of the parser quotes the text.
    throw usageFailure(`The saved delivery is not JSON. It looks like this: ${FORM}.`, cause);
  }
}

const toRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

function headersOf(value: unknown): Readonly<Record<string, string | readonly string[]>> {
  const record = toRecord(value);
  const isValue = (each: unknown): each is string | string[] =>
    typeof each === "string" || (Array.isArray(each) && each.every((one) => typeof one === "string"));
  if (record !== undefined && Object.values(record).every(isValue)) return record as Record<string, string | string[]>;
  throw usageFailure(`"headers" of a saved delivery is an object of texts: ${FORM}.`);
}

function bodyOf({ body, bodyBase64 }: Readonly<Record<string, unknown>>): Uint8Array | object {
  if ((body === undefined) === (bodyBase64 === undefined)) throw usageFailure(`A saved delivery has "body" or "bodyBase64": ${FORM}.`);
  if (typeof body === "string") return Buffer.from(body, "utf8");
  if (typeof body === "object" && body !== null) return body;
  if (typeof bodyBase64 === "string" && /^[A-Za-z0-9+/\s]*(?:={1,2}\s*)?$/.test(bodyBase64)) return Buffer.from(bodyBase64, "base64");
  throw usageFailure(`"body" is a text, and "bodyBase64" is base64: ${FORM}.`);
}
