// Runs each TypeScript block of the README as it stands, on the built package, in a process and a folder of its own. What a block has around
// it comes from outside: variables, a free port for 3000, and servers of the test for the addresses that it fetches (suites/elsewhere.ts).

import { readFileSync } from "node:fs";
import path from "node:path";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openSqliteInbox } from "../src/inbox/sqlite.ts";
import { heygen } from "../src/providers/heygen.ts";
import { createRouter } from "../src/router.ts";
import { Discard } from "../src/signals.ts";
import { listen, shut } from "./endpoints/fake-api.ts";
import { startFakeHeyGen } from "./endpoints/fake-heygen.ts";
import { secret, success } from "./suites/deliveries.ts";
import { request } from "./suites/raw-http.ts";
import { readmeBlock, readmeBlocksIn } from "./suites/readme.ts";
import { programFolder, type ReadmeProgram, startProgram } from "./suites/readme-program.ts";
import { describeWith, postgresServer, redisServer, type TestServer, uniqueName } from "./suites/servers.ts";
import { signHex } from "./suites/signer.ts";

/** How a block is run. */
interface BlockRun {
  readonly heading: string;
  /** What no other block contains. */
  readonly contains: string;
  readonly does: string;
  readonly servers?: readonly TestServer[];
  run(code: string): Promise<void>;
}

const env = { HEYGEN_WEBHOOK_SECRET: secret };

/** A delivery of HeyGen that is signed. */
async function deliveryOf(event: string | object) {
  const body = typeof event === "string" ? event : JSON.stringify(event);
  return { method: "POST", url: "/webhooks/heygen", headers: { signature: await signHex(secret, body) }, body };
}

const post = async (url: string, event: string | object): Promise<Response> => request(url, await deliveryOf(event));

