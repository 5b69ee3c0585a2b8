import { alreadyParsed, isBytes, type ReadBody, tooLarge } from "./body.ts";
import type { Claimable, Claims, RunResult } from "./claim.ts";
import { createContext, type HandlerContext } from "./context.ts";
import { beforeDeadline, countdown } from "./deadline.ts";
import { type Delivery, storableHeaders } from "./delivery.ts";
import { type HandlerTable, handlersFor, handlersForUnknown, start } from "./dispatch.ts";
import type { AcceptOptions, InboxEvent, InboxIntake } from "./inbox/intake.ts";
import { jobStateOf } from "./order.ts";
import type { Outcome } from "./outcome.ts";
import { isPromiseLike, keepAlive } from "./promise.ts";
import type { EventSchema, JsonObject, Provider } from "./provider.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import type { Journey, Reporter } from "./report.ts";
import type { Authenticated } from "./signature/authenticate.ts";
import { sha256Hex } from "./signature/hmac.ts";
import type { Enclose } from "./telemetry.ts";
import { type PassesUnchanged, passesUnchanged } from "./unchanged.ts";

/**
 * Stands for the type of an authentic delivery whose body names none. No provider sends it, and no handler is for it. An event that a later
 * version can read keeps the key that it was stored under, by its body.
 */
export const UNREADABLE = "(unreadable)";

/** The schema of an event type that was seen before. */
export interface KnownSchema {
  readonly schema: EventSchema;
  readonly passesUnchanged: PassesUnchanged;
}

/** Everything the pipeline of a router works with. */
export interface Pipeline {
  readonly provider: Provider<string, object>;
  /** Provider and endpoint, with which every dedupe key begins. */
  readonly keyPrefix: string;
  /** Filled as types are first seen, since schemas are built on first use. */
  readonly schemas: Map<string, KnownSchema>;
  readonly handlers: HandlerTable;
  readonly claims: Claims | undefined;
  readonly inbox: InboxIntake | undefined;
  /** Whether events that are behind their job are left out. */
  readonly skipsStale: boolean;
  readonly reporter: Reporter;
  /** Absent without telemetry. */
  readonly enclose: Enclose | undefined;
  readonly deadlineMs: number;
  readonly maxBodyBytes: number;
  readonly clock: () => number;
}

/**
 * Takes a delivery through all steps, in this order: method, body, authenticity, freshness, JSON, type, schema, duplicate, handlers.
 * Nothing is parsed before the signature holds. Never rejects.
 */
