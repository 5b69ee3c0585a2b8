// A receiver for all four providers, one path each. Deliveries are stored in a SQLite file before they are answered, and handled by a worker
// in the same process. It sends itself one signed sample per provider, shows what becomes of a handler that fails, and then waits for real
// deliveries.
//
//   npm start                       on port 3000, with secrets and a file made for this run
//   PORT=8080 HEYGEN_WEBHOOK_SECRET=whsec_… WEBHOOKS_DB=webhooks.db npm start

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRouter, type Outcome, type Receiver } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { kling } from "video-webhooks/kling";
import { konpro } from "video-webhooks/konpro";
import { nodeHandler } from "video-webhooks/node";
import { videopilot } from "video-webhooks/videopilot";
import { hexSignature, standardWebhooksHeaders } from "./sign.ts";

const makeSecret = (): string => `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))}`;
const made = new Set<string>();

function secretOf(variable: string): string {
  const given = process.env[variable];
  if (given !== undefined) return given;
  made.add(variable);
  return makeSecret();
}

const secrets = {
  konpro: secretOf("KONPRO_WEBHOOK_SECRET"),
  heygen: secretOf("HEYGEN_WEBHOOK_SECRET"),
  videopilot: secretOf("VIDEOPILOT_WEBHOOK_SECRET"),
  kling: secretOf("KLING_WEBHOOK_SECRET"),
};
type Name = keyof typeof secrets;

const folder = process.env.WEBHOOKS_DB === undefined ? mkdtempSync(path.join(tmpdir(), "video-webhooks-")) : undefined;
const file = process.env.WEBHOOKS_DB ?? path.join(folder as string, "webhooks.db");
// Three attempts, close together, so that there is something to see.
const inbox = await openSqliteInbox({ path: file, attempts: 3, backoffMs: 200 });

const routers = {
  konpro: createRouter(konpro({ secret: secrets.konpro }), { inbox }),
  heygen: createRouter(heygen({ secret: secrets.heygen }), { inbox }),
  videopilot: createRouter(videopilot({ secret: secrets.videopilot }), { inbox }),
  kling: createRouter(kling({ secret: secrets.kling }), { inbox }),
};
let diskIsFull = true;
// Another one for each start, since the file may know those before.
const tooLarge = `hv_${Date.now()}`;

for (const router of Object.values(routers)) {
  router
    .onJob("*", (job, { attempt }) => {
      if (diskIsFull && job.id === tooLarge) throw new Error("no space left for the video");
      console.log(`  handled: ${job.provider} ${job.id} ${job.status}, attempt ${attempt}`);
    })
    .onError((error) => console.log(`  ${error.message}`));
}
/** Prints one line per delivery around a router. */
function printing(provider: Name): Receiver {
  return {
    async receive(delivery): Promise<Outcome> {
      const start = performance.now();
      const outcome = await routers[provider].receive(delivery);
      const { type = "-", result, status } = outcome;
      const columns = [provider.padEnd(10), type.padEnd(20), result.padEnd(15), String(status)];
      console.log(`${columns.join("  ")}  ${(performance.now() - start).toFixed(1)} ms`);
      return outcome;
    },
  };
}

const handlers = new Map((Object.keys(routers) as Name[]).map((provider) => [`/webhooks/${provider}`, nodeHandler(printing(provider))]));

const server = createServer((request, response) => {
  const [path = "/"] = (request.url ?? "/").split("?");
  const handler = handlers.get(path);
  if (handler !== undefined) return void handler(request, response);
  response.writeHead(404, { "content-type": "text/plain" }).end(`Nothing here. Deliveries go to ${[...handlers.keys()].join(", ")}.\n`);
});

const port = Number(process.env.PORT ?? 3000);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`PORT must be a number from 0 to 65535, but is "${process.env.PORT}".`);
  process.exit(1);
}

server.on("error", (error: NodeJS.ErrnoException) => {
  const reason = error.code === "EADDRINUSE" ? `Port ${port} is in use. Choose another one: PORT=${port + 1} npm start` : error.message;
  console.error(reason);
  process.exit(1);
});

