import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeHandler } from "../../src/adapters/node.ts";
import { heygen } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { videopilot } from "../../src/providers/videopilot.ts";
import { createRouter } from "../../src/router.ts";
import { createFakeProvider, type FakeProviderOptions, sampleDelivery, tamper } from "../../src/testing/index.ts";
import { listen } from "../suites/raw-http.ts";

const secret = "whsec_of-the-tests";
const standard = "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=";
const START = Date.parse("2026-11-21T12:00:00.000Z");

/** A clock that moves on when somebody sleeps. */
function timeFrom(start = START) {
  const time = { now: start, slept: [] as number[] };
  const sleep = (milliseconds: number): void => {
    time.slept.push(milliseconds);
    time.now += milliseconds;
  };
  return { time, clock: () => time.now, sleep };
}

/** An endpoint that gives these statuses one after the other, and the last one for ever. */
function answering(...statuses: readonly number[]) {
  const requests: { readonly headers: Headers; readonly body: string; readonly url: string }[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    requests.push({ headers: request.headers, body: await request.text(), url: request.url });
    return new Response("answer", { status: statuses[requests.length - 1] ?? statuses.at(-1) ?? 500 });
  };
  return { requests, fetch };
}

const servers: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push({
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
}

describe("createFakeProvider over HTTP", () => {
  it("probes, delivers, comes again after a failure, and stops at the first 2xx", async () => {
    let runs = 0;
    const router = createRouter(heygen({ secret }))
      .on("avatar_video.success", () => {
        if (++runs < 3) throw new Error("not yet");
      })
      .onError(() => undefined);
    const { url, close } = await listen(nodeHandler(router));
    servers.push({ close });
    const { time, ...times } = timeFrom();
    const fake = createFakeProvider({ provider: "heygen", url, secret, ...times });
    expect(await fake.validate()).toMatchObject({ ok: true, status: 204, body: "" });
    const attempts = await fake.deliver("avatar_video.success");
    expect(attempts.map(({ ok, status, at }) => [ok, status, at.getTime() - START])).toEqual([
      [false, 500, 0],
      [false, 500, 60_000],
      [true, 200, 180_000],
    ]);
    expect(JSON.parse(attempts[2]?.body ?? "")).toMatchObject({ result: "processed" });
    for (const { milliseconds } of attempts) expect(milliseconds).toBeGreaterThanOrEqual(0);
    expect(runs).toBe(3);
    expect((await fake.deliver("avatar_video.success", { id: "another" })).map(({ status }) => status)).toEqual([200]);
    expect(time.slept).toEqual([60_000, 120_000]);
  });

  it("waits for an answer only as long as the provider does, also for one that has begun", async () => {
    const silent = await serve(() => undefined);
    const halfway = await serve((_request, response) => void response.writeHead(200).write("half"));
    for (const url of [silent, halfway]) {
      const fake = createFakeProvider({ provider: "konpro", url, ackDeadlineMs: 50, retryDelaysMs: [] });
      const [attempt, ...more] = await fake.deliver("avatar_video.fail");
      expect(attempt).toMatchObject({ ok: false, error: { code: "timeout", message: "No answer within 50 ms." } });
      expect(attempt).not.toHaveProperty("status");
      expect(more).toEqual([]);
    }
  });

  it("says when nobody listens, and does not tell the URL, which has the token", async () => {
    const url = await serve(() => undefined);
    await servers.pop()?.close();
    const fake = createFakeProvider({ provider: "kling", url, token: "PLANTED-0123456789", retryDelaysMs: [] });
    const [attempt] = await fake.deliver("task.failed");
    expect(attempt).toMatchObject({ ok: false, error: { code: "unreachable", message: "ECONNREFUSED" } });
    expect(JSON.stringify(attempt)).not.toContain("PLANTED");
  });

  it("does not follow redirects, and cuts a long answer", async () => {
    const url = await serve((_request, response) => void response.writeHead(302, { location: "/" }).end("x".repeat(100_000)));
    const [attempt] = await createFakeProvider({ provider: "kling", url, retryDelaysMs: [] }).deliver("task.failed");
    expect(attempt).toMatchObject({ ok: false, status: 302 });
    expect(attempt?.body).toHaveLength(2000);
  });
});

describe("createFakeProvider", () => {
  const minutes = (...numbers: readonly number[]): readonly number[] => numbers.map((each) => each * 60_000);

  it.each([
    ["konpro", "avatar_video.fail", minutes(1, 2, 4, 8, 16)],
    ["heygen", "avatar_video.fail", minutes(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)],
    ["videopilot", "render.failed", minutes(1, 2, 4)],
    ["kling", "task.failed", minutes(1, 5, 30)],
  ] as const)("%s comes again on its schedule, and then gives up", async (provider, type, delays) => {
    const { requests, fetch } = answering(500);
    const { time, ...times } = timeFrom();
    const fake = createFakeProvider({ provider, fetch, ...times } as FakeProviderOptions<"heygen">);
    const attempts = await fake.deliver(type as "avatar_video.fail");
    expect(time.slept).toEqual(delays);
    expect(fake.retryDelaysMs).toEqual(delays);
    expect(attempts).toHaveLength(delays.length + 1);
    expect(attempts.some(({ ok }) => ok)).toBe(false);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(time.now - START).toBeLessThanOrEqual(86_400_000);
  });

  it("takes any 2xx for an answer, and nothing else", async () => {
    for (const [status, count] of [
      [200, 1],
      [202, 1],
      [299, 1],
      [304, 4],
      [400, 4],
      [401, 4],
      [503, 4],
    ] as const) {
      const fetch = (): Response => new Response(null, { status });
      const { clock, sleep } = timeFrom();
      expect(await createFakeProvider({ provider: "videopilot", fetch, clock, sleep }).deliver("render.failed")).toHaveLength(count);
    }
  });

  it("signs the time of each attempt under one message id, so that a late one is still taken", async () => {
    const { time, ...times } = timeFrom();
    let runs = 0;
    const router = createRouter(kling({ secret: standard }), { clock: times.clock })
      .on("task.succeeded", () => {
        if (++runs < 4) throw new Error("not yet");
      })
      .onError(() => undefined);
    const sent: Headers[] = [];
    const fetch = (request: Request): Promise<Response> => {
      sent.push(request.headers);
      return router.fetch(request);
    };
    const fake = createFakeProvider({ provider: "kling", secret: standard, fetch, ...times });
    expect((await fake.deliver("task.succeeded")).map(({ status }) => status)).toEqual([500, 500, 500, 200]);
    expect(new Set(sent.map((headers) => headers.get("webhook-id"))).size).toBe(1);
    expect(sent.map((headers) => Number(headers.get("webhook-timestamp")) - START / 1000)).toEqual([0, 60, 360, 2160]);
    expect(time.now - START).toBe(2_160_000);
  });

  it("delivers the event that was asked for", async () => {
    const { requests, fetch } = answering(500, 200);
    const { clock, sleep } = timeFrom();
    const fake = createFakeProvider({ provider: "heygen", secret, fetch, clock, sleep });
    await fake.deliver("avatar_video.success", {
      variant: "guide",
      id: "own-1",
      overrides: { event_data: { duration: 7, callback_id: undefined } },
    });
    expect(requests).toHaveLength(2);
    for (const { body } of requests) {
      expect(JSON.parse(body)).toMatchObject({ event_data: { video_id: "own-1", duration: 7 } });
      expect(JSON.parse(body).event_data).not.toHaveProperty("callback_id");
    }
  });

  it("delivers a sample as it is, to its own URL or that of the provider", async () => {
    const sample = tamper(sampleDelivery("heygen", "avatar_video.success", { secret, url: "https://own.example.test/hooks" }), "body");
    for (const [url, target] of [
      [undefined, "https://own.example.test/hooks"],
      ["https://other.example.test/hooks", "https://other.example.test/hooks?token=0f8fad5b-d9cb-469f"],
    ] as const) {
      const { requests, fetch } = answering(401);
      const { clock, sleep } = timeFrom();
      await createFakeProvider({ provider: "videopilot", url, token: "0f8fad5b-d9cb-469f", fetch, clock, sleep }).deliver(sample);
      expect(requests).toHaveLength(4);
      for (const request of requests) {
        expect(request.url).toBe(target);
        expect(request.body).toBe(new TextDecoder().decode(sample.rawBody));
        expect(request.headers.get("signature")).toBe(sample.headers.signature);
      }
    }
  });

  it("probes only for providers that do", async () => {
    const { fetch } = createRouter(heygen({ secret }));
    expect(await createFakeProvider({ provider: "konpro", fetch }).validate()).toMatchObject({ ok: true, status: 204 });
    for (const provider of ["videopilot", "kling"] as const) {
      await expect(createFakeProvider({ provider, fetch }).validate()).rejects.toThrow(/does not probe/);
    }
  });

  it("ends when its signal is aborted: before, while it waits, and while it sends", async () => {
    const reason = new Error("enough");
    const { requests, fetch } = answering(500);
    const aborted = AbortSignal.abort(reason);
    await expect(createFakeProvider({ provider: "heygen", fetch }).deliver("batch.finished", { signal: aborted })).rejects.toBe(reason);
    expect(requests).toEqual([]);

    const waiting = new AbortController();
    const sleep = (): Promise<void> => {
      waiting.abort(reason);
      return new Promise(() => undefined);
    };
    const whileWaiting = createFakeProvider({ provider: "heygen", fetch, sleep }).deliver("batch.finished", { signal: waiting.signal });
    await expect(whileWaiting).rejects.toBe(reason);
    expect(requests).toHaveLength(1);

    const sending = new AbortController();
    const hang = (): Promise<Response> => {
      sending.abort(reason);
      return new Promise(() => undefined);
    };
    const whileSending = createFakeProvider({ provider: "heygen", fetch: hang }).deliver("batch.finished", { signal: sending.signal });
    await expect(whileSending).rejects.toBe(reason);
  });

  it("waits by timers unless it is told how, and an aborted signal leaves none behind", async () => {
    vi.useFakeTimers();
    try {
      const { requests, fetch } = answering(500, 500, 200);
      const abort = new AbortController();
      const fake = createFakeProvider({ provider: "videopilot", fetch });
      const delivered = fake.deliver("render.failed");
      await vi.advanceTimersByTimeAsync(180_000);
      const times = (await delivered).map(({ at }) => at.getTime());
      expect(times.map((time) => time - (times[0] as number))).toEqual([0, 60_000, 180_000]);
      expect(requests).toHaveLength(3);
      const stopped = createFakeProvider({ provider: "videopilot", fetch: answering(500).fetch }).deliver("render.failed", {
        signal: abort.signal,
      });
      await vi.advanceTimersByTimeAsync(1000);
      abort.abort(new Error("enough"));
      await expect(stopped).rejects.toThrow("enough");
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses options that cannot work, at once", () => {
    for (const [options, message] of [
      [{ provider: "nobody" }, /no samples of "nobody"/],
      [{ provider: "heygen", url: "http://[" }, /is no URL/],
      [{ provider: "heygen", secret: "" }, /A secret is required/],
      [{ provider: "heygen", retryDelaysMs: [1, Number.NaN] }, /Waits must be/],
      [{ provider: "heygen", ackDeadlineMs: -1 }, /Waits must be/],
    ] as const) {
      expect(() => createFakeProvider(options as never)).toThrow(message);
    }
  });

  it("is typed: event types and options are those of the provider", async () => {
    const { fetch } = createRouter(videopilot({ secret }));
    const fake = createFakeProvider({ provider: "videopilot", secret, fetch });
    // @ts-expect-error an event type of another provider
    await expect(fake.deliver("avatar_video.success")).rejects.toThrow(/no event type/);
    expect((await fake.deliver("render.started", { overrides: { data: { quality: "low" } } })).map(({ status }) => status)).toEqual([200]);
  });
});