export async function receive(pipeline: Pipeline, delivery: Delivery, traceparent?: string): Promise<Outcome> {
  const { provider, reporter, claims, inbox } = pipeline;
  const journey: Journey = { startedAt: 0, traceparent };
  try {
    journey.startedAt = pipeline.clock();
    journey.waitUntil = delivery.waitUntil;
    if (delivery.method === "OPTIONS") return reporter.end(journey, "validation");
    if (delivery.method !== "POST") return reporter.refuse(journey, { refused: "method_not_allowed" });

    const read = readBody(delivery.body, pipeline.maxBodyBytes);
    const rawBody = isPromiseLike(read) ? await read : read;
    if (!isBytes(rawBody)) return reporter.refuse(journey, refusalOf(rawBody));
    if (rawBody.length > pipeline.maxBodyBytes) return reporter.refuse(journey, tooLarge);

    // Only from here on: a body that came slowly must not leave the handlers without time.
    const left = countdown(pipeline.deadlineMs);
    const checked = provider.authenticate({ url: delivery.url, headers: delivery.headers, rawBody });
    const proof = isPromiseLike(checked) ? ((await beforeDeadline(checked, left)) ?? secretTooLate) : checked;
    if (isRefusal(proof)) return reporter.refuse(journey, proof);

    const { match, authenticity } = proof;
    const timestampSeconds = match?.timestampSeconds;
    if (timestampSeconds !== undefined) {
      const limit = provider.maxAgeSeconds ?? provider.signature.maxAgeSeconds;
      const refusal = limit === undefined ? undefined : refuseAge(timestampSeconds * 1000, limit, journey.startedAt);
      if (refusal) return reporter.refuse(journey, refusal);
    }

    const parsed = parseObject(rawBody);
    if (typeof parsed === "string")
      return await refuseUnreadable(pipeline, delivery, journey, { proof, rawBody, left }, { refused: parsed, length: rawBody.length });
    const { body } = parsed;
    if (timestampSeconds === undefined && provider.maxAgeSeconds !== undefined) {
      const refusal = refuseAge(provider.signedAt?.(body), provider.maxAgeSeconds, journey.startedAt);
      if (refusal) return reporter.refuse(journey, refusal);
    }

    const type = provider.eventType(body);
    if (typeof type !== "string" || type === "")
      return await refuseUnreadable(pipeline, delivery, journey, { proof, rawBody, left }, { refused: "event_type_missing" });
    journey.type = type;

    const schema = schemaOf(pipeline, type);
    const validated = schema && validate(schema, body);
    const fingerprint = claims || inbox ? sha256Hex(rawBody) : undefined;
    if (validated?.issues !== undefined) {
      const id = eventKey(pipeline.keyPrefix, match?.id === undefined ? byBody(type, rawBody, fingerprint) : [match.id]);
      journey.id = id;
      const refusal: Refusal = { refused: "payload_invalid", issues: validated.issues };
      if (inbox && fingerprint !== undefined)
        return await store(pipeline, delivery, journey, { type, id, fingerprint, rawBody, authenticity }, left, refusal);
      return reporter.refuse(journey, refusal);
    }
    // The event was validated by the schema of its type, so it fits what the provider's functions declare.
    const event = validated?.event as never;
    const known = type as never;
    const parts = match?.id !== undefined ? [match.id] : validated && provider.dedupeKey(event, known);
    const id = eventKey(pipeline.keyPrefix, parts ?? byBody(type, rawBody, fingerprint));
    journey.id = id;
    // Whether there are handlers is for the worker to know, which may run in another process.
    if (inbox && fingerprint !== undefined)
      return await store(pipeline, delivery, journey, { type, id, fingerprint, rawBody, authenticity }, left);

    const context = createContext({
      provider: provider.name,
      endpoint: provider.endpoint,
      type,
      id,
      attempt: 1,
      receivedAt: journey.startedAt,
      rawBody,
      headers: delivery.headers,
      authenticity,
      toJob: () => (validated ? provider.toJob(event, known) : undefined),
    });
    const runs = validated ? handlersFor(pipeline.handlers, event, context) : handlersForUnknown(pipeline.handlers, type, body);
    if (runs.length === 0) return reporter.end(journey, validated ? "ignored" : "unknown");

    const taken =
      claims && fingerprint !== undefined ? await claims.take({ key: id, fingerprint, job: jobOf(pipeline, context) }, left) : undefined;
    if (taken?.state === "completed") return reporter.end(journey, "duplicate");
    if (taken?.state === "in_progress") return reporter.refuse(journey, { refused: "in_progress", seconds: taken.retryAfterMs / 1000 });
    if (taken?.state === "unavailable") {
      if (taken.late) stayAlive(reporter, journey, taken.late);
      return reporter.refuse(journey, { refused: "store_unavailable", cause: taken.cause });
    }
    if (claims && taken) {
      journey.otherBody = taken.otherBody;
      context.stale = taken.stale;
      if (taken.stale && pipeline.skipsStale) {
        const skipping = claims.skip(taken.claim);
        stayAlive(reporter, journey, skipping);
        await beforeDeadline(
          skipping.then(() => ({})),
          left,
        );
        return reporter.end(journey, "stale");
      }
    }

    const isKnown = validated !== undefined;
    let running: Promise<RunResult>;
    if (claims && taken) {
      running = claims.run(taken.claim, () => start(runs, context, pipeline.enclose));
    } else {
      const handlers = start(runs, context, pipeline.enclose);
      // Most handlers only put the event somewhere, and have ended a few turns later.
      // eslint-disable-next-line @typescript-eslint/await-thenable -- a turn is all that is waited for
      for (let turn = 0; turn < 3 && handlers.result === undefined; turn++) await undefined;
      if (handlers.result !== undefined) return endRun(reporter, journey, handlers.result, isKnown, false);
      running = handlers.ended();
    }
    stayAlive(reporter, journey, running);
    const ended = await beforeDeadline(running, left);
    if (ended) return endRun(reporter, journey, ended, isKnown, false);

    const letGo = claims && taken ? claims.keep(taken.claim, context) : undefined;
    running.then(
      (end) => {
        letGo?.();
        endRun(reporter, journey, end, isKnown, true);
      },
      (cause: unknown) => {
        letGo?.();
        reporter.refuse(journey, { refused: "configuration", cause }, true);
      },
    );
    return reporter.refuse(journey, { refused: "deadline_exceeded", seconds: pipeline.deadlineMs / 1000 });
  } catch (cause) {
    return reporter.refuse(journey, { refused: "configuration", cause });
  }
}

/** What an authentic delivery is, of which nothing was read yet. */
interface Unread {
  readonly proof: Authenticated;
  readonly rawBody: Uint8Array;
  readonly left: () => number;
}

