import type { CreatedEndpoint, EndpointChanges, EventTypeInfo, RotatedSecret, WebhookEndpoint } from "../../endpoints/endpoint.ts";
import { isEndpointError } from "../../endpoints/endpoint-error.ts";
import type { HeyGenClient } from "../../endpoints/heygen-client.ts";
import type { AddOptions, ApiOptions, HistoryOptions, NewSecretOptions, RegistryName, UpdateOptions } from "../commands/endpoints.ts";
import { type ExitCode, exitCodes, failed, unreachable, usageFailure } from "../failure.ts";
import { keepSecret } from "../new-secret.ts";
import { type Cell, fields, table } from "../output.ts";
import { maskUrls } from "../redact.ts";
import { readSecret, variableOf } from "../secrets.ts";
import type { Session } from "../session.ts";

/** What the APIs have in common. What one of them cannot do has no command. */
interface Registry {
  create(settings: { url: string; events?: readonly string[] | undefined; entityId?: string | undefined }): Promise<CreatedEndpoint>;
  listAll(): Promise<readonly WebhookEndpoint[]>;
  update(id: string, changes: EndpointChanges): Promise<WebhookEndpoint>;
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
      const create: Registry["create"] = ({ url, events = [] }) => client.create({ url, events });
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

/** `endpoints … add` */
export async function add(session: Session, provider: RegistryName, url: string, options: AddOptions): Promise<ExitCode> {
  const keeper = await keepSecret(session, options);
  const { events, entityId } = options;
  return keeper.take(
    async () => {
      const registry = await openRegistry(session, provider, options);
      return calling(() => registry.create({ url, events, entityId }));
    },
    (created, secret) => {
      const facts = factsOf(created);
      session.output.result({ ...created, ...secret }, () => fields(session.output, [...facts, ...Object.entries(secret)]));
    },
    (created) => `The endpoint ${created.id} was registered`,
  );
}

/** `endpoints heygen rotate` */
export async function rotate(session: Session, id: string, options: NewSecretOptions): Promise<ExitCode> {
  const keeper = await keepSecret(session, options);
  return keeper.take(
    async (): Promise<RotatedSecret> => {
      const client = await openHeyGen(session, options);
      return calling(() => client.rotateSecret(id));
    },
    (rotated, secret) => {
      session.output.result({ id: rotated.id, ...secret }, () => fields(session.output, [["id", rotated.id], ...Object.entries(secret)]));
    },
    (rotated) => `The secret of ${rotated.id} was replaced`,
  );
}

/** `endpoints … list` */
export async function list(session: Session, provider: RegistryName, options: ApiOptions): Promise<ExitCode> {
  const registry = await openRegistry(session, provider, options);
  const found = await calling(() => registry.listAll());
  const { output } = session;
  output.result(found, () =>
    table(
      output,
      ["id", "status", "url", "events", "created"],
      found.map(({ id, status, url, events, createdAt }): readonly Cell[] => [
        id,
        status,
        maskUrls(url),
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
  const { url, events } = options;
  if (url === undefined && events === undefined) throw usageFailure("What is to change? Say --url, --events, or both.");
  const registry = await openRegistry(session, provider, options);
  const changed = await calling(() => registry.update(id, { url, events: events?.join() === "all" ? null : events }));
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
  const { type: eventType, entityId, limit } = options;
  const client = await openHeyGen(session, options);
  const found = await calling(() => take(client.allEvents({ eventType, entityId, limit: Math.min(limit, 100) }), limit));
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

function factsOf({ id, url, events, status, createdAt }: WebhookEndpoint): (readonly [string, Cell])[] {
  return [
    ["id", id],
    ["url", maskUrls(url)],
    ["events", events?.join(", ") ?? "all"],
    ["status", status],
    ["created", createdAt?.toISOString()],
  ];
}
