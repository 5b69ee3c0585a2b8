import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { createRouter } from "video-webhooks";
import { heygen } from "video-webhooks/heygen";
import { openSqliteInbox } from "video-webhooks/inbox/sqlite";
import { nodeHandler } from "video-webhooks/node";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startFakeHeyGen } from "../endpoints/fake-heygen.ts";
import { freePort } from "../suites/free-port.ts";
import { readmeBlock, readmeCommands } from "../suites/readme.ts";
import { type ReadmeProgram, startCommand, startProgram } from "../suites/readme-program.ts";
import { type Consumer, createConsumer, npx, type Ran } from "./consumer.ts";
import { root } from "./module-graph.ts";

const secret = "whsec_of-a-packed-receiver";
let consumer: Consumer;
let server: Server;
let url: string;

beforeAll(async () => {
  consumer = await createConsumer();
  const inbox = await openSqliteInbox({ path: path.join(consumer.project, "webhooks.db") });
  const router = createRouter(heygen({ secret }), { inbox });
  server = createServer(nodeHandler(router)).listen(0, "127.0.0.1");
  server.on("close", () => void inbox.close());
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/heygen`;
});

afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await consumer?.dispose();
});

const cli = (args: readonly string[], env?: Readonly<Record<string, string>>) => npx(args, consumer.project, env);
const send = ["send", "heygen", "avatar_video.success", "--id", "packed_1"];

test("npx runs the command line of the tarball, and says which version it is", async () => {
  const { version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8")) as { version: string };
  expect(await cli(["--version"])).toEqual({ exitCode: 0, output: version });
});

test("it prints samples, and writes them to files", async () => {
  expect((await cli(["samples", "kling"])).output).toMatch(/^provider +event +variants\n(?:kling +\S+ +.+\n?)+$/);
  const { exitCode, output } = await cli(["samples", "kling", "task.succeeded", "--id", "t_1"]);
  expect([exitCode, JSON.parse(output)]).toMatchObject([0, { id: "t_1", status: "succeeded" }]);
  expect(await cli(["samples", "kling", "task.succeeded", "--out", "sample.json"])).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await readFile(path.join(consumer.project, "sample.json"), "utf8"))).toMatchObject({ status: "succeeded" });
});

test.skipIf(!existsSync("/dev/full"))("a full disk ends with 3 and a message", async () => {
  expect(await cli(["samples", "kling", "task.succeeded", "--out", "/dev/full"])).toEqual({
    exitCode: 3,
    output: "error: Cannot write /dev/full: the disk is full (ENOSPC).",
  });
});

test("it delivers what a receiver takes, and shows that the inbox has it", async () => {
  const sent = await cli([...send, "--to", url], { HEYGEN_WEBHOOK_SECRET: secret });
  expect(sent).toMatchObject({
    exitCode: 0,
    output: expect.stringContaining('{"result":"accepted","id":"heygen/default/evt_avatar_video_success_packed_1"}'),
  });
  expect((await cli(["inbox", "list", "--db", "webhooks.db", "--json"])).output).toContain(
    '"id":"heygen/default/evt_avatar_video_success_packed_1"',
  );
});

test("with a wrong secret it ends with 1, and explains a delivery that it saved", async () => {
  const other = "whsec_of-the-staging-endpoint";
  const wrong = await cli([...send, "--to", url, "--save", "delivery.json"], { HEYGEN_WEBHOOK_SECRET: other });
  expect(wrong).toMatchObject({ exitCode: 1, output: expect.stringContaining("401") });
  await writeFile(path.join(consumer.project, "staging.secret"), `${other}\n`);
  const explain = ["explain", "delivery.json", "--other-secret-file", "staging.secret"];
  const explained = await cli(explain, { HEYGEN_WEBHOOK_SECRET: secret });
  expect(explained).toMatchObject({ exitCode: 1, output: expect.stringContaining("staging.secret") });
  for (const { output } of [wrong, explained]) expect(output).not.toMatch(/whsec_/);
  expect(await cli(explain, { HEYGEN_WEBHOOK_SECRET: other })).toMatchObject({ exitCode: 0 });
});

test("an address where nobody listens ends with 3, and wrong words with 2", async () => {
  const env = { HEYGEN_WEBHOOK_SECRET: secret };
  expect(await cli([...send, "--to", "http://127.0.0.1:1/"], env)).toMatchObject({ exitCode: 3 });
  expect(await cli(["send", "heygen", "avatar_video.sucess", "--to", url], env)).toMatchObject({
    exitCode: 2,
    output: expect.stringContaining("avatar_video.success"),
  });
  expect(await cli(["send", "heygen", "--secret", "x"])).toMatchObject({ exitCode: 2 });
});

test("the commands of the README lead from nothing to the first event", async () => {
  const [write, listen, send, sendTampered, add, ...others] = readmeCommands("From nothing to the first event in five minutes");
  if (add === undefined || others.length > 0) throw new Error("The section has other commands than this test knows.");
  const folder = consumer.project;
  const api = await startFakeHeyGen({ resolve: (address) => address.replace("https://your-tunnel.example.com", listening.origin) });
  onTestFinished(() => api.close());
  const port = await freePort();
  const type = (line = "") => {
    const env = { HEYGEN_API_KEY: api.apiKey, npm_config_loglevel: "error" };
    return startCommand(line, { folder, port, env, addresses: { "https://api.heygen.com": api.url } });
  };
  const ran = async (line?: string): Promise<Ran> => {
    const program = await type(line);
    return { exitCode: (await program.ended) ?? -1, output: program.output().trim() };
  };
  const sendBoth = async (): Promise<void> => {
    expect(await ran(send)).toMatchObject({ exitCode: 0, output: expect.stringContaining('{"result":"processed",') });
    expect(await ran(sendTampered)).toMatchObject({ exitCode: 1, output: expect.stringContaining("401") });
  };

  expect(await ran(write)).toEqual({ exitCode: 0, output: "" });
  const listening: ReadmeProgram = await type(listen);
  await listening.printed(`Listening for heygen at ${listening.origin}/. Ctrl+C stops.\n`);
  await sendBoth();
  await listening.printed(
    / {2}avatar_video\.success {2}video .+ {2}processed 200 .*\n.* {2}unauthenticated 401 .*\n {2}The delivery is not authentic/,
  );

  expect(await ran(add)).toMatchObject({
    exitCode: 0,
    output: expect.stringMatching(/^id +ep_1\nurl +https:\/\/your-tunnel\.example\.com\//),
  });
  expect(await readFile(path.join(folder, "real.secret"), "utf8")).toBe(`${api.endpoints.get("ep_1")?.secret}\n`);
  await listening.printed("OPTIONS  validation 204");
  listening.signal("SIGINT");
  await listening.printed("3 deliveries: 2 accepted, 1 refused or failed.\n");

  const first = (await readFile(path.join(folder, "heygen.secret"), "utf8")).trim();
  const receiver = await startProgram(readmeBlock("{ logger: console }"), { folder, port, env: { HEYGEN_WEBHOOK_SECRET: first } });
  await receiver.answers("/");
  await sendBoth();
  await receiver.printed(/outcome=processed status=200[\s\S]*outcome=unauthenticated reason=signature_mismatch status=401/);
});