/**
 * What is authentic is not lost for being unreadable: a later version may know better. Neither what anybody can send is kept, nor what
 * would have to say its age in its body, nor an empty body, which no version will read.
 */
function refuseUnreadable(
  pipeline: Pipeline,
  delivery: Delivery,
  journey: Journey,
  { proof: { match, authenticity }, rawBody, left }: Unread,
  refusal: Refusal,
): Outcome | Promise<Outcome> {
  const isAgeless = match?.timestampSeconds === undefined && pipeline.provider.maxAgeSeconds !== undefined;
  if (!pipeline.inbox || authenticity.method === "none" || isAgeless || rawBody.length === 0)
    return pipeline.reporter.refuse(journey, refusal);
  const fingerprint = sha256Hex(rawBody);
  const id = eventKey(pipeline.keyPrefix, match?.id === undefined ? [UNREADABLE, fingerprint] : [match.id]);
  journey.id = id;
  return store(pipeline, delivery, journey, { type: UNREADABLE, id, fingerprint, rawBody, authenticity }, left, refusal);
}

/** Turns the end of a run into its outcome. */
export function endRun(reporter: Reporter, journey: Journey, end: RunResult, isKnown: boolean, late: boolean): Outcome {
  if (end.result === "processed") return reporter.end(journey, isKnown ? "processed" : "unknown", late);
  if (end.result === "ignored") return reporter.end(journey, "ignored", late);
  if (end.result === "discarded") {
    journey.reason = end.reason;
    return reporter.end(journey, "discarded", late);
  }
  const seconds = end.result === "retry_later" ? { seconds: end.afterSeconds } : undefined;
  return reporter.refuse(journey, { refused: end.result, cause: end.cause, ...seconds }, late);
}

/** The parts of the key of an event that nothing but its bytes tells from others. */
function byBody(type: string, rawBody: Uint8Array, fingerprint: string | undefined): readonly string[] {
  return [type, fingerprint ?? sha256Hex(rawBody)];
}

/** Asks the platform to wait for what goes on, where it has to be asked. */
function stayAlive(reporter: Reporter, journey: Journey, promise: Promise<unknown>): void {
  if (journey.waitUntil === undefined) return;
  keepAlive(journey.waitUntil, promise, (cause) =>
    reporter.refuse(journey, { refused: "configuration", hint: WAIT_UNTIL_FAILED, cause }, true),
  );
}

const WAIT_UNTIL_FAILED = "The function waitUntil failed, so handlers that outlive the answer may be cut off. Its error is the cause.";

const secretTooLate: Refusal = { refused: "configuration", hint: "The secret function did not answer before the deadline." };

function readBody(body: Uint8Array | string | ReadBody, maxBytes: number): Uint8Array | Refusal | Promise<Uint8Array | Refusal> {
  if (typeof body === "function") return body(maxBytes);
  return typeof body === "string" ? encoder.encode(body) : body;
}

/** What an adapter handed over instead of bytes: its refusal, or something that was parsed. */
function refusalOf(body: unknown): Refusal {
  if (typeof body === "object" && body !== null && isRefusal(body)) return body;
  const found = Object.prototype.toString.call(body).slice(8, -1);
  return alreadyParsed(`The body of the delivery is ${found}, not the raw bytes. Hand over the bytes from before any parser.`);
}

