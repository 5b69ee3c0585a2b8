// The tarball in an application on Next.js, built for production and started.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SampleDelivery, sampleDelivery, tamper } from "../../src/testing/index.ts";
import { runNext } from "../adapters/next-app.ts";
import { createConsumer } from "./consumer.ts";
import { root } from "./module-graph.ts";

const secret = `whsec_${btoa("twenty-four bytes of key")}`;
// Below this project, so that Next.js is found. A package.json of its own keeps the name of the package from meaning this project.
const folder = path.join(root, "test/package/.build/next");

let built: string;
let server: ReturnType<typeof runNext> | undefined;
let origin: string;

beforeAll(async () => {
  const consumer = await createConsumer();
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await cp(path.join(consumer.project, "next"), folder, { recursive: true });
    const installed = "node_modules/video-webhooks";
    await cp(path.join(consumer.project, installed), path.join(folder, installed), { recursive: true });
    await writeFile(path.join(folder, "package.json"), '{ "private": true }\n');
  } finally {
    await consumer.dispose();
  }
  const build = runNext(16, ["build"], folder);
  await build.ended();
  built = build.output();
  const secrets = { HEYGEN_WEBHOOK_SECRET: secret, KLING_WEBHOOK_SECRET: secret };
  server = runNext(16, ["start", "--hostname", "127.0.0.1", "--port", "0"], folder, secrets);
  [origin] = await server.printed(/http:\/\/127\.0\.0\.1:\d+/);
});

afterAll(() => server?.stop());

describe("an application on Next.js", () => {
  test("is built without a warning, with a route in each router", () => {
    // On a CI machine Next.js asks for its cache.
    expect(built.replace(/⚠ No build cache found\..*/, "")).not.toMatch(/warn|⚠|deprecat|error/i);
    expect(built).toContain("/webhooks/heygen");
    expect(built).toContain("/api/kling");
  });

  test.each([
    { router: "App", at: "/webhooks/heygen", sample: sampleDelivery("heygen", "avatar_video.success", { id: "v_of-next", secret }) },
    { router: "Pages", at: "/api/kling", sample: sampleDelivery("kling", "task.succeeded", { id: "t_of-next", secret }) },
  ])("handles a signed delivery, and no forged one: $router Router", async ({ at, sample }) => {
    const post = ({ headers, rawBody }: SampleDelivery): Promise<Response> =>
      fetch(origin + at, { method: "POST", headers, body: rawBody as Uint8Array<ArrayBuffer> });
    const handled = `handled ${at === "/api/kling" ? "t" : "v"}_of-next`;
    expect((await post(tamper(sample, "body"))).status).toBe(401);
    expect(server?.output()).not.toContain(handled);
    const response = await post(sample);
    expect([response.status, await response.json()]).toEqual([200, { result: "processed", id: expect.any(String) }]);
    await server?.printed(new RegExp(handled));
    expect((await fetch(origin + at, { method: "OPTIONS" })).status).toBe(204);
  });
});
