// The packed package on every runtime. The programs run inside of the runtime; deliveries over sockets are sent from here.

import { afterAll, describe, expect, it, type TestContext } from "vitest";
import { providers } from "../package/entry-points.ts";
import { exchange, request } from "../suites/raw-http.ts";
import { findInstalled } from "./installed.ts";
import { adapters, members, type RuntimeMember } from "./members.ts";
import { createProject, type Project } from "./project.ts";
import { createScene, type Scene, type SignedDelivery } from "./scene.ts";
import type { Report, Served } from "./serve.ts";

interface Ran {
  readonly member: RuntimeMember;
  readonly title: string;
  readonly served?: Served;
  readonly report?: Report;
  /** Why there is no report. */
  readonly missing?: string;
  readonly failed?: Error;
}

const scene: Scene = await createScene();
const project: Project = await createProject();
const runs: Ran[] = [];
for (const member of members) runs.push(await start(member));

afterAll(async () => {
  await Promise.all(runs.map(({ served }) => served?.stop()));
  await project.dispose();
});

async function start(member: RuntimeMember): Promise<Ran> {
  const installed = await findInstalled(...member.installed);
  if ("missing" in installed) return { member, title: member.name, missing: installed.missing };
  const title = `${member.name} (${installed.version})`;
  const given = member.noInbox === undefined ? scene : { ...scene, noInbox: member.noInbox };
  const folder = await project.copyPrograms(member.name.replaceAll(/\W+/g, "-"), given);
  const served = member.start(installed.program, folder);
  try {
    return { member, title, served, report: await served.report };
  } catch (error) {
    return { member, title, served, failed: error as Error };
  }
}

const caseNames = [...new Set(runs.flatMap(({ report }) => report?.results.map(({ name }) => name) ?? []))];

it("finds every vector and every provider among the cases", () => {
  const { rfc, prefixed, signed } = scene.vectors;
  expect([rfc.length, prefixed.length, signed.length]).toEqual([2, 1, 6]);
  for (const { source } of [...rfc, ...prefixed, ...signed])
    expect(caseNames).toContainEqual(expect.stringContaining(` takes ${source}, `));
  for (const { provider } of scene.deliveries) expect(caseNames).toContainEqual(expect.stringContaining(` delivery of ${provider} `));
  expect(scene.deliveries.map(({ provider }) => provider).sort()).toEqual([...providers].sort());
});

for (const { member, title, report, missing, failed } of runs) {
  describe(`runtime suite: ${title}`, () => {
    it("starts, and comes to the end of its cases", (context) => {
      if (missing !== undefined && process.env.CI !== "true") context.skip(missing);
      if (missing !== undefined) throw new Error(`In CI every runtime is needed: ${missing}.`);
      if (failed) throw failed;
    });

    for (const name of caseNames) {
      it(name, (context) => {
        if (report === undefined) return context.skip("it did not start");
        const result = report.results.find((each) => each.name === name);
        if (result === undefined) return skipExpected(context, member, name);
        if (!result.passed) throw new Error(result.message);
      });
    }

    for (const adapter of adapters) {
      const name = `${adapter} takes deliveries over a socket, also byte by byte, and refuses those that were changed`;
      it(name, async (context) => {
        if (report === undefined) return context.skip("it did not start");
        const { [adapter]: server } = report.servers;
        if (server === undefined) return skipExpected(context, member, name);
        if (server.url === undefined) throw new Error(server.error);
        for (const delivery of scene.deliveries) await deliver(`${server.url}/${delivery.provider}`, delivery);
      });
    }
  });
}

function skipExpected(context: TestContext, { exceptions }: RuntimeMember, name: string): never {
  const [, reason] = Object.entries(exceptions).find(([words]) => name.startsWith(words)) ?? [];
  if (reason === undefined) throw new Error("The runtime says nothing of this case, and nothing says why.");
  return context.skip(reason);
}

async function deliver(url: string, { headers, body, id }: SignedDelivery): Promise<void> {
  const post = async (content: string): Promise<unknown[]> => {
    const response = await request(url, { method: "POST", headers, body: content });
    // Fastify adds the charset.
    return [response.status, response.headers.get("content-type")?.replace(/;.*/, ""), await response.json()];
  };
  const refused = { title: expect.any(String), status: 401, code: "unauthenticated" };
  expect(await post(body.replace("_1", "_2"))).toEqual([401, "application/problem+json", expect.objectContaining(refused)]);
  const answer = await postByteByByte(url, headers, body);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toContain(JSON.stringify({ result: "processed", id }));
  expect(await post(body)).toEqual([200, "application/json", { result: "duplicate", id }]);
  const probe = await request(url, { method: "OPTIONS" });
  expect([probe.status, probe.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
}

/** Each byte is a chunk of its own, which also splits the characters that have several. */
function postByteByByte(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
  const { port, pathname } = new URL(url);
  const fields = Object.entries({ host: "127.0.0.1", connection: "close", "transfer-encoding": "chunked", ...headers });
  const head = `POST ${pathname} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const chunks = Array.from(Buffer.from(body), (byte) => Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
  return exchange(Number(port), [head, ...chunks, "0\r\n\r\n"]);
}
