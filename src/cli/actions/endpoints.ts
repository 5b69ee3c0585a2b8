import type { CreatedEndpoint, EventTypeInfo, RotatedSecret, WebhookEndpoint } from "../../endpoints/endpoint.ts";
import { isEndpointError } from "../../endpoints/endpoint-error.ts";
import type { HeyGenClient } from "../../endpoints/heygen-client.ts";
import type { AddOptions, ApiOptions, HistoryOptions, NewSecretOptions, RegistryName, UpdateOptions } from "../commands/endpoints.ts";
import { type ChosenEvents, checkEvent, toEvents } from "../endpoint-events.ts";
import { type ExitCode, exitCodes, failed, unreachable, usageFailure } from "../failure.ts";
import { keepSecret } from "../new-secret.ts";
import { type Cell, fields, table } from "../output.ts";
import { maskUrls } from "../redact.ts";
import { readSecret, variableOf } from "../secrets.ts";
import type { Session } from "../session.ts";

/** What the APIs have in common. What one of them cannot do has no command. */
interface Registry {
  create(settings: ChosenEvents & { url: string; entityId?: string | undefined; signal: AbortSignal }): Promise<CreatedEndpoint>;
  listAll(): Promise<readonly WebhookEndpoint[]>;
  update(id: string, changes: ChosenEvents & { url?: string | undefined }): Promise<WebhookEndpoint>;
  delete(id: string): Promise<void>;
  eventTypes(): Promise<readonly EventTypeInfo[]>;
}

/** Endpoints are few; beyond this an API is lost. */
const MOST_ENDPOINTS = 10_000;

async function clientOptions(session: Session, provider: RegistryName, options: ApiOptions) {
  const variable = variableOf(provider, "API_KEY");
  const apiKey = await readSecret(session, options.apiKeyFile, variable);
  if (apiKey === undefined) throw usageFailure(`There is no API key for ${provider}. Set ${variable}, or name a file with --api-key-file.`);
  return { apiKey, baseUrl: options.baseUrl, timeoutMs: options.timeout };
}

async function openHeyGen(session: Session, options: ApiOptions): Promise<HeyGenClient> {
  const { createHeyGenClient } = await import("../../endpoints/heygen-client.ts");
  return createHeyGenClient(await clientOptions(session, "heygen", options));
}

async function openRegistry(session: Session, provider: RegistryName, options: ApiOptions): Promise<Registry> {
  switch (provider) {
    case "heygen": {
      const client = await openHeyGen(session, options);
      return { ...client, listAll: () => take(client.listAll({ limit: 100 }), MOST_ENDPOINTS) };
    }
    case "konpro": {
      const { createKonProClient } = await import("../../endpoints/konpro-client.ts");
      const client = createKonProClient(await clientOptions(session, provider, options));
      return { ...client, listAll: () => client.list() };
    }
    case "kling": {
      const { createKlingClient } = await import("../../endpoints/kling-client.ts");
      const client = createKlingClient(await clientOptions(session, provider, options));
      const missing = (): never => {
        throw usageFailure("Kling has no such call.");
      };
      const create: Registry["create"] = ({ url, otherEvents, signal }) => client.create({ url, otherEvents, signal });
      return { create, listAll: missing, update: missing, delete: missing, eventTypes: missing };
    }
  }
}

async function take<Item>(items: AsyncIterable<Item>, most: number): Promise<readonly Item[]> {
  const taken: Item[] = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= most) break;
  }
  return taken;
}

/** Makes a call, and says how it failed in terms of exit codes. */
async function calling<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isEndpointError(error)) throw error;
    const fail = error.code === "unavailable" || error.code === "timeout" ? unreachable : failed;
    throw fail(error.code, error.message, error);
  }
}

/** What to do about the lost secret of a new endpoint. */
const afterLoss: Readonly<Record<RegistryName, string>> = {
  heygen: "Rotate it, or delete the endpoint and add it again.",
  konpro: "Delete the endpoint and add it again.",
  kling: "Add the endpoint again.",
};

