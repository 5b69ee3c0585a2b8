import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type AdapterMember, describeAdapter, type Mounted } from "../suites/adapter-suite.ts";
import { success } from "../suites/deliveries.ts";
import { request } from "../suites/raw-http.ts";
import { readmeBlock } from "../suites/readme.ts";
import { type Journal, secret } from "../suites/receivers.ts";
import { signHex } from "../suites/signer.ts";
import { buildNext, type NextApp, type NextMajor, type NextServer } from "./next-app.ts";

const standard = 'import { receivers } from "../../state";\nconst router = receivers().routers.standard;';
const deep = standard.replace("../../state", "../../../state");

/** Next.js 16 calls it a proxy. */
const middlewareOf = (major: NextMajor): readonly [string, string] => {
  const name = major === 15 ? "middleware" : "proxy";
  return [
    `${name}.ts`,
    `
import { type NextRequest, NextResponse } from "next/server";

export async function ${name}(request: NextRequest): Promise<NextResponse> {
  if (request.nextUrl.pathname.endsWith("/read")) await request.text();
  const response = NextResponse.next();
  response.headers.set("x-passed", "yes");
  return response;
}

export const config = { matcher: ["/passed/:path*", "/api/passed/:path*"] };
`,
  ];
};

/** The limit that the message of a body that was cut off names, raised when the server is started with this variable. */
const limitOf = { 15: "middlewareClientMaxBodySize", 16: "proxyClientMaxBodySize" } as const;
const configOf = (major: NextMajor): string => `
export default {
  // The types are checked where the example and the packed package are built.
  typescript: { ignoreBuildErrors: true },
  ...(process.env.TAKE_LARGE_BODIES && { experimental: { ${limitOf[major]}: "20mb" } }),
};
`;

const plain = `import { nextRoute } from "video-webhooks/next";\n${deep}\nexport const { POST, OPTIONS } = nextRoute(router);\n`;
const plainApi = `import { nextApiRoute } from "video-webhooks/next";\n${deep}\nexport const config = { api: { bodyParser: false } };\nexport default nextApiRoute(router);\n`;

/** A router for bodies beyond what Next.js passes on behind middleware. */
const large = `
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { receivers } from "../../../state";

const router = createRouter(heygen({ secret: ${JSON.stringify(secret)} }), { maxBodyBytes: 50_000_000 });
router.onError(({ code, message }) => {
  receivers().journal.errors.push({ code, message });
});
`;
const largeApi = `
import { nextApiRoute } from "video-webhooks/next";
${large}
export const config = { api: { bodyParser: false } };
export default nextApiRoute(router);
`;

/** A handler that leaves a file behind, long after the deadline. */
const lateOf = (after: boolean): string => `
import { writeFileSync } from "node:fs";
${after ? 'import { after } from "next/server";' : ""}
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { nextRoute } from "video-webhooks/next";

const router = createRouter(heygen({ secret: ${JSON.stringify(secret)} }), { deadlineMs: 50 });
router.on("avatar_video.success", async (event) => {
  await new Promise((resolve) => setTimeout(resolve, ${after ? 800 : 2500}));
  writeFileSync(event.event_data.callback_id as string, "");
});
export const { POST, OPTIONS } = nextRoute(router${after ? ", { waitUntil: after }" : ""});
`;

const further = (major: NextMajor): Record<string, string> => ({
  ...Object.fromEntries([middlewareOf(major)]),
  "next.config.mjs": configOf(major),
  "app/passed/plain/route.ts": plain,
  "app/passed/read/route.ts": plain,
  "pages/api/passed/plain.ts": plainApi,
  "pages/api/passed/read.ts": plainApi,
  "app/webhooks/heygen/route.ts": readmeBlock("nextRoute("),
  "app/passed/large/route.ts": `import { nextRoute } from "video-webhooks/next";\n${large}\nexport const { POST, OPTIONS } = nextRoute(router);\n`,
  "pages/api/passed/large.ts": largeApi,
  "app/wrapped/route.ts": `
import { nextRoute } from "video-webhooks/next";
${standard}
const { POST: handle } = nextRoute(router);
export async function POST(request: Request): Promise<Response> {
  await request.json();
  return handle(request);
}
`,
  "app/copied/route.ts": `
import { nextRoute } from "video-webhooks/next";
${standard}
const { POST: handle } = nextRoute(router);
export async function POST(request: Request): Promise<Response> {
  await request.clone().json();
  return handle(request);
}
`,
  "pages/api/parsed.ts": `
import { nextApiRoute } from "video-webhooks/next";
${standard}
export default nextApiRoute(router);
`,
  "app/late/with/route.ts": lateOf(true),
  "app/late/without/route.ts": lateOf(false),
});

