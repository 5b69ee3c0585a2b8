import { answersProbe, type FakeApi, type FakeReply, type FakeRequest, startFakeApi } from "./fake-api.ts";

/** An endpoint that the fake HeyGen keeps. */
export interface FakeEndpoint {
  endpoint_id: string;
  url: string;
  events: string[] | null;
  status: string;
  created_at: string;
  secret: string;
  username: string;
}

/** A fake of HeyGen's API, version 3 and version 1. */
export interface FakeHeyGen extends FakeApi {
  readonly endpoints: Map<string, FakeEndpoint>;
  /** The newest first. */
  readonly history: Record<string, unknown>[];
  readonly apiKey: string;
}

/** What the fake is told. */
export interface FakeHeyGenOptions {
  /** How long an address may take to answer OPTIONS. HeyGen documents a second. */
  readonly probeMs?: number;
  /** Where it finds an address, for names that only a test knows. */
  readonly resolve?: (url: string) => string;
}

const failed = (status: number, code: string, message: string): FakeReply => ({
  status,
  headers: { "x-request-id": "req-7" },
  body: { error: { code, message, param: null, doc_url: null } },
});

const failedV1 = (status: number, code: number, message: string): FakeReply => ({ status, body: { code, data: null, message } });

/** The calls of version 1, with their methods; KonPro's API has the same. */
export const v1Methods: Readonly<Record<string, string>> = {
  "/v1/webhook/webhook.list": "GET",
  "/v1/webhook/endpoint.list": "GET",
  "/v1/webhook/endpoint.add": "POST",
  "/v1/webhook/endpoint.update": "PATCH",
  "/v1/webhook/endpoint.delete": "DELETE",
};

/** Starts it. */
export async function startFakeHeyGen({ probeMs = 1000, resolve = (url) => url }: FakeHeyGenOptions = {}): Promise<FakeHeyGen> {
  const endpoints = new Map<string, FakeEndpoint>();
  const history: Record<string, unknown>[] = [];
  const remembered = new Map<string, FakeReply>();
  const apiKey = "key-of-the-fake-heygen";
  let made = 0;

  async function make({ body }: FakeRequest, prefix: string): Promise<FakeEndpoint | undefined> {
    if (!(await answersProbe(resolve(String(body.url)), probeMs))) return undefined;
    const endpoint = {
      endpoint_id: `${prefix}${++made}`,
      url: String(body.url),
      events: (body.events as string[] | undefined) ?? null,
      status: "enabled",
      created_at: "2026-11-20T10:00:00Z",
      secret: `whsec_fake-${made}`,
      username: "team-a",
    };
    endpoints.set(endpoint.endpoint_id, endpoint);
    return endpoint;
  }

  function paged(items: readonly unknown[], { query }: FakeRequest): FakeReply {
    const limit = Number(query.get("limit") ?? 10);
    const start = Number(query.get("token")?.slice("page-".length) ?? 0);
    const more = start + limit < items.length;
    return { body: { data: items.slice(start, start + limit), has_more: more, next_token: more ? `page-${start + limit}` : null } };
  }

  const shown = ({ username: _username, ...endpoint }: FakeEndpoint) => ({ ...endpoint, secret: null });

  async function v3(request: FakeRequest): Promise<FakeReply> {
    const { method, path, body } = request;
    if (path === "/v3/webhooks/event-types") {
      return {
        body: { data: [{ event_type: "avatar_video.success", description: "A video is ready." }], has_more: false, next_token: null },
      };
    }
    if (path === "/v3/webhooks/events") {
      const type = request.query.get("event_type");
      return paged(
        history.filter((event) => type === null || event.event_type === type),
        request,
      );
    }
    const [, id, action] = /^\/v3\/webhooks\/endpoints(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
    if (id === undefined && method === "POST") {
      const endpoint = await make(request, "ep_");
      if (endpoint === undefined) return failed(400, "invalid_parameter", `The URL ${body.url} did not answer OPTIONS.`);
      const { username: _username, ...data } = endpoint;
      return { body: { data } };
    }
    if (id === undefined) return paged([...endpoints.values()].map(shown), request);
    const endpoint = endpoints.get(id);
    if (endpoint === undefined) return failed(404, "resource_not_found", "Webhook endpoint not found.");
    if (method === "DELETE") {
      endpoints.delete(id);
      return { body: { data: { id } } };
    }
    if (action === "rotate-secret") {
      endpoint.secret = `whsec_rotated-${++made}`;
      return { body: { data: { endpoint_id: id, secret: endpoint.secret } } };
    }
    Object.assign(endpoint, body);
    return { body: { data: shown(endpoint) } };
  }

  async function v1(request: FakeRequest): Promise<FakeReply> {
    const { method, path, body, query } = request;
    if (v1Methods[path] !== method) return failedV1(405, 405000, "Method not allowed.");
    const success = (data: unknown, status = 200): FakeReply => ({ status, body: { code: 100, data, msg: null, message: null } });
    if (path === "/v1/webhook/webhook.list") return success(["avatar_video.success", "avatar_video.fail"]);
    if (path === "/v1/webhook/endpoint.list") return success([...endpoints.values()]);
    if (path === "/v1/webhook/endpoint.add") {
      const endpoint = await make(request, "0f".repeat(15));
      return endpoint === undefined ? failedV1(400, 400144, "Endpoint is not reachable.") : success(endpoint, 201);
    }
    const id = String(body.endpoint_id ?? query.get("endpoint_id"));
    const endpoint = endpoints.get(id);
    // As some of its calls do: a status of success, and the failure inside.
    if (endpoint === undefined) return failedV1(200, 404123, "Endpoint not found.");
    if (path === "/v1/webhook/endpoint.delete") {
      endpoints.delete(id);
      return success(null);
    }
    const { endpoint_id: _id, ...changes } = body;
    return success(Object.assign(endpoint, changes));
  }

  const api = await startFakeApi(async (request) => {
    const { headers, path, method } = request;
    if (headers["x-api-key"] !== apiKey && headers.authorization !== `Bearer ${apiKey}`) {
      // Providers have been seen to repeat what they were sent.
      return failed(401, "unauthorized", `Invalid key ${headers["x-api-key"]}.`);
    }
    if (path.startsWith("/v1/")) return v1(request);
    const key = headers["idempotency-key"];
    if (method === "GET" || typeof key !== "string") return v3(request);
    const known = remembered.get(key);
    if (known !== undefined) return known;
    remembered.set(key, failed(409, "idempotency_conflict", "A call with this key is under way."));
    const reply = await v3(request);
    remembered.set(key, reply);
    return reply;
  });
  return { ...api, endpoints, history, apiKey };
}
