import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { secret } from "./http-apps.ts";
import { type RunningServer, startServer } from "./http-process.ts";

/** A production build of a Next.js application with both variants in both of its routers. */
export interface NextApp {
  start(router: "App" | "Pages"): Promise<RunningServer>;
  remove(): Promise<void>;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const next = createRequire(import.meta.url).resolve("next/dist/bin/next");

const router = `
  import { createRouter } from "video-webhooks";
  import { heygen } from "video-webhooks/heygen";
  import { count, secret } from "./count.mjs";

  export const router = createRouter(heygen({ secret }), { idempotency: false }).on("avatar_video.success", count);
`;

// Of this process, whichever of the bundles it ends up in.
const count = `
  export const secret = ${JSON.stringify(secret)};
  export const count = async (event) => {
    if (event.event_data.video_id !== "") globalThis.handledEvents++;
  };
`;

const byHand = `
  import { handWrittenRoutes, isGenuine } from "./http-by-hand.mjs";
  import { count, secret } from "./count.mjs";

  const handleEvent = handWrittenRoutes(count);

  export async function answer(payload, signature) {
    if (!isGenuine(payload, signature, secret)) return { status: 401, body: { error: "Invalid signature" } };
    return { status: 200, body: await handleEvent(JSON.parse(payload)) };
  }
`;

const files: Readonly<Record<string, string>> = {
  "lib/router.mjs": router,
  "lib/count.mjs": count,
  "lib/by-hand.mjs": byHand,
  "app/app/ours/route.js": `
    import { nextRoute } from "video-webhooks/next";
    import { router } from "../../../lib/router.mjs";

    export const { POST, OPTIONS } = nextRoute(router);
  `,
  "app/app/by-hand/route.js": `
    import { answer } from "../../../lib/by-hand.mjs";

    export async function POST(request) {
      const { status, body } = await answer(await request.text(), request.headers.get("signature"));
      return Response.json(body, { status });
    }
  `,
  "pages/api/ours.js": `
    import { nextApiRoute } from "video-webhooks/next";
    import { router } from "../../lib/router.mjs";

    export const config = { api: { bodyParser: false } };
    export default nextApiRoute(router);
  `,
  "pages/api/by-hand.js": `
    import { answer } from "../../lib/by-hand.mjs";

    export const config = { api: { bodyParser: false } };
    export default async function handler(request, response) {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      await new Promise((resolve) => request.on("end", resolve));
      const { status, body } = await answer(Buffer.concat(chunks).toString(), request.headers.signature);
      response.status(status).json(body);
    }
  `,
};

const paths = {
  App: { ours: "/app/ours", byHand: "/app/by-hand" },
  Pages: { ours: "/api/ours", byHand: "/api/by-hand" },
} as const;

/** Writes the application to a folder that Git ignores, and builds it, which takes about half a minute. */
export async function buildNextApp(): Promise<NextApp> {
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "bench-next-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    // Next.js does not compile TypeScript below node_modules.
    const { code: shared } = await transform(await readFile(new URL("http-by-hand.ts", import.meta.url)), { loader: "ts" });
    await writeFile(join(folder, "lib/http-by-hand.mjs"), shared);
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules", "video-webhooks"));

    const build = spawn(process.execPath, [next, "build", folder], {
      env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [build.stdout, build.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk));
    const [code] = await once(build, "exit");
    if (code !== 0) throw new Error(`The Next.js application could not be built:\n${printed}`);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    start(router) {
      return startServer([next, "start", "-H", "127.0.0.1", "-p", "0", folder], async (child, signal) => {
        let printed = "";
        for await (const [chunk] of on(child.stdout as NodeJS.ReadableStream, "data", { signal })) {
          printed += chunk;
          const [, origin] = /(http:\/\/127\.0\.0\.1:\d+)\s/.exec(printed) ?? [];
          if (origin !== undefined && printed.includes("Ready")) {
            return { ours: origin + paths[router].ours, byHand: origin + paths[router].byHand };
          }
        }
        throw new Error(`Next.js did not start:\n${printed}`);
      });
    },
    remove,
  };
}