for (const major of [15, 16] as const) {
  describe(`Next.js ${major}`, () => {
    let app: NextApp;
    let server: NextServer;
    beforeAll(async () => {
      app = await buildNext(major, further(major));
      server = await app.start();
    }, 300_000);
    afterAll(() => server?.close());

    const startAt = (prefix: string) => async (): Promise<Mounted> => ({ port: server.port, prefix, close: async () => undefined });
    const members: readonly AdapterMember[] = [
      {
        name: `Next ${major}, App Router`,
        start: startAt(""),
        exceptions: {
          "P19: a sender that never ends a refused body is not waited for":
            "a route handler sees a Request only, and the server of Next.js waits for the rest of the body, for up to five minutes",
        },
      },
      { name: `Next ${major}, Pages Router`, start: startAt("/api") },
    ];
    for (const member of members) describeAdapter(member);

    const urlOf = (to: string, at = server): string => `http://127.0.0.1:${at.port}/${to}`;
    const deliver = async (to: string, body: string, type = "application/json", at = server): Promise<Response> =>
      request(urlOf(to, at), { method: "POST", headers: { "content-type": type, signature: await signHex(secret, body) }, body });
    const lastError = async (): Promise<Journal["errors"][number] | undefined> =>
      ((await (await request(urlOf("journal"))).json()) as Journal).errors.at(-1);
    const id = (): string => `next-${Math.random()}`;

    describe("what else an application has", () => {
      for (const to of ["passed/plain", "passed/read", "api/passed/plain", "api/passed/read"]) {
        test(`middleware that passes on, or has read, leaves the true bytes: ${to}`, async () => {
          const large = id();
          for (const body of [
            `{ "event_type":"avatar_video.success",\n "event_data":{"video_id":"${id()}"}}\n`,
            success(large, { pad: "x".repeat(1_000_000) }),
          ]) {
            const answer = await deliver(to, body);
            expect([answer.status, answer.headers.get("x-passed")]).toEqual([200, "yes"]);
          }
        });
      }

      test.each(["passed/large", "api/passed/large"])("P18: says that middleware has cut a body off: %s", async (to) => {
        expect((await deliver(to, success(id(), { pad: "x".repeat(9_000_000) }))).status).toBe(200);
        const answer = await deliver(to, success(id(), { pad: "x".repeat(11_000_000) }));
        expect([answer.status, await answer.json()]).toMatchObject([500, { code: "body_already_parsed" }]);
        expect(await lastError()).toMatchObject({ message: expect.stringContaining(`experimental.${limitOf[major]}`) });
      });

      test("takes it where the limit is raised that the message names", async () => {
        const another = await app.start({ TAKE_LARGE_BODIES: "1" });
        try {
          const body = success(id(), { pad: "x".repeat(11_000_000) });
          for (const to of ["passed/large", "api/passed/large"]) {
            expect((await deliver(to, body, "application/json", another)).status).toBe(200);
          }
        } finally {
          await another.close();
        }
      });

      test("P18: a route that reads the request first is told to read a copy, which works", async () => {
        const wrapped = await deliver("wrapped", success(id()));
        expect([wrapped.status, await wrapped.json()]).toMatchObject([500, { code: "body_already_parsed" }]);
        expect(await lastError()).toMatchObject({
          code: "body_already_parsed",
          message: expect.stringContaining("await request.clone().text()"),
        });
        expect((await deliver("copied", success(id()))).status).toBe(200);
      });

      test("P18: an API route without the config is told the line to add", async () => {
        const parsed = await deliver("api/parsed", success(id()));
        expect([parsed.status, await parsed.json()]).toMatchObject([500, { code: "body_already_parsed" }]);
        expect(await lastError()).toMatchObject({
          code: "body_already_parsed",
          message: expect.stringContaining("export const config = { api: { bodyParser: false } };"),
        });
        // Where Next.js kept text or bytes, those of the sender are still known.
        expect((await deliver("api/parsed", success(id()), "text/plain")).status).toBe(200);
        expect((await deliver("api/parsed", success(id()), "application/octet-stream")).status).toBe(200);
      });

      test("a route that exports POST and OPTIONS answers other methods with 405", async () => {
        expect((await request(urlOf("passed/plain"))).status).toBe(405);
        expect((await request(urlOf("passed/plain"), { method: "OPTIONS" })).headers.get("allow")).toBe("POST, OPTIONS");
      });
    });

    test("the snippet of the README runs as it stands, and was built without a secret", async () => {
      expect(server.output()).not.toContain("files.example.test");
      const body = success(id());
      expect((await deliver("webhooks/heygen", body)).status).toBe(200);
      await vi.waitFor(() => expect(server.output()).toContain("https://files.example.test/v.mp4"), { timeout: 10_000 });
    });

    test("after() keeps a stopping server alive for a handler that outlives the deadline, which is lost without it", async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "video-webhooks-next-"));
      const another = await app.start();
      try {
        for (const kind of ["with", "without"]) {
          const body = success(id(), { callback_id: path.join(folder, kind) });
          expect((await deliver(`late/${kind}`, body, "application/json", another)).status).toBe(503);
        }
        await another.close();
        expect([existsSync(path.join(folder, "with")), existsSync(path.join(folder, "without"))]).toEqual([true, false]);
      } finally {
        await another.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}
