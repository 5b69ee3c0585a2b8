import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { success } from "../test/suites/deliveries.ts";
import { signHex, standardHeaders } from "../test/suites/signer.ts";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("next", import.meta.url));
const klingSecret = `whsec_${btoa("a secret of this test")}`;
const MIB = 1_048_576;

const started: ChildProcess[] = [];
afterAll(() => {
  for (const { pid } of started) {
    try {
      process.kill(-(pid as number), "SIGKILL");
    } catch {
      // Nothing of the group is left, as it should be.
    }
  }
});

/** Starts a program as a group of its own; `printed` waits for text in what it prints, and resolves to the part in parentheses. */
function start(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...env }, detached: true });
  started.push(child);
  let output = "";
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    output += chunk;
    for (const look of waiting) look();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const printed = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output);
        if (found) resolve(found[1] ?? found[0]);
      };
      waiting.add(look);
      look();
      void exit.then(() => reject(new Error(`ended before it printed ${pattern}:\n${output}`)));
    });
  return { child, exit, printed };
}

describe("examples/next", () => {
  let example: ReturnType<typeof start>;
  let url: string;
  let heygenSecret: string;

  beforeAll(async () => {
    // The build gets no secret of HeyGen, and must not need one.
    example = start(["start.ts"], { PORT: "0", HEYGEN_WEBHOOK_SECRET: undefined, KLING_WEBHOOK_SECRET: klingSecret });
    await example.printed(/Stop with Ctrl\+C/);
    url = await example.printed(/listed at (http:\/\/127\.0\.0\.1:\d+)/);
    heygenSecret = await example.printed(/(whsec_\S+) \(made for this run\)/);
  }, 180_000);

  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });
  const page = async (): Promise<string> => (await request("/")).text();
  const heygen = async (body: string, secret = heygenSecret): Promise<Response> =>
    request("/webhooks/heygen", {
      method: "POST",
      headers: { "content-type": "application/json", signature: await signHex(secret, body) },
      body,
    });
  const kling = async (body: string): Promise<Response> => {
    const headers = await standardHeaders(klingSecret, { id: crypto.randomUUID(), timestamp: Math.floor(Date.now() / 1000) }, body);
    return request("/api/kling", { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  };

  it("takes the curl it prints, and lists its job on the page", async () => {
    expect(await page()).not.toContain("hv_101");
    const { stdout } = await run("sh", ["-c", await example.printed(/^ {2}(curl .*)$/m)]);
    expect(JSON.parse(stdout)).toMatchObject({ result: "processed" });
    expect(await page()).toContain("<li>heygen hv_101 succeeded</li>");
    await example.printed(/^webhook provider=heygen type=avatar_video\.success id=\S+\/hv_101 outcome=processed status=200 /m);
  });

  it("answers a wrong signature with 401, and runs no handler", async () => {
    const response = await heygen(success("hv_1"), "another secret");
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "unauthenticated" });
    await example.printed(/No secret matches the signature/);
    expect(await page()).not.toContain("hv_1 ");
  });

  it("takes a signed delivery of Kling in the Pages Router, whose body parser is off", async () => {
    // Parsed and serialised again, it would be another text.
    const response = await kling(JSON.stringify(JSON.parse(klingEvent("900100200")), null, 2));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ result: "processed" });
    expect(await page()).toContain("<li>kling 900100200 succeeded</li>");
  });

  it("takes bodies up to the limit of the router in both routers of Next.js", async () => {
    const heygenBody = success("hv_2", { pad: "x".repeat(MIB - 1 - success("hv_2", { pad: "" }).length) });
    const klingBody = klingEvent("900100201", "x".repeat(MIB - 1 - klingEvent("900100201").length));
    expect([heygenBody.length, klingBody.length]).toEqual([MIB - 1, MIB - 1]);
    expect((await heygen(heygenBody)).status).toBe(200);
    expect((await kling(klingBody)).status).toBe(200);
    expect((await heygen(`${heygenBody}  `)).status).toBe(413);
    expect((await kling(`${klingBody}  `)).status).toBe(413);
  });

  it("answers OPTIONS with 204 in both of them", async () => {
    for (const path of ["/webhooks/heygen", "/api/kling"]) {
      const response = await request(path, { method: "OPTIONS" });
      expect(response.status).toBe(204);
      expect(response.headers.get("allow")).toBe("POST, OPTIONS");
    }
  });

  it("parses JSON in its other routes", async () => {
    const response = await request("/api/echo", { method: "POST", body: '{ "prompt": "a fox" }' });
    expect(await response.json()).toEqual({ prompt: "a fox" });
  });

  it("has deliveries pass its proxy", async () => {
    for (const response of await Promise.all([heygen(success("hv_3")), kling(klingEvent("900100202"))])) {
      expect(response.status).toBe(200);
      expect(response.headers.get("x-passed-proxy")).toBe("yes");
    }
  });

  it("answers 500 and logs why when it runs without a secret, even to one who signs with an empty one", async () => {
    const next = fileURLToPath(import.meta.resolve("next/dist/bin/next"));
    const server = start([next, "start", "--hostname", "127.0.0.1", "--port", "0"], {
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      HEYGEN_WEBHOOK_SECRET: undefined,
    });
    const base = await server.printed(/Local: +(http:\/\/127\.0\.0\.1:\d+)/);
    await server.printed(/Ready in/);
    const body = success("hv_4");
    const response = await fetch(`${base}/webhooks/heygen`, {
      method: "POST",
      headers: { signature: createHmac("sha256", "").update(body).digest("hex") },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: "configuration" });
    await server.printed(/A secret is required, but it is an empty string\. Set the environment variable/);
    server.child.kill("SIGTERM");
    await server.exit;
  });

  it("stops when asked to", async () => {
    example.child.kill("SIGTERM");
    expect(await example.exit).toBe(0);
    await expect(page()).rejects.toThrow("fetch failed");
  });
});

function klingEvent(id: string, message = ""): string {
  const outputs = [{ type: "video", id: "1", url: `https://files.example.test/${id}.mp4`, duration: "5.1" }];
  return JSON.stringify({ id, status: "succeeded", message, create_time: 1_760_000_000_000, update_time: 1_760_000_060_000, outputs });
}
