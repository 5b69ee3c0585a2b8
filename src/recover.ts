import { tooLarge } from "./body.ts";
import type { Claims, NotTaken, RunResult } from "./claim.ts";
import { createContext } from "./context.ts";
import { beforeDeadline, countdown } from "./deadline.ts";
import { dispatch, handlersFor, handlersForUnknown, start } from "./dispatch.ts";
import { ConfigurationError } from "./errors.ts";
import type { Outcome } from "./outcome.ts";
import type { JsonObject } from "./provider.ts";
import { endRun, eventKey, jobOf, type Pipeline, parseObject, schemaOf, store, validate } from "./receive.ts";
import type { Refusal } from "./refusal.ts";
import type { Journey } from "./report.ts";
import { sha256Hex } from "./signature/hmac.ts";

/** An event that your own code fetched from the provider's API. */
export interface Recovery {
  /** The body as the provider would have delivered it, parsed. */
  readonly body: JsonObject;
  /**
   * Other bodies that the same event may have been delivered with, such as without an id. It counts as seen under the dedupe key of any.
   * @default none
   */
  readonly variants?: readonly JsonObject[] | undefined;
  /**
   * For `context.receivedAt`.
   * @default now
   */
  readonly receivedAt?: Date | undefined;
  /**
   * Rejects with a `ConfigurationError` where neither an inbox nor an idempotency store can tell whether the event is known.
   * @default false, so that such a router runs its handlers every time
   */
  readonly mustRemember?: boolean | undefined;
}

/** How long an inbox may take: no sender waits, and some have to search for the id. */
const STORE_MS = 15_000;

const authenticity = { method: "api" } as const;
const encoder = new TextEncoder();

/**
 * Takes an event through the steps of `receive` from its type on, and asks first whether it is known. Never rejects, but for what
 * `mustRemember` says.
 */
export async function recover(pipeline: Pipeline, recovery: Recovery, traceparent?: string): Promise<Outcome> {
  const { provider, reporter, claims, inbox, handlers, deadlineMs } = pipeline;
  const journey: Journey = { startedAt: 0, traceparent };
  if (recovery?.mustRemember === true && claims === undefined && inbox === undefined) {
    throw new ConfigurationError(
      "This router remembers no events, so it would handle again what it has handled. Give it an inbox, or the idempotency store that the receiver uses.",
      { provider: provider.name },
    );
  }
  try {
    journey.startedAt = pipeline.clock();
    const receivedAt = recovery.receivedAt?.getTime() ?? journey.startedAt;
    const rawBody = encoder.encode(JSON.stringify(recovery.body));
    if (rawBody.length > pipeline.maxBodyBytes) return reporter.refuse(journey, tooLarge, true);
    // As a worker will see it, without what JSON leaves out.
    const parsed = parseObject(rawBody);
    if (typeof parsed === "string") return reporter.refuse(journey, { refused: parsed, length: rawBody.length }, true);

    const found = identify(pipeline, parsed.body);
    if (found === undefined) return reporter.refuse(journey, { refused: "event_type_missing" }, true);
    const { type, event, issues } = found;
    const fingerprint = sha256Hex(rawBody);
    const id = found.id ?? eventKey(pipeline.keyPrefix, [type, fingerprint]);
    journey.type = type;
    journey.id = id;
    const others = (recovery.variants ?? []).flatMap((variant) => identify(pipeline, variant)?.id ?? []).filter((other) => other !== id);

    const refusal: Refusal | undefined = issues === undefined ? undefined : { refused: "payload_invalid", issues };
    if (inbox) {
      const parts = { type, id, fingerprint, rawBody, authenticity, receivedAt };
      return await store(pipeline, { headers: {} }, journey, parts, countdown(STORE_MS), refusal, { unlessKnown: [id, ...others] });
    }
    if (refusal) return reporter.refuse(journey, refusal, true);

    const isKnown = found.declared;
    const context = createContext({
      provider: provider.name,
      endpoint: provider.endpoint,
      type,
      id,
      attempt: 1,
      receivedAt,
      rawBody,
      headers: {},
      authenticity,
      toJob: () => (isKnown ? provider.toJob(event as never, type as never) : undefined),
    });
    const runs = isKnown ? handlersFor(handlers, event, context) : handlersForUnknown(handlers, type, parsed.body);
    if (runs.length === 0) return reporter.end(journey, isKnown ? "ignored" : "unknown");
    if (claims === undefined) return endRun(reporter, journey, await dispatch(runs, context, pipeline.enclose), isKnown, true);

    const endUntaken = (taken: NotTaken): Outcome => {
      if (taken.state === "completed") return reporter.end(journey, "duplicate");
      // Whoever has it will end it; that is no failure here.
      if (taken.state === "in_progress") return reporter.end(journey, "in_progress");
      return reporter.refuse(journey, { refused: "store_unavailable", cause: taken.cause }, true);
    };
    for (const other of others) {
      const seen = await lookFor(claims, other, fingerprint, deadlineMs);
      if (seen) return endUntaken(seen);
    }
    const taken = await claims.take({ key: id, fingerprint, job: jobOf(pipeline, context) }, countdown(deadlineMs));
    if (taken.state !== "claimed") return endUntaken(taken);
    const { claim } = taken;
    if (taken.otherBody) {
      // What a provider's API shows differs from what it delivered in bytes only.
      await claims.free(claim);
      return reporter.end(journey, "duplicate");
    }
    context.stale = taken.stale;
    if (taken.stale && pipeline.skipsStale) {
      await claims.skip(claim);
      return reporter.end(journey, "stale");
    }
    const running = claims.run(claim, () => start(runs, context, pipeline.enclose));
    const ended =
      (await beforeDeadline<RunResult>(running, countdown(deadlineMs))) ?? (await keepUntil(running, claims.keep(claim, context)));
    return endRun(reporter, journey, ended, isKnown, true);
  } catch (cause) {
    return reporter.refuse(journey, { refused: "configuration", cause }, true);
  }
}

interface Identified {
  readonly type: string;
  /** Whether the provider declares the type. */
  readonly declared: boolean;
  readonly event?: unknown;
  readonly issues?: string | undefined;
  /** The dedupe key; absent where only the bytes that were delivered would tell it. */
  readonly id: string | undefined;
}

function identify(pipeline: Pipeline, body: JsonObject): Identified | undefined {
  const { provider, keyPrefix } = pipeline;
  const type = provider.eventType(body);
  if (typeof type !== "string" || type === "") return undefined;
  const schema = schemaOf(pipeline, type);
  if (schema === undefined) return { type, declared: false, id: undefined };
  const validated = validate(schema, body);
  if (validated.issues !== undefined) return { type, declared: true, issues: validated.issues, id: undefined };
  const parts = provider.dedupeKey(validated.event as never, type as never);
  return { type, declared: true, event: validated.event, id: parts && eventKey(keyPrefix, parts) };
}

/** Whether an event is known under another key, and how it stands; `undefined` when it is not known there. */
async function lookFor(claims: Claims, key: string, fingerprint: string, deadlineMs: number): Promise<NotTaken | undefined> {
  const taken = await claims.take({ key, fingerprint, job: undefined }, countdown(deadlineMs));
  if (taken.state !== "claimed") return taken;
  await claims.free(taken.claim);
  return taken.otherBody ? { state: "completed" } : undefined;
}

async function keepUntil(running: Promise<RunResult>, letGo: () => void): Promise<RunResult> {
  try {
    return await running;
  } finally {
    letGo();
  }
}