const encoder = new TextEncoder();
// Strict, since a replaced character would make different bodies equal (pitfall P12). A byte order mark is passed over, as RFC 8259 allows.
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Parses a body that has to be a JSON object. */
export function parseObject(rawBody: Uint8Array): { readonly body: JsonObject } | "body_not_utf8" | "body_not_json" | "body_not_object" {
  let text: string;
  try {
    text = decoder.decode(rawBody);
  } catch {
    return "body_not_utf8";
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The message of a SyntaxError quotes the body, so it goes nowhere.
    return "body_not_json";
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { body: value as JsonObject } : "body_not_object";
}

/** Both directions: a delivery dated ahead would stay replayable for long (pitfall P26). */
function refuseAge(signedAt: number | undefined, maxAgeSeconds: number, now: number): Refusal | undefined {
  if (signedAt === undefined || !Number.isFinite(signedAt)) return { refused: "timestamp_malformed" };
  const ageSeconds = (now - signedAt) / 1000;
  if (ageSeconds > maxAgeSeconds) return { refused: "timestamp_too_old", seconds: Math.round(ageSeconds) };
  if (-ageSeconds > maxAgeSeconds) return { refused: "timestamp_too_new", seconds: Math.round(-ageSeconds) };
  return undefined;
}

/** The schema of an event type; `undefined` when the provider does not declare it. */
export function schemaOf(pipeline: Pipeline, type: string): KnownSchema | undefined {
  const seen = pipeline.schemas.get(type);
  if (seen !== undefined) return seen;
  const { events } = pipeline.provider;
  if (!Object.hasOwn(events, type)) return undefined;
  const schema = (events as Readonly<Record<string, EventSchema>>)[type] as EventSchema;
  const known: KnownSchema = { schema, passesUnchanged: passesUnchanged(schema) };
  pipeline.schemas.set(type, known);
  return known;
}

/** Stores an event before the sender gets its answer. */
export async function store(
  { provider, inbox, reporter }: Pipeline,
  { headers }: Pick<Delivery, "headers">,
  journey: Journey,
  parts: Pick<InboxEvent, "type" | "id" | "fingerprint" | "rawBody" | "authenticity"> & { readonly receivedAt?: number },
  left: () => number,
  refusal?: Refusal,
  options?: AcceptOptions,
): Promise<Outcome> {
  const event: InboxEvent = {
    receivedAt: journey.startedAt,
    ...parts,
    provider: provider.name,
    endpoint: provider.endpoint,
    headers: storableHeaders(headers, journey.traceparent),
  };
  let stored: { readonly duplicate: boolean } | undefined;
  try {
    stored = await beforeDeadline((inbox as InboxIntake).accept(event, options), left);
  } catch (cause) {
    return reporter.refuse(journey, { refused: "store_unavailable", cause });
  }
  if (stored === undefined)
    return reporter.refuse(journey, { refused: "store_unavailable", cause: new Error("The inbox missed the deadline.") });
  if (stored.duplicate) return reporter.end(journey, "duplicate");
  if (refusal === undefined) return reporter.end(journey, "accepted");
  journey.stored = true;
  return reporter.refuse(journey, refusal);
}

/** What an event tells about a job, under a key like those of events. */
export function jobOf({ keyPrefix }: Pipeline, context: HandlerContext): Claimable["job"] {
  const job = jobStateOf(context);
  return job && { key: eventKey(keyPrefix, job.key), state: job.state };
}

/** Holds a body that was parsed from JSON against the schema of its type. */
export function validate(
  { schema, passesUnchanged }: KnownSchema,
  body: JsonObject,
): { readonly event: unknown; readonly issues?: undefined } | { readonly issues: string } {
  if (passesUnchanged(body)) return { event: body };
  const validated = schema.safeParse(body);
  return validated.success ? { event: validated.data } : { issues: issuesOf(validated.error.issues) };
}

/** Where a payload differs from its schema. Names of fields only; a name that could come from the payload is not spelt out. */
function issuesOf(issues: readonly { readonly code?: string | undefined; readonly path: readonly PropertyKey[] }[]): string {
  const shown = issues.slice(0, 5).map(({ code, path }) => {
    const fields = path.map((part) => (/^\w{1,40}$/.test(String(part)) ? String(part) : "*"));
    return `${fields.join(".") || "body"}: ${code ?? "invalid"}`;
  });
  return shown.join("; ") + (issues.length > 5 ? `; and ${issues.length - 5} more` : "");
}

/** Printable ASCII without "/" and "%", which needs no escape. A loop, since every delivery gets here, and an expression takes longer. */
function isPlain(part: string): boolean {
  if (part.length === 0 || part.length > 100) return false;
  for (let index = 0; index < part.length; index++) {
    const code = part.charCodeAt(index);
    if (code < 0x21 || code > 0x7e || code === 0x25 || code === 0x2f) return false;
  }
  return true;
}

/** Joins the parts of a dedupe key so that different parts never give one key, in printable ASCII of bounded length. */
export function eventKey(prefix: string, parts: readonly string[]): string {
  if (!Array.isArray(parts) || parts.length === 0) throw new TypeError("dedupeKey() must return an array of at least one text.");
  let key = prefix;
  for (const part of parts) {
    if (typeof part !== "string") throw new TypeError("dedupeKey() must return texts only.");
    if (!isPlain(part)) return `${prefix}/${escaped(parts)}`;
    key += `/${part}`;
  }
  return key.length - prefix.length <= 200 ? key : `${prefix}/${escaped(parts)}`;
}

function escaped(parts: readonly string[]): string {
  const joined = parts.map(escapePart).join("/");
  return /^[!-~]{1,200}$/.test(joined) ? joined : `sha256-${sha256Hex(JSON.stringify(parts))}`;
}

/** Escapes what separates the parts of a key. */
export function escapePart(part: string): string {
  return part.replaceAll("%", "%25").replaceAll("/", "%2F");
}