/** Waits until a program has ended by itself, and gives what it printed. */
async function outputOf(program: ReadmeProgram): Promise<string> {
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

/** On one line, so that it does not matter where a page or `console.log` breaks lines. */
const unwrapped = (text: string): string => text.trim().replace(/\s+/g, " ");

/** Lines that follow a block, and hand deliveries to its router one after the other. */
const receiving = (deliveries: readonly object[]): string => `
for (const delivery of ${JSON.stringify(deliveries)}) {
  const { result, status, id, retryAfterSeconds } = await router.receive(delivery);
  console.log(JSON.stringify({ result, status, id, retryAfterSeconds }));
}
`;

async function receiveOnAFramework(code: string): Promise<void> {
  const program = await startProgram(code, { env });
  const url = `${program.origin}/webhooks/heygen`;
  await program.answers("/webhooks/heygen");
  const answer = await post(url, success("v"));
  expect(await answer.json()).toEqual({ result: "processed", id: "heygen/default/avatar_video.success/v" });
  await program.printed("https://files.example.test/v.mp4");
  expect((await request(url, { ...(await deliveryOf(success("v"))), headers: { signature: "0".repeat(64) } })).status).toBe(401);
}

/** Delivers one event twice, and gives its id. */
async function receiveTwice(code: string, more: Readonly<Record<string, string>>, atTheEnd: string): Promise<string> {
  const delivery = await deliveryOf(success(uniqueName()));
  const following = `router.onAny(() => undefined);${receiving([delivery, delivery])}${atTheEnd}`;
  const lines = (await outputOf(await startProgram(code + following, { env: { ...env, ...more } }))).trim().split("\n");
  const outcomes = lines.map((line) => JSON.parse(line) as { id: string });
  expect(outcomes).toMatchObject([{ result: "processed" }, { result: "duplicate" }]);
  return (outcomes as [{ id: string }])[0].id;
}

/** The inbox that a block opens, in its folder. */
async function openInbox(folder: string, clock: () => number = Date.now) {
  const inbox = await openSqliteInbox({ path: path.join(folder, "webhooks.db"), clock });
  onTestFinished(() => inbox.close());
  return inbox;
}

const runs: readonly BlockRun[] = [
  {
    heading: "video-webhooks",
    contains: "{ logger: console }",
    does: "prints what the README says it prints",
    async run(code) {
      const [printed] = readmeBlocksIn("text");
      const expected = printed?.code ?? "";
      const program = await startProgram(code, { env });
      await program.answers("/");
      const event = (filling: string) => ({
        event_type: "avatar_video.success",
        event_data: { video_id: "hv_100", url: "https://files.example.test/hv_100.mp4", callback_id: filling },
      });
      // As long as the one of which the README tells.
      const bytes = Number(/a body of (\d+) bytes/.exec(expected)?.[1]);
      const body = JSON.stringify(event("-".repeat(bytes - JSON.stringify(event("")).length)));
      expect((await post(program.origin, body)).status).toBe(200);
      expect((await request(program.origin, { method: "POST", headers: { signature: "0".repeat(64) }, body })).status).toBe(401);
      // Without the line of the probe, and without times.
      const comparable = (text: string): string =>
        unwrapped(text.replace(/^webhook .*outcome=validation.*\n/m, "")).replace(/\bms=\d+/g, "ms=<n>");
      await vi.waitFor(() => expect(comparable(program.output())).toBe(comparable(expected)), {
        timeout: 10_000,
      });
      await post(program.origin, { event_type: "avatar_video.fail", event_data: { video_id: "hv_101", msg: "render failed" } });
      await program.printed("heygen hv_101 failed: render failed\n");
    },
  },
  {
    heading: "Frameworks",
    contains: "expressHandler(",
    does: "receives on Express",
    run: receiveOnAFramework,
  },
  {
    heading: "Frameworks",
    contains: "fastifyPlugin,",
    does: "receives on Fastify",
    run: receiveOnAFramework,
  },
  {
    heading: "Frameworks",
    contains: "honoHandler(",
    does: "receives on Hono",
    run: receiveOnAFramework,
  },
  {
    heading: "Frameworks",
    contains: "nextRoute(",
    does: "receives on Next.js, whose build test/adapters/next.test.ts makes of it",
    async run() {
      const test = readFileSync(new URL("adapters/next.test.ts", import.meta.url), "utf8");
      expect(test).toContain('"app/webhooks/heygen/route.ts": readmeBlock("nextRoute(")');
      expect(test).toContain('test("the snippet of the README runs as it stands');
    },
  },
  {
    heading: "Events, families, jobs",
    contains: ".onUnknown(",
    does: "handles events, families, jobs and unknown events, and answers what its handlers throw",
    async run(code) {
      const orders = `Object.assign(globalThis, { orders: {
        find: async (reference) => reference === "order-42" && { finish: async (url) => console.log("finished", reference, url) },
      } });`;
      const data = (video_id: string, more: object = {}) => ({ video_id, url: `https://files.example.test/${video_id}.mp4`, ...more });
      const translated = { video_translate_id: "t_1", url: "https://files.example.test/t_1.mp4" };
      const deliveries = await Promise.all(
        [
          { event_type: "avatar_video.success", event_data: data("v_1", { callback_id: "order-42" }) },
          { event_type: "avatar_video.success", event_data: data("v_2", { callback_id: "order-43" }) },
          { event_type: "avatar_video.success", event_data: data("v_3", { callback_id: "order-42", url: null }) },
          { event_type: "avatar_video.fail", event_data: { video_id: "v_4", msg: "render failed" } },
          { event_type: "video_translate.success", event_data: translated },
          { event_type: "avatar_video.sung", event_data: { video_id: "v_5" } },
        ].map(deliveryOf),
      );
      const lines = unwrapped(await outputOf(await startProgram(code + orders + receiving(deliveries), { env }))).split(
        / ?(\{"result".*?\}) ?/,
      );
      const [first, ended1, second, ended2, third, ended3, fourth, ended4, fifth, ended5, sixth, ended6, rest] = lines;
      const outcomes = [ended1, ended2, ended3, ended4, ended5, ended6].map((text) => JSON.parse(text ?? ""));
      expect(outcomes).toMatchObject([
        { result: "processed", status: 200 },
        { result: "retry_later", status: 503, retryAfterSeconds: 60 },
        { result: "discarded", status: 200 },
        { result: "processed", status: 200 },
        { result: "processed", status: 200 },
        { result: "unknown", status: 200 },
      ]);
      expect(first).toContain("heygen v_1 succeeded [");
      expect(first).toMatch(/heygen\/default\/avatar_video\.success\/v_1 20\d\d-/);
      expect(first).toContain("finished order-42 https://files.example.test/v_1.mp4");
      expect(second).toContain("heygen v_2 succeeded");
      expect(third).toContain("heygen v_3 succeeded");
      expect(`${second}${third}`).not.toContain("finished");
      expect(fourth).toMatch(/^avatar_video\.fail heygen\/default\/avatar_video\.fail\/v_4 20\d\d-\S+ heygen v_4 failed \[\]$/);
      expect(fifth).toContain("video_translate.success { video_translate_id: 't_1', url: 'https://files.example.test/t_1.mp4' }");
      expect(sixth).toBe("new event avatar_video.sung { event_type: 'avatar_video.sung', event_data: { video_id: 'v_5' } }");
      expect(rest).toBe("");
    },
  },
  {
    heading: "Duplicates",
    contains: "createRedisStore(redis)",
    does: "recognises a duplicate by Redis",
    servers: [redisServer],
    async run(code) {
      const id = await receiveTwice(code, { REDIS_URL: redisServer.url }, "await redis.quit();");
      const redis = new Redis(redisServer.url);
      expect(await redis.del(`video-webhooks:event:${id}`)).toBe(1);
      await redis.del(`video-webhooks:job:${id.replace(".success", "")}`);
      await redis.quit();
    },
  },
  {
    heading: "Duplicates",
    contains: "createPostgresStore(pool)",
    does: "recognises a duplicate by Postgres, in a database of its own",
    servers: [postgresServer],
    async run(code) {
      const pool = new Pool({ connectionString: postgresServer.url });
      const database = uniqueName();
      await pool.query(`CREATE DATABASE ${database}`);
      try {
        const url = new URL(postgresServer.url);
        url.pathname = `/${database}`;
        await receiveTwice(code, { DATABASE_URL: url.href }, "process.exit();");
      } finally {
        await pool.query(`DROP DATABASE ${database} WITH (FORCE)`);
        await pool.end();
      }
    },
  },
  {
    heading: "The inbox",
    contains: "inbox.work(router",
    does: "stores a delivery, has its worker hand the file on, and ends in order",
    async run(code) {
      const handed: unknown[] = [];
      const app = await listen(async (incoming, response) => {
        let body = "";
        for await (const chunk of incoming) body += chunk;
        handed.push([incoming.method, incoming.url, incoming.headers["idempotency-key"], body]);
        response.end();
      });
      onTestFinished(() => shut(app.server));
      const program = await startProgram(code, { env, addresses: { "https://app.example.test": app.url } });
      await program.answers("/");
      const id = "heygen/default/avatar_video.success/v";
      expect(await (await post(program.origin, success("v"))).json()).toEqual({ result: "accepted", id });
      await vi.waitFor(() => expect(handed, program.output()).toEqual([["POST", "/videos", id, "https://files.example.test/v.mp4"]]), {
        timeout: 10_000,
      });
      program.signal("SIGTERM");
      expect(await outputOf(program)).toBe("");
      const { entries } = await (await openInbox(program.folder)).list();
      expect(entries).toMatchObject([{ id, state: "done", attempts: 1 }]);
    },
  },
  {
    heading: "The inbox",
    contains: "inbox.replay(",
    does: "lists, shows, replays, counts and prunes what is in the inbox",
    async run(code) {
      const folder = programFolder();
      const id = (type: string, video: string): string => `heygen/default/avatar_video.${type}/${video}`;
      for (const days of [100, 60, 0]) {
        const inbox = await openInbox(folder, () => Date.now() - days * 86_400_000);
        const full = days === 0 ? "success" : "fail";
        const router = createRouter(heygen({ secret }), { inbox }).onAny((_event, context) => {
          if (context.id === id(full, `full_${days}`)) throw new Discard("no space left");
        });
        for (const [type, video] of [
          ["success", `stored_${days}`],
          [full, `full_${days}`],
        ]) {
          await router.receive(await deliveryOf({ event_type: `avatar_video.${type}`, event_data: { video_id: video, url: "", msg: "" } }));
        }
        await inbox.work(router).idle();
        await inbox.close();
      }
      const printed = await outputOf(await startProgram(code, { folder }));
      const inbox = await openInbox(folder);
      const { entries } = await inbox.list();
      const [replayed] = entries.filter((entry) => entry.id === id("success", "full_0"));
      const listed = printed.split("\n").filter((line) => /^\S+ avatar_video\.\S+ /.test(line));
      expect(listed).toHaveLength(3);
      expect(listed.join("\n")).toContain(`${replayed?.entry} avatar_video.success `);
      expect(printed).toMatch(/result: 'discarded'/);
      expect(unwrapped(printed)).toMatch(
        /provider: 'heygen', type: 'avatar_video.success', processed: 3, failed: \d,.* \{ live: true, ready: true \}$/,
      );
      // The one that is replayed waits for a worker; what ended 60 days ago is gone if it was handled, and kept if it is dead.
      expect(entries.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
        `${id("fail", "full_60")} dead`,
        `${id("success", "full_0")} received`,
        `${id("success", "stored_0")} done`,
      ]);
      const { history = [] } = (await inbox.get(replayed?.entry ?? "")) ?? {};
      expect(history.at(-1)).toMatchObject({ result: "replayed", by: "ana", reason: "storage was full" });
    },
  },
  {
    heading: "Testing your handlers",
    contains: "sampleDelivery(",
    does: "prints what its comments say",
    async run(code) {
      const said = [...code.matchAll(/; \/\/ "(\w+)"$/gm)].map(([, result]) => result);
      expect(said).toHaveLength(3);
      // The first line is the handler's.
      const [handled, ...results] = (await outputOf(await startProgram(code))).trimEnd().split("\n");
      expect(handled).toBeTruthy();
      expect(results).toEqual(said);
    },
  },
  {
    heading: "Why does my signature not match?",
    contains: "explain(",
    does: "names the mistake with its fix, and no secret",
    async run(code) {
      const body = success("v");
      const signature = await signHex(secret, body);
      const following = `for (const end of ["", "\\n"]) {
        console.log(whyNot(new TextEncoder().encode(${JSON.stringify(body)} + end), new Headers({ signature: "${signature}" })));
        console.log("--");
      }`;
      const printed = await outputOf(await startProgram(code + following, { env }));
      const [right = "", wrong = ""] = printed.split("--\n");
      expect(right).not.toContain("proven");
      expect(wrong).toMatch(
        /^.+\nproven: The signature holds over the body without the line break at its end\. Nothing may add or trim line breaks\./,
      );
      expect(printed).not.toContain(secret);
      expect(printed).not.toContain(signature);
    },
  },
  {
    heading: "Registering endpoints, and recovering what was missed",
    contains: "createHeyGenClient(",
    does: "registers an endpoint, and recovers as many events as its comment says",
    async run(code) {
      const [, comment = "", read, recovered, known] = /\/\/ (\{ read: (\d+), recovered: (\d+), known: (\d+), )…/.exec(code) ?? [];
      const probed = await listen((_incoming, response) => response.writeHead(204).end());
      onTestFinished(() => shut(probed.server));
      const fake = await startFakeHeyGen({ resolve: (url) => url.replace("https://app.example.com", probed.url) });
      onTestFinished(() => fake.close());
      const folder = programFolder();
      const inbox = await openInbox(folder);
      const router = createRouter(heygen({ secret }), { inbox });
      for (let number = Number(read); number >= 1; number--) {
        const created_at = new Date(Date.now() - number * 3_600_000).toISOString();
        const event = { event_id: `evt_${number}`, created_at, ...JSON.parse(success(`v_${number}`)) };
        fake.history.unshift(event);
        if (number <= Number(known)) await router.receive(await deliveryOf(event));
      }
      // One that is too old.
      fake.history.push({
        event_id: "evt_old",
        created_at: new Date(Date.now() - 90_000_000).toISOString(),
        ...JSON.parse(success("old")),
      });
      await inbox.close();
      const api = { HEYGEN_API_KEY: fake.apiKey };
      const program = await startProgram(code, { folder, env: api, addresses: { "https://api.heygen.com": fake.url } });
      const printed = unwrapped(await outputOf(program));
      expect(printed).toContain(`ep_1 ${comment}`);
      expect([...fake.endpoints.values()]).toMatchObject([
        { url: "https://app.example.com/webhooks/heygen", events: ["avatar_video.success"] },
      ]);
      const { entries } = await (await openInbox(folder)).list();
      expect(entries).toHaveLength(Number(recovered) + Number(known));
    },
  },
];

it("has a run for each TypeScript block of the README, under its heading", () => {
  const named = readmeBlocksIn("ts").map(({ heading, code }) => {
    const found = runs.filter((run) => run.heading === heading && code.includes(run.contains));
    return found.length === 1 ? `${heading}: ${found[0]?.contains}` : `${heading}: ${found.length} runs are for the block\n${code}`;
  });
  expect(named).toEqual(runs.map(({ heading, contains }) => `${heading}: ${contains}`));
});

for (const { heading, contains, does, servers = [], run } of runs) {
  const describeIt = servers.length > 0 ? await describeWith(...servers) : describe;
  describeIt(`the block of the section ${heading} with ${contains}`, () => it(does, () => run(readmeBlock(contains))));
}
