import { isBytes, type ReadBody, tooLarge } from "./body.ts";
import type { Claims, Taken } from "./claim.ts";
import { createContext, type RunContext } from "./context.ts";
import type { Delivery } from "./delivery.ts";
import { type DispatchResult, dispatch, type HandlerTable, handlersFor, handlersForUnknown } from "./dispatch.ts";
import type { Outcome } from "./outcome.ts";
import type { EventSchema, JsonObject, Provider } from "./provider.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import type { Journey, Reporter } from "./report.ts";
import { sha256Hex } from "./signature/hmac.ts";

/** Everything the pipeline of a router works with. */
export interface Pipeline {
  readonly provider: Provider<string, object>;
  /** Filled as types are first seen, since schemas are built on first use. */
  readonly schemas: Map<string, EventSchema>;
  readonly handlers: HandlerTable;
  readonly claims: Claims | undefined;
  readonly reporter: Reporter;
  readonly deadlineMs: number;
  readonly maxBodyBytes: number;
  readonly clock: () => number;
}

/**
 * Takes a delivery through all steps, in this order: method, body, authenticity, freshness, JSON, type, schema, duplicate, handlers.
 * Nothing is parsed before the signature holds. Never rejects.
 */
export async function receive(pipeline: Pipeline, delivery: Delivery): Promise<Outcome> {
  const { provider, reporter } = pipeline;
  const journey: Journey = { startedAt: pipeline.clock() };
  try {
    if (delivery.method === "OPTIONS") return reporter.end(journey, "validation");
    if (delivery.method !== "POST") return reporter.refuse(journey, { refused: "method_not_allowed" });

    const read = readBody(delivery.body, pipeline.maxBodyBytes);
    const rawBody = read instanceof Promise ? await read : read;
    if (isRefusal(rawBody)) return reporter.refuse(journey, rawBody);

    const checked = provider.authenticate({ url: delivery.url, headers: delivery.headers, rawBody });
    const proof = checked instanceof Promise ? await checked : checked;
    if (isRefusal(proof)) return reporter.refuse(journey, proof);

    const { timestampSeconds } = proof;
    if (timestampSeconds !== undefined) {
      const limit = provider.maxAgeSeconds ?? provider.signature.maxAgeSeconds;
      const refusal = limit === undefined ? undefined : refuseAge(timestampSeconds * 1000, limit, journey.startedAt);
      if (refusal) return reporter.refuse(journey, refusal);
    }

    const parsed = parseObject(rawBody);
    if (parsed.body === undefined) return reporter.refuse(journey, parsed.refusal);
    const { body } = parsed;
    if (timestampSeconds === undefined && provider.maxAgeSeconds !== undefined) {
      const refusal = refuseAge(provider.signedAt?.(body), provider.maxAgeSeconds, journey.startedAt);
      if (refusal) return reporter.refuse(journey, refusal);
    }

    const type = provider.eventType(body);
    if (typeof type !== "string" || type === "") return reporter.refuse(journey, { refused: "event_type_missing" });
    journey.type = type;

    const schema = schemaOf(pipeline, type);
    const validated = schema?.safeParse(body);
    const fingerprint = pipeline.claims && sha256Hex(rawBody);
    if (validated?.success === false) {
      journey.id = eventKey(provider, proof.id === undefined ? [type, fingerprint ?? sha256Hex(rawBody)] : [proof.id]);
      return reporter.refuse(journey, { refused: "payload_invalid", issues: issuesOf(validated.error.issues) });
    }
    // The event was validated by the schema of its type, so it fits what the provider's functions declare.
    const event = validated?.data as never;
    const known = type as never;
    const parts = proof.id !== undefined ? [proof.id] : validated && provider.dedupeKey(event, known);
    const id = eventKey(provider, parts ?? [type, fingerprint ?? sha256Hex(rawBody)]);
    journey.id = id;

    const context = createContext({
      provider: provider.name,
      endpoint: provider.endpoint,
      type,
      id,
      attempt: 1,
      receivedAt: journey.startedAt,
      rawBody,
      headers: delivery.headers,
      authenticity: proof.authenticity,
      toJob: () => (validated ? provider.toJob(event, known) : undefined),
    });
    const runs = validated ? handlersFor(pipeline.handlers, event, context) : handlersForUnknown(pipeline.handlers, type, body);
    if (runs.length === 0) return reporter.end(journey, validated ? "ignored" : "unknown");
    return await runOnce(pipeline, journey, context, fingerprint, validated !== undefined, () => dispatch(runs, context));
  } catch (cause) {
    return reporter.refuse(journey, { refused: "configuration", cause });
  }
}

function readBody(body: Uint8Array | string | ReadBody, maxBytes: number): Uint8Array | Refusal | Promise<Uint8Array | Refusal> {
  if (typeof body === "function") return body(maxBytes);
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  if (isBytes(bytes)) return bytes.length > maxBytes ? tooLarge : bytes;
  return {
    refused: "body_already_parsed",
    hint: `The body of the delivery is ${bytes === null ? "null" : `of type ${typeof bytes}`}, not the raw bytes. Hand over the bytes from before any parser.`,
  };
}

const encoder = new TextEncoder();
// Strict, since a replaced character would make different bodies equal (pitfall P12). A byte order mark is passed over, as RFC 8259 allows.
const decoder = new TextDecoder("utf-8", { fatal: true });