server.listen(port, "127.0.0.1", async () => {
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
  console.log("Waiting for deliveries:\n");
  for (const provider of Object.keys(secrets) as Name[]) {
    const variable = `${provider.toUpperCase()}_WEBHOOK_SECRET`;
    console.log(
      `  ${base}/${provider}`.padEnd(48),
      made.has(variable) ? `secret ${secrets[provider]} (made for this run)` : `secret from ${variable}`,
    );
  }
  console.log("\nOne signed sample of each:\n");
  const worker = inbox.work(Object.values(routers), { pollMs: 50 });
  for (const provider of Object.keys(secrets) as Name[]) {
    await deliver(`${base}/${provider}`, provider, samples[provider]);
    await worker.idle();
  }
  await showReplay(`${base}/heygen`);
  console.log(`\nEverything is in ${file}.\n\nSend another one:\n\n${await toCurl(`${base}/heygen`)}\n\nStop with Ctrl+C.`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    server.close(async () => {
      // Ends what is being handled; the rest is in the file for the next start.
      await inbox.close();
      if (folder !== undefined) rmSync(folder, { recursive: true });
      process.exit(0);
    });
    server.closeIdleConnections();
  });
}

/** A handler fails until its event is dead; when the cause is mended, the event is handled after all. */
async function showReplay(url: string): Promise<void> {
  console.log("\nA handler that fails is tried again, and gives up after three attempts:\n");
  await deliver(url, "heygen", { ...samples.heygen, event_data: { ...samples.heygen.event_data, video_id: tooLarge } });
  const dead = { state: "dead", id: `heygen/default/avatar_video.success/${tooLarge}` } as const;
  while ((await inbox.list(dead)).entries.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const [letter] = (await inbox.list(dead)).entries;
  if (letter === undefined) return;
  console.log(`\nIt is a dead letter (${letter.reason}). With the cause mended, it is replayed:\n`);
  diskIsFull = false;
  await inbox.replay(letter.entry, { by: "npm start", reason: "the disk has space again" });
  while ((await inbox.get(letter.entry))?.state !== "done") await new Promise((resolve) => setTimeout(resolve, 20));
}

async function deliver(url: string, provider: Name, sample: object): Promise<void> {
  const body = JSON.stringify(sample);
  const headers = { "content-type": "application/json", ...(await signatureHeaders(provider, body)) };
  await (await fetch(url, { method: "POST", headers, body })).arrayBuffer();
}

/** As each provider signs. Kling's secret decides its scheme: `whsec_` and base64 is Standard Webhooks. */
async function signatureHeaders(provider: Name, body: string): Promise<Record<string, string>> {
  const secret = secrets[provider];
  const hex = await hexSignature(secret, body);
  if (provider === "heygen") return { signature: hex };
  if (provider === "konpro") return { "x-konpro-signature": hex };
  if (provider === "videopilot") return { "x-videopilot-signature": `sha256=${hex}` };
  const standard = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret);
  return standard ? standardWebhooksHeaders(secret, body) : { "x-kling-signature": `sha256=${hex}` };
}

async function toCurl(url: string): Promise<string> {
  const body = JSON.stringify({ event_type: "avatar_video.fail", event_data: { video_id: "hv_101", msg: "render failed" } });
  const signature = await hexSignature(secrets.heygen, body);
  return `  curl -X POST ${url} -H 'content-type: application/json' -H 'signature: ${signature}' -d '${body}'`;
}

const samples = {
  konpro: {
    event_type: "avatar_video.success",
    event_data: { video_id: "kv_100", url: "https://cdn.example.test/kv_100.mp4", gif_download_url: null, callback_id: "order-44" },
  },
  heygen: {
    event_type: "avatar_video.success",
    event_data: { video_id: "hv_100", url: "https://files.example.test/hv_100.mp4", folder_id: "", callback_id: "order-42" },
  },
  videopilot: {
    event: "render.completed",
    data: {
      render_job_id: "render_5",
      video_id: "vid_8",
      status: "completed",
      output_url: "https://cdn.example.test/vid_8.mp4",
      duration: 31.5,
      file_size: 4_194_304,
      quality: "high",
    },
    timestamp: new Date().toISOString(),
  },
  kling: {
    id: "900100200",
    status: "succeeded",
    message: "",
    create_time: Date.now() - 60_000,
    update_time: Date.now(),
    outputs: [{ type: "video", id: "1", url: "https://cdn.example.test/900100200.mp4", duration: "5.1" }],
  },
} as const satisfies Record<Name, unknown>;