/** `endpoints … add` */
export async function add(session: Session, provider: RegistryName, url: string, options: AddOptions): Promise<ExitCode> {
  const keeper = await keepSecret(session, options);
  const { entityId } = options;
  const events = await toEvents(provider, options.events, options.anyEvent);
  const registry = await openRegistry(session, provider, options);
  return keeper.take(
    (signal) => calling(() => registry.create({ url, ...events, entityId, signal })),
    (created, secret) => {
      const shown = toShown(created);
      return [{ ...shown, ...secret }, () => fields(session.output, [...factsOf(shown), ...Object.entries(secret)])];
    },
    ({ id }) => ({ done: `The endpoint ${id} was registered`, next: afterLoss[provider] }),
  );
}

/** `endpoints heygen rotate` */
export async function rotate(session: Session, id: string, options: NewSecretOptions): Promise<ExitCode> {
  const keeper = await keepSecret(session, options);
  const client = await openHeyGen(session, options);
  return keeper.take(
    (signal): Promise<RotatedSecret> => calling(() => client.rotateSecret(id, { signal })),
    (rotated, secret) => [{ id: rotated.id, ...secret }, () => fields(session.output, [["id", rotated.id], ...Object.entries(secret)])],
    (rotated) => ({ done: `The secret of ${rotated.id} was replaced`, next: "Rotate it once more." }),
  );
}

/** `endpoints … list` */
export async function list(session: Session, provider: RegistryName, options: ApiOptions): Promise<ExitCode> {
  const registry = await openRegistry(session, provider, options);
  const found = (await calling(() => registry.listAll())).map(toShown);
  const { output } = session;
  output.result(found, () =>
    table(
      output,
      ["id", "status", "url", "events", "created"],
      found.map(({ id, status, url, events, createdAt }): readonly Cell[] => [
        id,
        status,
        url,
        events?.join(",") ?? "all",
        createdAt?.toISOString(),
      ]),
    ),
  );
  if (found.length === 0) output.note("There is no endpoint.");
  return exitCodes.ok;
}

/** `endpoints … update` */
export async function update(session: Session, provider: RegistryName, id: string, options: UpdateOptions): Promise<ExitCode> {
  const { url } = options;
  if (url === undefined && options.events === undefined) throw usageFailure("What is to change? Say --url, --events, or both.");
  const events = await toEvents(provider, options.events, options.anyEvent);
  const registry = await openRegistry(session, provider, options);
  const changed = toShown(await calling(() => registry.update(id, { url, ...events })));
  session.output.result(changed, () => fields(session.output, factsOf(changed)));
  return exitCodes.ok;
}

/** `endpoints … delete` */
export async function remove(session: Session, provider: RegistryName, id: string, options: ApiOptions): Promise<ExitCode> {
  const registry = await openRegistry(session, provider, options);
  await calling(() => registry.delete(id));
  session.output.result({ deleted: id }, () => `${id} was deleted`);
  return exitCodes.ok;
}

/** `endpoints … event-types` */
export async function eventTypes(session: Session, provider: RegistryName, options: ApiOptions): Promise<ExitCode> {
  const registry = await openRegistry(session, provider, options);
  const found = await calling(() => registry.eventTypes());
  const { output } = session;
  output.result(found, () =>
    table(
      output,
      ["type", "description"],
      found.map(({ type, description }) => [type, description ?? ""]),
    ),
  );
  return exitCodes.ok;
}

/** `endpoints heygen events` */
export async function history(session: Session, options: HistoryOptions): Promise<ExitCode> {
  const { type, anyEvent, entityId, limit } = options;
  const otherEventType = type && (await checkEvent("heygen", type, anyEvent));
  const client = await openHeyGen(session, options);
  const found = await calling(() => take(client.allEvents({ otherEventType, entityId, limit: Math.min(limit, 100) }), limit));
  const { output } = session;
  output.result(found, () =>
    table(
      output,
      ["created", "type", "id"],
      found.map(({ created_at, event_type, event_id }) => [textOf(created_at), event_type, textOf(event_id)]),
    ),
  );
  return exitCodes.ok;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** An endpoint as it may be printed, for people and for programs alike: its URL may have a token or a password in it. */
function toShown(endpoint: WebhookEndpoint): WebhookEndpoint {
  return { ...endpoint, url: maskUrls(endpoint.url) };
}

function factsOf({ id, url, events, status, createdAt }: WebhookEndpoint): (readonly [string, Cell])[] {
  return [
    ["id", id],
    ["url", url],
    ["events", events?.join(", ") ?? "all"],
    ["status", status],
    ["created", createdAt?.toISOString()],
  ];
}