type Parsed = { readonly body: JsonObject } | { readonly body: undefined; readonly refusal: Refusal };

function parseObject(rawBody: Uint8Array): Parsed {
  const refuse = (refused: "body_not_utf8" | "body_not_json" | "body_not_object"): Parsed => ({
    body: undefined,
    refusal: { refused, length: rawBody.length },
  });
  let text: string;
  try {
    text = decoder.decode(rawBody);
  } catch {
    return refuse("body_not_utf8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The message of a SyntaxError quotes the body, so it goes nowhere.
    return refuse("body_not_json");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("body_not_object");
  return { body: value as JsonObject };
}

/** Both directions: a delivery dated ahead would stay replayable for long (pitfall P26). */
function refuseAge(signedAt: number | undefined, maxAgeSeconds: number, now: number): Refusal | undefined {
  if (signedAt === undefined || !Number.isFinite(signedAt)) return { refused: "timestamp_malformed" };
  const ageSeconds = (now - signedAt) / 1000;
  if (ageSeconds > maxAgeSeconds) return { refused: "timestamp_too_old", seconds: Math.round(ageSeconds) };
  if (-ageSeconds > maxAgeSeconds) return { refused: "timestamp_too_new", seconds: Math.round(-ageSeconds) };
  return undefined;
}

function schemaOf(pipeline: Pipeline, type: string): EventSchema | undefined {
  const seen = pipeline.schemas.get(type);
  if (seen !== undefined) return seen;
  const { events } = pipeline.provider;
  if (!Object.hasOwn(events, type)) return undefined;
  const schema = (events as Readonly<Record<string, EventSchema>>)[type] as EventSchema;
  pipeline.schemas.set(type, schema);
  return schema;
}

/** Where a payload differs from its schema. Names of fields only; a name that could come from the payload is not spelt out. */
function issuesOf(issues: readonly { readonly code?: string | undefined; readonly path: readonly PropertyKey[] }[]): string {
  const shown = issues.slice(0, 5).map(({ code, path }) => {
    const fields = path.map((part) => (/^\w{1,40}$/.test(String(part)) ? String(part) : "*"));
    return `${fields.join(".") || "body"}: ${code ?? "invalid"}`;
  });
  return shown.join("; ") + (issues.length > 5 ? `; and ${issues.length - 5} more` : "");
}

/** Joins the parts of a dedupe key so that different parts never give one key, in printable ASCII of bounded length. */
export function eventKey(provider: Provider<string, object>, parts: readonly string[]): string {
  const joined = parts.map(escapePart).join("/");
  const plain = joined.length <= 200 && /^[\x21-\x7e]+$/.test(joined);
  return `${provider.name}/${escapePart(provider.endpoint)}/${plain ? joined : `sha256-${sha256Hex(JSON.stringify(parts))}`}`;
}

function escapePart(part: string): string {
  return /[%/]/.test(part) ? part.replaceAll("%", "%25").replaceAll("/", "%2F") : part;
}

/** Handles an event under a claim, so that its duplicates do not run, and answers before the sender gives up. */
async function runOnce(
  pipeline: Pipeline,
  journey: Journey,
  context: RunContext,
  fingerprint: string | undefined,
  known: boolean,
  work: () => Promise<DispatchResult>,
): Promise<Outcome> {
  const { claims, reporter, deadlineMs } = pipeline;
  const left = (): number => Math.max(0, journey.startedAt + deadlineMs - pipeline.clock());
  let taken: Taken | undefined;
  if (claims && fingerprint !== undefined) {
    const taking = claims.take(context.id, fingerprint);
    taken = await within(taking, left());
    if (taken === undefined) {
      // The sender is told to retry, so a claim that comes after all must not block that retry.
      taking.then((late) => (late.state === "claimed" ? claims.giveBack(late.claim) : undefined));
      taken = { state: "unavailable", cause: new Error("The store did not answer before the deadline.") };
    }
  }
  if (taken?.state === "completed") return reporter.end(journey, "duplicate");
  if (taken?.state === "in_progress") return reporter.refuse(journey, { refused: "in_progress", seconds: taken.retryAfterMs / 1000 });
  if (taken?.state === "unavailable") return reporter.refuse(journey, { refused: "store_unavailable", cause: taken.cause });

  const running = claims && taken ? claims.run(taken.claim, work) : work();
  const settled = await within(running, left());
  const conclude = (end: Awaited<typeof running>, late: boolean): Outcome => {
    if (end.result === "processed") return reporter.end(journey, known ? "processed" : "unknown", late);
    if (end.result === "ignored" || end.result === "discarded") return reporter.end(journey, end.result, late);
    const seconds = end.result === "retry_later" ? { seconds: end.afterSeconds } : undefined;
    return reporter.refuse(journey, { refused: end.result, cause: end.cause, ...seconds }, late);
  };
  if (settled) return conclude(settled, false);

  const letGo = claims && taken ? claims.keep(taken.claim, context) : undefined;
  running.then((end) => {
    letGo?.();
    conclude(end, true);
  });
  return reporter.refuse(journey, { refused: "deadline_exceeded", seconds: deadlineMs / 1000 });
}

/** The value of a promise that does not reject, or `undefined` when time is up first. */
function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds, undefined);
    promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
