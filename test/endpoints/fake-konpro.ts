import { answersProbe, type FakeApi, type FakeReply, startFakeApi } from "./fake-api.ts";
import { v1Methods } from "./fake-heygen.ts";

/** A fake of KonPro's API. */
export interface FakeKonPro extends FakeApi {
  readonly apiKey: string;
  readonly endpoints: Map<string, Record<string, unknown>>;
  /** What the list is called: its page names both. */
  listName: "data" | "endpoints";
}

const failed = (status: number, message: string): FakeReply => ({ status, body: { message } });

/** Starts it. */
export async function startFakeKonPro(probeMs = 1000): Promise<FakeKonPro> {
  const endpoints = new Map<string, Record<string, unknown>>();
  const apiKey = "key-of-the-fake-konpro";
  const api = await startFakeApi(async ({ headers, method, path, body, query }) => {
    if (v1Methods[path] !== method) return failed(405, "Method not allowed");
    if (headers["x-api-key"] !== apiKey) return failed(401, "Unauthorized");
    if (path === "/v1/webhook/webhook.list") return { body: { data: ["avatar_video.success", "personalized_video"] } };
    if (path === "/v1/webhook/endpoint.list") return { body: { [fake.listName]: [...endpoints.values()] } };
    if (path === "/v1/webhook/endpoint.add") {
      if (!(await answersProbe(body.url, probeMs))) return failed(400, "The endpoint did not answer.");
      const endpoint_id = `webhook_${endpoints.size + 1}`;
      const { url, events = [] } = body;
      const about = { status: "enabled", username: "user123", created_at: "2026-01-15T10:30:00Z" };
      endpoints.set(endpoint_id, { endpoint_id, url, events, secret: `whsec_konpro-${endpoint_id}`, ...about });
      return { status: 201, body: endpoints.get(endpoint_id) };
    }
    const id = String(body.endpoint_id ?? query.get("endpoint_id"));
    const endpoint = endpoints.get(id);
    if (endpoint === undefined) return failed(404, "Webhook endpoint not found");
    if (path === "/v1/webhook/endpoint.delete") {
      endpoints.delete(id);
      return { body: { endpoint_id: id, status: "deleted", message: "Deleted", deleted_at: "2026-01-16T10:30:00Z" } };
    }
    return { body: Object.assign(endpoint, body) };
  });
  const fake: FakeKonPro = { ...api, apiKey, endpoints, listName: "data" };
  return fake;
}
