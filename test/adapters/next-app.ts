import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type ReceiverName, receiverNames, secret } from "../suites/receivers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A Next.js application that was built. */
export interface NextApp {
  /** Starts it on a free port, with further environment variables. */
  start(env?: Readonly<Record<string, string>>): Promise<NextServer>;
}

/** A Next.js application that was started. */
export interface NextServer {
  readonly port: number;
  /** What it has printed so far. */
  output(): string;
  /** Asks it to end, and ends it after a few seconds if it does not. */
  close(): Promise<void>;
}

/** Where a major of Next.js is installed: the newest at the top level, the oldest supported in a folder of its own. */
const folders = { 15: path.join(root, "test/next/next-15"), 16: path.join(root, "test/next/next-16") };

/** A major of Next.js that the tests run. */
export type NextMajor = 15 | 16;

const routeOf = (name: ReceiverName): string => `
import { after } from "next/server";
import { nextRoute } from "video-webhooks/next";
import { receivers } from "../../../state";

export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = nextRoute(receivers().routers.${name}, { waitUntil: after });
`;

const apiRouteOf = (name: ReceiverName): string => `
import { nextApiRoute } from "video-webhooks/next";
import { receivers } from "../../../state";

export const config = { api: { bodyParser: false } };
export default nextApiRoute(receivers().routers.${name});
`;

/** The files of the application by path. Routes that Next.js parses itself stand beside those of the library. */
const files: Readonly<Record<string, string>> = {
  // Next.js bundles each route apart; they share nothing but the process.
  "state.ts": `
import { createReceivers, type Receivers } from "./receivers";

const shared = globalThis as { receivers?: Receivers };

export function receivers(): Receivers {
  shared.receivers ??= createReceivers();
  return shared.receivers;
}
`,
  "app/json/route.ts": `
export async function POST(request: Request): Promise<Response> {
  try {
    return Response.json({ received: await request.json() });
  } catch {
    return new Response(null, { status: 400 });
  }
}
`,
  "app/journal/route.ts": `
import { receivers } from "../../state";

export const dynamic = "force-dynamic";
export const GET = (): Response => Response.json(receivers().journal);
`,
  "pages/api/json.ts": `
import type { NextApiRequest, NextApiResponse } from "next";

export default function handle(request: NextApiRequest, response: NextApiResponse): void {
  response.json({ received: request.body });
}
`,
  "pages/api/journal.ts": `
import type { NextApiRequest, NextApiResponse } from "next";
import { receivers } from "../../state";

export default function handle(_request: NextApiRequest, response: NextApiResponse): void {
  response.json(receivers().journal);
}
`,
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2022", "DOM", "DOM.Iterable"],
      module: "ESNext",
      moduleResolution: "bundler",
      jsx: "preserve",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      esModuleInterop: true,
      isolatedModules: true,
      resolveJsonModule: true,
      incremental: true,
      allowJs: true,
      plugins: [{ name: "next" }],
    },
    include: ["**/*.ts", "next-env.d.ts", ".next/types/**/*.ts"],
    exclude: ["node_modules"],
  }),
};

/** Writes an application with the receivers of the suite and further files, and builds it. */
export async function buildNext(major: NextMajor, further: Readonly<Record<string, string>>): Promise<NextApp> {
  const folder = path.join(folders[major], ".build");
  await rm(folder, { recursive: true, force: true });
  const installed = path.join(folder, "node_modules/video-webhooks");
  await cp(path.join(root, "dist"), path.join(installed, "dist"), { recursive: true });
  await cp(path.join(root, "package.json"), path.join(installed, "package.json"));
  await mkdir(folder, { recursive: true });
  await cp(path.join(root, "test/suites/receivers.ts"), path.join(folder, "receivers.ts"));
  const routes = receiverNames.flatMap((name) => [
    [`app/hooks/${name}/route.ts`, routeOf(name)],
    [`pages/api/hooks/${name}.ts`, apiRouteOf(name)],
  ]);
  for (const [name, text] of [...Object.entries(files), ...routes, ...Object.entries(further)] as [string, string][]) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  await runNext(major, ["build"], folder).ended();
  return {
    async start(env) {
      const given = { HEYGEN_WEBHOOK_SECRET: secret, ...env };
      const server = runNext(major, ["start", "--hostname", "127.0.0.1", "--port", "0"], folder, given);
      const [, port] = await server.printed(/http:\/\/127\.0\.0\.1:(\d+)/);
      return { port: Number(port), output: server.output, close: server.stop };
    },
  };
}

/** Runs a command of Next.js in the folder of an application. */
export function runNext(major: NextMajor, args: readonly string[], cwd: string, further: Readonly<Record<string, string>> = {}) {
  const from = major === 15 ? folders[15] : root;
  const cli = path.join(from, "node_modules/next/dist/bin/next");
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...further,
    NEXT_TELEMETRY_DISABLED: "1",
    NEXT_IGNORE_INCORRECT_LOCKFILE: "1",
    NODE_ENV: "production",
  };
  const child: ChildProcess = spawn(process.execPath, [cli, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let look = (): void => undefined;
  const take = (chunk: Buffer): void => {
    output += chunk;
    look();
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const failed = (): Error => new Error(`next ${args.join(" ")} of Next.js ${major} failed:\n${output}`);
  return {
    ended: async (): Promise<void> => {
      if ((await exit) !== 0) throw failed();
    },
    printed: (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        look = () => {
          const match = pattern.exec(output);
          if (match) resolve(match);
        };
        look();
        exit.then(() => reject(failed()));
      }),
    output: (): string => output,
    stop: async (): Promise<void> => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await exit;
      clearTimeout(timer);
    },
  };
}
